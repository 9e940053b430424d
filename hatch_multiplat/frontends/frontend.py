"""The common parts of the three frontends: one build, its messages, its errors as output."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from hatch_multiplat.base.errors import MultiplatError
from hatch_multiplat.base.lines import layout, to_lines
from hatch_multiplat.base.log import is_log_shown, show_log
from hatch_multiplat.base.temporary import stopped_by_sigterm
from hatch_multiplat.base.text import format_count
from hatch_multiplat.build.pipeline import Request, build_executable
from hatch_multiplat.build.report import render_report
from hatch_multiplat.build.scie import check_places, settle_options
from hatch_multiplat.build.side_outputs import check_wanted
from hatch_multiplat.frontends.plugin import end_with
from hatch_multiplat.index.progress import make_progress
from hatch_multiplat.resolve.build_context import Invocation, is_offline, open_context
from hatch_multiplat.resolve.lock_file import check_fresh, require_lock
from hatch_multiplat.resolve.project import static_metadata
from hatch_multiplat.resolve.question import make_question

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_multiplat.build.report import Report
    from hatch_multiplat.frontends.plugin import App
    from hatch_multiplat.resolve.project import Project


def run_build(
    app: App,
    project: Project,
    *,
    wheel: Path | None,
    default_dir: Path | None = None,
) -> Report:
    """Build the executable and say so; a MultiplatError ends the build with its message."""
    say_what_takes_time(app, project)
    request = Request(project=project, wheel=wheel, default_dir=default_dir, by_frontend=True)
    try:
        with stopped_by_sigterm():
            report = build_executable(request, make_invocation(app))
    except MultiplatError as error:
        end_with(app, error)
    app.display_success(layout(to_lines(render_report(report)), sys.stderr))
    return report


def say_what_takes_time(app: App, project: Project) -> None:
    """Say on a terminal what happens in the seconds before any other output."""
    is_locked = (project.folder / project.config.lock).is_file()
    if sys.stderr.isatty() and not is_locked:
        app.display_info(f"Resolving for {format_count(len(project.config.targets), 'target')}")


def check_beforehand(app: App, project: Project) -> None:
    """End a build that is certain to fail, before its wheel is written.

    The problems that can be known without the wheel and without solving are a lock that is missing,
    stale or cannot be read, and outputs that cannot be made.
    """
    try:
        invocation = make_invocation(app)
        check_wanted(
            checksums=project.config.checksums,
            sbom=project.config.sbom,
            config=project.config,
            environ=invocation.environ,
        )
        if "scie" in project.config.formats:
            settled = settle_options(
                project.config.options.scie,
                environ=invocation.environ,
                project_dir=project.folder,
                offline=is_offline(invocation.environ),
            )
            check_places(settled, in_table=project.config.options.scie)
        locked = require_lock(project)
        metadata = static_metadata(project)
        if metadata is not None:
            question = make_question(project, metadata, open_context(project, invocation))
            if locked is not None:
                check_fresh(locked, question)
    except MultiplatError as error:
        end_with(app, error)


def make_invocation(app: App) -> Invocation:
    """Return a run that speaks through `app`, in this process's environment."""
    environ = dict(os.environ)
    if app.verbosity > 0:
        show_log()
    # A line that changes would be torn by those of the log.
    terminal = {**environ, "TERM": "dumb"} if is_log_shown() else environ
    progress = make_progress(sys.stderr, environ=terminal, quiet=app.verbosity < 0)

    def say(message: str) -> None:
        app.display_info(layout(to_lines(message), sys.stderr))

    return Invocation(progress=progress, say=say, environ=environ)
