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
class Lack:
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
    known = tuple(dependencies)
    return any(
        all((lack := find_lack(known_one, target)) is None or lack.floor for known_one in known)
        for target in _cells(grid).values()
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
    found = tuple(dependencies)
    reasons: list[str] = []
    if "platforms" not in kept:
        grid = _raise_floors(grid, found)
        reasons += grid.reasons
    cells = _cells(grid)
    lacking: dict[Pair, Lack] = {}
    for dependency in found:
        lacks = {
            cell: lack for cell, target in cells.items() if (lack := find_lack(dependency, target))
        }
        if cells and len(lacks) == len(cells):
            hint = _name_floors(lacks)
            name = dependency.requirement.name
            reasons.append(f"{name} has no wheel for any of these{hint}; the build will say more")
            continue
        for cell, lack in lacks.items():
            lacking.setdefault(cell, lack)
    best = _largest_part(grid, lacking, kept=kept)
    if best is None:
        names = ", ".join(sorted({lack.name for lack in lacking.values()}))
        hint = _name_floors(lacking)
        reasons.append(
            f"{names}: there are not wheels for all of these{hint}; the build will say more"
        )
        return Grid(platforms=grid.platforms, pythons=grid.pythons, reasons=tuple(reasons))
    for platform in grid.platforms:
        if platform not in best.platforms:
            own = {cell: lack for cell, lack in lacking.items() if cell[0] == platform}
            lack = next(
                own[platform, python] for python in grid.pythons if (platform, python) in own
            )
            reasons.append(
                f"without {platform}: {lack.name} has no wheel for it{_name_floors(own)}"
            )
    for python in grid.pythons:
        if python not in best.pythons:
            own = {
                cell: lack
                for cell, lack in lacking.items()
                if cell[1] == python and cell[0] in best.platforms
            }
            (platform, _), lack = next(iter(own.items()))
            hint = _name_floors({(platform, python): lack})
            reasons.append(
                f"without Python {python}: {lack.name} has no wheel for it on {platform}{hint}"
            )
    return Grid(platforms=best.platforms, pythons=best.pythons, reasons=tuple(reasons))


def _cells(grid: Grid) -> dict[Pair, Target]:
    return {
        (platform, python): Target(platform=platform, python=python)
        for platform, python in itertools.product(grid.platforms, grid.pythons)
    }


def _raise_floors(grid: Grid, dependencies: Sequence[Dependency]) -> Grid:
    """Return the grid with higher floors for platforms that are too old with each of their Pythons.

    What no floor would help is left as it is, for `narrow` to leave out; a dependency that has
    nothing for any target does not count.
    """
    cells = _cells(grid)
    dependencies = [
        one
        for one in dependencies
        if any((lack := find_lack(one, cell)) is None or lack.floor for cell in cells.values())
    ]
    platforms, reasons = [], []
    for platform in grid.platforms:
        needs: list[tuple[Floor, str]] = []
        for python in grid.pythons:
            lacks = [
                lack for one in dependencies if (lack := find_lack(one, cells[platform, python]))
            ]
            if not lacks:
                needs = []
                break
            highest = [(lack.floor, lack.name) for lack in lacks if lack.floor is not None]
            if len(highest) == len(lacks):
                needs.append(max(highest))
        if needs:
            floor, name = max(needs)
            raised = replace(platform, floor=floor)
            reasons.append(f"{raised} instead of {platform}: {name} has no wheel for older ones")
            platforms.append(raised)
        else:
            platforms.append(platform)
    return Grid(platforms=tuple(platforms), pythons=grid.pythons, reasons=tuple(reasons))


def _name_floors(lacks: Mapping[Pair, Lack]) -> str:
    """Name the platforms with the necessary floors, as entries of `platforms`."""
    floors: dict[Platform, Floor] = {}
    for (platform, _), lack in lacks.items():
        if lack.floor is not None:
            floors[platform] = max(lack.floor, floors.get(platform, lack.floor))
    words = [str(replace(platform, floor=floor)) for platform, floor in floors.items()]
    return f" ({' and '.join(words)} would do)" if words else ""


def _largest_part(grid: Grid, lacking: Mapping[Pair, Lack], *, kept: frozenset[str]) -> Grid | None:
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


def find_lack(dependency: Dependency, target: Target) -> Lack | None:
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
    return Lack(name=requirement.name, floor=lowest_floor(for_python, target))


def _systems_of(classifier: str) -> tuple[str, ...]:
    words = classifier.removeprefix("Operating System :: ")
    while words != classifier:
        if words in _SYSTEMS:
            return _SYSTEMS[words]
        shorter = words.rpartition(" :: ")[0]
        if not shorter:
            break
        words = shorter
    return ()
