"""The how-to pages of formats and layouts: their table is built, and their commands run."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.config import ProjectFacts, parse_config
from hatch_multiplat.target import Target
from hatch_multiplat.target_list import Host
from tests.support.page import read_commands, read_page
from tests.support.science import write_stand_in

if TYPE_CHECKING:
    from collections.abc import Callable

PAGES = ("wheelhouse", "aws-lambda", "layouts", "windows-exe", "scie")
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
NAME = "git-inspect-1.0.0"
PROJECT = """\
[build-system]
requires = ["hatchling", "hatch-multiplat"]
build-backend = "hatchling.build"

[project]
name = "git-inspect"
version = "1.0.0"

[project.scripts]
git-inspect = "git_inspect.cli:main"

[tool.hatch.build.hooks.multiplat]
"""


def tables(page: str) -> list[str]:
    return re.findall(
        r"^```toml\n(.*?)^```$", read_page(f"how-to/{page}"), re.DOTALL | re.MULTILINE
    )


@pytest.mark.parametrize("page", PAGES)
def test_every_table_of_the_page_is_one_that_is_read(page: str) -> None:
    def nothing(path: str) -> str:
        raise FileNotFoundError(path)

    host = Host(read_text=nothing, current=lambda: Target.parse("cp312-win_amd64"))
    first, *others = (tomllib.loads(text)["tool"]["multiplat"] for text in tables(page))
    for table in ({}, *others):
        parse_config(first | table, project=ProjectFacts(name="git-inspect"), host=host)


@pytest.fixture
def run_page(tmp_path: Path, plain_network: None, uv_cache: None) -> Callable[[str], list[str]]:
    """Return a function that builds a project with a page's first table by the page's commands.

    The Python of the table, and of names of targets, becomes the one that runs the tests.
    """

    def here(text: str) -> str:
        tag = f"cp{MINOR.replace('.', '')}"
        return text.replace('"3.12"', f'"{MINOR}"').replace("cp312", tag)

    def run(page: str) -> list[str]:
        root = tmp_path / "project"
        (root / "git_inspect").mkdir(parents=True)
        (root / "git_inspect" / "__init__.py").touch()
        (root / "git_inspect" / "cli.py").write_text("def main():\n    print('it ran')\n", "utf-8")
        table = here(tables(page)[0]).replace('", "3.13"', '"')
        (root / "pyproject.toml").write_text(PROJECT + table, "utf-8")
        home = tmp_path / "home"
        write_stand_in(home / "bin" / "science")
        commands = [
            here(line).replace("-m build", "-m build --no-isolation")
            for line in read_commands(f"how-to/{page}")
        ]
        done = subprocess.run(
            ["sh", "-e", "-c", "\n".join(commands)],
            cwd=root,
            env=os.environ
            | {
                "HOME": str(home),
                "XDG_CACHE_HOME": str(tmp_path / "cache"),
                "HATCH_MULTIPLAT_CACHE": str(tmp_path / "store"),
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            },
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    return run


pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64",
    reason="the pages have lines for a shell, and start what is for Linux on x86_64",
)


def shown(page: str) -> list[str]:
    """Return the lines of the page's blocks that commands print."""
    blocks = re.findall(
        r"^```console\n(.*?)^```$", read_page(f"how-to/{page}"), re.DOTALL | re.MULTILINE
    )
    tag = f"cp{MINOR.replace('.', '')}"
    lines = "".join(blocks).splitlines()
    return [line.replace("cp312", tag) for line in lines if not line.startswith("$ ")]


def test_wheelhouse(run_page: Callable[[str], list[str]]) -> None:
    lines = run_page("wheelhouse")
    assert [line for line in lines if line.startswith("cp3")] == shown("wheelhouse")
    assert lines[-1] == "it ran"


def test_aws_lambda(run_page: Callable[[str], list[str]]) -> None:
    lines = run_page("aws-lambda")
    assert [line for line in lines if line.startswith("dist/")] == shown("aws-lambda")


def test_layouts(run_page: Callable[[str], list[str]]) -> None:
    assert run_page("layouts")[-2:] == ["it ran", "it ran"]


def test_windows_exe(run_page: Callable[[str], list[str]]) -> None:
    assert run_page("windows-exe")[-2:] == [*shown("windows-exe"), "it ran"]


def test_scie_with_a_stand_in_for_science(
    run_page: Callable[[str], list[str]], tmp_path: Path
) -> None:
    run_page("scie")
    made = {path.name for path in (tmp_path / "project" / "dist").iterdir()}
    assert made == {
        "git_inspect-1.0.0-py2.py3-none-any.whl",
        f"{NAME}-linux-x86_64",
        f"{NAME}-macos-aarch64",
        f"{NAME}-windows-x86_64.exe",
        f"{NAME}.pex",
    }
