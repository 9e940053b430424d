"""An inspection for people, for 80 columns and for a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hatch_multiplat.base.text import Line, format_count, format_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hatch_multiplat.inspection.inspection import Inspection, LockComparison

    Row = tuple[tuple[str, ...], tuple[str, ...]]

_GAP: Final = "  "
_LAYOUTS: Final = {"zipapp": "one file", "packed": "a packed folder", "loose": "a loose folder"}


def render_inspection(inspection: Inspection, *, wheels: bool, width: int) -> Iterable[Line]:
    """Yield the lines of an inspection; with `wheels`, also every wheel with its hash."""
    yield from _head(inspection)
    if inspection.targets:
        yield Line()
        yield from _targets(inspection, width)
        yield Line()
        yield Line("its wheels need", "bold")
        yield from (Line(line) for line in inspection.needs)
    if inspection.parts:
        yield Line()
        yield from _savings(inspection)
    yield Line()
    yield from _dependencies(inspection, width)
    if wheels:
        yield Line()
        yield from _wheels(inspection)
    if inspection.lock is not None:
        yield Line()
        yield from render_lock_comparison(inspection.lock)


def render_lock_comparison(lock: LockComparison) -> Iterable[Line]:
    """Yield the result of a comparison, with every wheel that differs from the lock."""
    bad = len(lock.different) + len(lock.unknown) + len(lock.missing)
    if lock.agrees:
        yield Line(f"{lock.lock}: {lock.same} wheels are byte for byte what it says", style="green")
    elif bad:
        yield Line(f"{lock.lock}: {bad} wheels are not what it says", style="red")
    else:
        many = len(lock.unseen)
        why = f"{many} of its wheels are not in the wheel cache to compare with; --fetch gets them"
        yield Line(f"{lock.lock}: {why}", style="red")
    listed = {
        "other bytes": lock.different,
        "not in it": lock.unknown,
        "not compared": lock.unseen,
        "missing": lock.missing,
        "the project's own": lock.own,
        "built from its sdist": lock.built,
    }
    for what, names in listed.items():
        yield from (Line(f"  {what}: {name}") for name in names)


def _head(inspection: Inspection) -> Iterable[Line]:
    title = f"{inspection.name} {inspection.version}".strip() or inspection.path
    yield Line(title, "bold").append(f"  {format_size(inspection.size)}")
    yield Line(f"  runs {inspection.runs}")
    if inspection.commands:
        yield Line(f"  and by other names {', '.join(inspection.commands)}")
    if inspection.added:
        yield Line(f"  with {', '.join(inspection.added)}")
    counted = format_count(len(inspection.wheels), "wheel")
    if inspection.ours:
        counted = f"{format_count(len(inspection.targets), 'target')}, {counted}"
    else:
        counted += "; a PEX that hatch-multiplat did not build, its targets are not written in it"
    yield Line(f"  {counted}")
    overhead = format_size(inspection.overhead)
    if inspection.format == "pyz":
        yield Line(f"  one file without wheels, compressed; {overhead} of it start-up")
        return
    yield Line(
        f"  {_LAYOUTS[inspection.layout]}; {overhead} of it start-up and"
        f" pex {inspection.pex_version}".rstrip()
    )


def _targets(inspection: Inspection, width: int) -> Iterable[Line]:
    rows = [
        (
            (target.name,),
            (
                str(target.wheels),
                *map(format_size, (target.held, target.alone, target.first_run)),
            ),
        )
        for target in inspection.targets
    ]
    head = ("target",), ("wheels", "in the file", "alone", "first run")
    return _columns([head, *rows], width)


def _savings(inspection: Inspection) -> Iterable[Line]:
    width = max(len(_part_name(part.kind, part.name)) for part in inspection.parts)
    for part in inspection.parts:
        name = _part_name(part.kind, part.name)
        yield Line(f"without {name:{width}}  {format_size(part.saves):>9} less")


def _part_name(kind: str, name: str) -> str:
    if kind == "platform":
        return name
    return name if name.startswith(("py", "pp")) else f"Python {name}"


def _dependencies(inspection: Inspection, width: int) -> Iterable[Line]:
    rows = [
        (
            (item.name, ", ".join(item.versions)),
            (str(item.wheels), format_size(item.held), format_size(item.unpacked)),
        )
        for item in inspection.dependencies
    ]
    head = ("dependency", "version"), ("wheels", "in the file", "unpacked")
    return _columns([head, *rows], width)


def _wheels(inspection: Inspection) -> Iterable[Line]:
    for wheel in inspection.wheels:
        yield Line(f"{format_size(wheel.held):>9}  ").append(wheel.filename, "bold")
        yield Line(f"           {wheel.sha256 or 'installed beforehand, no longer a wheel'}")


def _columns(rows: Sequence[Row], width: int) -> Iterable[Line]:
    """Yield rows of words and numbers, the head first, side by side if there is room for all.

    If there is not, the numbers get a line of their own below the words: names are never cut.
    """
    words, numbers = (_widths(column) for column in zip(*rows, strict=True))
    needed = sum(words) + sum(numbers) + len(_GAP) * (len(words) + len(numbers) - 1)
    for place, (texts, values) in enumerate(rows):
        style = "" if place else "bold"
        right = _GAP.join(map(str.rjust, values, numbers))
        if needed <= width:
            yield Line(_GAP.join([*map(str.ljust, texts, words), right]), style=style)
        else:
            yield Line(_GAP.join(texts), style=style)
            yield Line(f"{_GAP}{right}", style=style)


def _widths(rows: Sequence[tuple[str, ...]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]
