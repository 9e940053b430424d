"""Why wheels do not fit a target, the floor at which they would, and what to do about it."""

from __future__ import annotations

import enum
import functools
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from hatch_multiplat.targets.platforms import Platform, PlatformError, oldest_floor
from hatch_multiplat.targets.python import admits
from hatch_multiplat.targets.target import tag_ranks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from packaging.specifiers import SpecifierSet
    from packaging.tags import Tag
    from packaging.version import Version

    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.selection import File, MissingWheel

LISTED: Final = 8
"""Words of one kind that are listed; a package can have wheels for thirty Pythons."""

MissingKind = Literal["sdist", "floor", "python", "platform", "source", "removed", "tags"]
Floor: TypeAlias = tuple[int, int]

# Newer than any floor that there is a wheel for, to this day and for years.
_NEWEST: Final[Mapping[str | None, Floor]] = {"glibc": (2, 80), "musl": (1, 9), None: (40, 0)}
_PLATFORM_TAG: Final = re.compile(
    r"(?P<family>manylinux|musllinux|macosx)(?:_\d+_\d+|1|2010|2014)_(?P<arch>\w+)"
)
_SYSTEMS: Final = {"manylinux": "linux", "musllinux": "musl linux", "macosx": "macos"}


class Incompatibility(NamedTuple):
    """Why wheels do not fit a target, and the lowest floor at which one would, if any."""

    kind: MissingKind
    reason: str
    floor: Floor | None = None


class Advice(enum.Enum):
    """The setting to change for a missing wheel: the requirements, the lock, or the own wheel."""

    PROJECT = enum.auto()
    LOCK = enum.auto()
    OWN_WHEEL = enum.auto()


def explain_incompatibility(tags: Iterable[Tag], target: Target) -> Incompatibility:
    """Say why wheels with these tags do not fit a target."""
    known = set(tags)
    pythons = _pythons(target)
    platforms = {tag.platform for tag in target.tags}
    floors = {tag: floor for tag in known if (floor := _higher_floor(tag, target))}
    for_python = [floors[tag] for tag in floors if (tag.interpreter, tag.abi) in pythons]
    if for_python:
        floor = min(for_python)
        system = target.platform.libc or "macOS"
        reason = f"floor too old: its wheels need {system} {floor[0]}.{floor[1]} or newer"
        return Incompatibility("floor", reason, floor_to_ask(floor, target))
    have = {_python_word(tag) for tag in known if tag in floors or tag.platform in platforms}
    if have:
        listed = _shorten(sorted(have, key=_natural))
        return Incompatibility("python", f"no wheel for this Python (has {listed})")
    listed = _shorten(sorted({_platform_word(tag.platform) for tag in known}))
    return Incompatibility("platform", f"no wheel for this platform (has {listed})")


def explain_refusal(requires_python: SpecifierSet, target: Target) -> str:
    """Say that a package's own Requires-Python excludes a target."""
    return f"it requires Python {str(requires_python)!r}, which leaves out {target.python}"


