"""The parts of hatchling's hook and build target that need nothing but hatchling.

They say whether an executable is made in a build, what has to be installed for that, and what goes
into the sdist. Nothing here imports what only the build of an executable needs.
"""

from __future__ import annotations

import glob
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

from packaging.pylock import is_valid_pylock_path
from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import MultiplatError
from hatch_multiplat.base.own_requirements import not_installed, own_requirements
from hatch_multiplat.build.checksums import FILENAME, write_checksums
from hatch_multiplat.build.leftovers import remove_leftovers
from hatch_multiplat.executable.pex import PexHome, lacks_skeleton
from hatch_multiplat.frontends.render.error_text import render_error
from hatch_multiplat.frontends.render.screen import layout
from hatch_multiplat.index.local_files import paths_for_sdist
from hatch_multiplat.index.wheel_cache import WheelCache
from hatch_multiplat.resolve.project import open_project
from hatch_multiplat.wheels.pylock import parse_lock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.requirements import Requirement

    from hatch_multiplat.config.config import Config
    from hatch_multiplat.resolve.project import Project

SWITCH: Final = "HATCH_MULTIPLAT"
_OFF: Final = frozenset({"0", "false", "no", "off"})


class App(Protocol):
    """The part of hatchling's Application that we speak through; quiet below a verbosity of 0."""

    @property
    def verbosity(self) -> int: ...
    def display_info(self, message: str = "") -> None: ...
    def display_success(self, message: str = "") -> None: ...
    def abort(self, message: str = "", code: int = 1) -> object: ...


def end_with(app: App, error: MultiplatError) -> NoReturn:
    """Turn an error into output and the exit code of its kind; no traceback."""
    message = layout(render_error(error, sys.stderr, by="hatch-multiplat: "), sys.stderr)
    app.abort(message, error.exit_code)
    raise SystemExit(error.exit_code)


def read_project(root: Path) -> Project | MultiplatError:
    """Read a project; returns what is wrong where it cannot be read, for when that matters."""
    try:
        return open_project(root)
    except MultiplatError as error:
        return error


# -- whether -------------------------------------------------------------------------------------


def is_switched_off(environ: Mapping[str, str]) -> bool:
    """Tell whether `HATCH_MULTIPLAT=0` turns the executable off."""
    return environ.get(SWITCH, "").lower() in _OFF


def is_pips(environ: Mapping[str, str]) -> bool:
    """Tell whether pip builds the project: pip names its build tracker to every backend."""
    return bool(environ.get("PIP_BUILD_TRACKER"))


def is_installation(environ: Mapping[str, str], directory: Path) -> bool:
    """Tell whether the project is only built to be installed, without an executable.

    uv builds what it installs inside its cache, which carries a `CACHEDIR.TAG` at its root.
    """
    if is_pips(environ):
        return True
    cache = environ.get("UV_CACHE_DIR")
    resolved = directory.resolve()
    if cache and resolved.is_relative_to(Path(cache).resolve()):
        return True
    return any(
        (parent / "CACHEDIR.TAG").is_file() and any(parent.glob("sdists-v*"))
        for parent in (resolved, *resolved.parents)
    )


def is_installed_from(root: Path) -> bool:
    """Tell whether a project's folder is one that uv unpacks an sdist to in order to install it.

    `uv build` unpacks to its cache as well, but to a temporary folder. A folder that uv installs,
    editable or not, looks as it does to any other build.
    """
    folder = root.resolve()
    for path in folder.parents:
        inside = folder.relative_to(path).parts
        if not (path.parent / "CACHEDIR.TAG").is_file():
            continue
        if path.name.startswith("sdists-v"):
            return not inside[0].startswith(".tmp")
        if path.name.startswith("git-v"):
            return inside[0] == "checkouts"
    return False


# -- what has to be installed ----------------------------------------------------------------------


def dependencies(root: Path, environ: Mapping[str, str]) -> list[str]:
    """Return the requirements that hatchling is told for a wheel build; none for installations."""
    if is_switched_off(environ) or is_pips(environ) or is_installed_from(root):
        return []
    return list(map(str, list_requirements(read_project(root), environ)))


def require_installed(app: App, read: Project | MultiplatError, environ: Mapping[str, str]) -> None:
    """End a build whose requirements are missing, as happens without isolation."""
    try:
        check_installed(list_requirements(read, environ))
    except MultiplatError as error:
        end_with(app, error)


