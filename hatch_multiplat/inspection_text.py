"""An inspection for people: what `rich` prints, fit for 80 columns and for a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from hatch_multiplat.report import format_size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

    from hatch_multiplat.inspection import Inspection, LockComparison

_LAYOUTS: Final = {"zipapp": "one file", "packed": "a packed folder", "loose": "a loose folder"}


def render_inspection(inspection: Inspection, *, wheels: bool) -> Iterable[RenderableType]:
    """Yield what is to be printed; with `wheels`, every wheel with its hash too."""
    yield from _head(inspection)
    if inspection.targets:
        yield ""
        yield _targets(inspection)
    if inspection.parts:
        yield ""
        yield from _savings(inspection)
    yield ""
    yield _dependencies(inspection)
    if wheels:
        yield ""
        yield from _wheels(inspection)
    if inspection.lock is not None:
        yield ""
        yield from render_lock_comparison(inspection.lock)


def render_lock_comparison(lock: LockComparison) -> Iterable[Text]:
    """Yield the outcome of a comparison, with every wheel that is not the lock's."""
    if lock.agrees:
        yield Text(f"{lock.lock}: {lock.same} wheels are byte for byte what it says", style="green")
    else:
        bad = len(lock.different) + len(lock.unknown)
        yield Text(f"{lock.lock}: {bad} wheels are not what it says", style="red")
    for filename in lock.different:
        yield Text(f"  other bytes: {filename}")
    for filename in lock.unknown:
        yield Text(f"  not in it: {filename}")
    for filename in lock.own:
        yield Text(f"  the project's own: {filename}")
    for filename in lock.built:
        yield Text(f"  built from its sdist: {filename}")


def _head(inspection: Inspection) -> Iterable[Text]:
    title = f"{inspection.name} {inspection.version}".strip() or inspection.path
    yield Text.assemble((title, "bold"), f"  {format_size(inspection.size)}")
    yield Text(f"  runs {inspection.runs}")
    if inspection.commands:
        yield Text(f"  and by other names {', '.join(inspection.commands)}")
    added = inspection.requirements[1:]
    if added:
        yield Text(f"  with {', '.join(added)}")
    counted = f"{len(inspection.wheels)} wheel{'s' if len(inspection.wheels) != 1 else ''}"
    if inspection.ours:
        many = len(inspection.targets)
        counted = f"{many} target{'s' if many != 1 else ''}, {counted}"
    else:
        counted += "; a PEX that hatch-multiplat did not build, its targets are not written in it"
    yield Text(f"  {counted}")
    yield Text(
        f"  {_LAYOUTS[inspection.layout]}; {format_size(inspection.overhead)} of it start-up and"
        f" pex {inspection.pex_version}".rstrip()
    )


def _targets(inspection: Inspection) -> Table:
    table = _table("target", "wheels", "in the file", "alone", "first run")
    for target in inspection.targets:
        table.add_row(
            target.name,
            str(target.wheels),
            format_size(target.held),
            format_size(target.alone),
            format_size(target.first_run),
        )
    return table


def _savings(inspection: Inspection) -> Iterable[Text]:
    width = max(len(_part_name(part.kind, part.name)) for part in inspection.parts)
    for part in inspection.parts:
        name = _part_name(part.kind, part.name)
        yield Text(f"without {name:{width}}  {format_size(part.saves):>9} less")


def _part_name(kind: str, name: str) -> str:
    if kind == "platform":
        return name
    return name if name.startswith(("py", "pp")) else f"Python {name}"


def _dependencies(inspection: Inspection) -> Table:
    table = _table("dependency", "wheels", "in the file", "unpacked", version=True)
    for item in inspection.dependencies:
        table.add_row(
            item.name,
            ", ".join(item.versions),
            str(item.wheels),
            format_size(item.held),
            format_size(item.unpacked),
        )
    return table


def _wheels(inspection: Inspection) -> Iterable[Text]:
    for wheel in inspection.wheels:
        yield Text.assemble(f"{format_size(wheel.held):>9}  ", (wheel.filename, "bold"))
        yield Text(f"           {wheel.sha256 or 'installed beforehand, no longer a wheel'}")


def _table(first: str, *others: str, version: bool = False) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    table.add_column(first, overflow="fold")
    if version:
        table.add_column("version", overflow="fold")
    for other in others:
        table.add_column(other, justify="right", no_wrap=True)
    return table
