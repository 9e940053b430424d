"""What a build has to say, as text and as JSON: the summary, and the matrix of gaps."""

from __future__ import annotations

import enum
import textwrap
from collections import defaultdict
from dataclasses import asdict, dataclass
from dataclasses import fields as dataclass_fields
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from hatch_multiplat.base.errors import CoverageError
from hatch_multiplat.base.text import format_count, format_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from packaging.utils import NormalizedName

    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.incompatibility import MissingKind
    from hatch_multiplat.wheels.selection import MissingWheel

HEAVIEST: Final = 5
WIDTH: Final = 100


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
class Output:
    """A file or folder that a build made; `target` names the one that it is for, if it is one."""

    format: str
    path: str
    size: int
    target: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What a build made: sizes in bytes, time in seconds, dependencies heaviest first.

    `path` and `size` are those of the first of the `outputs`: the PEX, where one was wanted.
    """

    path: str
    size: int
    targets: tuple[Target, ...]
    wheels: int
    dependencies: tuple[DependencyShare, ...]
    solver_runs: int
    lock: str | None
    seconds: float
    outputs: tuple[Output, ...] = ()
    prereleases: tuple[str, ...] = ()
    """Each as name and version, of dependencies."""
    phases: tuple[tuple[str, float], ...] = ()
    """What was done, such as "resolved", and the seconds that it took, in order."""
    side_outputs: tuple[str, ...] = ()
    """The files that were written beside the executable."""


_DROP: Final = "exclude these targets"


def render_report(report: Report) -> str:
    """Render the summary that ends a build."""
    pythons, platforms = _axes(report.targets)
    solved = (
        f"locked by {report.lock}"
        if report.lock
        else f"solved in {format_count(report.solver_runs, 'run')}"
    )
    several = [share for share in report.dependencies if len(share.versions) > 1]
    heavy = [share for share in report.dependencies if share.size][:HEAVIEST]
    lines = [f"{report.path}  {format_size(report.size)}"]
    lines += [f"{output.path}  {format_size(output.size)}" for output in report.outputs[1:]]
    axes = " on ".join(", ".join(names) for names in (pythons, platforms) if names)
    lines += _wrap(f"{format_count(len(report.targets), 'target')}: {axes}")
    lines += _wrap(f"{format_count(report.wheels, 'wheel')}, {solved}, {report.seconds:.1f} s")
    if report.phases:
        lines += _wrap(", ".join(f"{done} in {taken:.1f} s" for done, taken in report.phases))
    if several:
        words = (f"{share.name} {' and '.join(share.versions)}" for share in several)
        lines += _wrap(f"not the same for all targets: {', '.join(words)}")
    if report.prereleases:
        lines += _wrap(f"pre-releases, as no release fits: {', '.join(report.prereleases)}")
    if heavy:
        words = (f"{share.name} {format_size(share.size)}" for share in heavy)
        lines += _wrap(f"heaviest: {', '.join(words)}")
    if report.side_outputs:
        lines += _wrap(
            f"beside it: {', '.join(PurePath(path).name for path in report.side_outputs)}"
        )
    return "\n".join(lines)


def report_to_json(report: Report) -> dict[str, Any]:
    """Return the report as JSON-ready data."""
    fields = {item.name: getattr(report, item.name) for item in dataclass_fields(report)}
    listed = {key: list(map(asdict, fields[key])) for key in ("dependencies", "outputs")}
    fields["phases"] = dict(report.phases)
    return {**fields, "targets": list(map(str, report.targets)), **listed}


def coverage_error(message: str, missing_wheels: Sequence[MissingWheel]) -> CoverageError:
    """Return the error for these gaps: its message for people, its details for `--json`."""
    return CoverageError(message, details={"gaps": gaps_to_json(missing_wheels)})


def gaps_to_json(missing_wheels: Sequence[MissingWheel]) -> list[dict[str, Any]]:
    """Return gaps as JSON-ready data, each by itself; what does not apply is null."""
    return [
        {
            "name": missing_wheel.name,
            "target": str(missing_wheel.target),
            "version": str(missing_wheel.version) if missing_wheel.version else None,
            "kind": missing_wheel.kind,
            "reason": missing_wheel.reason,
            "floor": missing_wheel.needs or None,
        }
        for missing_wheel in missing_wheels
    ]


def render_gaps(
    missing_wheels: Sequence[MissingWheel],
    targets: Sequence[Target],
    *,
    advice: Advice,
    newest: Mapping[tuple[NormalizedName, Target], str] | None = None,
    held_by: Mapping[tuple[NormalizedName, Target], str] | None = None,
    explanation: str = "",
    kept: str = "no executable was written",
) -> str:
    """Render every gap: a matrix of package by target, then for each the reason and what to do.

    `newest` holds the newest version that has a fitting wheel, where one does, `held_by` what else
    than the project forbids it, and `explanation` what the solver said when it was asked for it.
    `kept` says what became of the output.
    """
    lacking = {missing_wheel.target for missing_wheel in missing_wheels}
    uncovered = [target for target in targets if target in lacking]
    lines = [
        f"{len(uncovered)} of {len(targets)} targets cannot be covered; {kept}.",
        "",
        *_matrix(missing_wheels, uncovered),
        "",
        *_details(
            missing_wheels, targets, advice=advice, newest=newest or {}, held_by=held_by or {}
        ),
    ]
    if explanation:
        lines += ["", explanation]
    return "\n".join(lines)


_LETTERS: Final = {
    "sdist": "s",
    "source": "t",
    "floor": "f",
    "python": "p",
    "platform": "o",
    "removed": "r",
    "tags": "c",
}
_LEGEND: Final = {
    "s": "sdist only",
    "f": "floor too old",
    "p": "not for this Python",
    "o": "not for this platform",
    "r": "removed",
    "c": "ruled out by a tag constraint",
    "t": "only a source tree",
}


def _matrix(missing_wheels: Sequence[MissingWheel], uncovered: Sequence[Target]) -> list[str]:
    """Rows are the targets that lack something, columns are packages; a dot is no gap."""
    cells = {
        (missing_wheel.name, missing_wheel.version, missing_wheel.target): _LETTERS[
            missing_wheel.kind
        ]
        for missing_wheel in missing_wheels
    }
    found = {(missing_wheel.name, missing_wheel.version): None for missing_wheel in missing_wheels}
    columns = sorted(found, key=lambda package: (package[0], str(package[1] or "")))
    width = max(len(str(target)) for target in uncovered)
    titles = [f"{name} {version or ''}".rstrip() for name, version in columns]
    header = " ".join(str(number) for number in range(1, len(columns) + 1))
    lines = [f"  {'':{width}}  {header}"]
    for target in uncovered:
        marks = " ".join(
            f"{cells.get((name, version, target), '.'):>{len(str(number))}}"
            for number, (name, version) in enumerate(columns, start=1)
        )
        lines.append(f"  {target!s:{width}}  {marks}")
    used = sorted(set(cells.values()))
    lines.append("")
    lines += [f"  {number} {title}" for number, title in enumerate(titles, start=1)]
    return lines + _wrap(", ".join(f"{letter} = {_LEGEND[letter]}" for letter in used))


def _details(
    missing_wheels: Sequence[MissingWheel],
    targets: Sequence[Target],
    *,
    advice: Advice,
    newest: Mapping[tuple[NormalizedName, Target], str],
    held_by: Mapping[tuple[NormalizedName, Target], str],
) -> list[str]:
    """For each reason a paragraph: what is missing and why, on which targets, what to do."""
    grouped: dict[
        tuple[NormalizedName, str, str, str, str, str, MissingKind, str, str], list[Target]
    ] = defaultdict(list)
    for missing_wheel in missing_wheels:
        has = newest.get((missing_wheel.name, missing_wheel.target), "")
        held = held_by.get((missing_wheel.name, missing_wheel.target), "")
        older = str(missing_wheel.needs_version or "")
        key = (
            missing_wheel.name,
            str(missing_wheel.version or ""),
            missing_wheel.reason,
            missing_wheel.needs,
            older,
            has,
            missing_wheel.kind,
            held,
            missing_wheel.origin,
        )
        grouped[key].append(missing_wheel.target)
    lines = []
    for key, found in sorted(grouped.items()):
        name, version, reason, needs, older, has, kind, held, origin = key
        to_do = suggest_ways(
            name,
            needs,
            has,
            advice,
            kind=kind,
            older=older,
            marker=marker_without(found, targets),
            held_by=held,
            origin=origin,
        )
        lines += [
            *_wrap(f"{name} {version}".rstrip() + f": {reason}", indent=""),
            *_wrap(f"on {', '.join(map(str, found))}"),
            *_wrap(f"to do: {to_do}"),
        ]
    return lines


def suggest_ways(
    name: str,
    needs: str,
    newest: str,
    advice: Advice,
    *,
    kind: MissingKind | None = None,
    older: str = "",
    marker: str = "",
    held_by: str = "",
    origin: str = "",
) -> str:
    """Say how to get a missing wheel: `needs` is the floor that has one, `newest` the version.

    `older` is the version that has a wheel on that floor, where the one that was locked has none.
    `marker` is true on every target but those that lack it. `held_by` says what else than the
    project forbids the newest version, and `origin` where a package is from that is of no index.
    """
    if advice is Advice.LOCK:
        return "write the lock anew for these targets, or exclude them"
    if advice is Advice.OWN_WHEEL:
        raised = f"raise the floor to {needs!r}, or " if needs else ""
        named = "build one for these targets too and name it in 'project-wheels'"
        return f"{named}, or {raised}exclude them"
    if kind == "removed":
        return "require a version that the index has"
    if origin:
        where = f': "{name} @ {origin} ; {marker}"' if marker else ""
        return (
            f"require it with a marker{where}, or give these targets a URL of their own "
            f"by another marker, or {_DROP}"
        )
    ways = []
    if newest:
        way = f"but {held_by}: take another version of that" if held_by else ""
        ways.append(f"{name} {newest} has one" + (f", {way}" if way else ": allow that version"))
    if needs:
        there = f", where {name} {older} has one" if older else ""
        ways.append(f"raise the floor to {needs!r}{there}")
    if not newest and not needs:
        ways.append("no version has one: use another package")
        if marker and kind == "platform":
            ways.append(f'require it with a marker: "{name}; {marker}"')
    if not newest and kind in {"sdist", "source"}:
        ways.append("build wheels of it and name their folder in 'find-links'")
    ways.append(_DROP)
    return ", or ".join(ways)


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


def _wrap(text: str, *, indent: str = "  ") -> list[str]:
    """Break text into lines at spaces alone: names of targets have hyphens in them."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _axes(targets: Sequence[Target]) -> tuple[list[str], list[str]]:
    """Return the Pythons and the platforms of targets, each once, in order.

    What a complete-platform file names is a platform, whatever its name.
    """
    pythons: dict[str, None] = {}
    platforms: dict[str, None] = {}
    for target in targets:
        if target.name is None:
            pythons[target.python.full_tag] = None
        platforms[target.name or target.platform.tag] = None
    return list(pythons), list(platforms)
