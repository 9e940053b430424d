"""What the three doors share: one build, its words on the way, its errors as output."""

from __future__ import annotations

import glob
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

from hatch_multiplat.base.errors import ConfigError, MultiplatError
from hatch_multiplat.build.checksums import FILENAME, write_checksums
from hatch_multiplat.build.leftovers import remove_leftovers
from hatch_multiplat.build.pipeline import Request, build_executable
from hatch_multiplat.build.scie import check_places, settle_options
from hatch_multiplat.build.side_outputs import check_wanted
from hatch_multiplat.index.local_files import paths_for_sdist
from hatch_multiplat.index.progress import make_progress
from hatch_multiplat.resolve.lock_file import check_fresh, require_lock
from hatch_multiplat.resolve.preparation import (
    BuildContext,
    is_offline,
    make_question,
    open_market,
)
from hatch_multiplat.resolve.project import open_project, static_metadata
from hatch_multiplat.wheels.report import render_report

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_multiplat.wheels.report import Report

SWITCH: Final = "HATCH_MULTIPLAT"
_OFF: Final = frozenset({"0", "false", "no", "off"})


class App(Protocol):
    """The part of hatchling's Application that we speak through; quiet below a verbosity of 0."""

    @property
    def verbosity(self) -> int: ...
    def display_info(self, message: str = "") -> None: ...
    def display_success(self, message: str = "") -> None: ...
    def abort(self, message: str = "", code: int = 1) -> object: ...


def is_switched_off(environ: Mapping[str, str]) -> bool:
    """Tell whether `HATCH_MULTIPLAT=0` asks for a build without the executable."""
    return environ.get(SWITCH, "").lower() in _OFF


def is_installation(environ: Mapping[str, str], directory: Path) -> bool:
    """Tell whether somebody installs the project, who wants no executable.

    pip names its build tracker in the environment of every backend it calls. uv builds what it
    installs inside its cache, which carries a `CACHEDIR.TAG` at its root.
    """
    if environ.get("PIP_BUILD_TRACKER"):
        return True
    cache = environ.get("UV_CACHE_DIR")
    resolved = directory.resolve()
    if cache and resolved.is_relative_to(Path(cache).resolve()):
        return True
    return any(
        (parent / "CACHEDIR.TAG").is_file() and any(parent.glob("sdists-v*"))
        for parent in (resolved, *resolved.parents)
    )


def find_wheel(path: Path) -> Path:
    """Return the wheel that was written to a path; another hook may have renamed it since.

    Then it is the newest one beside it of the same name and version, whatever its tags.
    """
    if path.is_file():
        return path
    name, version, *_ = path.name.split("-")
    renamed = path.parent.glob(f"{glob.escape(name)}-{glob.escape(version)}-*.whl")
    return max(renamed, key=lambda wheel: wheel.stat().st_mtime_ns, default=path)


def run_build(
    app: App,
    *,
    project_dir: Path,
    wheel: Path | None,
    default_dir: Path | None = None,
) -> Report:
    """Build the executable and say so; a MultiplatError ends the build with its message."""
    try:
        report = build_executable(
            Request(
                project_dir=project_dir, wheel=wheel, default_dir=default_dir, by_frontend=True
            ),
            build_context(app),
        )
    except MultiplatError as error:
        end_with(app, error)
    app.display_success(render_report(report))
    return report


def check_beforehand(app: App, *, project_dir: Path) -> None:
    """End a build that is sure to fail, before its wheel is written.

    That is what can be known without the wheel and without solving: mistakes in the table, a lock
    that is missing, cannot be read or is stale. Only the build itself can tell the rest.
    """
    try:
        project = open_project(project_dir)
        context = build_context(app)
        check_wanted(
            checksums=project.config.checksums,
            sbom=project.config.sbom,
            config=project.config,
            environ=context.environ,
        )
        if "scie" in project.config.formats:
            settled = settle_options(
                project.config.options.scie,
                environ=context.environ,
                project_dir=project_dir,
                offline=is_offline(context.environ),
            )
            check_places(settled, in_table=project.config.options.scie)
        locked = require_lock(project)
        metadata = static_metadata(project)
        if metadata is not None:
            question = make_question(project, metadata, open_market(project, context))
            if locked is not None:
                check_fresh(locked, question)
    except MultiplatError as error:
        end_with(app, error)


def clean(app: App, *, project_dir: Path, directory: Path) -> None:
    """Remove what earlier builds have left in the output folder, as far as the table names it.

    With a table that cannot be read nothing is removed; whatever builds next tells the reason.
    """
    try:
        project = open_project(project_dir)
    except ConfigError:
        app.display_info("hatch-multiplat: nothing is removed, as the table cannot be read")
        return
    try:
        remove_leftovers(project, directory)
    except MultiplatError as error:
        end_with(app, error)


def end_with(app: App, error: MultiplatError) -> NoReturn:
    """Turn an error into output and the exit code of its kind; no traceback."""
    app.abort(f"hatch-multiplat: {error}", error.exit_code)
    raise SystemExit(error.exit_code)


def build_context(app: App) -> BuildContext:
    """Return the surroundings of a run that speaks through `app`."""
    progress = make_progress(sys.stderr, quiet=app.verbosity < 0)
    return BuildContext(progress=progress, say=app.display_info)


def renew_checksums(app: App, *, project_dir: Path, sdist: Path) -> None:
    """Put a fresh sdist into the SHA256SUMS beside it, where an earlier build has left one."""
    try:
        if open_project(project_dir).config.checksums and (sdist.parent / FILENAME).is_file():
            write_checksums(sdist.parent, [sdist])
    except MultiplatError as error:
        end_with(app, error)


def files_for_sdist(app: App, *, project_dir: Path) -> dict[str, str]:
    """Return the files that a build from the sdist needs: absolute path to path in the sdist."""
    try:
        project = open_project(project_dir)
    except MultiplatError as error:
        end_with(app, error)
    name = str(project.pyproject.get("project", {}).get("name", ""))
    paths = paths_for_sdist(project.config, project_dir, name=name)
    return {str(project_dir / path): path for path in paths}
