"""The project's own wheels: the one that was just built, and those of `project-wheels`."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.resolve.project import Project, ProjectWheel, read_wheel
from hatch_multiplat.resolve.resolver import coverage_error
from hatch_multiplat.wheels.elf import (
    explain_need,
    measured_floor,
    read_libc_needs,
)
from hatch_multiplat.wheels.incompatibility import explain_incompatibility, promises_floor
from hatch_multiplat.wheels.matrix import OwnWheel
from hatch_multiplat.wheels.selection import Selection, best_wheel, missing_because
from hatch_multiplat.wheels.wheel_file import open_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hatch_multiplat.config.config import Config
    from hatch_multiplat.resolve.resolver import Resolution
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.incompatibility import Floor
    from hatch_multiplat.wheels.metadata import ProjectMetadata
    from hatch_multiplat.wheels.selection import Wheel

VARIABLE: Final = "HATCH_MULTIPLAT_PROJECT_WHEELS"
_KEY: Final = "tool.multiplat.project-wheels"


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnWheels:
    """The project's wheels, at least one, which say the same of the project.

    The first is the one that was just built, where one was. `idle` are the globs that match none;
    without `named`, there are no globs.
    """

    wheels: tuple[ProjectWheel, ...]
    idle: tuple[str, ...] = field(default=())
    named: bool = False

    @property
    def metadata(self) -> ProjectMetadata:
        return self.wheels[0].metadata

    @property
    def scripts(self) -> Mapping[str, str]:
        return self.wheels[0].scripts


def find_own_wheels(project: Project, built: Path | None, environ: Mapping[str, str]) -> OwnWheels:
    """Read the project's wheels: the one just built, and all that `project-wheels` names.

    Wheels of other projects, and files that are no wheels, are passed over. Of two with one file
    name the one just built counts. Raises ConfigError where two do not belong together, where the
    one just built is of another project, and where there is none.
    """
    globs = wheel_globs(project.config, environ)
    wheels = [] if built is None else [read_wheel(built)]
    name = _name_of_project(project)
    if wheels and name not in {"", wheels[0].locked.name}:
        raise ConfigError(
            [f"{wheels[0].path.name} is a wheel of {wheels[0].locked.name}, not of {name}"]
        )
    name = wheels[0].locked.name if wheels else name
    idle = []
    for pattern in globs:
        found = _matches(project.folder, pattern, name)
        wheels += [read_wheel(path) for path in found]
        idle += [] if found else [pattern]
    if not wheels:
        raise ConfigError([f"{_KEY}: there is no wheel of {name} at {', '.join(globs)}"])
    return OwnWheels(
        wheels=check_agreement(wheels, built=built is not None), idle=tuple(idle), named=bool(globs)
    )


def has_project_wheels(project: Project, environ: Mapping[str, str]) -> bool:
    """Tell whether `project-wheels` matches any existing wheel of the project."""
    name = _name_of_project(project)
    globs = wheel_globs(project.config, environ)
    return any(_matches(project.folder, pattern, name) for pattern in globs)


def wheel_globs(config: Config, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the globs of the environment's variable, else those of the table."""
    given = tuple(word for word in environ.get(VARIABLE, "").split(os.pathsep) if word)
    return given or config.project_wheels


def check_agreement(
    wheels: Sequence[ProjectWheel], *, built: bool = False
) -> tuple[ProjectWheel, ...]:
    """Return the wheels, each file name once; the first is the `built` one, if one was.

    One executable has one version and one set of requirements: what differs by platform belongs
    into markers. Raises ConfigError with every wheel that says something else than the first.
    """
    first = wheels[0]
    kept: dict[str, ProjectWheel] = {}
    problems = []
    for wheel in wheels:
        name = wheel.locked.filename
        other = kept.setdefault(name, wheel)
        if other.locked.hashes != wheel.locked.hashes and not (built and other is first):
            problems.append(f"{_KEY}: {other.path} and {wheel.path} differ; keep one of them")
        problems += [
            f"{_KEY}: {wheel.path.name} and {first.path.name} do not belong together: {difference}"
            for difference in differences(wheel, first)
        ]
    if problems:
        raise ConfigError(problems)
    return tuple(kept.values())


def differences(wheel: ProjectWheel, first: ProjectWheel) -> list[str]:
    """Return how two wheels of one project differ; if the version does, only that."""
    one, other = wheel.metadata, first.metadata
    if wheel.locked.name != first.locked.name:
        return ["they belong to two projects; name the wheels of one"]
    if one.version != other.version:
        return [f"version {one.version} and {other.version}; build all from the same sources"]
    pairs = {
        "Requires-Dist": (set(map(str, one.requires)), set(map(str, other.requires))),
        "Requires-Python": ({str(one.requires_python)}, {str(other.requires_python)}),
        "Provides-Extra": (set(map(str, one.extras)), set(map(str, other.extras))),
        "the console script": (
            {f"{name} = {value}" for name, value in wheel.scripts.items()},
            {f"{name} = {value}" for name, value in first.scripts.items()},
        ),
    }
    return [
        f"only one of them has {word} {', '.join(sorted((mine ^ theirs) - {''}))}; "
        "build all from the same sources, and put what differs by platform into markers"
        for word, (mine, theirs) in pairs.items()
        if mine != theirs
    ]


