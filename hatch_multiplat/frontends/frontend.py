"""The common parts of the three frontends: one build, its messages, its errors as output."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from hatch_multiplat.base.errors import MultiplatError
from hatch_multiplat.base.log import is_log_shown, show_log
from hatch_multiplat.base.temporary import stopped_by_sigterm
from hatch_multiplat.base.text import format_count, to_lines
from hatch_multiplat.build.pipeline import Request, build_executable, check_beforehand, prepare
from hatch_multiplat.build.report import render_report
from hatch_multiplat.frontends.plugin import end_with
from hatch_multiplat.frontends.render.screen import layout
from hatch_multiplat.index.progress import make_progress
from hatch_multiplat.resolve.build_context import Invocation

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_multiplat.build.pipeline import Prepared
    from hatch_multiplat.build.report import Report
    from hatch_multiplat.frontends.plugin import App
    from hatch_multiplat.resolve.project import Project


def prepare_build(app: App, project: Project, *, default_dir: Path | None = None) -> Prepared:
    """Prepare a build; end one that is certain to fail, before its wheel is written."""
    request = Request(project=project, default_dir=default_dir, by_frontend=True)
    try:
        prepared = prepare(request, make_invocation(app))
        check_beforehand(prepared)
    except MultiplatError as error:
        end_with(app, error)
    return prepared


def run_build(app: App, prepared: Prepared, wheel: Path) -> Report:
    """Build the executable and say so; a MultiplatError ends the build with its message."""
    say_what_takes_time(app, prepared.request.project)
    try:
        with stopped_by_sigterm():
            report = build_executable(prepared, wheel)
    except MultiplatError as error:
        end_with(app, error)
    app.display_success(layout(to_lines(render_report(report)), sys.stderr))
    return report


def say_what_takes_time(app: App, project: Project) -> None:
    """Say on a terminal what happens in the seconds before any other output."""
    is_locked = (project.folder / project.config.lock).is_file()
    if sys.stderr.isatty() and not is_locked:
        app.display_info(f"Resolving for {format_count(len(project.config.targets), 'target')}")


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
