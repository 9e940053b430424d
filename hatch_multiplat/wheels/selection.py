"""(Pylock, Target) to Selection: the exact wheels of that target, or every problem at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import unquote, urlsplit

from packaging.utils import (
    InvalidWheelFilename,
    parse_wheel_filename,
)

from hatch_multiplat.base.errors import LockError
from hatch_multiplat.base.urls import file_url
from hatch_multiplat.targets.python import (
    EVERY,
    MAX_PATCH,
    Spans,
    admits,
    admitted_patches,
    make_spans,
)
from hatch_multiplat.targets.tag_constraint import admitted
from hatch_multiplat.targets.target import tag_ranks
from hatch_multiplat.wheels.incompatibility import (
    Incompatibility,
    explain_incompatibility,
    explain_refusal,
)
from hatch_multiplat.wheels.pylock import lock_environment, marker_holds, marker_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import PurePath

    from packaging.pylock import Package, Pylock
    from packaging.specifiers import SpecifierSet
    from packaging.tags import Tag
    from packaging.utils import BuildTag, NormalizedName
    from packaging.version import Version

    from hatch_multiplat.targets.tag_constraint import TagConstraint
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.incompatibility import Floor, MissingKind


class File(Protocol):
    """One file of a project on an index, with the attributes that this module uses."""

    @property
    def version(self) -> Version: ...
    @property
    def tags(self) -> frozenset[Tag]: ...
    @property
    def requires_python(self) -> SpecifierSet | None: ...
    @property
    def yanked(self) -> bool | str: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Wheel:
    """One wheel of a lock: its name and tags, its source, and its hash.

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
    """A locked package that has no wheel at all: an sdist, a commit, or a folder with a project.

    `subdirectory` is where the project is in it; `vcs_type` and `commit_id` are those of a commit.
    `of_index` is False for what a requirement's own URL or path names.
    """

    name: NormalizedName
    version: Version | None
    kind: Literal["sdist", "directory", "vcs"]
    url: str
    filename: str = ""
    hashes: tuple[tuple[str, str], ...] = ()
    size: int | None = None
    subdirectory: str = ""
    vcs_type: str = ""
    commit_id: str = ""
    of_index: bool = True

    @property
    def key(self) -> str:
        """The key that distinguishes this source from all others."""
        commit = f"@{self.commit_id}" if self.commit_id else ""
        return self.url + commit + (f"#{self.subdirectory}" if self.subdirectory else "")


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelSet:
    """The wheels of a target from one patch release of its Python on; sorted by file name."""

    from_patch: int
    wheels: tuple[Wheel, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Exactly the wheels of a target, for each patch release of its Python; sets ascend.

    `patches` are those releases that the program and all of its wheels admit, as far as that has
    been looked for.
    """

    target: Target
    sets: tuple[WheelSet, ...]
    patches: Spans = EVERY

    @property
    def wheels(self) -> tuple[Wheel, ...]:
        """All wheels of all patch releases, each once, sorted by file name."""
        unique = {wheel.filename: wheel for group in self.sets for wheel in group.wheels}
        return tuple(unique[name] for name in sorted(unique))

    def runs(self) -> Iterable[tuple[WheelSet, int, int]]:
        """Return each set with its patch releases: from the first up to and without the second."""
        starts = [0, *(group.from_patch for group in self.sets[1:])]
        return zip(self.sets, starts, [*starts[1:], MAX_PATCH], strict=True)

    def map_wheels(self, change: Callable[[Sequence[Wheel]], Iterable[Wheel]]) -> Selection:
        """Return this selection with the wheels of each set changed by a function."""
        sets = (replace(group, wheels=tuple(change(group.wheels))) for group in self.sets)
        return replace(self, sets=tuple(sets))

    def with_wheel(self, wheel: Wheel) -> Selection:
        """Return this selection with a wheel in every set, in place of any of its project.

        A dependency may require the project itself, whose own wheel is the one that counts.
        """

        def add(wheels: Sequence[Wheel]) -> list[Wheel]:
            others = [other for other in wheels if other.name != wheel.name]
            return sorted([*others, wheel], key=lambda wheel: wheel.filename)

        return self.map_wheels(add)


@dataclass(frozen=True, kw_only=True, slots=True)
class MissingWheel:
    """A target that a locked package does not cover, and why.

    `floor` is the lowest at which this version has a wheel, or an older one, `floor_version`, that
    would be taken in its place. `newest` is the newest version that has one, and `held_by` what
    else than the project forbids that version. They are empty where nothing would do. `origin` is
    the URL of a package that is of no index, `required_by` names the packages that require it.
    `to_do` has the remedies, once they are known.
    """

    name: NormalizedName
    version: Version | None
    target: Target
    kind: MissingKind
    reason: str
    floor: Floor | None = None
    floor_version: Version | None = None
    newest: str = ""
    held_by: str = ""
    source: LockedSource | None = None
    origin: str = ""
    required_by: str = ""
    to_do: str = ""


def missing_because(
    wheel: Wheel, target: Target, why: Incompatibility, *, whose: str = ""
) -> MissingWheel:
    """Return a missing wheel for a target that a wheel does not do for."""
    return MissingWheel(
        name=wheel.name,
        version=wheel.version,
        target=target,
        kind=why.kind,
        reason=f"{whose}{why.reason}",
        floor=why.floor,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The results of the selection for all targets; any of the fields can have entries.

    `partial` is what incomplete targets take.
    """

    selections: tuple[Selection, ...]
    missing_wheels: tuple[MissingWheel, ...]
    partial: tuple[Selection, ...] = ()

    @property
    def sources(self) -> tuple[LockedSource, ...]:
        """The packages without any wheel that some target asks for, each once, by name."""
        found = {
            missing_wheel.source.key: missing_wheel.source
            for missing_wheel in self.missing_wheels
            if missing_wheel.source is not None
        }
        return tuple(sorted(found.values(), key=lambda source: source.name))


def select_all(
    lock: Pylock,
    targets: Sequence[Target],
    *,
    base: PurePath,
    built: Mapping[str, Wheel] | None = None,
    rules: Sequence[TagConstraint] = (),
) -> Outcome:
    """Select the wheels of every target.

    `base` is the absolute folder that relative paths of the lock start from; `built` maps the
    key of a LockedSource to the wheel that was built from it; `rules` say which tags wheels may
    carry. An incomplete target gets a partial Selection only. Raises LockError where the lock is
    ambiguous for a target, or does not claim to cover it (PEP 751).
    """
    covered = {target: covered_patches(lock, target) for target in targets}
    outside = [str(target) for target, patches in covered.items() if not patches]
    if outside:
        raise LockError(
            f"the lock is not made for {', '.join(outside)} "
            "(its requires-python or environments leave them out); "
            "write the lock anew, or leave these targets out by 'exclude'"
        )
    selections: list[Selection] = []
    partial: list[Selection] = []
    missing_wheels: list[MissingWheel] = []
    packages = lock.packages
    markers = [str(package.marker) if package.marker else None for package in packages]
    wheels = [_wheels(package, base, built or {}) for package in packages]
    turning = {marker for marker in markers if marker is not None}
    for target in targets:
        sets: list[WheelSet] = []
        best: dict[int, Wheel | None] = {}
        missing: dict[NormalizedName, MissingWheel] = {}
        admitted = covered[target]
        for patch, upto in marker_runs(turning, target.python):
            here = frozenset(found for found in admitted if patch <= found < upto)
            if not here:
                continue
            indexes = _applicable(packages, markers, target, min(here))
            for index in indexes:
                admitted -= here - _admitted_by(packages[index], target)
            for index in indexes:
                if index not in best:
                    best[index] = _choose(packages[index], wheels[index], target, rules)
                if best[index] is None:
                    missing_wheel = _explain(packages[index], wheels[index], target, base, rules)
                    missing.setdefault(missing_wheel.name, missing_wheel)
            chosen = (wheel for index in indexes if (wheel := best[index]) is not None)
            found = tuple(sorted(chosen, key=lambda wheel: wheel.filename))
            if not sets or sets[-1].wheels != found:
                sets.append(WheelSet(from_patch=patch if sets else 0, wheels=found))
        missing_wheels += missing.values()
        found_for = partial if missing else selections
        every = target.python.patch is not None or len(admitted) == MAX_PATCH
        patches = EVERY if every else make_spans(admitted)
        found_for.append(Selection(target=target, sets=tuple(sets), patches=patches))
    return Outcome(
        selections=tuple(selections), missing_wheels=tuple(missing_wheels), partial=tuple(partial)
    )


def covered_patches(lock: Pylock, target: Target) -> frozenset[int]:
    """Return the patch releases of a target's Python that a lock claims to cover."""
    python = target.python
    every = frozenset(range(MAX_PATCH) if python.patch is None else [python.patch])
    if lock.requires_python is not None:
        every &= admitted_patches(lock.requires_python, python.version)
    if lock.environments is None:
        return every
    markers = [str(environment) for environment in lock.environments]
    return frozenset(
        patch
        for first, end in marker_runs(markers, target.python)
        if any(marker_holds(marker, lock_environment(target, first)) for marker in markers)
        for patch in every
        if first <= patch < end
    )


def _admitted_by(package: Package, target: Target) -> frozenset[int]:
    """Return the patch releases that a locked package allows; all, if it allows none of them."""
    every = frozenset(range(MAX_PATCH))
    if package.requires_python is None:
        return every
    return admitted_patches(package.requires_python, target.python.version) or every


def _choose(
    package: Package,
    wheels: Sequence[Wheel],
    target: Target,
    rules: Sequence[TagConstraint],
) -> Wheel | None:
    if _leaves_out(package, target):
        return None
    allowed = [wheel for wheel in wheels if admitted(rules, wheel.name, wheel.tags, target)]
    return best_wheel(allowed, target)


def _leaves_out(package: Package, target: Target) -> bool:
    """Tell whether a package is not for a target's Python at all, by the lock."""
    bound = package.requires_python
    return bound is not None and not admits(bound, target.python)


def best_wheel(wheels: Iterable[Wheel], target: Target) -> Wheel | None:
    """Return the wheel whose best tag ranks first, of equals the one with the higher build tag."""
    ranks = tag_ranks(target)
    best: tuple[int, Wheel] | None = None
    for wheel in wheels:
        fitting = [rank for tag in wheel.tags if (rank := ranks.get(tag)) is not None]
        if not fitting:
            continue
        rank = min(fitting)
        if best is None or rank < best[0] or (rank == best[0] and wheel.build > best[1].build):
            best = (rank, wheel)
    return best[1] if best else None


def parse_wheel(
    filename: str, url: str, hashes: Mapping[str, str], size: int | None = None
) -> Wheel:
    """Make a Wheel from its file name; raises InvalidWheelFilename."""
    name, version, build, tags = parse_wheel_filename(filename)
    return Wheel(
        name=name,
        version=version,
        build=build,
        filename=filename,
        url=url,
        hashes=tuple(sorted(hashes.items())),
        size=size,
        tags=tags,
    )


def _applicable(
    packages: Sequence[Package], markers: Sequence[str | None], target: Target, patch: int
) -> list[int]:
    """Return the positions of the packages that a target asks for, at most one of each name."""
    environment = lock_environment(target, patch)
    found: dict[NormalizedName, int] = {}
    for index, (package, marker) in enumerate(zip(packages, markers, strict=True)):
        if marker is not None and not marker_holds(marker, environment):
            continue
        if package.name in found:
            first = packages[found[package.name]]
            raise LockError(
                f"the lock has {package.name} {first.version} and {package.version} for {target}; "
                "their markers must exclude each other, write the lock anew"
            )
        found[package.name] = index
    return list(found.values())


def _wheels(package: Package, base: PurePath, built: Mapping[str, Wheel]) -> tuple[Wheel, ...]:
    wheels = [
        parse_wheel(wheel.filename, url_of(wheel.url, wheel.path, base), wheel.hashes, wheel.size)
        for wheel in package.wheels or ()
    ]
    archive = package.archive
    if archive is not None:
        url = url_of(archive.url, archive.path, base)
        filename = _file_name(url)
        if filename.endswith(".whl"):
            try:
                wheels.append(parse_wheel(filename, url, archive.hashes, archive.size))
            except InvalidWheelFilename as error:
                raise LockError(
                    f"the lock's archive of {package.name}: {error}; write the lock anew"
                ) from error
    if not wheels:
        source = locked_source(package, base)
        if source is not None and source.key in built:
            wheels.append(built[source.key])
    return tuple(wheels)


def locked_source(package: Package, base: PurePath) -> LockedSource | None:
    """Return the source to build a package without wheels from, if there is one."""
    name, version = package.name, package.version
    file = package.sdist or package.archive
    if file is not None:
        url = url_of(file.url, file.path, base)
        return LockedSource(
            name=name,
            version=version,
            kind="sdist",
            filename=package.sdist.filename if package.sdist else _file_name(url),
            url=url,
            hashes=tuple(sorted(file.hashes.items())),
            size=file.size,
            subdirectory=(package.archive and package.archive.subdirectory) or "",
            of_index=package.sdist is not None,
        )
    if package.directory is not None:
        url = url_of(None, package.directory.path, base)
        return LockedSource(
            name=name,
            version=version,
            kind="directory",
            url=url,
            subdirectory=package.directory.subdirectory or "",
            of_index=False,
        )
    if package.vcs is not None:
        return LockedSource(
            name=name,
            version=version,
            kind="vcs",
            url=url_of(package.vcs.url, package.vcs.path, base),
            subdirectory=package.vcs.subdirectory or "",
            vcs_type=package.vcs.type,
            commit_id=package.vcs.commit_id,
            of_index=False,
        )
    return None


def url_of(url: str | None, path: str | None, base: PurePath) -> str:
    """Return the location of a file; if a lock has both, the path counts, as in pip and uv."""
    if path or not url:
        return file_url(base / (path or ""))
    return url


def _file_name(url: str) -> str:
    return unquote(urlsplit(url).path.rsplit("/", 1)[-1])


def _explain(
    package: Package,
    wheels: Sequence[Wheel],
    target: Target,
    base: PurePath,
    rules: Sequence[TagConstraint],
) -> MissingWheel:
    source = None
    ruled_out = best_wheel(wheels, target) if rules else None
    if package.requires_python is not None and _leaves_out(package, target):
        why = Incompatibility("python", explain_refusal(package.requires_python, target))
    elif ruled_out is not None:
        words = ", ".join(str(rule) for rule in rules if rule.name == package.name)
        reason = f"no wheel that {words} allows (it would be {ruled_out.filename})"
        why = Incompatibility("tags", reason)
    elif wheels:
        why = explain_incompatibility([tag for wheel in wheels for tag in wheel.tags], target)
    else:
        source = locked_source(package, base)
        why = Incompatibility("sdist", "sdist only")
        if source is not None and source.kind != "sdist":
            why = Incompatibility("source", "no wheel, only a source tree")
    return MissingWheel(
        name=package.name, version=package.version, target=target, source=source, **why._asdict()
    )


def wheel_fits(file: File, target: Target) -> bool:
    """Tell whether a file is a wheel that a target can install."""
    ranks = tag_ranks(target)
    # Not `isdisjoint`, which walks through the thousands of tags that a Mac accepts.
    if not any(tag in ranks for tag in file.tags):
        return False
    return file.requires_python is None or admits(file.requires_python, target.python)
