"""The how-to pages of formats and layouts: their table is built, and their commands run."""

from __future__ import annotations

import platform
import sys
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.config.config import ProjectFacts, parse_config
from hatch_multiplat.targets.target import Target
from hatch_multiplat.targets.target_list import Host
from tests.support.desk import EXECUTABLE, WHEEL, make_desk, write_table
from tests.support.page import Step, open_page, read_blocks
from tests.support.science import write_stand_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAGES = ("wheelhouse", "aws-lambda", "layouts", "small", "windows-exe", "scie")
NAME = EXECUTABLE.removesuffix(".pex")
AGAIN = Step(command="hatch-multiplat build --quiet --wheel dist/*.whl", shown=())


@pytest.mark.parametrize("page", PAGES)
def test_every_table_of_the_page_is_one_that_is_read(page: str) -> None:
    def nothing(path: str) -> str:
        raise FileNotFoundError(path)

    host = Host(read_text=nothing, current=lambda: Target.parse("cp312-win_amd64"))
    blocks = [block.text for block in read_blocks(f"how-to/{page}") if block.kind == "toml"]
    first, *others = (tomllib.loads(text)["tool"]["multiplat"] for text in blocks)
    for table in ({}, *others):
        parse_config(first | table, project=ProjectFacts(name="git-inspect"), host=host)


@pytest.fixture
def run_page(tmp_path: Path, plain_network: None, uv_cache: None) -> Callable[[str], list[str]]:
    """Return a function that builds a project with a page's first table by the page's commands.

    They have to print what the page shows. Then each further table, put over the first, is built.
    Returns the lines that the commands printed.
    """

    def run(name: str) -> list[str]:
        desk = make_desk(tmp_path, PIP_DISABLE_PIP_VERSION_CHECK="1")
        shell = replace(desk, replace={**desk.replace, '", "3.13"': '"'})
        write_stand_in(tmp_path / "home" / "bin" / "science")
        write_stand_in(shell.cwd / "tools" / "science")
        with open_page(name) as page:
            first, *others = page.take_all("toml")
            write_table(shell, first)
            printed = shell.run(page.all_steps())
        for table in others:
            write_table(shell, first, table)
            shell.run([AGAIN], PATH=f"{tmp_path / 'home' / 'bin'}:{shell.environ['PATH']}")
        return "".join(printed).splitlines()

    return run


pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64",
    reason="the pages have lines for a shell, and start what is for Linux on x86_64",
)


def test_wheelhouse(run_page: Callable[[str], list[str]]) -> None:
    assert run_page("how-to/wheelhouse")[-1] == "it ran"


def test_aws_lambda(run_page: Callable[[str], list[str]]) -> None:
    assert run_page("how-to/aws-lambda")


def test_layouts(run_page: Callable[[str], list[str]]) -> None:
    assert run_page("how-to/layouts")[-2:] == ["it ran", "it ran"]


def test_small(run_page: Callable[[str], list[str]]) -> None:
    assert run_page("how-to/small")[-1] == "git-inspect 1.0.0"


def test_windows_exe(run_page: Callable[[str], list[str]]) -> None:
    assert run_page("how-to/windows-exe")[-1] == "it ran"


def test_scie_with_a_stand_in_for_science(
    run_page: Callable[[str], list[str]], tmp_path: Path
) -> None:
    run_page("how-to/scie")
    made = {path.name for path in (tmp_path / "git-inspect" / "dist").iterdir()}
    assert made == {
        WHEEL,
        f"{NAME}-linux-x86_64",
        f"{NAME}-macos-aarch64",
        f"{NAME}-windows-x86_64.exe",
        EXECUTABLE,
    }
