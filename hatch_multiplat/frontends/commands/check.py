"""`hatch-multiplat check`: the coverage matrix of a project, before anything is downloaded."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hatch_multiplat.base.errors import ConfigError, CoverageError
from hatch_multiplat.base.text import format_count
from hatch_multiplat.build.own_wheels import describe_own_wheels
from hatch_multiplat.config.config import Overrides
from hatch_multiplat.executable.run_choice import choose_run, names_foreign_script
from hatch_multiplat.frontends.commands.opening import (
    open_with_metadata,
    prepare_question,
    say_what_is_missing,
)
from hatch_multiplat.frontends.commands.terminal import (
    Command,
    Terminal,
    complete_platforms,
    complete_pythons,
    json_option,
    print_json,
    project_argument,
    quiet_option,
    repeated_option,
    verbose_option,
    write_file,
)
from hatch_multiplat.frontends.render.matrix_html import render_html
from hatch_multiplat.frontends.render.matrix_json import matrix_to_json
from hatch_multiplat.frontends.render.matrix_markdown import render_markdown
from hatch_multiplat.frontends.render.screen import width_of
from hatch_multiplat.index.local_files import current_target
from hatch_multiplat.resolve.downloads import Downloads
from hatch_multiplat.resolve.lock_file import check_fresh, require_lock
from hatch_multiplat.resolve.project import widen_project
from hatch_multiplat.resolve.resolver import resolve
from hatch_multiplat.wheels.matrix_layout import describe_outcome
from hatch_multiplat.wheels.matrix_text import render_matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatch_multiplat.resolve.build_context import BuildContext
    from hatch_multiplat.resolve.project import Project
    from hatch_multiplat.resolve.question import Question
    from hatch_multiplat.resolve.resolver import Resolution, Unresolved
    from hatch_multiplat.wheels.matrix import Matrix


@click.command(
    cls=Command,
    short_help="Show the wheel of each package for each target.",
    examples=[
        "hatch-multiplat check",
        "hatch-multiplat check --platform windows-arm64 --python 3.14",
    ],
)
@project_argument
@repeated_option(
    "--platform",
    "PLATFORM",
    "Also check this platform, as if the table had it. May be given several times.",
    complete_platforms,
)
@repeated_option(
    "--python",
    "PYTHON",
    "Also check this Python, as if the table had it. May be given several times.",
    complete_pythons,
)
@click.option(
    "--only",
    is_flag=True,
    help="Use --platform and --python instead of the table's, not in addition.",
)
@click.option("--no-lock", is_flag=True, help="Ignore the lock and resolve again.")
@json_option
@click.option("--markdown", is_flag=True, help="Print Markdown, for the summary of a CI job.")
@click.option(
    "--html",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write a page that you can sort and filter.",
)
@quiet_option
@verbose_option
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
    """Show the wheel of each package for each target of PROJECT, and the missing wheels.

    Few files are downloaded: a wheel if the index does not serve its METADATA or its tag promises
    no C library, the sdist of a package without wheels, and, if the table names a script of a
    dependency, the wheels of one target.
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
    downloads = Downloads(context, whole=False)
    found = _search(opened, question, context, downloads, widened=bool(overrides), no_lock=no_lock)
    wrong = _find_wrong_scripts(opened, found, downloads)
    own = describe_own_wheels(opened, question.targets, here=current_target(), environ=os.environ)
    asked = set(question.targets) - set(table_project.config.targets)
    matrix = found.matrix(own=own, asked=asked)
    if html is not None:
        write_file(html, render_html(matrix), instead="--html")
        terminal.display_info(f"Wrote {html}")
    if markdown:
        click.echo(render_markdown(matrix), nl=False)
    elif not as_json and not quiet:
        terminal.show(render_matrix(matrix, width=width_of(sys.stdout)))
        _say_what_is_unopened(found, terminal)
    _end(matrix, wrong, terminal, as_json=as_json, quiet=quiet)
    if as_json:
        print_json(matrix_to_json(matrix))


def _end(
    matrix: Matrix, wrong: Sequence[str], terminal: Terminal, *, as_json: bool, quiet: bool
) -> None:
    """End with an error if there is one; missing wheels that were printed are not repeated."""
    if not matrix.missing_wheels and wrong:
        raise ConfigError(wrong)
    for problem in wrong:
        terminal.display_info(problem)
    if matrix.missing_wheels and (as_json or quiet):
        raise CoverageError(describe_outcome(matrix)[0], matrix=matrix if as_json else None)
    if matrix.missing_wheels:
        sys.exit(CoverageError.exit_code)


def _search(
    project: Project,
    question: Question,
    context: BuildContext,
    downloads: Downloads,
    *,
    widened: bool,
    no_lock: bool,
) -> Resolution | Unresolved:
    """Use the lock if there is one and it is wanted, else ask the solver.

    With other targets than the table's, the lock only says which versions to keep.
    """
    locked = None if no_lock else require_lock(project, os.environ)
    if locked is None or widened:
        prior = locked.text if locked else None
        return resolve(question, context, prior=prior, downloads=downloads)
    check_fresh(locked, question)
    return resolve(question, context, locked=(locked.lock, locked.base), downloads=downloads)


def _find_wrong_scripts(
    project: Project, found: Resolution | Unresolved, downloads: Downloads
) -> tuple[str, ...]:
    """Return the problems of the scripts in the table, as far as they can be known.

    If a script is not the project's own, the wheels of one target are opened.
    """
    table = project.pyproject.get("project", {})
    own = {*table.get("scripts", ()), *table.get("gui-scripts", ())}
    selections = (*found.outcome.selections, *found.outcome.partial)[:1]
    if _may_add_scripts(project) or not names_foreign_script(project.config, own):
        return ()
    files = downloads.open(downloads.bring(selections))
    scripts = {name for file in files.values() for name in file.all_scripts()}
    try:
        choose_run(
            project.config, name=str(table.get("name", "")), own_scripts=own, all_scripts=scripts
        )
    except ConfigError as error:
        return error.problems
    return ()


def _may_add_scripts(project: Project) -> bool:
    """Tell whether a build of the project may add scripts that `[project]` does not name."""
    dynamic = set(project.pyproject.get("project", {}).get("dynamic", ()))
    if dynamic & {"scripts", "gui-scripts", "entry-points"}:
        return True
    if any((project.folder / name).is_file() for name in ("setup.py", "setup.cfg", "hatch.toml")):
        return True
    tables = [project.pyproject.get("tool", {})]
    while tables:
        table = tables.pop()
        if table.keys() & _ADDS_FILES or table.get("hooks", {}).keys() - {"multiplat"}:
            return True
        tables += [value for value in table.values() if isinstance(value, dict)]
    return False


_ADDS_FILES: Final = frozenset(
    {"data", "external-data", "force-include", "script-files", "shared-data", "shared-scripts"}
)
"""The keys for files that backends put into a wheel unchanged, scripts among them."""


def _say_what_is_unopened(found: Resolution | Unresolved, terminal: Terminal) -> None:
    if found.unopened:
        count = format_count(found.unopened, "wheel")
        terminal.display_info(
            f"{count} judged by tags and by the METADATA that the index serves, not opened"
        )
