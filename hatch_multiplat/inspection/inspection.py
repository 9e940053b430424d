"""The contents of an executable: sizes by target, platform, Python and dependency; locks."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Literal

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import LockError
from hatch_multiplat.executable.executable import required_name
from hatch_multiplat.executable.table import table_selections
from hatch_multiplat.index.fetch import Artifact
from hatch_multiplat.runtime.match import describe_anywhere, describe_targets
from hatch_multiplat.wheels.selection import select_all

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from packaging.pylock import Pylock

    from hatch_multiplat.executable.executable import Executable, HeldMember, HeldWheel
    from hatch_multiplat.executable.table import Table
    from hatch_multiplat.wheels.selection import Selection, Wheel


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetSize:
    """The sizes of a target in bytes.

    `held` is in the file, `first_run` what a first run there unpacks (of patch releases with
    different wheels, the most), `alone` what no other target needs.
    """

    name: str
    wheels: int
    held: int
    first_run: int
    alone: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A platform or a Python: the bytes that the file would save without its targets."""

    kind: Literal["platform", "python"]
    name: str
    targets: tuple[str, ...]
    saves: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DependencySize:
    """A dependency with all its wheels, sizes in bytes."""

    name: str
    versions: tuple[str, ...]
    wheels: int
    held: int
    unpacked: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelSize:
    """A wheel, sizes in bytes; `targets` are those that take it."""

    filename: str
    name: str
    version: str
    held: int
    unpacked: int
    sha256: str | None
    targets: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LockComparison:
    """The comparison of the wheels with a lock, byte for byte by their SHA-256.

    What a file without wheels holds of each is compared with what the lock's wheel holds; `unseen`
    are those for which no such wheel was at hand. `built` are those of packages for which the lock
    has only an sdist: their bytes are not in it. `missing` are the packages of the lock that a
    target of the file lacks.
    """

    lock: str
    same: int
    different: tuple[str, ...]
    unknown: tuple[str, ...]
    own: tuple[str, ...]
    built: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        return not (self.different or self.unknown or self.missing or self.unseen)


@dataclass(frozen=True, kw_only=True, slots=True)
class Inspection:
    """The contents of an executable; for a PEX that is not ours, `targets` and `parts` are empty.

    `needs` says in words what the wheels of the targets need, `runs` what it starts; `overhead` is
    what is no wheel, in bytes. In a pyz wheels share what they have in common: what each takes is
    its share of what is compressed together, and its SHA-256 what the table says.
    """

    path: str
    name: str
    version: str
    layout: str
    size: int
    overhead: int
    pex_version: str
    runs: str
    commands: tuple[str, ...]
    requirements: tuple[str, ...]
    ours: bool
    format: Literal["pex", "pyz"]
    targets: tuple[TargetSize, ...]
    needs: tuple[str, ...]
    parts: tuple[Part, ...]
    dependencies: tuple[DependencySize, ...]
    wheels: tuple[WheelSize, ...]
    lock: LockComparison | None = None

    @property
    def added(self) -> tuple[str, ...]:
        """The requirements beside the program itself."""
        own = canonicalize_name(self.name)
        return tuple(
            text for text in self.requirements if canonicalize_name(required_name(text)) != own
        )


def inspect(executable: Executable, *, lock: LockComparison | None = None) -> Inspection:
    """Return the contents of an executable: targets in the table's order, the rest by size."""
    table, info = executable.table, executable.info
    selections = table_selections(table) if table else ()
    takers = takers_of(selections)
    held = executable.wheels
    properties = info.get("build_properties")
    return Inspection(
        path=str(executable.path),
        name=executable.name,
        version=table.version if table else _root_version(executable),
        layout=executable.layout,
        size=executable.size,
        overhead=executable.size - sum(_shares(held.values()).values()),
        pex_version=str(properties.get("pex_version", "")) if isinstance(properties, dict) else "",
        runs=_runs(table, info),
        commands=tuple(sorted(table.executables)) if table else (),
        requirements=tuple(map(str, info.get("requirements", ()))),
        ours=table is not None,
        format="pyz" if executable.is_pyz else "pex",
        targets=tuple(_target_size(selection, held, takers) for selection in selections),
        needs=_needs(table) if table else (),
        parts=_parts(selections, held, takers),
        dependencies=_dependencies(held.values()),
        wheels=tuple(
            WheelSize(
                filename=wheel.filename,
                name=wheel.wheel.name,
                version=str(wheel.wheel.version),
                held=wheel.size,
                unpacked=wheel.unpacked,
                sha256=wheel.sha256,
                targets=takers.get(wheel.filename, ()),
            )
            for wheel in sorted(held.values(), key=lambda wheel: (-wheel.size, wheel.filename))
        ),
        lock=lock,
    )


