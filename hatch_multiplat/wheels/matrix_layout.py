"""The matrix as rows and words: the common part of its renderings for people."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from packaging.version import Version

from hatch_multiplat.wheels.matrix import Cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from packaging.utils import NormalizedName

    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.incompatibility import Floor, MissingKind
    from hatch_multiplat.wheels.matrix import Column, FloorNeed, Matrix, WheelKind
    from hatch_multiplat.wheels.selection import MissingWheel

WORDS: Final[Mapping[WheelKind | MissingKind, tuple[str, str]]] = {
    "pure": ("pure", "for any platform"),
    "abi3": ("abi3", "for this and newer Pythons"),
    "abi3+universal2": ("abi3+u2", "abi3, for both kinds of Mac"),
    "universal2": ("univ2", "for both kinds of Mac"),
    "native": ("native", "for one platform"),
    "built": ("built", "for any platform, built from an sdist"),
    "unbuilt": ("unbuilt", "the project's own, not built yet"),
    "sdist": ("SDIST", "sdist only"),
    "source": ("SOURCE", "only a source tree"),
    "floor": ("FLOOR", "floor too old"),
    "python": ("PYTHON", "no wheel for this Python"),
    "platform": ("NONE", "no wheel for this platform"),
    "removed": ("GONE", "removed from the index"),
    "tags": ("TAGS", "ruled out by a tag constraint"),
}
"""The word for each kind of wheel and of missing wheel, and what it means."""
UNKNOWN: Final = "unknown"
RUN: Final = 3
"""The number of Pythons in a row from which on they are written as a range."""

Vector: TypeAlias = "tuple[str | None, ...]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A version of a package on all columns, for the Pythons that are alike in it.

    `pythons` is empty for all Pythons. A cell is one of the words above, "" where the version is
    not taken, and None where the column has none of these Pythons.
    """

    name: NormalizedName
    version: str
    pythons: str
    cells: Vector

    @property
    def has_missing(self) -> bool:
        return any(is_missing(word) for word in self.cells)

    @property
    def is_plain(self) -> bool:
        """Whether this is a pure wheel on every target, so that the row needs no space."""
        return not self.pythons and all(word in {"pure", None} for word in self.cells)


@dataclass(frozen=True, kw_only=True, slots=True)
class MissingGroup:
    """The missing wheels of one package with the same reason and the same remedy."""

    first: MissingWheel
    targets: tuple[Target, ...]

    @property
    def title(self) -> str:
        """The package, and its version if it is known."""
        return f"{self.first.name} {self.first.version or ''}".rstrip()


def is_missing(word: str | None) -> bool:
    """Tell whether a word of the matrix means a missing wheel."""
    return word is not None and word.isupper()


def make_rows(matrix: Matrix) -> tuple[Row, ...]:
    """Return the rows by package, the newest version of each first."""
    words: dict[NormalizedName, dict[tuple[Version | None, str], dict[Target, str]]] = defaultdict(
        dict
    )
    for entry in matrix.entries:
        patches = entry.patches if isinstance(entry, Cell) else ""
        row = words[entry.name].setdefault((entry.version, patches), {})
        row[entry.target] = WORDS[entry.kind][0]
    rows: list[Row] = []
    for name in matrix.packages:
        by_version = sorted(
            words[name].items(), key=lambda item: (item[0][0] or Version("0"), item[0][1])
        )
        for (version, patches), by_target in reversed(by_version):
            rows += [
                Row(name=name, version=str(version or ""), pythons=patches or pythons, cells=cells)
                for pythons, cells in _vectors(matrix, by_target)
            ]
    return tuple(rows)


def list_meanings(rows: Iterable[Row]) -> list[tuple[str, str]]:
    """Return the words in these rows, each with its meaning."""
    used = {word for row in rows for word in row.cells}
    return [(word, meaning) for word, meaning in WORDS.values() if word in used]


