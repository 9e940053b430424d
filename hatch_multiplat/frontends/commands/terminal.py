"""The common parts of all commands: how they print, and how they end.

Every command imports this, so it imports little itself.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import shlex
import sys
from contextlib import suppress
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Final, NoReturn, TextIO, TypeVar

import click

from hatch_multiplat.base.atomic_write import write_atomically
from hatch_multiplat.base.errors import PIPE_CLOSED, MultiplatError, WriteError
from hatch_multiplat.base.log import show_log
from hatch_multiplat.base.text import to_lines
from hatch_multiplat.config.config import known_keys
from hatch_multiplat.frontends.render.error_text import error_to_json, render_error
from hatch_multiplat.frontends.render.screen import layout
from hatch_multiplat.targets.platforms import Platform, PlatformError, short_names
from hatch_multiplat.targets.python import Python, TargetError, known_pythons

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hatch_multiplat.base.text import Line

    Completer = Callable[[click.Context, click.Parameter, str], list[str]]

F = TypeVar("F", bound="Callable[..., object]")

DOCUMENTATION: Final = (
    "https://hatch-multiplat.readthedocs.io/en/latest/reference/command-line.html"
)

# All that is written to stdout goes through this.
_PRINTER: Final = "click.utils"


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


def write_file(path: Path, text: str, *, instead: str = "") -> None:
    """Write a file of the user's; raises WriteError, which names another place in `instead`."""
    try:
        write_atomically(path, text)
    except OSError as error:
        raise WriteError.of(path, error, instead=instead) from error


def find_project() -> Path:
    """Return the folder of the project that one is in, as Hatch and uv find it.

    It is the nearest folder with a pyproject.toml; if there is none, the current folder.
    """
    here = Path().absolute()
    for folder in (here, *here.parents):
        if (folder / "pyproject.toml").is_file():
            return Path(os.path.relpath(folder, here))
    return Path()


class ProjectFolder(click.Path):
    """The folder of a project."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            command = (ctx and ctx.info_name) or ""
            raise click.UsageError(_explain_no_project(value, command), ctx) from error


project_argument = click.argument(
    "project",
    # A folder that cannot be read is told by who reads it.
    type=ProjectFolder(exists=True, file_okay=False, readable=False, path_type=Path),
    default=find_project,
)


def repeated_option(
    option: str, metavar: str, text: str, complete: Completer | None = None
) -> Callable[[F], F]:
    """Return an option that may be given several times; its parameter is its name in the plural."""
    name = f"{option.removeprefix('--')}s"
    return click.option(
        option, name, metavar=metavar, multiple=True, help=text, shell_complete=complete
    )


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print errors only.")


def output_options(command: F) -> F:
    return json_option(quiet_option(command))


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
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    if not any(frame.f_globals.get("__name__") == _PRINTER for frame in frames):
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
        message += _explain_no_option(error.option_name, context)
    _print(to_lines(f"error: {message[:1].lower()}{message[1:]}", "red"), sys.stderr)


def _end_with(error: MultiplatError) -> NoReturn:
    _print(render_error(error, sys.stderr), sys.stderr)
    sys.exit(error.exit_code)


# -- words that a command cannot take, and where they belong ---------------------------------------


def _explain_no_project(word: str, command: str) -> str:
    """Say why a word is not the folder of a project, and what to write in its place."""
    path, is_file = Path(word), False
    with suppress(OSError):
        is_file = path.exists()
    to_do = "name the folder that has the project's pyproject.toml"
    if path.suffix == ".whl" and command == "build":
        to_do = f"a wheel is named by an option: hatch-multiplat build --wheel {shlex.quote(word)}"
    elif not is_file:
        to_do = _hint_for_missing(path, command) or to_do
    elif word.endswith((".tar.gz", ".zip")):
        to_do = "unpack it, and name the folder that has its pyproject.toml"
    elif path.suffix in {".pex", ".pyz", ".exe"}:
        to_do += "; finished files are read by the commands 'inspect' and 'verify'"
    if is_file:
        return f"{word!r} is a file, not a folder; {to_do}"
    return f"there is no folder {word!r}; {to_do}"


def _hint_for_missing(path: Path, command: str) -> str:
    folders: list[str] = []
    with suppress(OSError):
        folders = [str(item) for item in path.parent.iterdir() if item.is_dir()]
    if close := difflib.get_close_matches(str(path), folders, n=1):
        return f"did you mean {close[0]!r}?"
    word = str(path)
    if any(map(_is_of_target, (word, word.partition("-")[0]))):
        if command == "check":
            return "other platforms and Pythons are named by --platform and --python"
        return "platforms and Pythons stand in [tool.multiplat]"
    if command == "lock" and re.fullmatch(r"[A-Za-z0-9][\w-]*", word):
        return f"for a newer version of a package: hatch-multiplat lock --upgrade-package {word}"
    return ""


def _is_of_target(word: str) -> bool:
    """Tell whether a word is a platform or a Python, as a table has them."""
    for parse, error in ((Platform.parse, PlatformError), (Python.parse, TargetError)):
        try:
            parse(word)
        except error:
            continue
        return True
    return False


def _explain_no_option(option: str, context: click.Context) -> str:
    """Say where an option belongs that a command does not have: the table, or other commands.

    Returns "" for one that is known nowhere.
    """
    word = option.lstrip("-")
    for key in known_keys():
        if word in {key, key.removesuffix("s")}:
            return f"; [tool.multiplat] has the key {key!r}"
    group = context.parent.command if context.parent else None
    if not isinstance(group, click.Group):
        return ""
    commands = [(name, group.get_command(context, name)) for name in group.list_commands(context)]
    have = [name for name, it in commands if it and any(option in p.opts for p in it.params)]
    return f"; these commands have it: {', '.join(have)}" if have else ""
