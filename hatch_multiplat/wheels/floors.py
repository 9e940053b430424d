"""The lowest floor of a platform that some wheels of a package support."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from hatch_multiplat.targets.platforms import Platform, PlatformError, oldest_floor
from hatch_multiplat.targets.target_list import admits
from hatch_multiplat.wheels.incompatibility import spell_floor
from hatch_multiplat.wheels.selection import tag_ranks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.tags import Tag
    from packaging.version import Version

    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.selection import File, MissingWheel

Floor: TypeAlias = tuple[int, int]

# Newer than any floor that there is a wheel for, to this day and for years.
_NEWEST: Final[Mapping[str | None, Floor]] = {"glibc": (2, 80), "musl": (1, 9), None: (40, 0)}


def lowest_floor(wheels: Iterable[Iterable[Tag]], target: Target) -> Floor | None:
    """Return the lowest floor at which one of these wheels fits a target's Python and machine.

    It can be above the target's own floor: then no wheel fits, and one would on a newer system.
    None where a wheel fits whatever the floor, where none fits at any, and on Windows. What is for
    plain `linux_ARCH` says nothing of a floor, and does not count.
    """
    own = target.platform
    if own.floor is None:
        return None
    known = _floors_of_tags(own.system, own.arch, own.libc)
    pythons = _pythons(target)
    floors = []
    for tags in wheels:
        for tag in tags:
            if (tag.interpreter, tag.abi) not in pythons:
                continue
            if tag.platform == "any":
                return None
            if tag.platform in known:
                floors.append(known[tag.platform])
    return min(floors, default=None)


def promises_floor(tags: Iterable[Tag], target: Target) -> bool:
    """Tell whether a wheel that fits a target says by its tags that it is for the target's floor.

    One for plain `linux_ARCH` alone does not: whoever compiled it has some C library.
    """
    fitting = [tag for tag in tags if tag in tag_ranks(target)]
    return not all(tag.platform.startswith("linux_") for tag in fitting)


def lower_need(missing_wheel: MissingWheel, files: Iterable[File]) -> MissingWheel:
    """Return a gap with the lowest floor that would close it, in whatever version of its package.

    `files` are those of all versions that may be taken; newer ones than the locked do not count.
    Of two versions that ask for the same floor, the newer one does. What is missing for another
    reason than the floor comes back as it is: a wheel may be there for the floor that the target
    has, of a version that something else forbids.
    """
    own = missing_wheel.target.platform.floor
    pre = missing_wheel.version is not None and missing_wheel.version.is_prerelease
    found: tuple[Floor, Version] | None = None
    for file in files:
        version = file.version
        newer = missing_wheel.version is not None and version > missing_wheel.version
        if file.yanked or newer or (version.is_prerelease and not pre):
            continue
        if file.requires_python is not None and not admits(
            file.requires_python, missing_wheel.target.python
        ):
            continue
        floor = lowest_floor([file.tags], missing_wheel.target)
        if floor is None or own is None or floor <= own:
            continue
        if found is None or floor < found[0] or (floor == found[0] and version > found[1]):
            found = floor, version
    needs = spell_floor(found[0], missing_wheel.target) if found else ""
    if found is None or not needs:
        return missing_wheel
    return replace(
        missing_wheel,
        needs=needs,
        needs_version=found[1] if found[1] != missing_wheel.version else None,
    )


@functools.lru_cache(maxsize=512)
def _pythons(target: Target) -> frozenset[tuple[str, str]]:
    return frozenset((tag.interpreter, tag.abi) for tag in tag_ranks(target))


@functools.cache
def _floors_of_tags(system: str, arch: str, libc: str | None) -> dict[str, Floor]:
    """Return the lowest floor that accepts each wheel platform tag, by trying each floor."""
    oldest = oldest_floor(system, arch, libc)
    if oldest is None:
        return {}
    found: dict[str, Floor] = {}
    newest = _NEWEST[libc]
    platform = Platform(system=system, arch=arch, libc=libc, floor=oldest)
    for major in range(oldest[0], newest[0] + 1):
        for minor in range(100):
            if (major, minor) > newest:
                break
            try:
                tags = replace(platform, floor=(major, minor)).tags
            except PlatformError:  # From macOS 11 on there are only full releases.
                continue
            for tag in tags:
                if not tag.startswith("linux_"):
                    found.setdefault(tag, (major, minor))
    return found
