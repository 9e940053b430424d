"""`hatch-multiplat check`: the coverage matrix of a project, before anything is downloaded."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hatch_multiplat.base.atomic_write import write_atomically
from hatch_multiplat.base.errors import ConfigError, CoverageError, WriteError
from hatch_multiplat.base.text import format_count
from hatch_multiplat.build.own_wheels import describe_own_wheels
from hatch_multiplat.config.overrides import Overrides
from hatch_multiplat.frontends.commands.opening import (
    open_with_metadata,
    prepare_question,
    say_what_is_missing,
)
from hatch_multiplat.frontends.commands.screen import Screen
from hatch_multiplat.frontends.commands.terminal import (
    Command,
    Terminal,
    complete_platforms,
    complete_pythons,
    ends_cleanly,
    json_option,
    project_argument,
    quiet_option,
    verbose_option,
)
from hatch_multiplat.frontends.render.matrix_html import render_html
from hatch_multiplat.frontends.render.matrix_json import matrix_to_json
from hatch_multiplat.frontends.render.matrix_markdown import render_markdown
from hatch_multiplat.frontends.render.matrix_text import render_matrix
from hatch_multiplat.index.local_files import current_target
from hatch_multiplat.resolve.lock_file import check_fresh, require_lock
from hatch_multiplat.resolve.project import widen_project
from hatch_multiplat.resolve.resolution import Unresolved
from hatch_multiplat.resolve.resolver import resolve
from hatch_multiplat.wheels.matrix import make_matrix
from hatch_multiplat.wheels.matrix_layout import describe_outcome
from hatch_multiplat.wheels.report import Advice

if TYPE_CHECKING:
    from hatch_multiplat.resolve.build_context import BuildContext
    from hatch_multiplat.resolve.project import Project
    from hatch_multiplat.resolve.question import Question
    from hatch_multiplat.resolve.resolution import Resolution
    from hatch_multiplat.wheels.matrix import Matrix


@click.command(
    cls=Command,
    short_help="Show which wheel each target has of each package.",
    examples=[
        "hatch-multiplat check",
        "hatch-multiplat check --platform windows-arm64 --python 3.14",
    ],
)
@project_argument
@click.option(
    "--platform",
    "platforms",
    metavar="PLATFORM",
    multiple=True,
    shell_complete=complete_platforms,
    help="What if the table had this platform, too? May be given several times.",
)
@click.option(
    "--python",
    "pythons",
    metavar="PYTHON",
    multiple=True,
    shell_complete=complete_pythons,
    help="What if the table had this Python, too? May be given several times.",
)
@click.option(
    "--only",
    is_flag=True,
    help="Take --platform and --python in place of the table's, not beside them.",
)
@click.option("--no-lock", is_flag=True, help="Solve afresh, whether or not there is a lock.")
@json_option
@click.option("--markdown", is_flag=True, help="Print Markdown, for the summary of a CI job.")
@click.option(
    "--html",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a page to sort and filter, too.",
)
@quiet_option
@verbose_option
@ends_cleanly
def check(
    *,
    project: Path,
    platforms: tuple[str, ...],
    pythons: tuple[str, ...],
    only: bool,
    no_lock: bool,
    as_json: bool,
    markdown: bool,
    html: Path | None,
    quiet: bool,
) -> None:
    """Show which wheel of each package each target of PROJECT takes, and what is missing.

    Nothing is downloaded but what the index says, a wheel whose METADATA it does not serve or whose
    tag promises no C library, and an sdist where there is no wheel at all.
    Exits with 4 if a target cannot be covered.
    """
    if as_json and markdown:
        raise ConfigError(["--json and --markdown exclude each other; keep one"])
    overrides = Overrides(platforms=platforms, pythons=pythons, only=only)
    if only and not overrides:
        raise ConfigError(["--only goes with --platform or --python; name what to check"])
    terminal = Terminal(quiet=quiet or as_json or markdown)
    table_project, metadata = open_with_metadata(project, terminal)
    say_what_is_missing(table_project, terminal)
    opened = widen_project(table_project, overrides) if overrides else table_project
    question, context = prepare_question(opened, metadata, terminal)
    found = _search(opened, question, context, widened=bool(overrides), no_lock=no_lock)
    matrix = _make_matrix(found, opened, question, before=table_project)
    if html is not None:
        _write(html, render_html(matrix))
    if as_json and matrix.missing_wheels:
        raise CoverageError(describe_outcome(matrix)[0], details=matrix_to_json(matrix))
    if as_json:
        click.echo(json.dumps(matrix_to_json(matrix), indent=2))
    elif markdown:
        click.echo(render_markdown(matrix), nl=False)
    elif not quiet:
        _show(matrix)
        _say_what_is_unopened(found, terminal)
    if matrix.missing_wheels and quiet:
        raise CoverageError(describe_outcome(matrix)[0])
    if matrix.missing_wheels:
        sys.exit(CoverageError.exit_code)


def _search(
    project: Project, question: Question, context: BuildContext, *, widened: bool, no_lock: bool
) -> Resolution | Unresolved:
    """Take the lock where there is one and it is asked for, else ask the solver.

    With other targets than the table's, the lock only says which versions to keep to.
    """
    locked = None if no_lock else require_lock(project)
    if locked is None or widened:
        return resolve(question, context, prior=locked.text if locked else None)
    check_fresh(locked, question)
    return resolve(question, context, locked=(locked.lock, locked.base))


def _make_matrix(
    found: Resolution | Unresolved, project: Project, question: Question, *, before: Project
) -> Matrix:
    name = project.pyproject.get("project", {}).get("name") or project.folder.resolve().name
    own = describe_own_wheels(project, question.targets, here=current_target(), environ=os.environ)
    asked = set(question.targets) - set(before.config.targets)
    if isinstance(found, Unresolved):
        return make_matrix(
            project=name,
            targets=question.targets,
            asked=asked,
            lock=found.lock,
            outcome=found.outcome,
            missing_wheels=found.missing_wheels,
            newest=found.newest,
            held_by=found.held_by,
            advice=found.advice,
            built=found.built,
            explanation=found.explanation,
            own=own,
            rules=question.tag_constraints,
        )
    return make_matrix(
        project=name,
        targets=question.targets,
        asked=asked,
        lock=found.lock,
        outcome=found.outcome,
        advice=Advice.PROJECT,
        built=found.built,
        own=own,
        rules=question.tag_constraints,
    )


def _show(matrix: Matrix) -> None:
    """Print for people: in colour and as wide as the terminal, plain and 80 wide elsewhere."""
    console = Screen(highlight=False, soft_wrap=True)
    for line in render_matrix(matrix, width=console.width):
        console.print(line)


def _say_what_is_unopened(found: Resolution | Unresolved, terminal: Terminal) -> None:
    if found.unopened:
        count = format_count(found.unopened, "wheel")
        terminal.display_info(
            f"{count} judged by tags and by the METADATA that the index serves, not opened"
        )


def _write(path: Path, text: str) -> None:
    try:
        write_atomically(path, text)
    except OSError as error:
        raise WriteError.of(path, error, instead="--html") from error
