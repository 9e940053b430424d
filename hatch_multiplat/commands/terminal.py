"""What the commands share: how they speak, how they end, and what a project requires."""

from __future__ import annotations

import functools
import json
import os
import re
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Final, NoReturn, ParamSpec, TypeVar

import click
import uv
from rich.console import Console

from hatch_multiplat.door import SWITCH, end_with, surroundings
from hatch_multiplat.errors import (
    PIPE_CLOSED,
    ConfigError,
    MultiplatError,
    ToolError,
    WriteError,
)
from hatch_multiplat.pipeline import make_question, open_market
from hatch_multiplat.process import run_tool
from hatch_multiplat.project import (
    check_described,
    heed_metadata,
    open_project,
    read_pyproject,
    read_wheel,
    static_metadata,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_multiplat.coverage import Market
    from hatch_multiplat.metadata import ProjectMetadata
    from hatch_multiplat.project import Project, ProjectWheel
    from hatch_multiplat.solve import Question


P = ParamSpec("P")
R = TypeVar("R")

# All that is written to stdout goes through one of these.
_PRINTERS: Final = frozenset({"click.utils", "rich.console"})
_BUILD_REQUIREMENTS: Final = re.compile("Failed to (resolve|install) requirements from")
_HINT: Final = (
    "uv found no way to install what building the wheel requires; it goes by its own settings: "
    "set UV_FIND_LINKS to a folder with what is missing, "
    "or name a wheel that is built already: hatch-multiplat build --wheel FILE"
)


class Terminal:
    """Speaks to a person through stderr; stdout is for what a script may want."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet

    @property
    def verbosity(self) -> int:
        """The level as hatchling counts it: 0 is the usual one."""
        return -1 if self.quiet else 0

    def display_info(self, message: str = "") -> None:
        if not self.quiet:
            click.echo(message, err=True)

    def display_success(self, message: str = "") -> None:
        if not self.quiet:
            click.echo(message)

    def abort(self, message: str = "", code: int = 1) -> NoReturn:
        click.echo(message, err=True)
        sys.exit(code)


class Screen(Console):
    """Where tables are printed; a reader that went away ends the command as everywhere else."""

    def on_broken_pipe(self) -> None:
        raise  # noqa: PLE0704


project_argument = click.argument(
    "project",
    # A folder that cannot be read is told by who reads it.
    type=click.Path(exists=True, file_okay=False, readable=False, path_type=Path),
    default=".",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print errors only.")


def ends_cleanly(command: Callable[P, R]) -> Callable[P, R]:
    """Turn a MultiplatError that leaves a command into its message and its exit code.

    Under `--json` the error goes to stdout too, as JSON.
    """

    @functools.wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            try:
                return command(*args, **kwargs)
            except MultiplatError as error:
                if kwargs.get("as_json"):
                    click.echo(json.dumps(error_to_json(error), indent=2))
                end_with(Terminal(), error)
        except OSError as error:
            end_output(error)

    return wrapper


def error_to_json(error: MultiplatError) -> dict[str, Any]:
    """Return an error as `--json` prints it: its kind, exit code and message, and its details."""
    described: dict[str, Any] = {
        "kind": type(error).__name__,
        "exit_code": error.exit_code,
        "message": str(error),
    }
    if isinstance(error, ConfigError):
        described["problems"] = list(error.problems)
    return {"error": described, **error.details}


def end_output(error: OSError) -> NoReturn:
    """End a command whose stdout takes nothing more; an error of anything else is raised again.

    A reader that went away, as `head` does, has what it wanted: nothing is said.
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
    end_with(Terminal(), WriteError(f"cannot write to stdout: {error.strerror}; send it elsewhere"))


def prepare(folder: Path, terminal: Terminal) -> tuple[Project, Question, Market]:
    """Open a project and return it with what is to be solved for it, and where."""
    project, metadata = open_with_metadata(folder, terminal)
    return project, *prepare_question(project, metadata, terminal)


def open_with_metadata(folder: Path, terminal: Terminal) -> tuple[Project, ProjectMetadata]:
    """Open a project, and say what it requires, of Python too.

    A project with dynamic requirements has its wheel built aside to learn them.
    """
    project = open_project(folder)
    metadata = static_metadata(project) or build_aside(folder, terminal).metadata
    return heed_metadata(project, metadata), metadata


def prepare_question(
    project: Project, metadata: ProjectMetadata, terminal: Terminal
) -> tuple[Question, Market]:
    """Return what is to be solved for a project, and where."""
    market = open_market(project, surroundings(terminal))
    return make_question(project, metadata, market), market


def build_wheel(folder: Path, output: Path, terminal: Terminal) -> Path:
    """Build a project's wheel by its own backend; raises ToolError when that fails.

    Raises ConfigError where nothing says what the project is called.
    """
    check_described(folder, read_pyproject(folder))
    terminal.display_info(f"Building the wheel of {folder.resolve().name}")
    try:
        run_tool(
            "uv build",
            [
                uv.find_uv_bin(),
                "build",
                "--wheel",
                "--python",
                sys.executable,
                "--out-dir",
                output,
                folder.resolve(),
            ],
            cwd=output,
            environ={SWITCH: "0", "UV_PYTHON_DOWNLOADS": "never", "NO_COLOR": "1"},
        )
    except ToolError as error:
        if _BUILD_REQUIREMENTS.search(str(error)) is None:
            raise
        raise ToolError(f"{error}\n{_HINT}") from error
    wheels = sorted(output.glob("*.whl"))
    if len(wheels) != 1:
        raise ToolError(f"the project's backend built {len(wheels)} wheels; name one by --wheel")
    if wheels[0].name.lower().startswith("unknown-0.0.0-"):
        raise ConfigError([f"the project in {folder} has no name; add [project] with one"])
    return wheels[0]


def build_aside(folder: Path, terminal: Terminal) -> ProjectWheel:
    """Build a project's wheel to learn what it says, and for nothing else: it is removed again."""
    with tempfile.TemporaryDirectory(prefix="hatch-multiplat-") as name:
        return read_wheel(build_wheel(folder, Path(os.path.realpath(name)), terminal))
