"""The reason why the wheels of a package do not fit a target, and the floor that would fit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from hatch_multiplat.targets.platforms import Platform, PlatformError, oldest_floor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from packaging.specifiers import SpecifierSet
    from packaging.tags import Tag

    from hatch_multiplat.targets.target import Target

LISTED: Final = 8
"""Words of one kind that are listed; a package can have wheels for thirty Pythons."""

MissingKind = Literal["sdist", "floor", "python", "platform", "source", "removed", "tags"]

_FAMILIES: Final = {"glibc": "manylinux", "musl": "musllinux", "macos": "macosx"}
_FLOOR_TAG: Final = re.compile(
    r"(?P<family>manylinux|musllinux|macosx)_(?P<major>\d+)_(?P<minor>\d+)_(?P<arch>\w+)"
)
_LEGACY_TAG: Final = re.compile(r"(?P<name>manylinux(?:1|2010|2014))_(?P<arch>\w+)")
_LEGACY_FLOORS: Final = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}


def explain_incompatibility(tags: Iterable[Tag], target: Target) -> tuple[MissingKind, str, str]:
    """Say why wheels with these tags do not fit a target: kind, reason, and the floor needed.

    The floor is a word for `platforms` ("linux-x86_64-glibc2.34"), or empty where none would do.
    """
    known = set(tags)
    accepted = target.tags
    pythons = {(tag.interpreter, tag.abi) for tag in accepted}
    platforms = {tag.platform for tag in accepted}
    floors = {tag: floor for tag in known if (floor := _floor_for(tag.platform, target.platform))}
    for_python = [floors[tag] for tag in floors if (tag.interpreter, tag.abi) in pythons]
    if for_python:
        return _explain_floor(min(for_python), target)
    have = {_python_word(tag) for tag in known if tag in floors or tag.platform in platforms}
    if have:
        listed = _shorten(sorted(have, key=_natural))
        return "python", f"no wheel for this Python (has {listed})", ""
    listed = _shorten(sorted({_platform_word(tag.platform) for tag in known}))
    return "platform", f"no wheel for this platform (has {listed})", ""


def explain_refusal(requires_python: SpecifierSet, target: Target) -> str:
    """Say that a package's own Requires-Python excludes a target."""
    return f"it requires Python {str(requires_python)!r}, which leaves out {target.python}"


def _explain_floor(floor: tuple[int, int], target: Target) -> tuple[MissingKind, str, str]:
    system = target.platform.libc or "macOS"
    reason = f"floor too old: its wheels need {system} {floor[0]}.{floor[1]} or newer"
    return "floor", reason, spell_floor(floor, target)


def spell_floor(floor: tuple[int, int], target: Target) -> str:
    """Return the word for `platforms` that gives a target's platform this floor.

    Empty for a complete platform: its floor is its machine's, and no word of the table raises it.
    """
    platform = target.platform
    if target.explicit_tags is not None:
        return ""
    return f"{platform.system}-{platform.arch}-{platform.libc or ''}{floor[0]}.{floor[1]}"


def _floor_for(platform_tag: str, platform: Platform) -> tuple[int, int] | None:
    """Return the lowest floor above a platform's own that accepts a platform tag."""
    named = _named_floor(platform_tag, _FAMILIES.get(platform.libc or platform.system, ""))
    oldest = oldest_floor(platform.system, platform.arch, platform.libc)
    if named is None or oldest is None or platform.floor is None:
        return None
    floor = max(named, oldest)
    try:
        raised = Platform(
            system=platform.system, arch=platform.arch, libc=platform.libc, floor=floor
        )
    except PlatformError:
        return None
    return floor if floor > platform.floor and platform_tag in raised.tags else None


def _named_floor(platform_tag: str, family: str) -> tuple[int, int] | None:
    if (match := _LEGACY_TAG.fullmatch(platform_tag)) and family == "manylinux":
        return _LEGACY_FLOORS[match["name"]]
    match = _FLOOR_TAG.fullmatch(platform_tag)
    if match is None or match["family"] != family:
        return None
    return int(match["major"]), int(match["minor"])


def _python_word(tag: Tag) -> str:
    if tag.abi in {"abi3", "abi3t"}:
        return f"{tag.interpreter}-{tag.abi}"
    return tag.abi if tag.abi.startswith(tag.interpreter) else tag.interpreter


def _platform_word(platform_tag: str) -> str:
    if match := _FLOOR_TAG.fullmatch(platform_tag):
        systems = {"manylinux": "linux", "musllinux": "musl linux", "macosx": "macos"}
        return f"{systems[match['family']]} {match['arch']}"
    if match := _LEGACY_TAG.fullmatch(platform_tag):
        return f"linux {match['arch']}"
    return platform_tag


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