def list_requirements(
    read: Project | MultiplatError, environ: Mapping[str, str]
) -> list[Requirement]:
    """Return the requirements of a build of this project, without hatchling and hatch-multiplat.

    If the table cannot be read, it is the whole list: the build itself says why.
    """
    needed = own_requirements("build")
    if isinstance(read, MultiplatError):
        return list(needed.values())
    config = read.config
    if config.sbom:
        needed |= own_requirements("sbom")
    # Console scripts are programs on Windows, which distlib has.
    for_windows = any(target.platform.system == "windows" for target in config.targets)
    unused = set() if for_windows else {"distlib"}
    unused |= set() if _runs_pex(config, environ) else {"pex", "filelock"}
    unused |= _unused_by_lock(read, environ)
    return [needed[name] for name in needed if name not in unused]


def check_installed(requirements: Iterable[Requirement]) -> None:
    """Raise ToolError, in one line, for requirements that are not installed here."""
    missing = [requirement for requirement in requirements if not _is_installed(requirement)]
    if missing:
        with_sbom = any(item.name in own_requirements("sbom") for item in missing)
        raise not_installed(", ".join(map(str, missing)), "build" + ",sbom" * with_sbom)


def _runs_pex(config: Config, environ: Mapping[str, str]) -> bool:
    """Tell whether a build runs pex; what it has made before, in just this way, is kept."""
    home = PexHome(root=WheelCache.default(environ).root / "pex", environ=environ)
    return "scie" in config.formats or lacks_skeleton(config, home)


def _unused_by_lock(project: Project, environ: Mapping[str, str]) -> set[str]:
    """Return what a build by the project's lock has no use for: where it has wheels alone, uv.

    And what downloads them, if all of them are in the wheel cache.
    """
    name = project.config.lock
    if not is_valid_pylock_path(Path(name)):
        return set()  # uv exports its own lock
    cache = WheelCache.default(environ)
    try:
        text = (project.folder / name).read_text("utf-8")
        packages = parse_lock(text, where=name, credentials=project.credentials).packages
        if not all(package.wheels for package in packages):
            return set()  # uv builds what has none
        wheels = [wheel for package in packages for wheel in package.wheels or ()]
        is_complete = all(
            wheel.path or cache.find_verified(wheel.filename, wheel.hashes) for wheel in wheels
        )
    except (MultiplatError, OSError, ValueError):
        return set()
    return {"uv", "requests"} if is_complete else {"uv"}


def _is_installed(requirement: Requirement) -> bool:
    try:
        version = metadata.version(canonicalize_name(requirement.name))
    except metadata.PackageNotFoundError:
        return False
    return requirement.specifier.contains(version, prereleases=True)


# -- beside the build ------------------------------------------------------------------------------


def require_project(app: App, read: Project | MultiplatError) -> Project:
    """Return the project that was read; mistakes in its table end the build."""
    if isinstance(read, MultiplatError):
        end_with(app, read)
    return read


def clean(app: App, read: Project | MultiplatError, directory: Path) -> None:
    """Remove the outputs of earlier builds from the output folder, as far as the table names them.

    If the table cannot be read, nothing is removed; the next build says why.
    """
    if isinstance(read, MultiplatError):
        app.display_info("hatch-multiplat: nothing is removed, because the table cannot be read")
        return
    try:
        remove_leftovers(read, directory)
    except MultiplatError as error:
        end_with(app, error)


def files_for_sdist(project: Project) -> dict[str, str]:
    """Return the files that a build from the sdist needs: absolute path to path in the sdist."""
    name = str(project.pyproject.get("project", {}).get("name", ""))
    paths = paths_for_sdist(project.config, project.folder, name=name)
    return {str(project.folder / path): path for path in paths}


def renew_checksums(app: App, project: Project, sdist: Path) -> None:
    """Add a new sdist to the SHA256SUMS beside it, if an earlier build has left one."""
    try:
        if project.config.checksums and (sdist.parent / FILENAME).is_file():
            write_checksums(sdist.parent, [sdist])
    except MultiplatError as error:
        end_with(app, error)


def find_wheel(path: Path) -> Path:
    """Return the wheel that was written to a path, even if another hook has renamed it.

    It is then the newest one beside it of the same name and version, with any tags.
    """
    if path.is_file():
        return path
    name, version, *_ = path.name.split("-")
    renamed = path.parent.glob(f"{glob.escape(name)}-{glob.escape(version)}-*.whl")
    return max(renamed, key=lambda wheel: wheel.stat().st_mtime_ns, default=path)
