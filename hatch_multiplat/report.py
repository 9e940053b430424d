"""What a build has to say, as text and as JSON: the summary, and the matrix of gaps."""

from __future__ import annotations

import enum
import textwrap
from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from packaging.utils import NormalizedName

    from hatch_multiplat.selection import Gap
    from hatch_multiplat.target import Target

HEAVIEST: Final = 5
_UNITS: Final = ("B", "kB", "MB", "GB")


class Advice(enum.Enum):
    """What a user can change about a gap: the requirements, the lock, or the own wheel."""

    PROJECT = enum.auto()
    LOCK = enum.auto()
    OWN_WHEEL = enum.auto()


@dataclass(frozen=True, kw_only=True, slots=True)
class DependencyShare:
    """What one dependency adds to an executable; `size` in bytes, over all its wheels."""

    name: str
    versions: tuple[str, ...]
    wheels: int
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What a build made: sizes in bytes, time in seconds, dependencies heaviest first."""

    path: str
    size: int
    targets: tuple[str, ...]
    wheels: int
    dependencies: tuple[DependencyShare, ...]
    solver_runs: int
    lock: str | None
    seconds: float


def render_report(report: Report) -> str:
    """Render the summary that ends a build."""
    pythons, platforms = _axes(report.targets)
    solved = (
        f"locked by {report.lock}"
        if report.lock
        else f"solved in {report.solver_runs} run{'s' if report.solver_runs != 1 else ''}"
    )
    lines = [
        f"{report.path}  {format_size(report.size)}",
        f"  {len(report.targets)} targets: {', '.join(pythons)} on {', '.join(platforms)}",
        f"  {report.wheels} wheels, {solved}, {report.seconds:.1f} s",
    ]
    heavy = [share for share in report.dependencies if share.size][:HEAVIEST]
    if heavy:
        shares = ", ".join(f"{share.name} {format_size(share.size)}" for share in heavy)
        lines.append(f"  heaviest: {shares}")
    return "\n".join(lines)


def report_to_json(report: Report) -> dict[str, Any]:
    """Return the report as JSON-ready data."""
    return asdict(report)


def format_size(size: int) -> str:
    """Return a size in bytes as people read it: 60.2 MB, in decimal units."""
    value = float(size)
    for unit in _UNITS:
        if value < 1000 or unit == _UNITS[-1]:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError


def render_gaps(
    gaps: Sequence[Gap],
    targets: Sequence[Target],
    *,
    advice: Advice,
    newest: Mapping[tuple[NormalizedName, Target], str] | None = None,
    explanation: str = "",
) -> str:
    """Render every gap: a matrix of package by target, then for each the reason and what to do.

    `newest` holds the newest version that has a fitting wheel, where one does, and `explanation`
    what the solver said when it was asked for that version.
    """
    uncovered = [target for target in targets if any(gap.target == target for gap in gaps)]
    lines = [
        f"{len(uncovered)} of {len(targets)} targets cannot be covered; nothing was written.",
        "",
        *_matrix(gaps, uncovered),
        "",
        *_details(gaps, advice=advice, newest=newest or {}),
    ]
    if explanation:
        lines += ["", explanation]
    return "\n".join(lines)


_LETTERS: Final = {
    "sdist": "s",
    "source": "s",
    "floor": "f",
    "python": "p",
    "platform": "o",
    "removed": "r",
}
_LEGEND: Final = {
    "s": "sdist only",
    "f": "floor too old",
    "p": "not for this Python",
    "o": "not for this platform",
    "r": "removed",
}


def _matrix(gaps: Sequence[Gap], uncovered: Sequence[Target]) -> list[str]:
    """Rows are packages, columns are the targets that lack something; a dot is no gap."""
    cells = {(gap.name, gap.version, gap.target): _LETTERS[gap.kind] for gap in gaps}
    rows = sorted({(gap.name, gap.version) for gap in gaps}, key=str)
    width = max(len(str(target)) for target in uncovered)
    titles = [f"{name} {version or ''}".rstrip() for name, version in rows]
    header = " ".join(str(number) for number in range(1, len(rows) + 1))
    lines = [f"  {'':{width}}  {header}"]
    for target in uncovered:
        marks = " ".join(
            f"{cells.get((name, version, target), '.'):>{len(str(number))}}"
            for number, (name, version) in enumerate(rows, start=1)
        )
        lines.append(f"  {target!s:{width}}  {marks}")
    used = sorted({letter for letter in cells.values()})
    lines.append("")
    lines += [f"  {number} {title}" for number, title in enumerate(titles, start=1)]
    lines.append("  " + ", ".join(f"{letter} = {_LEGEND[letter]}" for letter in used))
    return lines


def _details(
    gaps: Sequence[Gap],
    *,
    advice: Advice,
    newest: Mapping[tuple[NormalizedName, Target], str],
) -> list[str]:
    """For each reason a paragraph: what is missing and why, on which targets, what to do."""
    grouped: dict[tuple[str, str, str, str, str], list[Target]] = defaultdict(list)
    for gap in gaps:
        has = newest.get((gap.name, gap.target), "")
        grouped[gap.name, str(gap.version or ""), gap.reason, gap.needs, has].append(gap.target)
    lines = []
    for (name, version, reason, needs, has), found in sorted(grouped.items()):
        where = ", ".join(str(target) for target in found)
        lines += [
            f"{name} {version}".rstrip() + f": {reason}",
            *textwrap.wrap(where, 96, initial_indent="  on ", subsequent_indent="     "),
            f"  to do: {suggest_ways(name, needs, has, advice)}",
        ]
    return lines


def suggest_ways(name: str, needs: str, newest: str, advice: Advice) -> str:
    """Say what would close a gap: `needs` is the floor that would, `newest` the version."""
    if advice is Advice.LOCK:
        return "write the lock anew for these targets, or drop them"
    if advice is Advice.OWN_WHEEL:
        return "build one for these targets too, or drop them"
    ways = []
    if newest:
        ways.append(f"{name} {newest} has one: allow that version")
    if needs:
        ways.append(f"raise the floor to {needs!r}")
    if not newest and not needs:
        ways.append("no version has one: use another package")
    ways.append("drop these targets")
    return ", or ".join(ways)


def _axes(targets: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split target names into Pythons and platforms, each once, in order."""
    pairs = [target.partition("-") for target in targets]
    return (
        list(dict.fromkeys(python for python, _, _ in pairs)),
        list(dict.fromkeys(platform or python for python, _, platform in pairs)),
    )