def group_missing(matrix: Matrix) -> tuple[MissingGroup, ...]:
    """Gather the missing wheels that fit into one paragraph."""
    grouped: dict[tuple[str, ...], list[MissingWheel]] = defaultdict(list)
    for missing_wheel in matrix.missing_wheels:
        grouped[
            missing_wheel.name,
            str(missing_wheel.version),
            missing_wheel.reason,
            missing_wheel.to_do,
        ].append(missing_wheel)
    return tuple(
        MissingGroup(
            first=missing_wheels[0],
            targets=tuple(missing_wheel.target for missing_wheel in missing_wheels),
        )
        for missing_wheels in grouped.values()
    )


def describe_forced(need: FloorNeed, *, between: str = " ") -> str:
    """Write the floors that the packages of a platform force, each with the packages.

    The highest floor comes first, and packages with an unknown floor last.
    """
    grouped: dict[str, list[NormalizedName]] = defaultdict(list)
    for name, floor in need.packages:
        grouped[describe_floor(floor)].append(name)
    if need.unknown:
        grouped[UNKNOWN] += need.unknown
    return "; ".join(f"{floor}{between}{', '.join(names)}" for floor, names in grouped.items())


def describe_targets(targets: Iterable[Target], matrix: Matrix) -> str:
    """Name targets by platform, their Pythons only where they are not all of the platform's."""
    wanted = set(targets)
    pythons = list_pythons(matrix)
    found: dict[str, list[str]] = {}
    for column in matrix.columns:
        own = [str(target.python) for target in column.targets if target in wanted]
        if own:
            every = len(own) == len(column.targets)
            found[column.label] = [] if every else [word for word in pythons if word in own]
    subsets = {tuple(words) for words in found.values()}
    if len(found) == len(matrix.columns) > 1 and len(subsets) == 1:
        (subset,) = subsets
        return f"every platform ({describe_pythons(subset, pythons)})" if subset else "every target"
    return ", ".join(
        f"{label} ({describe_pythons(words, pythons)})" if words else label
        for label, words in found.items()
    )


def list_pythons(matrix: Matrix) -> list[str]:
    """Return the Pythons of all targets, each once, in their order."""
    return list(dict.fromkeys(str(target.python) for target in matrix.targets))


def describe_pythons(words: Sequence[str], known: Sequence[str]) -> str:
    """Write Pythons in the order of `known`, those that follow each other as a range."""
    runs: list[list[str]] = []
    for position, word in enumerate(known):
        if word not in words:
            continue
        if runs and runs[-1][-1] == known[position - 1] and _follows(word, runs[-1][-1]):
            runs[-1].append(word)
        else:
            runs.append([word])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) >= RUN else ", ".join(run) for run in runs)


def _follows(word: str, before: str) -> bool:
    """Tell whether a Python is the next minor of CPython: 3.14t and pp311 are in no range."""
    minors = [re.fullmatch(r"3\.(\d+)", text) for text in (before, word)]
    first, second = (int(match[1]) if match else -1 for match in minors)
    return first >= 0 and second == first + 1


def describe_floor(floor: Floor | None) -> str:
    """Write a floor, `2.28`; `any` for none."""
    return f"{floor[0]}.{floor[1]}" if floor else "any"


def describe_asked(need: FloorNeed) -> str:
    """Write the floor that a platform was asked to have: "glibc 2.28"."""
    return f"{describe_system(need.column)} {describe_floor(need.asked)}"


def describe_lowest(need: FloorNeed) -> str:
    """Write the lowest floor of a platform: unknown if that of one package is."""
    return UNKNOWN if need.unknown and not need.is_raised else describe_floor(need.lowest)


def describe_system(column: Column) -> str:
    """Return the subject of a platform's floor: glibc, musl, or macOS."""
    return column.platform.libc or {"macos": "macOS"}.get(column.platform.system, "")


def describe_raised(matrix: Matrix) -> list[str]:
    """Say which packages need a newer system than was asked for: "numpy raises macOS to 14.0"."""
    lines = []
    for need in matrix.floors:
        if need.is_raised:
            names = need.forced_by
            listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
            lines.append(
                f"{listed} {'raises' if len(names) == 1 else 'raise'}"
                f" {describe_system(need.column)} to {describe_floor(need.lowest)}"
                f" on {need.column.platform.arch}"
            )
    return lines


