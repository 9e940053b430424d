"""The how-to page on `init`: what its sessions show is what the commands print."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from hatch_multiplat.frontends.cli import main
from tests.support.page import open_page

if TYPE_CHECKING:
    from tests.support.index_server import IndexServer

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "how-to" / "add-to-a-project.md"
SESSION = re.compile(
    r"^```console\n\$ (?P<command>.*?)\n(?P<output>.*?)^```$", re.DOTALL | re.MULTILINE
)
OTHER = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "other"
version = "1"
"""


def run_session(session: re.Match[str]) -> str:
    program, *words = shlex.split(session["command"])
    assert program == "hatch-multiplat"
    output = CliRunner().invoke(main, words).output
    return f"```console\n$ {session['command']}\n{output}```"


@pytest.mark.usefixtures("plain_network")
def test_the_page_shows_what_the_commands_print(
    index_server: IndexServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for python in ("cp311", "cp312", "cp313", "cp314"):
        for platform in (
            *("manylinux_2_17_x86_64", "manylinux_2_17_aarch64", "win_amd64"),
            *("macosx_11_0_arm64", "macosx_11_0_x86_64"),
        ):
            index_server.add_wheel("pygit2", "1.18", tags=f"{python}-{python}-{platform}")
    index_server.add_wheel("rich", "13.7")
    text = (ROOT / "example_project" / "pyproject.toml").read_text("utf-8")
    before = text[: text.index("\n# Run hatch-multiplat")].replace(', "hatch-multiplat"', "")
    for name, table in (("demo", before), ("other", OTHER)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pyproject.toml").write_text(table, "utf-8")
    monkeypatch.chdir(tmp_path / "demo")
    monkeypatch.setenv("HATCH_MULTIPLAT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_DEFAULT_INDEX", index_server.index_url)
    shown = PAGE.read_text("utf-8")
    printed, count = SESSION.subn(run_session, shown)
    if os.environ.get("WRITE_PAGE"):
        PAGE.write_text(printed, "utf-8")
    assert printed == shown, "WRITE_PAGE=1 in the environment of this test writes the page anew"
    with open_page("how-to/add-to-a-project") as page:
        assert len(page.take_all("console")) == count