def _needs(table: Table) -> tuple[str, ...]:
    """Say what the wheels need, in the words of start-up."""
    data = table.to_json()
    return (*describe_targets(data["targets"]), *describe_anywhere(data))


def inspection_to_json(inspection: Inspection) -> dict[str, Any]:
    """Return the inspection as JSON-ready data."""
    data = asdict(inspection)
    if inspection.lock is not None:
        data["lock"]["agrees"] = inspection.lock.agrees
    return data


def locked_files(lock: Pylock, folder: Path) -> Iterator[Artifact]:
    """Yield the wheels in a lock in a folder, and the sources that it names instead of wheels."""
    for package in lock.packages:
        for item in (*(package.wheels or ()), *([package.archive] if package.archive else ())):
            place = item.url or str(folder.absolute() / (item.path or ""))
            filename = getattr(item, "filename", "") or place.rpartition("/")[2]
            yield Artifact(filename=filename, url=place, hashes=item.hashes, size=item.size)


def compare_with_lock(
    executable: Executable,
    lock: Pylock,
    *,
    name: str,
    members: Mapping[str, tuple[HeldMember, ...]],
) -> LockComparison:
    """Compare every wheel with the lock called `name`, except the program's own wheel.

    `members` has what the lock's wheels hold, by file name, as far as they are at hand: a file
    without wheels is compared with that.
    """
    hashes = {item.filename: item.hashes.get("sha256") for item in locked_files(lock, Path())}
    sources = {(item.name, str(item.version)) for item in lock.packages if not item.wheels}
    same, different, unknown, own, built, unseen = 0, [], [], [], [], []
    for filename, held in executable.wheels.items():
        if filename in hashes:
            is_same = held.sha256 is not None and held.sha256 == hashes[filename]
            if is_same and executable.is_pyz and filename not in members:
                unseen.append(filename)
            elif is_same and held.members == members.get(filename, ()):
                same += 1
            else:
                different.append(filename)
        elif held.wheel.name == executable.program:
            own.append(filename)
        elif (held.wheel.name, str(held.wheel.version)) in sources:
            built.append(filename)
        else:
            unknown.append(filename)
    return LockComparison(
        lock=name,
        same=same,
        different=tuple(different),
        unknown=tuple(unknown),
        own=tuple(own),
        built=tuple(built),
        missing=tuple(_find_missing(executable, lock)),
        unseen=tuple(unseen),
    )


def _find_missing(executable: Executable, lock: Pylock) -> Iterator[str]:
    """Yield each package of the lock that a target needs but lacks in the file."""
    if executable.table is None:
        return
    selections = table_selections(executable.table)
    excluded = {canonicalize_name(Requirement(text).name) for text in executable.table.excluded}
    held = {
        item.target: {(wheel.name, wheel.version) for wheel in item.wheels} for item in selections
    }
    try:
        outcome = select_all(lock, [item.target for item in selections], base=PurePath("/"))
    except LockError:  # It does not say what these targets take.
        return
    lacking: dict[str, list[str]] = defaultdict(list)
    for item in (*outcome.selections, *outcome.partial):
        for name, version in sorted({(wheel.name, wheel.version) for wheel in item.wheels}):
            if (name, version) not in held[item.target] and name not in excluded:
                lacking[f"{name} {version}"].append(str(item.target))
    for package, targets in lacking.items():
        yield f"{package} for {', '.join(targets)}"


