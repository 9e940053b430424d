"""Files of this machine that a table names, and the running interpreter."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from packaging.markers import default_environment
from packaging.tags import sys_tags
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.base.urls import has_scheme
from hatch_multiplat.targets.target import Target
from hatch_multiplat.targets.target_list import Host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_multiplat.config.config import Config

_KEY: Final = "tool.multiplat.find-links"


def project_host(project_dir: Path) -> Host:
    """Return the Host of a project: paths in its table start from the project's folder."""

    def read_text(path: str) -> str:
        return (project_dir / path).read_text(encoding="utf-8")

    return Host(read_text=read_text, current=current_target)


def current_target() -> Target:
    """Return the target of the interpreter that runs this build, every tag of it."""
    environment = {key: str(value) for key, value in default_environment().items()}
    # One patch release and one kernel are this machine's own; the executable is for its like.
    for variable in ("platform_release", "platform_version"):
        environment[variable] = ""
    abi = f"{sys.version_info.major}{sys.version_info.minor}"
    name = f"{platform.python_implementation().lower()}{abi}-current"
    data = {
        "compatible_tags": [str(tag) for tag in sys_tags()],
        "marker_environment": environment,
    }
    return Target.from_complete_platform(data, name=name)


def check_find_links(config: Config, folder: Path) -> None:
    """Raise ConfigError for each missing folder of the table's `find-links`."""
    missing = [
        (place, location)
        for place, location in enumerate(config.find_links)
        if not has_scheme(location) and not os.path.exists(folder / location)  # noqa: PTH110 - Path's raises for long names
    ]
    hint = "the path is relative to pyproject.toml"
    if is_unpacked_sdist(folder):
        hint = "the sdist has such folders only from inside of the project; build the wheel from "
        hint += "the project itself, or name an absolute path"
    if missing:
        raise ConfigError(
            f"{_KEY}[{place}]: there is no {location!r}; {hint}" for place, location in missing
        )


def is_unpacked_sdist(folder: Path) -> bool:
    """Tell whether a project's folder is an unpacked sdist."""
    return (folder / "PKG-INFO").is_file()


def paths_for_sdist(config: Config, folder: Path, *, name: str) -> tuple[str, ...]:
    """Return the files that a build from the project's sdist needs, as paths from its folder.

    That is the lock, the complete-platform files, and the packages in the folders of `find-links`,
    but not those of the project itself, which is called `name`. What is outside of the project, as
    the lock of a uv workspace can be, cannot be in its sdist.
    """
    wanted = [config.lock, *config.files]
    for location in config.find_links:
        if not has_scheme(location) and not Path(location).is_absolute():
            wanted += _packages_in(folder, location, but=canonicalize_name(name))
    inside = (path for path in dict.fromkeys(wanted) if _is_inside(folder, path))
    # Path.is_file raises for names that are too long.
    return tuple(path for path in inside if os.path.isfile(folder / path))  # noqa: PTH113


def _packages_in(folder: Path, location: str, *, but: str) -> Iterator[str]:
    """Yield the wheels and sdists that lie in a folder; what is no folder, a page, by itself."""
    place = folder / location
    if not place.is_dir():
        yield os.path.normpath(location)
        return
    for path in sorted(place.iterdir()):
        if _project_of(path.name) not in {None, but}:
            yield os.path.normpath(Path(location) / path.name)


def _project_of(filename: str) -> str | None:
    """Return the project of a wheel or sdist; None for any other file."""
    try:
        if filename.endswith(".whl"):
            return parse_wheel_filename(filename)[0]
        return parse_sdist_filename(filename)[0]
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None


def _is_inside(folder: Path, path: str) -> bool:
    whole = Path(os.path.normpath(folder.absolute() / path))
    return whole.is_relative_to(os.path.normpath(folder.absolute()))
