"""The coverage matrix: the version and wheel of each package for each target, or the reason."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from packaging.utils import canonicalize_name, parse_wheel_filename

from hatch_multiplat.targets.python import MAX_PATCH, dotted
from hatch_multiplat.targets.tag_constraint import admitted
from hatch_multiplat.targets.target_choice import name_targets
from hatch_multiplat.wheels.incompatibility import (
    Advice,
    explain_incompatibility,
    lowest_floor,
    marker_without,
    promises_floor,
    suggest_ways,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import date

    from packaging.pylock import Pylock
    from packaging.tags import Tag
    from packaging.utils import NormalizedName
    from packaging.version import Version

    from hatch_multiplat.targets.platforms import Platform
    from hatch_multiplat.targets.tag_constraint import TagConstraint
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.incompatibility import Floor
    from hatch_multiplat.wheels.selection import MissingWheel, Outcome, Selection, Wheel

WheelKind = Literal["pure", "abi3", "abi3+universal2", "universal2", "native", "built", "unbuilt"]
Key: TypeAlias = tuple["NormalizedName", "Version | None"]
TagsOf: TypeAlias = "Mapping[Key, Sequence[frozenset[Tag]]]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """The wheel that a target takes of a package.

    `floor` is the lowest at which this version still has a wheel, None where the floor does not
    matter, or is not known: `promised` is false for a wheel for plain `linux_ARCH`, whose tag says
    nothing of it, unless it was read from the files in it. `patches` says of which patch releases
    this is true, if not of all ("from 3.11.4"). `size` is in bytes, where the index gives it. Of
    the project's own wheel that is yet to be built, `wheel` is empty, and `version` None if nothing
    says it yet.
    """

    name: NormalizedName
    target: Target
    version: Version | None
    wheel: str
    kind: WheelKind
    floor: Floor | None
    size: int | None
    patches: str = ""
    promised: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnWheel:
    """The project itself: the wheel that each target takes, and the wheels that are not built yet.

    `version` is None where neither a wheel nor `pyproject.toml` says it. `missing_wheels` are for
    targets without a wheel, or one to be expected. `measured` are the lowest floors that were read
    from the files in wheels whose tags name none.
    """

    name: NormalizedName
    version: Version | None
    wheels: Mapping[Target, Wheel]
    unbuilt: tuple[Target, ...] = ()
    missing_wheels: tuple[MissingWheel, ...] = ()
    measured: Mapping[Target, Floor | None] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A platform as the table lists it, or one complete platform, with its targets."""

    label: str
    platform: Platform
    targets: tuple[Target, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FloorNeed:
    """The floor that a platform was asked to have, and the lowest for the same versions.

    `packages` has what each package forces, highest first; `lowest` is None where none does.
    `unknown` are the packages of which it is not known: their wheels are for plain `linux_ARCH`.
    """

    column: Column
    asked: Floor
    lowest: Floor | None
    packages: tuple[tuple[NormalizedName, Floor], ...]
    unknown: tuple[NormalizedName, ...] = ()

    @property
    def forced_by(self) -> tuple[NormalizedName, ...]:
        return tuple(name for name, floor in self.packages if floor == self.lowest)

    @property
    def is_raised(self) -> bool:
        """Whether a package needs a newer system than was asked for."""
        return self.lowest is not None and self.lowest > self.asked


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """One of several versions of a package: its targets, and why they have no newer one."""

    version: Version
    targets: tuple[Target, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Matrix:
    """Everything that `check` knows; cells and missing wheels by package and by target.

    `asked` are the targets that were asked for beside those of the table. `differences` has the
    packages of several versions, the newest first. `explanation` is the solver's own where it
    found that versions with wheels contradict the requirements. `uploads` has the newest wheel of
    each package that the lock names, where the index says when it was uploaded.
    """

    project: str
    targets: tuple[Target, ...]
    asked: tuple[Target, ...]
    columns: tuple[Column, ...]
    cells: tuple[Cell, ...]
    missing_wheels: tuple[MissingWheel, ...]
    floors: tuple[FloorNeed, ...]
    differences: tuple[tuple[NormalizedName, tuple[Variant, ...]], ...]
    explanation: str = ""
    uploads: Mapping[NormalizedName, tuple[Version, date]] = field(default_factory=dict)

    @property
    def uncovered(self) -> tuple[Target, ...]:
        lacking = {missing_wheel.target for missing_wheel in self.missing_wheels}
        return tuple(target for target in self.targets if target in lacking)

    @property
    def unbuilt(self) -> tuple[Target, ...]:
        """The targets for which the project's own wheel is not built yet."""
        return tuple(cell.target for cell in self.cells if cell.kind == "unbuilt")

    @property
    def prereleases(self) -> tuple[tuple[NormalizedName, Version, tuple[Target, ...]], ...]:
        """The pre-releases that are taken, with the targets that take them."""
        found: dict[tuple[NormalizedName, Version], list[Target]] = defaultdict(list)
        own = canonicalize_name(self.project)
        for cell in self.cells:
            if cell.name != own and cell.version is not None and cell.version.is_prerelease:
                found[cell.name, cell.version].append(cell.target)
        return tuple((*key, tuple(targets)) for key, targets in sorted(found.items()))

    @property
    def packages(self) -> tuple[NormalizedName, ...]:
        return tuple(sorted({entry.name for entry in self.entries}))

    @property
    def entries(self) -> tuple[Cell | MissingWheel, ...]:
        """All cells, then all missing wheels."""
        return (*self.cells, *self.missing_wheels)


def make_matrix(
    *,
    project: str,
    targets: Sequence[Target],
    asked: Collection[Target] = (),
    lock: Pylock | None,
    outcome: Outcome,
    missing_wheels: Iterable[MissingWheel] = (),
    advice: Advice,
    built: Collection[str] = frozenset(),
    explanation: str = "",
    own: OwnWheel | None = None,
    rules: Sequence[TagConstraint] = (),
    available: TagsOf | None = None,
) -> Matrix:
    """Make the matrix of a lock, of its selections, and of the missing wheels.

    `built` are the file names of wheels built from sdists. `own` is the project itself, where it is
    to be seen. `rules` say which tags wheels may carry. `available` are the tags of all wheels that
    an index has of the packages of several versions: a lock has those alone that are for the
    targets that take a version, and does not tell why the others do not.
    """
    tags = tags_of(lock)
    order = {target: position for position, target in enumerate(targets)}
    selections = (*outcome.selections, *outcome.partial)
    cells = [cell for selection in selections for cell in _cells(selection, tags=tags, built=built)]
    found = [(missing_wheel, advice) for missing_wheel in missing_wheels]
    if own is not None:  # It goes before one that a dependency would bring in.
        cells = [*(cell for cell in cells if cell.name != own.name), *_own_cells(own)]
        found = [pair for pair in found if pair[0].name != own.name]
        found += [(missing_wheel, Advice.OWN_WHEEL) for missing_wheel in own.missing_wheels]
    lacking: dict[NormalizedName, list[Target]] = defaultdict(list)
    for missing_wheel, _ in found:
        lacking[missing_wheel.name].append(missing_wheel.target)
    listed = [target for target in targets if target not in asked]
    markers = {name: marker_without(lacking[name], targets) for name in lacking}
    excluded = {name: _exclude(lacking[name], listed) for name in lacking}
    missing = [
        replace(
            missing_wheel,
            to_do=suggest_ways(
                missing_wheel,
                its_advice,
                marker=markers[missing_wheel.name],
                without=excluded[missing_wheel.name],
            ),
        )
        for missing_wheel, its_advice in found
    ]
    columns = make_columns(targets)
    return Matrix(
        project=project,
        targets=tuple(targets),
        asked=tuple(target for target in targets if target in asked),
        columns=columns,
        cells=tuple(sorted(cells, key=lambda cell: (cell.name, order[cell.target]))),
        missing_wheels=tuple(
            sorted(
                missing, key=lambda missing_wheel: (missing_wheel.name, order[missing_wheel.target])
            )
        ),
        floors=tuple(_floor_needs(columns, cells, missing)),
        differences=tuple(_differences(cells, available or {}, order, rules)),
        explanation=explanation,
        uploads=_uploads(lock),
    )


def make_columns(targets: Iterable[Target]) -> tuple[Column, ...]:
    """Group targets by what the table lists: a platform, or a complete platform by its name."""
    grouped: dict[tuple[str, Platform], list[Target]] = defaultdict(list)
    for target in targets:
        grouped[target.name or str(target.platform), target.platform].append(target)
    return tuple(
        Column(label=label, platform=platform, targets=tuple(members))
        for (label, platform), members in grouped.items()
    )


def wheel_kind(wheel: Wheel) -> WheelKind:
    """Return the kind of a wheel, by its tags."""
    if any(tag.platform == "any" for tag in wheel.tags):
        return "pure"
    abi3 = any(tag.abi in {"abi3", "abi3t"} for tag in wheel.tags)
    if any(tag.platform.endswith("_universal2") for tag in wheel.tags):
        return "abi3+universal2" if abi3 else "universal2"
    return "abi3" if abi3 else "native"


def tags_of(lock: Pylock | None) -> TagsOf:
    """Return the tags of every wheel of each locked version, taken by some target or not."""
    found: dict[Key, list[frozenset[Tag]]] = defaultdict(list)
    for package in lock.packages if lock else ():
        for wheel in package.wheels or ():
            found[package.name, package.version].append(parse_wheel_filename(wheel.filename)[3])
    return found


def _uploads(lock: Pylock | None) -> dict[NormalizedName, tuple[Version, date]]:
    """Return the newest version of each package with the day of its last wheel."""
    found: dict[NormalizedName, tuple[Version, date]] = {}
    for package in lock.packages if lock else ():
        days = [wheel.upload_time.date() for wheel in package.wheels or () if wheel.upload_time]
        if days and package.version is not None:
            newest = (package.version, max(days))
            found[package.name] = max(newest, found.get(package.name, newest))
    return found


def _cells(selection: Selection, *, tags: TagsOf, built: Collection[str]) -> list[Cell]:
    """Return the cells of a target; more than one of a package whose patch releases differ."""
    spans: dict[NormalizedName, list[tuple[Wheel, int, int]]] = defaultdict(list)
    for group, first, end in selection.runs():
        for wheel in group.wheels:
            own = spans[wheel.name]
            if own and own[-1][0] == wheel and own[-1][2] == first:
                _, first_of_all, _ = own.pop()
                own.append((wheel, first_of_all, end))
            else:
                own.append((wheel, first, end))
    target = selection.target
    return [
        _cell(
            wheel,
            target,
            tags.get((name, wheel.version), [wheel.tags]),
            kind="built" if wheel.filename in built else wheel_kind(wheel),
            patches=_patch_words(target, first, end),
        )
        for name, own in spans.items()
        for wheel, first, end in own
    ]


def _own_cells(own: OwnWheel) -> list[Cell]:
    """Return the cells of the project's own wheels."""
    tags = [wheel.tags for wheel in {one.filename: one for one in own.wheels.values()}.values()]
    cells = []
    for target, wheel in own.wheels.items():
        cell = _cell(wheel, target, tags, kind=wheel_kind(wheel))
        if not cell.promised and target in own.measured:
            cell = replace(cell, floor=own.measured[target], promised=True)
        cells.append(cell)
    return cells + [
        Cell(
            name=own.name,
            target=target,
            version=own.version,
            wheel="",
            kind="unbuilt",
            floor=None,
            size=None,
        )
        for target in own.unbuilt
    ]


def _cell(
    wheel: Wheel,
    target: Target,
    tags: Iterable[Iterable[Tag]],
    *,
    kind: WheelKind,
    patches: str = "",
) -> Cell:
    """Return the cell of a wheel; `tags` are those of all wheels of its version."""
    promised = promises_floor(wheel.tags, target)
    return Cell(
        name=wheel.name,
        target=target,
        version=wheel.version,
        wheel=wheel.filename,
        kind=kind,
        floor=lowest_floor(tags, target) if promised else None,
        size=wheel.size,
        patches=patches,
        promised=promised,
    )


def _patch_words(target: Target, first: int, end: int) -> str:
    minor = dotted(target.python.version)
    begin = f"{minor}.{first}" if first else ""
    last = f"{minor}.{end - 1}" if end < MAX_PATCH else ""
    if begin and last:
        return begin if begin == last else f"{begin} to {last}"
    return f"from {begin}" if begin else f"to {last}" if last else ""


def _exclude(lacking: Sequence[Target], listed: Sequence[Target]) -> str:
    """Return the table's line that leaves out the targets with missing wheels.

    It is empty if no target would be left.
    """
    gone = [target for target in lacking if target in listed]
    if not gone or len(gone) == len(listed):
        return ""
    patterns = name_targets(gone, listed)
    if len(patterns) > _SHOWN_PATTERNS:
        return "name them in 'exclude'"
    return f"exclude = [{', '.join(json.dumps(pattern) for pattern in patterns)}]"


_SHOWN_PATTERNS: Final = 6


def _floor_needs(
    columns: Iterable[Column], cells: Sequence[Cell], missing_wheels: Iterable[MissingWheel]
) -> Iterable[FloorNeed]:
    """Return the floor that the packages force on each platform: the highest of its Pythons."""
    by_target: dict[Target, dict[NormalizedName, Floor]] = defaultdict(dict)
    unknown: dict[Target, set[NormalizedName]] = defaultdict(set)
    for cell in cells:
        if not cell.promised:
            unknown[cell.target].add(cell.name)
    entries: list[Cell | MissingWheel] = [*cells, *missing_wheels]
    for entry in entries:
        if entry.floor is not None:
            own = by_target[entry.target]
            own[entry.name] = max(entry.floor, own.get(entry.name, entry.floor))
    for column in columns:
        if column.platform.floor is None:
            continue
        highest: dict[NormalizedName, Floor] = {}
        for target in column.targets:
            for name, floor in by_target[target].items():
                highest[name] = max(floor, highest.get(name, floor))
        packages = sorted(highest.items(), key=lambda pair: ([-part for part in pair[1]], pair[0]))
        yield FloorNeed(
            column=column,
            asked=column.platform.floor,
            lowest=packages[0][1] if packages else None,
            packages=tuple(packages),
            unknown=tuple(
                sorted({name for target in column.targets for name in unknown.get(target, ())})
            ),
        )


def _differences(
    cells: Iterable[Cell],
    listed: TagsOf,
    order: Mapping[Target, int],
    rules: Sequence[TagConstraint],
) -> Iterable[tuple[NormalizedName, tuple[Variant, ...]]]:
    """Return the packages of several versions, and why a target lacks the newest of them."""
    found: dict[NormalizedName, dict[Version, set[Target]]] = defaultdict(dict)
    for cell in cells:
        if cell.version is not None:
            found[cell.name].setdefault(cell.version, set()).add(cell.target)
    for name, versions in sorted(found.items()):
        if len(versions) == 1:
            continue
        newest = max(versions)
        wheels = listed.get((name, newest), ())
        variants = []
        for version, where in sorted(versions.items(), reverse=True):
            targets = tuple(sorted(where, key=order.__getitem__))
            whys = [_why_none_fits(name, wheels, target, rules) for target in targets]
            # Where some of them could have it, it is not for its wheels that they have not.
            reasons = dict.fromkeys(f"{newest}: {why}" for why in whys if all(whys))
            variants.append(Variant(version=version, targets=targets, reasons=tuple(reasons)))
        yield name, tuple(variants)


def _why_none_fits(
    name: NormalizedName,
    wheels: Sequence[frozenset[Tag]],
    target: Target,
    rules: Sequence[TagConstraint],
) -> str:
    """Say why none of these wheels is for a target; empty if one is, or there is none at all.

    Where a constraint rules some out, it is the constraint that can be said for sure.
    """
    fitting = [tags for tags in wheels if not tags.isdisjoint(target.tags)]
    if not wheels or any(admitted(rules, name, tags, target) for tags in fitting):
        return ""
    own = [str(rule) for rule in rules if rule.name == name and rule.concerns(target)]
    if own:
        return f"no wheel that {', '.join(own)} allows"
    return explain_incompatibility([tag for tags in wheels for tag in tags], target).reason
