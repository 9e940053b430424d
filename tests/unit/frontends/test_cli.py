from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from hatch_multiplat.frontends.cli import COMMANDS, main


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_there_by_its_name(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name
    assert command.get_short_help_str()


def test_the_help_lists_all_commands_in_their_order() -> None:
    shown = CliRunner().invoke(main, ["--help"]).output
    listed = [line.split()[0] for line in shown.partition("Commands:\n")[2].splitlines()]
    assert listed == list(COMMANDS)


def test_a_command_that_there_is_not_is_named() -> None:
    result = CliRunner().invoke(main, ["bild"])
    assert result.exit_code == 2
    assert "No such command 'bild'" in result.output


def test_no_command_is_imported_that_is_not_called() -> None:
    code = (
        "import sys; from hatch_multiplat.frontends.cli import main\n"
        "main(['--version'], 'x', None, False)\n"
        "print(*sorted(name for name in sys.modules if name.startswith('hatch_multiplat.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    )
    modules = done.stdout.splitlines()[-1].split()
    ours = ["__about__", "base", "base.temporary", "frontends", "frontends.cli"]
    assert modules == [f"hatch_multiplat.{name}" for name in ours]


def test_the_line_of_each_command_is_whole() -> None:
    shown = CliRunner().invoke(main, ["--help"], terminal_width=80).output
    lines = shown.partition("Commands:\n")[2].splitlines()
    assert all(line.endswith(".") and not line.endswith("...") for line in lines)
