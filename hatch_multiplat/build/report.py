"""The report of a build, as text and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from dataclasses import fields as dataclass_fields
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from hatch_multiplat.base.text import format_count, format_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatch_multiplat.targets.target import Target

HEAVIEST: Final = 5


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
