"""What an executable says of itself, whatever else it holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from hatch_multiplat.executable.executable import Executable, HeldWheel
from hatch_multiplat.executable.table import Table
from hatch_multiplat.frontends.render.inspection_text import render_inspection
from hatch_multiplat.inspection.inspection import compare_with_lock, inspect
from hatch_multiplat.wheels.metadata import WheelTexts
from hatch_multiplat.wheels.pylock import parse_lock
from hatch_multiplat.wheels.selection import parse_wheel

LOCK = """\
lock-version = "1.0"
created-by = "test"
[[packages]]
name = "added"
version = "1.0"
wheels = [{url = "https://files.test/added-1.0-py3-none-any.whl", hashes = {sha256 = "added"}}]
"""


def held(name: str, requires_python: str) -> HeldWheel:
    return HeldWheel(
        wheel=parse_wheel(f"{name}-1.0-py3-none-any.whl", "", {"sha256": name}),
        size=1,
        unpacked=1,
        texts=WheelTexts(requires_python=SpecifierSet(requires_python)),
    )


def executable(table: Table | None) -> Executable:
    """An executable whose table adds a requirement, which sorts before the program's own."""
    wheels = [held("added", ">=3.8"), held("demo", ">=3.12")]
    return Executable(
        path=Path("demo.pex"),
        layout="zipapp",
        size=1,
        info={"requirements": ["added", "demo==1.0"]},
        wheels={wheel.filename: wheel for wheel in wheels},
        table=table,
    )


OURS = executable(Table(name="Demo", version="1.0", run={}, wheels=(), targets=()))


@pytest.mark.parametrize(
    ("file", "program", "requires_python"),
    [
        pytest.param(OURS, "demo", ">=3.12", id="by its table"),
        pytest.param(executable(None), "added", ">=3.8", id="of a PEX without one"),
    ],
)
def test_the_program_is_told_by_the_table(
    file: Executable, program: str, requires_python: str
) -> None:
    assert file.program == program
    assert file.requires_python == SpecifierSet(requires_python)


def test_the_wheel_of_the_program_is_not_missed_in_a_lock() -> None:
    found = compare_with_lock(
        OURS, parse_lock(LOCK, where="pylock.toml"), name="pylock.toml", members={}
    )
    assert found.own == ("demo-1.0-py3-none-any.whl",)
    assert (found.same, found.unknown, found.agrees) == (1, (), True)


def test_what_is_added_is_told_beside_the_program() -> None:
    lines = [str(line) for line in render_inspection(inspect(OURS), wheels=False, width=80)]
    assert "  with added" in lines
    assert inspect(executable(None)).added == ("demo==1.0",)
