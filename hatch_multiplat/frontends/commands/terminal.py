"""The common parts of all commands: how they print, and how they end.

Every command imports this, so it imports little itself.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Final, NoReturn, TextIO

import click

from hatch_multiplat.base.errors import PIPE_CLOSED, MultiplatError, WriteError
from hatch_multiplat.base.lines import layout, to_lines
from hatch_multiplat.base.log import show_log
from hatch_multiplat.frontends.commands.usage import explain_no_option, explain_no_project
from hatch_multiplat.frontends.render.error_text import error_to_json, render_error
from hatch_multiplat.targets.platforms import short_names
from hatch_multiplat.targets.python import known_pythons

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hatch_multiplat.base.lines import Line

    Completer = Callable[[click.Context, click.Parameter, str], list[str]]

DOCUMENTATION: Final = (
    "https://hatch-multiplat.readthedocs.io/en/latest/reference/command-line.html"
)

# All that is written to stdout goes through one of these.
_PRINTERS: Final = frozenset({"click.utils"})


class Command(click.Command):
    """A command whose help ends with examples, and which ends by an error's message and exit code.

    Under `--json`, the error also goes to stdout, as JSON.
    """

    def __init__(self, *args: Any, examples: Sequence[str], **options: Any) -> None:
        super().__init__(*args, **options)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_epilog(formatter, self.examples, ctx.command_path)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            try:
                return super().invoke(ctx)
            except MultiplatError as error:
                if ctx.params.get("as_json"):  # Then the matrix is in that.
                    print_json(error_to_json(error))
                    error.matrix = None
                _end_with(error)
        except OSError as error:
            end_output(error)


def argument_before(context: click.Context, name: str) -> Path | None:
    """Return the first argument of a command line whose last option has no value yet.

    click sorts none of the arguments of such a line by their names.
    """
    return Path(context.args[0]) if context.args else context.params.get(name)


def complete_words(words: Iterable[str], incomplete: str) -> list[str]:
    """Return the possible completions of a word on the command line, each once."""
    return [word for word in dict.fromkeys(words) if word.startswith(incomplete)]


def complete_platforms(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    return complete_words((*short_names(), "current"), incomplete)


def complete_pythons(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    return complete_words(map(str, known_pythons()), incomplete)


def write_epilog(formatter: click.HelpFormatter, examples: Sequence[str], command: str) -> None:
    """Write the end of a command's help, after the options."""
    with formatter.section("Examples"):
        for line in examples:
            formatter.write(f"{' ' * formatter.current_indent}{line}\n")
    place = f"#{command.replace(' ', '-')}" if " " in command else ""
    formatter.write(f"\nDocumentation: {DOCUMENTATION}{place}\n")


class Terminal:
    """Writes to a person through stderr; stdout is for output that a script may read."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet

    @property
    def verbosity(self) -> int:
        """The verbosity as hatchling counts it: 0 is the default."""
        return -1 if self.quiet else 0

    def display_info(self, message: str = "") -> None:
        if not self.quiet:
            _print(to_lines(message), sys.stderr)

    def display_success(self, message: str = "") -> None:
        if not self.quiet:
            _print(to_lines(message), sys.stdout)

    def show(self, lines: Iterable[Line]) -> None:
        """Print the results of the command."""
        _print(lines, sys.stdout)

    def abort(self, message: str = "", code: int = 1) -> NoReturn:
        _print(to_lines(message, "red"), sys.stderr)
        sys.exit(code)


def _print(lines: Iterable[Line], stream: TextIO) -> None:
    click.echo(layout(lines, stream), file=stream, color=True)


def print_json(data: object) -> None:
    click.echo(json.dumps(data, indent=2))


def find_project(start: Path | None = None) -> Path:
    """Return the folder of the project that contains a folder, as Hatch and uv find it.

    It is the nearest folder with a pyproject.toml; if there is none, the folder itself. By default,
    the search begins in the current folder.
    """
    here = (start or Path()).absolute()
    for folder in (here, *here.parents):
        if (folder / "pyproject.toml").is_file():
            return Path(os.path.relpath(folder, here)) if start is None else folder
    return start or Path()


class ProjectFolder(click.Path):
    """The folder of a project."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            command = (ctx and ctx.info_name) or ""
            raise click.UsageError(explain_no_project(value, command), ctx) from error


project_argument = click.argument(
    "project",
    # A folder that cannot be read is told by who reads it.
    type=ProjectFolder(exists=True, file_okay=False, readable=False, path_type=Path),
    default=find_project,
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
verbose_option = click.option(
    "-v",
    "--verbose",
    is_flag=True,
    expose_value=False,
    callback=lambda _context, _option, wanted: show_log() if wanted else None,
    help="Also print what is run and what is downloaded.",
)


def end_output(error: OSError) -> NoReturn:
    """End a command whose stdout cannot be written; raises errors of other files again.

    If the reader has ended, as `head` does, nothing is printed.
    """
    if not any(
        frame.f_globals.get("__name__") in _PRINTERS for frame, _ in walk_tb(error.__traceback__)
    ):
        raise error
    # What is left to be written would fail once more when Python ends.
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        sys.exit(PIPE_CLOSED)
    _end_with(WriteError(f"cannot write to stdout: {error.strerror}; send it elsewhere"))


def show_usage_error(error: click.ClickException) -> None:
    """Print the problem with the words of a command line, in the form of all errors."""
    context = getattr(error, "ctx", None)
    if context is not None:
        usage = f"{context.get_usage()}\nHelp: {context.command_path} --help\n"
        _print(to_lines(usage), sys.stderr)
    message = error.format_message().rstrip(".")
    if isinstance(error, click.NoSuchOption) and context is not None and not error.possibilities:
        message += explain_no_option(error.option_name, context)
    _print(to_lines(f"error: {message[:1].lower()}{message[1:]}", "red"), sys.stderr)


def _end_with(error: MultiplatError) -> NoReturn:
    _print(render_error(error, sys.stderr), sys.stderr)
    sys.exit(error.exit_code)