def takers_of(selections: Sequence[Selection]) -> dict[str, tuple[str, ...]]:
    """Return for each wheel's file name the targets that take it."""
    found: dict[str, list[str]] = defaultdict(list)
    for selection in selections:
        for wheel in selection.wheels:
            found[wheel.filename].append(str(selection.target))
    return {filename: tuple(targets) for filename, targets in found.items()}


def _target_size(
    selection: Selection, held: Mapping[str, HeldWheel], takers: Mapping[str, tuple[str, ...]]
) -> TargetSize:
    def unpacked(wheels: Iterable[Wheel]) -> int:
        return sum(held[wheel.filename].unpacked for wheel in wheels)

    wheels = [held[wheel.filename] for wheel in selection.wheels]
    name = str(selection.target)
    return TargetSize(
        name=name,
        wheels=len(wheels),
        held=sum(_shares(wheels).values()),
        first_run=max(unpacked(group.wheels) for group in selection.sets),
        alone=_saved({name}, held, takers),
    )


def _shares(wheels: Iterable[HeldWheel]) -> dict[str, int]:
    """Return the parts of the file that hold something of these wheels, and their sizes."""
    return {part: size for wheel in wheels for part, size in wheel.shares.items()}


def _saved(
    targets: Collection[str],
    held: Mapping[str, HeldWheel],
    takers: Mapping[str, tuple[str, ...]],
) -> int:
    """Return the number of bytes in the file that only these targets need."""
    wanted = set(targets)
    gone = _shares(held[name] for name, who in takers.items() if set(who) <= wanted)
    kept = _shares(held[name] for name, who in takers.items() if not set(who) <= wanted)
    return sum(size for part, size in gone.items() if part not in kept)


def _parts(
    selections: Sequence[Selection],
    held: Mapping[str, HeldWheel],
    takers: Mapping[str, tuple[str, ...]],
) -> tuple[Part, ...]:
    def grouped(kind: Literal["platform", "python"], key: Callable[[Selection], str]) -> list[Part]:
        groups: dict[str, list[str]] = defaultdict(list)
        for selection in selections:
            groups[key(selection)].append(str(selection.target))
        return [
            Part(
                kind=kind,
                name=name,
                targets=tuple(targets),
                saves=_saved(targets, held, takers),
            )
            for name, targets in groups.items()
            if len(groups) > 1
        ]

    platforms = grouped("platform", lambda selection: str(selection.target.platform))
    pythons = grouped("python", lambda selection: str(selection.target.python))
    return tuple(
        part
        for group in (platforms, pythons)
        for part in sorted(group, key=lambda part: -part.saves)
    )


def _dependencies(wheels: Iterable[HeldWheel]) -> tuple[DependencySize, ...]:
    groups: dict[str, list[HeldWheel]] = defaultdict(list)
    for wheel in wheels:
        groups[wheel.wheel.name].append(wheel)
    shares = [
        DependencySize(
            name=name,
            versions=tuple(str(v) for v in sorted({wheel.wheel.version for wheel in group})),
            wheels=len(group),
            held=sum(wheel.size for wheel in group),
            unpacked=sum(wheel.unpacked for wheel in group),
        )
        for name, group in groups.items()
    ]
    return tuple(sorted(shares, key=lambda share: (-share.held, share.name)))


def _runs(table: Table | None, info: Mapping[str, Any]) -> str:
    if table is not None:
        for kind, value in table.run.items():
            return f"{kind.replace('_', ' ')} {value}"
        return "an interpreter"
    if info.get("script"):
        return f"script {info['script']}"
    if info.get("entry_point"):
        return f"entry point {info['entry_point']}"
    return "an interpreter"


def _root_version(executable: Executable) -> str:
    wheels = [held.wheel for held in executable.wheels.values()]
    versions = {wheel.version for wheel in wheels if wheel.name == executable.program}
    return " ".join(str(version) for version in sorted(versions))
