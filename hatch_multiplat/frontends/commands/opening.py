"""The common parts of the commands on projects: the project's requirements, and its wheel."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Final

from hatch_multiplat.base.errors import ConfigError, ToolError
from hatch_multiplat.base.process import find_uv, run_tool
from hatch_multiplat.base.temporary import temporary_folder
from hatch_multiplat.frontends.frontend import make_invocation, say_what_takes_time
from hatch_multiplat.frontends.plugin import SWITCH
from hatch_multiplat.init.init_table import describe_missing
from hatch_multiplat.resolve.build_context import open_context
from hatch_multiplat.resolve.project import (
    apply_metadata,
    check_described,
    open_project,
    read_hatch_toml,
    read_pyproject,
    read_wheel,
    static_metadata,
)
from hatch_multiplat.resolve.question import make_question
from hatch_multiplat.resolve.sdist import wheel_flags

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_multiplat.frontends.commands.terminal import Terminal
    from hatch_multiplat.resolve.build_context import BuildContext
    from hatch_multiplat.resolve.project import Project, ProjectWheel
    from hatch_multiplat.resolve.question import Question
    from hatch_multiplat.wheels.metadata import ProjectMetadata

_BUILD_REQUIREMENTS: Final = re.compile("Failed to (resolve|install) requirements from")
_HINT: Final = (
    "uv cannot install the requirements for building the wheel; it goes by its own settings: "
    "set UV_FIND_LINKS to a folder with the missing packages, "
    "or name a finished wheel: hatch-multiplat build --wheel FILE"
)


def open_with_metadata(folder: Path, terminal: Terminal) -> tuple[Project, ProjectMetadata]:
    """Open a project, and say what it requires, of Python too.

    A project with dynamic requirements has its wheel built in a temporary folder to learn them.
    """
    project = open_project(folder)
    metadata = static_metadata(project) or build_aside(folder, terminal).metadata
    return apply_metadata(project, metadata), metadata


def prepare_question(
    project: Project, metadata: ProjectMetadata, terminal: Terminal
) -> tuple[Question, BuildContext]:
    """Return the question of a project, and the context to solve it."""
    say_what_takes_time(terminal, project)
    context = open_context(project, make_invocation(terminal))
    return make_question(project, metadata, context), context


def say_what_is_missing(project: Project, terminal: Terminal) -> None:
    """Note why an ordinary build of a project would not make the executable."""
    for line in describe_missing(project.pyproject, read_hatch_toml(project.folder)):
        terminal.display_info(f"note: {line}")


def build_wheel(folder: Path, output: Path, terminal: Terminal) -> Path:
    """Build a project's wheel by its own backend; raises ToolError when that fails.

    Raises ConfigError if the project has no name.
    """
    check_described(folder, read_pyproject(folder))
    terminal.display_info(f"Building the wheel of {folder.resolve().name}")
    try:
        place = ("--python", sys.executable, "--out-dir", output, folder.resolve())
        run_tool(
            "uv build",
            [find_uv(), "build", *wheel_flags(folder), *place],
            cwd=output,
            environ={**os.environ, SWITCH: "0", "UV_PYTHON_DOWNLOADS": "never", "NO_COLOR": "1"},
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
    """Build a project's wheel only to read its metadata; the wheel is removed again."""
    with temporary_folder() as output:
        return read_wheel(build_wheel(folder, output, terminal))
