"""(Pylock, Target) to Selection: the exact wheels of that target, or every problem at once."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from hatch_multiplat import lock as lock_module
from hatch_multiplat.errors import LockError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import PurePath

    from packaging.pylock import Package, Pylock
    from packaging.tags import Tag
    from packaging.utils import BuildTag, NormalizedName

    from hatch_multiplat.target import Target

LISTED: Final = 8

GapKind = Literal["sdist", "floor", "python", "platform", "source", "removed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedWheel:
    """One wheel of a lock: what it is, where it comes from, and what its bytes must hash to.

    `url` is absolute (http, https or file); `size` is in bytes where the index gives it.
    """

    name: NormalizedName
    version: Version
    build: BuildTag
    filename: str
    url: str
    hashes: tuple[tuple[str, str], ...]
    size: int | None
    tags: frozenset[Tag]

    @property
    def sha256(self) -> str | None:
        return dict(self.hashes).get("sha256")


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedSource:
    """A locked package that has no wheel at all: an sdist, or a folder with a project."""

    name: NormalizedName
    version: Version | None
    kind: Literal["sdist", "directory", "vcs"]
    filename: str
    url: str
    hashes: tuple[tuple[str, str], ...]
    size: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelSet:
    """The wheels of a target from one patch release of its Python on; sorted by file name."""

    from_patch: int
    wheels: tuple[LockedWheel, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Exactly the wheels of a target, for every patch release of its Python; sets ascend."""

    target: Target
    sets: tuple[WheelSet, ...]

    @property
    def wheels(self) -> tuple[LockedWheel, ...]:
        """All wheels of all patch releases, each once, sorted by file name."""
        unique = {wheel.filename: wheel for group in self.sets for wheel in group.wheels}
        return tuple(unique[name] for name in sorted(unique))

    def with_wheel(self, wheel: LockedWheel) -> Selection:
        """Return this selection with one more wheel in every set."""
        return Selection(
            target=self.target,
            sets=tuple(
                WheelSet(
                    from_patch=group.from_patch,
                    wheels=tuple(sorted((*group.wheels, wheel), key=lambda wheel: wheel.filename)),
                )
                for group in self.sets
            ),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """A target that a locked package does not cover, and why.

    `needs` is the floor that would do, as a platform ("linux-x86_64-glibc2.34"), where one would.
    """

    name: NormalizedName
    version: Version | None
    target: Target
    kind: GapKind
    reason: str
    needs: str = ""
    source: LockedSource | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What selection found for all targets: each field can hold something at once.

    `partial` is what the targets with gaps take beside them.
    """

    selections: tuple[Selection, ...]
    gaps: tuple[Gap, ...]
    partial: tuple[Selection, ...] = ()

    @property
    def sources(self) -> tuple[LockedSource, ...]:
        """The packages without any wheel that some target asks for, each once, by name."""
        found = {gap.source.url: gap.source for gap in self.gaps if gap.source is not None}
        return tuple(sorted(found.values(), key=lambda source: source.name))


def select_all(
    lock: Pylock,
    targets: Sequence[Target],
    *,
    base: PurePath,
    built: Mapping[str, LockedWheel] | None = None,
) -> Outcome:
    """Select the wheels of every target.

    `base` is the absolute folder that relative paths of the lock start from; `built` maps the
    URL of a LockedSource to the wheel that was built from it. A target with gaps gets no
    Selection. Raises LockError where the lock is ambiguous for a target.
    """
    selections: list[Selection] = []
    partial: list[Selection] = []
    gaps: list[Gap] = []
    wheels_of = {
        index: _wheels(package, base, built or {}) for index, package in enumerate(lock.packages)
    }
    for target in targets:
        sets: list[WheelSet] = []
        missing: dict[NormalizedName, Gap] = {}
        for patch in _patches(lock, target):
            chosen: dict[NormalizedName, LockedWheel] = {}
            for index, package in _applicable(lock, target, patch):
                wheel = best_wheel(wheels_of[index], target)
                if wheel is None:
                    gap = _explain(package, wheels_of[index], target, base)
                    missing.setdefault(package.name, gap)
                else:
                    chosen[package.name] = wheel
            wheels = tuple(sorted(chosen.values(), key=lambda wheel: wheel.filename))
            if not sets or sets[-1].wheels != wheels:
                sets.append(WheelSet(from_patch=patch, wheels=wheels))
        gaps += missing.values()
        found = partial if missing else selections
        found.append(Selection(target=target, sets=tuple(sets)))
    return Outcome(selections=tuple(selections), gaps=tuple(gaps), partial=tuple(partial))


def best_wheel(wheels: Iterable[LockedWheel], target: Target) -> LockedWheel | None:
    """Return the wheel whose best tag ranks first, of equals the one with the higher build tag."""
    ranks = tag_ranks(target)
    best: tuple[int, LockedWheel] | None = None
    for wheel in wheels:
        fitting = [rank for tag in wheel.tags if (rank := ranks.get(tag)) is not None]
        if not fitting:
            continue
        rank = min(fitting)
        if best is None or rank < best[0] or (rank == best[0] and wheel.build > best[1].build):
            best = (rank, wheel)
    return best[1] if best else None


@functools.lru_cache(maxsize=512)
def tag_ranks(target: Target) -> Mapping[Tag, int]:
    """Return the rank of each tag that a target accepts; 0 is best."""
    ranks: dict[Tag, int] = {}
    for rank, tag in enumerate(target.tags):
        ranks.setdefault(tag, rank)
    return ranks


def locked_wheel(
    filename: str, url: str, hashes: Mapping[str, str], size: int | None = None
) -> LockedWheel:
    """Make a LockedWheel from its file name; raises InvalidWheelFilename."""
    name, version, build, tags = parse_wheel_filename(filename)
    return LockedWheel(
        name=name,
        version=version,
        build=build,
        filename=filename,
        url=url,
        hashes=tuple(sorted(hashes.items())),
        size=size,
        tags=tags,
    )


def explain_misfit(tags: Iterable[Tag], target: Target) -> tuple[GapKind, str, str]:
    """Say why wheels with these tags do not fit a target: kind, reason, and the floor needed."""
    known = list(tags)
    ranks = tag_ranks(target)
    interpreters = {(tag.interpreter, tag.abi) for tag in ranks}
    platform = target.platform
    for_python = [tag for tag in known if (tag.interpreter, tag.abi) in interpreters]
    floors = sorted(
        {floor for tag in for_python if (floor := _floor_of(tag.platform, target)) is not None}
    )
    if floors:
        words = {"glibc": "glibc", "musl": "musl"}.get(platform.libc or "", "macOS")
        needed = ".".join(str(number) for number in floors[0])
        joiner = "" if platform.libc is None else (platform.libc or "")
        return (
            "floor",
            f"floor too old: its wheels need {words} {needed} or newer",
            f"{platform.system}-{platform.arch}-{joiner}{needed}",
        )
    platforms = {tag.platform for tag in ranks}
    for_platform = [
        tag
        for tag in known
        if tag.platform in platforms or _floor_of(tag.platform, target) is not None
    ]
    if for_platform:
        have = sorted({_python_word(tag) for tag in for_platform}, key=_natural)
        return "python", f"no wheel for this Python (has {_shorten(have)})", ""
    have = sorted({_platform_word(tag.platform) for tag in known})
    return "platform", f"no wheel for this platform (has {_shorten(have)})", ""


def _patches(lock: Pylock, target: Target) -> tuple[int, ...]:
    if target.python.patch is not None:
        return (target.python.patch,)
    return lock_module.patch_boundaries(lock.packages, target.python.version)


def _applicable(lock: Pylock, target: Target, patch: int) -> list[tuple[int, Package]]:
    environment = {key: str(value) for key, value in target.environment(patch).items()}
    environment["platform_version"] = lock_module.target_label(target)
    found: dict[NormalizedName, tuple[int, Package]] = {}
    for index, package in enumerate(lock.packages):
        if not lock_module.package_applies(package, environment):
            continue
        if package.name in found:
            first = found[package.name][1]
            raise LockError(
                f"the lock has {package.name} {first.version} and {package.version} for {target}; "
                "their markers must exclude each other, write the lock anew"
            )
        found[package.name] = (index, package)
    return list(found.values())


def _wheels(
    package: Package, base: PurePath, built: Mapping[str, LockedWheel]
) -> tuple[LockedWheel, ...]:
    wheels = [
        locked_wheel(wheel.filename, _url(wheel.url, wheel.path, base), wheel.hashes, wheel.size)
        for wheel in package.wheels or ()
    ]
    archive = package.archive
    if archive is not None:
        url = _url(archive.url, archive.path, base)
        filename = url.rsplit("/", 1)[-1]
        if filename.endswith(".whl"):
            wheels.append(locked_wheel(filename, url, archive.hashes, archive.size))
    if not wheels:
        source = locked_source(package, base)
        if source is not None and source.url in built:
            wheels.append(built[source.url])
    return tuple(wheels)


def locked_source(package: Package, base: PurePath) -> LockedSource | None:
    """Return what a package without wheels could be built from, if there is anything."""
    sdist, archive, directory, vcs = (
        package.sdist,
        package.archive,
        package.directory,
        package.vcs,
    )
    if sdist is not None:
        url = _url(sdist.url, sdist.path, base)
        return _source(package, "sdist", sdist.filename, url, sdist.hashes, sdist.size)
    if archive is not None:
        url = _url(archive.url, archive.path, base)
        return _source(package, "sdist", url.rsplit("/", 1)[-1], url, archive.hashes, archive.size)
    if directory is not None:
        return _source(package, "directory", "", _url(None, directory.path, base), {}, None)
    if vcs is not None:
        return _source(package, "vcs", "", vcs.url or vcs.path or "", {}, None)
    return None


def _source(
    package: Package,
    kind: Literal["sdist", "directory", "vcs"],
    filename: str,
    url: str,
    hashes: Mapping[str, str],
    size: int | None,
) -> LockedSource:
    return LockedSource(
        name=package.name,
        version=package.version,
        kind=kind,
        filename=filename,
        url=url,
        hashes=tuple(sorted(hashes.items())),
        size=size,
    )


def _url(url: str | None, path: str | None, base: PurePath) -> str:
    if url:
        return url
    return (base / (path or "")).as_uri()


def _explain(
    package: Package, wheels: Sequence[LockedWheel], target: Target, base: PurePath
) -> Gap:
    source = None
    if wheels:
        tags = [tag for wheel in wheels for tag in wheel.tags]
        kind, reason, needs = explain_misfit(tags, target)
    else:
        source = locked_source(package, base)
        kind, reason, needs = "sdist", "sdist only", ""
        if source is not None and source.kind != "sdist":
            kind, reason = "source", "no wheel, only a source tree"
    return Gap(
        name=package.name,
        version=package.version,
        target=target,
        kind=kind,
        reason=reason,
        needs=needs,
        source=source,
    )


_FLOOR_TAG: Final = re.compile(
    r"(?P<family>manylinux|musllinux|macosx)_(?P<major>\d+)_(?P<minor>\d+)_(?P<arch>\w+)"
)
_LEGACY: Final = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}


def _floor_of(platform_tag: str, target: Target) -> tuple[int, int] | None:
    """Return the floor that a platform tag asks of this target's own kind of system."""
    platform = target.platform
    family = {"glibc": "manylinux", "musl": "musllinux"}.get(platform.libc or "", "macosx")
    if platform.system == "windows":
        return None
    legacy, _, legacy_arch = platform_tag.partition("_")
    if legacy in _LEGACY and family == "manylinux" and legacy_arch == platform.arch:
        return _LEGACY[legacy]
    match = _FLOOR_TAG.fullmatch(platform_tag)
    if match is None or match["family"] != family:
        return None
    fits = {platform.arch}
    if family == "macosx":
        fits |= {"universal2"} | ({"universal", "intel", "fat64"} - {platform.arch})
    return (int(match["major"]), int(match["minor"])) if match["arch"] in fits else None


def _python_word(tag: Tag) -> str:
    if tag.abi in {"abi3", "abi3t"}:
        return f"{tag.interpreter}-{tag.abi}"
    return tag.abi if tag.abi.startswith(tag.interpreter) else tag.interpreter


def _platform_word(platform_tag: str) -> str:
    match = _FLOOR_TAG.fullmatch(platform_tag)
    if match:
        system = {"manylinux": "linux", "musllinux": "musl linux", "macosx": "macos"}
        return f"{system[match['family']]} {match['arch']}"
    legacy, _, arch = platform_tag.partition("_")
    return f"linux {arch}" if legacy in _LEGACY else platform_tag


def _shorten(words: Sequence[str]) -> str:
    """List a few of many words, and say how many more there are."""
    if len(words) <= LISTED:
        return ", ".join(words)
    return f"{', '.join(words[:LISTED])} and {len(words) - LISTED} more"


def _natural(text: str) -> tuple[tuple[int, str], ...]:
    return tuple(
        (int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)
    )


def version_of_filename(filename: str) -> Version | None:
    """Return the version that a wheel's or sdist's file name carries, None for other names."""
    try:
        if filename.endswith(".whl"):
            return parse_wheel_filename(filename)[1]
        return parse_sdist_filename(filename)[1]
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None