def add_own_wheels(
    found: Resolution, own: OwnWheels, *, unpacked: bool = False
) -> tuple[Selection, ...]:
    """Add to each target the project's wheel that fits it best.

    `unpacked` says that the build is from an sdist, which has no wheels in it. Raises
    CoverageError with every target that none fits.
    """
    ready = place_own_wheels(own, found.question.targets)
    if ready.missing_wheels:
        hint = f"; name them by {VARIABLE}" if unpacked else ""
        idle = [f"{_KEY}: no wheel of this project is at {pattern}{hint}" for pattern in own.idle]
        raise coverage_error(found.matrix(own=ready), hints="\n".join(idle))
    return tuple(
        selection.with_wheel(ready.wheels[selection.target]) for selection in found.selections
    )


def place_own_wheels(own: OwnWheels, targets: Sequence[Target]) -> OwnWheel:
    """Return which of the project's wheels each target takes, and the targets that none fits.

    A wheel for Linux fits if its tags do, and if its files need no newer C library than the
    target's. Where its tags name no floor, the lowest is measured by its files.
    """
    wheels = [wheel.locked for wheel in own.wheels]
    needs = {
        wheel.locked.filename: read_libc_needs(open_wheel(wheel.path))
        for wheel in own.wheels
        if any("linux" in tag.platform for tag in wheel.locked.tags)
    }
    names = f"wheel {wheels[0].filename}" if len(wheels) == 1 else f"{len(wheels)} wheels"
    tags = frozenset(tag for wheel in wheels for tag in wheel.tags)
    fitting: dict[Target, Wheel] = {}
    measured: dict[Target, Floor | None] = {}
    missing_wheels = []
    for target in targets:
        tagged = best_wheel(wheels, target)
        lacks = {
            wheel.filename: lack
            for wheel in wheels
            if (lack := explain_need(wheel.tags, needs.get(wheel.filename, {}), target))
        }
        best = best_wheel([one for one in wheels if one.filename not in lacks], target)
        if best is not None:
            fitting[target] = best
            if not promises_floor(best.tags, target):
                inside = needs[best.filename]
                # Which musl a file needs cannot be read from it.
                if target.platform.libc == "glibc" or not inside:
                    measured[target] = measured_floor(inside, target)
        elif tagged is not None:
            whose = f"the project's own wheel {tagged.filename}: "
            missing_wheels.append(
                missing_because(tagged, target, lacks[tagged.filename], whose=whose)
            )
        else:
            why = explain_incompatibility(tags, target)
            whose = f"the project's own {names}: "
            missing_wheels.append(missing_because(wheels[0], target, why, whose=whose))
    return OwnWheel(
        name=wheels[0].name,
        version=wheels[0].version,
        wheels=fitting,
        missing_wheels=tuple(missing_wheels),
        measured=measured,
    )


def describe_own_wheels(
    project: Project,
    targets: Sequence[Target],
    *,
    here: Target,
    environ: Mapping[str, str],
) -> OwnWheel | None:
    """Return which wheels `project-wheels` has for these targets; None if nothing is named there.

    The wheel for the machine that builds, `here`, may be missing, as the build makes it. While
    none is there at all, none was built yet. Raises ConfigError where two do not belong together.
    """
    if not wheel_globs(project.config, environ):
        return None
    if not has_project_wheels(project, environ):
        return OwnWheel(
            name=canonicalize_name(_name_of_project(project) or "this project"),
            version=_version_of_project(project),
            wheels={},
            unbuilt=tuple(targets),
        )
    own = find_own_wheels(project, None, environ)
    found = place_own_wheels(own, targets)
    wheels = [wheel.locked for wheel in own.wheels]
    unbuilt = tuple(
        missing_wheel.target
        for missing_wheel in found.missing_wheels
        if _is_alike(missing_wheel.target, here)
        and best_wheel(wheels, missing_wheel.target) is None
    )
    left = (missing for missing in found.missing_wheels if missing.target not in unbuilt)
    return replace(found, unbuilt=unbuilt, missing_wheels=tuple(left))


def own_wheels_of(selections: Sequence[Selection], own: OwnWheels) -> tuple[ProjectWheel, ...]:
    """Return the project's wheels that a target takes."""
    taken = {wheel.filename for selection in selections for wheel in selection.wheels}
    return tuple(wheel for wheel in own.wheels if wheel.locked.filename in taken)


def _name_of_project(project: Project) -> str:
    return canonicalize_name(project.pyproject.get("project", {}).get("name", ""))


def _version_of_project(project: Project) -> Version | None:
    try:
        return Version(str(project.pyproject.get("project", {})["version"]))
    except (KeyError, InvalidVersion):
        return None


def _is_alike(target: Target, here: Target) -> bool:
    """Tell whether a wheel built here, only for this machine, would fit a target."""

    def kind(target: Target) -> tuple[object, ...]:
        python, platform = target.python, target.platform
        known = python.implementation, python.version, python.abi_flavour
        return *known, platform.system, platform.arch, platform.libc

    return kind(target) == kind(here)


def _matches(folder: Path, pattern: str, name: str) -> list[Path]:
    """Return the wheels of a project that a glob matches; of any project if no name is given.

    The glob may be absolute, which `Path.glob` refuses.
    """
    found = sorted(glob.glob(pattern, root_dir=folder, recursive=True))  # noqa: PTH207
    return [folder / file for file in found if _is_wheel_of(name, Path(file).name)]


def _is_wheel_of(name: str, filename: str) -> bool:
    try:
        return parse_wheel_filename(filename)[0] == name or not name
    except InvalidWheelFilename:
        return False
