"""Each command on a terminal: it knows the width and the colours, and tears no word apart."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.caches import make_cache
from tests.support.project import ProjectFolder, make_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.index_server import IndexServer

if sys.platform == "win32":
    pytest.skip("Windows has no pseudo-terminals of this kind", allow_module_level=True)
else:
    import fcntl
    import pty
    import termios

pytestmark = pytest.mark.usefixtures("plain_network", "uv_cache")

_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_SECONDS = re.compile(r"\d+\.\d s")
PLATFORMS = ["linux-x86_64", "macos-arm64", "windows-x86_64"]
TAGS = ("manylinux_2_17_x86_64", "macosx_11_0_arm64", "win_amd64")


@pytest.fixture
def project(tmp_path: Path, index_server: IndexServer) -> ProjectFolder:
    for python in ("311", "312"):
        for tag in TAGS:
            name = "a-package-with-a-long-name"
            index_server.add_wheel(name, tags=f"cp{python}-cp{python}-{tag}")
    for name in ("one", "two", "three"):
        index_server.add_wheel(name)
    index_server.add_wheel("windy", tags="py3-none-win_amd64")
    table: dict[str, Any] = {"platforms": PLATFORMS, "python": ["3.11", "3.12"]}
    requires = ["one", "two", "three", "a-package-with-a-long-name"]
    project = make_project(
        tmp_path, index_url=index_server.index_url, requires=requires, table=table
    )
    table["index-url"] = index_server.index_url
    project.write(table, project={"dependencies": requires, "requires-python": ">=3.11"})
    (project.root / project.wheel.name).write_bytes(project.wheel.read_bytes())
    return project


def run(project: ProjectFolder, *words: str, columns: int) -> tuple[str, int]:
    """Run a command on a terminal of so many columns; returns what is to be seen on it."""
    above, below = pty.openpty()
    fcntl.ioctl(below, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    drop = {"COLUMNS", "NO_COLOR", "FORCE_COLOR"}
    environ = {name: value for name, value in os.environ.items() if name not in drop}
    environ |= {"TERM": "xterm", "HATCH_MULTIPLAT_CACHE": make_cache(project.root.parent / "cache")}
    process = subprocess.Popen(
        [sys.executable, "-m", "hatch_multiplat", *words],
        cwd=project.root,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=below,
        stderr=below,
    )
    os.close(below)
    said = b""
    with suppress(OSError):  # Linux's word for the end.
        while part := os.read(above, 4096):
            said += part
    os.close(above)
    text = said.decode().replace("\r\n", "\n")
    return re.sub(r"[^\n]*\r", "", text), process.wait()


def words_of(text: str) -> set[str]:
    return set(_SECONDS.sub("", text).split())


COMMANDS = {
    "check": (["check"], 0),
    "check with gaps": (["check", "--platform", "musllinux_1_2_x86_64"], 4),
    "lock": (["lock", "--check"], 0),
    "build": (["build", "--wheel", "demo-1.0-py3-none-any.whl", "-o", "dist"], 0),
    "targets": (["targets"], 0),
    "one target": (["targets", "--target", "cp312-win_amd64"], 0),
    "inspect": (["inspect", "dist/demo-1.0.pex", "--wheels"], 0),
    "verify": (["verify", "dist/demo-1.0.pex", "--no-run"], 0),
    "split": (["split", "dist/demo-1.0.pex", "--each", "python", "-o", "parts"], 0),
    "merge": (["merge", "parts/demo-1.0-cp311.pex", "parts/demo-1.0-cp312.pex", "-o", "m.pex"], 0),
    "platforms": (["platforms"], 0),
    "cache": (["cache", "size"], 0),
    "nothing there": (["inspect", "no/such/file.pex"], 8),
    "usage": (["chek"], 2),
}


def test_no_command_tears_words_apart_or_is_wider_than_the_terminal(project: ProjectFolder) -> None:
    faults = []
    run(project, "lock", columns=80)
    for name, (command, code) in COMMANDS.items():
        shown = {}
        for columns in (1000, 80, 40):
            text, ended = run(project, *command, columns=columns)
            assert ended == code, text
            shown[columns] = _COLOUR.sub("", text)
            if f"{project.root}" in shown[columns]:
                faults.append(f"{name}: an absolute path:\n{text}")
        for columns in (80, 40):
            lines = shown[columns].splitlines()
            faults += [
                f"{name}, {columns}: {line}"
                for line in lines
                if len(line) > columns and " " in line.strip()[: columns - 6]
            ]
            torn = words_of(shown[columns]) - words_of(shown[1000])
            faults += [f"{name}, {columns}: {word}" for word in torn if ".." not in word]
    assert faults == []


@pytest.mark.parametrize("words", [["check", "--platform", "nonsense"], ["chek"], ["check", "--x"]])
def test_errors_are_red_and_begin_with_error(project: ProjectFolder, words: list[str]) -> None:
    text, code = run(project, *words, columns=80)
    assert code == 2
    assert "\x1b[31merror: " in text


def test_a_build_that_fails_prints_the_matrix_of_check(project: ProjectFolder) -> None:
    requires = ["one", "windy"]
    project.write(project.table, project={"dependencies": requires, "requires-python": ">=3.11"})
    checked, code = run(project, "check", columns=80)
    assert code == 4
    said, code = run(project, "lock", columns=80)
    assert code == 4
    matrix = checked[checked.index("demo: ") : checked.rindex("\n\n")]
    head, _, printed = said.partition("\n\n")
    assert "\x1b[31merror: 4 of 6 targets cannot be covered; no lock was written.\x1b[0m" in head
    assert _COLOUR.sub("", printed).startswith(_COLOUR.sub("", matrix)), printed
