from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("bild", "did you mean 'build'?"),
        ("chek", "did you mean 'check'?"),
        ("xyzzy", "there are: init"),
    ],
)
def test_a_command_that_there_is_not_is_named_with_the_one_that_is_meant(
    name: str, hint: str
) -> None:
    result = CliRunner().invoke(main, [name])
    assert result.exit_code == 2
    assert f"no command {name!r}; {hint}" in result.output


@pytest.mark.parametrize(
    ("words", "in_colour"),
    [
        (["targets", "x"], False),
        (["--color", "always", "targets", "x"], True),
        (["--color", "never", "targets", "x"], False),
    ],
)
def test_errors_begin_with_the_word_and_are_red_where_colours_are_wanted(
    words: list[str], tmp_path: Path, *, in_colour: bool
) -> None:
    (tmp_path / "x").mkdir()
    environ = {k: v for k, v in os.environ.items() if k not in {"FORCE_COLOR", "NO_COLOR"}}
    done = subprocess.run(
        [sys.executable, "-m", "hatch_multiplat", *words],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 2
    start = "\x1b[31merror: " if in_colour else "error: "
    assert done.stderr.startswith(f"{start}{Path('x') / 'pyproject.toml'}: no such file")


def test_a_mistake_in_the_words_of_a_command_looks_like_every_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hatch_multiplat", "check", "--nonsense"],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: no such option")


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
    ours = ["__about__", "base", "base.errors", "base.temporary", "frontends", "frontends.cli"]
    assert modules == [f"hatch_multiplat.{name}" for name in ours]


def test_the_line_of_each_command_is_whole() -> None:
    shown = CliRunner().invoke(main, ["--help"], terminal_width=80).output
    lines = shown.partition("Commands:\n")[2].splitlines()
    assert all(line.endswith(".") and not line.endswith("...") for line in lines)