def describe_size(matrix: Matrix) -> str:
    """Describe the matrix in a few words."""
    pythons = list_pythons(matrix)
    packages = len(matrix.packages)
    return (
        f"{matrix.project}: {packages} package{'s' * (packages != 1)}"
        f" for {len(matrix.targets)} target{'s' * (len(matrix.targets) != 1)}"
        f" ({len(matrix.columns)} platform{'s' * (len(matrix.columns) != 1)},"
        f" Python {describe_pythons(pythons, pythons)})"
    )


def count_uncovered(matrix: Matrix) -> str:
    """Say how many of the targets cannot be covered."""
    return f"{len(matrix.uncovered)} of {len(matrix.targets)} targets cannot be covered"


def describe_outcome(matrix: Matrix) -> list[str]:
    """Say whether all targets are covered, and what the additional ones would need."""
    count = len(matrix.targets)
    names = ", ".join(dict.fromkeys(missing_wheel.name for missing_wheel in matrix.missing_wheels))
    if not matrix.uncovered:
        lines = [f"All {count} targets are covered." if count > 1 else "The target is covered."]
    else:
        lines = [f"{count_uncovered(matrix)}, for lack of {names}."]
    for name, version, targets in matrix.prereleases:
        where = describe_targets(targets, matrix)
        lines.append(f"{name} {version} is a pre-release, taken for {where}.")
    if matrix.unbuilt:
        where = describe_targets(matrix.unbuilt, matrix)
        lines.append(f"The project's own wheel is not built yet for {where}.")
    if matrix.asked:
        lines.append(_describe_asked(matrix))
    return lines


def _describe_asked(matrix: Matrix) -> str:
    asked = set(matrix.asked)
    where = _name_asked(matrix)
    lacking = dict.fromkeys(
        missing_wheel.name
        for missing_wheel in matrix.missing_wheels
        if missing_wheel.target in asked
    )
    if lacking:
        return f"To add {where}, something has to be done about {', '.join(lacking)}."
    changes = [
        f"{name} {variant.version} instead of {variants[0].version}"
        for name, variants in matrix.differences
        for variant in variants[1:]
        if variant.reasons and asked.issuperset(variant.targets)
    ]
    there = f", with {', '.join(changes)} there" if changes else ""
    return f"Nothing stands in the way of {where}{there}."


def _name_asked(matrix: Matrix) -> str:
    """Name the additional targets as they were given: by platforms and Pythons, if possible."""
    asked = set(matrix.asked)
    columns = [column for column in matrix.columns if asked.issuperset(column.targets)]
    pythons = [
        python
        for python in list_pythons(matrix)
        if asked.issuperset(target for target in matrix.targets if str(target.python) == python)
    ]
    named = {target for column in columns for target in column.targets}
    named |= {target for target in asked if str(target.python) in pythons}
    if named != asked or len(columns) == len(matrix.columns):
        return describe_targets(asked, matrix)
    words = [column.label for column in columns]
    if pythons:
        words.append(f"Python {describe_pythons(pythons, list_pythons(matrix))}")
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _vectors(matrix: Matrix, by_target: Mapping[Target, str]) -> list[tuple[str, Vector]]:
    """Return the cells of a row for all Pythons alike in them, with the name of these Pythons."""
    pythons = list_pythons(matrix)
    merged: list[tuple[list[str], Vector]] = []
    for python in pythons:
        vector = tuple(
            next(
                (by_target.get(own, "") for own in column.targets if str(own.python) == python),
                None,
            )
            for column in matrix.columns
        )
        if not any(vector):
            continue
        for position, (names, other) in enumerate(merged):
            if all(None in pair or len(set(pair)) == 1 for pair in zip(vector, other, strict=True)):
                union = tuple(a if a is not None else b for a, b in zip(other, vector, strict=True))
                merged[position] = ([*names, python], union)
                break
        else:
            merged.append(([python], vector))
    return [
        ("" if len(names) == len(pythons) else describe_pythons(names, pythons), vector)
        for names, vector in merged
    ]
