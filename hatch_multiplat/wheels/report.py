"""The report of a build, as text and as JSON, and the remedies for a missing wheel."""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass
from dataclasses import fields as dataclass_fields
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from hatch_multiplat.base.text import format_count, format_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.selection import MissingWheel

HEAVIEST: Final = 5


class Advice(enum.Enum):
    """The setting to change for a missing wheel: the requirements, the lock, or the own wheel."""

    PROJECT = enum.auto()
    LOCK = enum.auto()
    OWN_WHEEL = enum.auto()


@dataclass(frozen=True, kw_only=True, slots=True)
class DependencyShare:
    """The share of one dependency in an executable; `size` in bytes, with all its wheels."""

    name: str
    versions: tuple[str, ...]
    wheels: int
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """A file or folder that a build made; `target` names its target, if it has only one."""

    format: str
    path: str
    size: int
    target: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The results of a build: sizes in bytes, time in seconds, dependencies by size.

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
    """The steps, such as "resolved", and the seconds that each took, in order."""
    side_outputs: tuple[str, ...] = ()
    """The files that were written beside the executable."""


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
    lines.append(f"  {format_count(len(report.targets), 'target')}: {axes}")
    lines.append(f"  {format_count(report.wheels, 'wheel')}, {solved}, {report.seconds:.1f} s")
    if report.phases:
        phases = (f"{done} in {taken:.1f} s" for done, taken in report.phases)
        lines.append(f"  {', '.join(phases)}")
    if several:
        words = (f"{share.name} {' and '.join(share.versions)}" for share in several)
        lines.append(f"  not the same for all targets: {', '.join(words)}")
    if report.prereleases:
        lines.append(f"  pre-releases, as no release fits: {', '.join(report.prereleases)}")
    if heavy:
        words = (f"{share.name} {format_size(share.size)}" for share in heavy)
        lines.append(f"  heaviest: {', '.join(words)}")
    if report.side_outputs:
        lines.append(
            f"  beside it: {', '.join(PurePath(path).name for path in report.side_outputs)}"
        )
    return "\n".join(lines)


def report_to_json(report: Report) -> dict[str, Any]:
    """Return the report as JSON-ready data."""
    fields = {item.name: getattr(report, item.name) for item in dataclass_fields(report)}
    listed = {key: list(map(asdict, fields[key])) for key in ("dependencies", "outputs")}
    fields["phases"] = dict(report.phases)
    return {**fields, "targets": list(map(str, report.targets)), **listed}


def suggest_ways(
    missing_wheel: MissingWheel,
    advice: Advice,
    *,
    newest: str = "",
    held_by: str = "",
    marker: str = "",
    without: str = "",
) -> str:
    """Say how to get a missing wheel: `newest` is the version that has one.

    `held_by` says what else than the project forbids that version, and what to do. `marker` is true
    on every target but those that lack the wheel, and `without` is the line of the table that
    leaves these out.
    """
    if advice is Advice.LOCK:
        ways = ["write the lock anew for these targets"]
    elif advice is Advice.OWN_WHEEL:
        ways = ["build one for these targets too and name it in 'project-wheels'"]
        ways += [_raise_floor(missing_wheel)] if missing_wheel.needs else []
    elif missing_wheel.kind == "removed":
        return "require a version that the index has"
    elif missing_wheel.origin:
        ways = list(_ways_by_marker(missing_wheel, f" @ {missing_wheel.origin} ", marker))
        ways.append("give these targets a URL of their own by another marker")
    else:
        ways = list(_ways_to_another(missing_wheel, newest, held_by, marker))
    if without:
        ways.append(f"leave these targets out: {without}")
    return ", or ".join(ways)


def _ways_to_another(
    missing_wheel: MissingWheel, newest: str, held_by: str, marker: str
) -> Iterator[str]:
    """Say how to get another wheel instead of the one that is asked for."""
    name, needs, kind = missing_wheel.name, missing_wheel.needs, missing_wheel.kind
    if newest:
        yield f"{name} {newest} has one{f', but {held_by}' if held_by else ': allow that version'}"
    if needs:
        yield _raise_floor(missing_wheel)
    if not newest and not needs:
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


def _raise_floor(missing_wheel: MissingWheel) -> str:
    """Say which floor would fit, and with which version, if it is another one."""
    version = missing_wheel.needs_version
    there = f", where {missing_wheel.name} {version} has one" if version else ""
    return f"raise the floor to {missing_wheel.needs!r}{there}"


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
