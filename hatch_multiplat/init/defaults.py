"""Defaults for the table of a project, from the project's own metadata, with reasons."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from packaging.utils import canonicalize_name

from hatch_multiplat.targets.python import admits
from hatch_multiplat.targets.target import Target
from hatch_multiplat.targets.target_list import default_pythons, old_pythons
from hatch_multiplat.wheels.incompatibility import lowest_floor
from hatch_multiplat.wheels.selection import wheel_fits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    from hatch_multiplat.targets.platforms import Platform
    from hatch_multiplat.targets.python import Python
    from hatch_multiplat.wheels.incompatibility import Floor
    from hatch_multiplat.wheels.selection import File

DEFAULT_PLATFORMS: Final = (
    "linux-x86_64",
    "linux-aarch64",
    "macos-arm64",
    "macos-x86_64",
    "windows-x86_64",
)

_ALL: Final = ("linux", "macos", "windows")
# What stands behind "Operating System ::", the longest that fits; others name no system of ours.
_SYSTEMS: Final[dict[str, tuple[str, ...]]] = {
    "OS Independent": _ALL,
    "POSIX": ("linux", "macos"),
    "POSIX :: Linux": ("linux",),
    "POSIX :: Other": (),
    "POSIX :: BSD": (),
    "Unix": ("linux", "macos"),
    "MacOS": ("macos",),
    "Microsoft": ("windows",),
}
Pair: TypeAlias = "tuple[Platform, Python]"

_MINOR: Final = re.compile(r"Programming Language :: Python :: 3\.(\d+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Dependency:
    """A requirement of the project and the files that the index has for it."""

    requirement: Requirement
    files: tuple[File, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """A dependency without a wheel for a target; `floor` is one for which it has a wheel."""

    name: str
    floor: Floor | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """Platforms and Pythons that go together, and the reasons against others."""

    platforms: tuple[Platform, ...]
    pythons: tuple[Python, ...]
    reasons: tuple[str, ...] = ()


def guess_platforms(classifiers: Iterable[str]) -> tuple[tuple[str, ...], str]:
    """Return the default platforms of the systems in the classifiers, and the reason."""
    systems: set[str] = set()
    named = []
    for classifier in classifiers:
        found = _systems_of(classifier)
        if found:
            systems |= set(found)
            named.append(classifier.removeprefix("Operating System :: "))
    if not systems:
        return DEFAULT_PLATFORMS, "the usual ones; no classifier names an operating system"
    chosen = tuple(name for name in DEFAULT_PLATFORMS if name.partition("-")[0] in systems)
    return chosen, f"by the classifiers: {', '.join(named)}"


def guess_pythons(
    classifiers: Iterable[str], requires_python: SpecifierSet
) -> tuple[tuple[Python, ...], str]:
    """Return the CPythons that upstream and the project support, and the reason.

    If there are none, return those that upstream no longer supports: the project is for these.
    """
    admitted = usual_pythons(requires_python)
    minors = {(3, int(match[1])) for word in classifiers if (match := _MINOR.fullmatch(word))}
    tested = tuple(python for python in admitted if python.version in minors)
    rule = f" and requires-python '{requires_python}' allows" if str(requires_python) else ""
    named = " and the classifiers name" if tested else ""
    if admitted and not default_pythons(requires_python):
        rule = f"what requires-python '{requires_python}' allows{named}"
        return tested or admitted, f"{rule}; upstream supports none of these any more"
    return tested or admitted, f"what upstream supports{rule}{named}"


def usual_pythons(requires_python: SpecifierSet) -> tuple[Python, ...]:
    """Return every CPython that a project allows: those that upstream supports, else others."""
    return default_pythons(requires_python) or old_pythons(requires_python)


def guess_run(
    name: str, scripts: Sequence[str], modules: Sequence[str], *, by_name: bool = False
) -> tuple[tuple[str, str] | None, str]:
    """Return the key that says what runs, if one is necessary, and the reason.

    `modules` are the packages of the project that have a `__main__`. `by_name`: the scripts are
    sorted by name, as their order in the project is not known.
    """
    own = [script for script in scripts if canonicalize_name(script) == canonicalize_name(name)]
    if own or len(scripts) == 1:
        script = (own or scripts)[0]
        return None, f"the script {script!r}, {'named like the project' if own else 'the only one'}"
    if scripts:
        first = f"the first{' by name' if by_name else ''} of {len(scripts)} scripts"
        reason = f"{first}, none of which is named like the project"
        return ("script", scripts[0]), f"the script {scripts[0]!r}, {reason}"
    if modules:
        return ("module", modules[0]), f"{modules[0]!r}, which has a __main__; there is no script"
    return None, "a Python interpreter; the project has no script"


def is_covered(grid: Grid, dependencies: Iterable[Dependency]) -> bool:
    """Tell whether some target of a grid has, with any floor, a wheel of each dependency."""
    found = _find_missing(grid, dependencies)
    return any(
        all(cell not in missing or missing[cell].floor for missing in found)
        for cell in itertools.product(grid.platforms, grid.pythons)
    )


def narrow(
    grid: Grid, dependencies: Iterable[Dependency], *, kept: frozenset[str] = frozenset()
) -> Grid:
    """Return the largest part of a grid on which each dependency has a wheel on each target.

    Where only a platform's floor is in the way, of all of its Pythons, the floor is raised.
    `kept` is "platforms" or "python", if all of these are to stay. A dependency without any wheel
    does not count: its sdist may do. Nor does one that has none anywhere on the grid, as leaving
    things out cannot help there; it is named in the reasons.
    """
    known = tuple(dependencies)
    if "platforms" not in kept:
        grid = _raise_floors(grid, known)
    reasons = [*grid.reasons]
    lacking: dict[Pair, Missing] = {}
    for found in _find_missing(grid, known):
        if found and len(found) == len(grid.platforms) * len(grid.pythons):
            name, hint = next(iter(found.values())).name, _name_floors(found)
            reasons.append(f"{name} has no wheel for any of these{hint}; the build will say more")
            continue
        for cell, missing in found.items():
            lacking.setdefault(cell, missing)
    best = _largest_part(grid, lacking, kept=kept)
    if best is None:
        names = ", ".join(sorted({missing.name for missing in lacking.values()}))
        hint = _name_floors(lacking)
        reasons.append(
            f"{names}: there are not wheels for all of these{hint}; the build will say more"
        )
        return replace(grid, reasons=tuple(reasons))
    for platform in grid.platforms:
        if platform not in best.platforms:
            own = {cell: missing for cell, missing in lacking.items() if cell[0] == platform}
            name = next(
                own[platform, python].name for python in grid.pythons if (platform, python) in own
            )
            reasons.append(f"without {platform}: {name} has no wheel for it{_name_floors(own)}")
    for python in grid.pythons:
        if python not in best.pythons:
            cell, missing = next(
                (cell, missing)
                for cell, missing in lacking.items()
                if cell[1] == python and cell[0] in best.platforms
            )
            reasons.append(
                f"without Python {python}: {missing.name} has no wheel for it on {cell[0]}"
                f"{_name_floors({cell: missing})}"
            )
    return replace(best, reasons=tuple(reasons))


def _find_missing(grid: Grid, dependencies: Iterable[Dependency]) -> list[dict[Pair, Missing]]:
    """Return for each dependency the targets of a grid for which it has no wheel."""
    cells = {
        (platform, python): Target(platform=platform, python=python)
        for platform, python in itertools.product(grid.platforms, grid.pythons)
    }
    return [
        {
            cell: missing
            for cell, target in cells.items()
            if (missing := _find_missing_wheel(dependency, target))
        }
        for dependency in dependencies
    ]


def _raise_floors(grid: Grid, dependencies: Iterable[Dependency]) -> Grid:
    """Return the grid with higher floors for platforms that are too old with each of their Pythons.

    What no floor would help is left as it is, for `narrow` to leave out; a dependency that has
    nothing for any target does not count.
    """
    count = len(grid.platforms) * len(grid.pythons)
    counting = [
        found
        for found in _find_missing(grid, dependencies)
        if len(found) < count or any(missing.floor for missing in found.values())
    ]
    platforms, reasons = [], []
    for platform in grid.platforms:
        needs: list[tuple[Floor, str]] = []
        for python in grid.pythons:
            here = [found[platform, python] for found in counting if (platform, python) in found]
            if not here:
                needs = []
                break
            floors = [(missing.floor, missing.name) for missing in here if missing.floor]
            if len(floors) == len(here):
                needs.append(max(floors))
        if needs:
            floor, name = max(needs)
            raised = replace(platform, floor=floor)
            reasons.append(f"{raised} instead of {platform}: {name} has no wheel for older ones")
            platforms.append(raised)
        else:
            platforms.append(platform)
    return replace(grid, platforms=tuple(platforms), reasons=tuple(reasons))


def _name_floors(found: Mapping[Pair, Missing]) -> str:
    """Name the platforms with the necessary floors, as entries of `platforms`."""
    floors: dict[Platform, Floor] = {}
    for (platform, _), missing in found.items():
        if missing.floor is not None:
            floors[platform] = max(missing.floor, floors.get(platform, missing.floor))
    words = [str(replace(platform, floor=floor)) for platform, floor in floors.items()]
    return f" ({' and '.join(words)} would do)" if words else ""


def _largest_part(
    grid: Grid, lacking: Mapping[Pair, Missing], *, kept: frozenset[str]
) -> Grid | None:
    """Try each set of platforms with the Pythons that all of them can have.

    The most targets win, then the most platforms; None if nothing remains.
    """
    count = len(grid.platforms)
    found: list[Grid] = []
    for size in range(count, count - 1 if "platforms" in kept else 0, -1):
        for platforms in itertools.combinations(grid.platforms, size):
            pythons = tuple(
                python
                for python in grid.pythons
                if not any((platform, python) in lacking for platform in platforms)
            )
            if pythons and ("python" not in kept or pythons == grid.pythons):
                found.append(Grid(platforms=platforms, pythons=pythons))
    return max(found, key=lambda part: len(part.platforms) * len(part.pythons), default=None)


def _find_missing_wheel(dependency: Dependency, target: Target) -> Missing | None:
    """Return the missing wheel if no allowed version has a wheel for a target.

    None also if the dependency's marker leaves the target out.
    """
    requirement = dependency.requirement
    marker = requirement.marker
    if marker is not None and not marker.evaluate(cast("dict[str, str]", target.environment())):
        return None
    admitted = [
        file
        for file in dependency.files
        if not file.yanked and requirement.specifier.contains(file.version)
    ]
    wheels = [file for file in admitted if file.tags]
    if not wheels or any(wheel_fits(file, target) for file in reversed(wheels)):
        return None
    for_python = [
        file.tags
        for file in wheels
        if file.requires_python is None or admits(file.requires_python, target.python)
    ]
    return Missing(name=requirement.name, floor=lowest_floor(for_python, target))


def _systems_of(classifier: str) -> tuple[str, ...]:
    prefix, _, words = classifier.partition(" :: ")
    while prefix == "Operating System" and words not in _SYSTEMS and " :: " in words:
        words = words.rpartition(" :: ")[0]
    return _SYSTEMS.get(words, ()) if prefix == "Operating System" else ()