def floor_to_ask(floor: Floor, target: Target) -> Floor | None:
    """Return a floor that the table can ask for; a complete platform has that of its machine."""
    return None if target.explicit_tags is not None else floor


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

    One for plain `linux_ARCH` alone does not: it is for the C library of the machine that built it.
    """
    fitting = [tag for tag in tags if tag in tag_ranks(target)]
    return not all(tag.platform.startswith("linux_") for tag in fitting)


def lower_floor(missing_wheel: MissingWheel, files: Iterable[File]) -> MissingWheel:
    """Return a missing wheel with the lowest floor that would do, in any version of its package.

    `files` are those of all versions that may be taken; newer ones than the locked do not count.
    Of two versions that ask for the same floor, the newer one does. What is missing for another
    reason than the floor comes back as it is: a wheel may be there for the floor that the target
    has, of a version that something else forbids.
    """
    target, locked = missing_wheel.target, missing_wheel.version
    own = target.platform.floor
    pre = locked is not None and locked.is_prerelease
    versions: dict[Floor, Version] = {}
    for file in files:
        version = file.version
        newer = locked is not None and version > locked
        if file.yanked or newer or (version.is_prerelease and not pre):
            continue
        if file.requires_python is not None and not admits(file.requires_python, target.python):
            continue
        floor = lowest_floor([file.tags], target)
        if floor is not None and own is not None and floor > own:
            versions[floor] = max(version, versions.get(floor, version))
    if not versions or floor_to_ask(min(versions), target) is None:
        return missing_wheel
    floor, version = min(versions.items())
    return replace(missing_wheel, floor=floor, floor_version=version if version != locked else None)


def suggest_ways(
    missing_wheel: MissingWheel, advice: Advice, *, marker: str = "", without: str = ""
) -> str:
    """Say how to get a missing wheel, or to do without it.

    `marker` is true on every target but those that lack the wheel, and `without` is the line of the
    table that leaves these out.
    """
    if advice is Advice.LOCK:
        ways = ["write the lock anew for these targets"]
    elif advice is Advice.OWN_WHEEL:
        ways = ["build one for these targets too and name it in 'project-wheels'"]
        ways += _ways_to_raise_floor(missing_wheel)
    elif missing_wheel.kind == "removed":
        return "require a version that the index has"
    elif missing_wheel.origin:
        ways = list(_ways_by_marker(missing_wheel, f" @ {missing_wheel.origin} ", marker))
        ways.append("give these targets a URL of their own by another marker")
    else:
        ways = list(_ways_to_another(missing_wheel, marker))
    if without:
        ways.append(f"leave these targets out: {without}")
    return ", or ".join(ways)


def _ways_to_another(missing_wheel: MissingWheel, marker: str) -> Iterator[str]:
    """Say how to get another wheel instead of the one that is asked for."""
    name, kind = missing_wheel.name, missing_wheel.kind
    newest, held_by = missing_wheel.newest, missing_wheel.held_by
    if newest:
        yield f"{name} {newest} has one{f', but {held_by}' if held_by else ': allow that version'}"
    yield from _ways_to_raise_floor(missing_wheel)
    if not newest and not missing_wheel.floor:
        yield "no version has one: use another package"
        if marker and kind == "platform":
            yield from _ways_by_marker(missing_wheel, "", marker)
    if not newest and kind in {"sdist", "source"}:
        yield "build wheels of it and name their folder in 'find-links'"


def _ways_by_marker(missing_wheel: MissingWheel, url: str, marker: str) -> Iterator[str]:
    """Say how to do without a package on some targets: another package may require it there."""
    if not marker:
        return
    text, by = f'"{missing_wheel.name}{url}; {marker}"', missing_wheel.required_by
    if by:
        yield f"set override-dependencies = [{text}] in [tool.uv], if {by} can do without it there"
    else:
        yield f"require it with a marker: {text}"


def _ways_to_raise_floor(missing_wheel: MissingWheel) -> Iterator[str]:
    """Say which floor would fit, and with which version, if it is another one."""
    if missing_wheel.floor is None:
        return
    platform, version = missing_wheel.target.platform, missing_wheel.floor_version
    floor = f"{platform.libc or ''}{missing_wheel.floor[0]}.{missing_wheel.floor[1]}"
    there = f", where {missing_wheel.name} {version} has one" if version else ""
    yield f"raise the floor to '{platform.system}-{platform.arch}-{floor}'{there}"


def marker_without(lacking: Iterable[Target], targets: Iterable[Target]) -> str:
    """Return the marker that leaves out these of the targets, where they are whole systems.

    It is empty where they are not, or are all of the targets.
    """
    gone = set(lacking)
    without = sorted({target.platform.sys_platform for target in gone})
    left = {target.platform.sys_platform for target in targets if target not in gone}
    if not left or left & set(without):
        return ""
    if len(left) == 1:
        return f"sys_platform == '{left.pop()}'"
    return " and ".join(f"sys_platform != '{system}'" for system in without)


def _higher_floor(tag: Tag, target: Target) -> Floor | None:
    """Return the lowest floor that accepts a tag's platform, if it is above a target's own."""
    own = target.platform
    floor = _floors_of_tags(own.system, own.arch, own.libc).get(tag.platform)
    return floor if floor and own.floor and floor > own.floor else None


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


def _python_word(tag: Tag) -> str:
    if tag.abi in {"abi3", "abi3t"}:
        return f"{tag.interpreter}-{tag.abi}"
    return tag.abi if tag.abi.startswith(tag.interpreter) else tag.interpreter


def _platform_word(platform_tag: str) -> str:
    match = _PLATFORM_TAG.fullmatch(platform_tag)
    return f"{_SYSTEMS[match['family']]} {match['arch']}" if match else platform_tag


def _shorten(words: Sequence[str]) -> str:
    """List a few of many words, and say how many more there are."""
    if len(words) <= LISTED:
        return ", ".join(words)
    return f"{', '.join(words[:LISTED])} and {len(words) - LISTED} more"


def _natural(text: str) -> tuple[tuple[int, str], ...]:
    """Sort cp39 before cp310."""
    return tuple(
        (int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)
    )
