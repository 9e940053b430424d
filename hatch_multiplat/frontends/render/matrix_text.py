"""The matrix for people at a terminal: lines of text no wider than it, coloured where it can."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from rich.text import Text

from hatch_multiplat.wheels.matrix_layout import (
    MEANINGS,
    describe_floor,
    describe_lowest,
    describe_outcome,
    describe_raised,
    describe_size,
    describe_system,
    describe_targets,
    group_floors,
    group_gaps,
    is_gap,
    make_rows,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hatch_multiplat.wheels.matrix import Column, FloorNeed, Matrix
    from hatch_multiplat.wheels.matrix_layout import Row

NARROWEST: Final = 60
"""Columns of a terminal; in a narrower one lines break where they may."""

_STYLES: Final[Mapping[str, str]] = {
    "pure": "dim",
    "abi3": "cyan",
    "abi3+u2": "cyan",
    "univ2": "green",
    "native": "green",
    "built": "yellow",
    "unbuilt": "yellow",
    ".": "dim",
}
_GAP: Final = "bold red"
_HEAD: Final = "bold"


def render_matrix(matrix: Matrix, *, width: int) -> list[Text]:
    """Render the matrix in lines of at most `width` columns: a table, and what it means.

    Rows are versions of packages, columns are platforms. A platform's Pythons share a cell where
    they are alike, and stand in rows of their own where they are not. A table that is too wide
    goes on below.
    """
    width = max(width, NARROWEST)
    rows = make_rows(matrix)
    plain = [row for row in rows if row.is_plain]
    rows = tuple(row for row in rows if not row.is_plain)
    sections: list[list[Text]] = [_wrap(describe_size(matrix), width, style=_HEAD)]
    sections += _tables(matrix, rows, width)
    if rows:
        sections.append(_legend(rows, width))
    if plain:
        listed = ", ".join(f"{row.name} {row.version}" for row in plain)
        sections.append(_wrap(f"Pure, and the same everywhere: {listed}", width, hang=2))
    sections += [
        section
        for section in (
            _floors(matrix, width),
            _differences(matrix, width),
            _gaps(matrix, width),
            [Text(line) for line in matrix.explanation.splitlines()],
        )
        if section
    ]
    covered = "bold green" if not matrix.missing_wheels else _GAP
    verdict = describe_outcome(matrix)
    sections.append(
        [
            line
            for number, sentence in enumerate(verdict)
            for line in _wrap(sentence, width, style=_HEAD if number else covered)
        ]
    )
    lines: list[Text] = []
    for section in sections:
        lines += [*([Text()] if lines else []), *section]
    return lines


def _tables(matrix: Matrix, rows: Sequence[Row], width: int) -> Iterator[list[Text]]:
    """Lay out the table, in as many parts as the width asks for."""
    if not rows:
        return
    widest = max(len(row.name) for row in rows)
    names = min(max(widest, len("package")), max(12, width // 3))
    versions = max(len("version"), *(len(row.version) for row in rows))
    pythons = max(len(row.pythons) for row in rows)
    pythons = max(pythons, len("Python")) if pythons else 0
    left = names + 2 + versions + (2 + pythons if pythons else 0)
    widths = [
        max(
            len(word)
            for word in (*column.label.split("-"), *(row.cells[place] or "" for row in rows))
        )
        for place, column in enumerate(matrix.columns)
    ]
    space = 2 if left + sum(wide + 2 for wide in widths) <= width else 1
    for part in _parts(widths, width - left, space):
        head = ["package".ljust(names), "version".ljust(versions)]
        if pythons:
            head.append("Python".ljust(pythons))
        lines = _head("  ".join(head), [(matrix.columns[at], widths[at]) for at in part], space)
        last = ""
        for row in rows:
            cells = [row.cells[at] for at in part]
            if not any(cells):
                continue
            name = row.name if len(row.name) <= names else f"{row.name[: names - 2]}.."
            line = Text(("" if row.name == last else name).ljust(names), style=_HEAD)
            last = row.name
            line.append(f"  {row.version.ljust(versions)}", style="none")
            if pythons:
                line.append(f"  {row.pythons.ljust(pythons)}", style="none")
            for word, at in zip(cells, part, strict=True):
                shown = "." if word == "" else word or ""
                style = _GAP if is_gap(word) else _STYLES.get(shown, "")
                line.append(" " * space)
                line.append(shown.ljust(widths[at]), style=style or "none")
            line.rstrip()
            lines.append(line)
        yield lines


def _parts(widths: Sequence[int], room: int, space: int) -> list[list[int]]:
    """Divide columns into parts that have room beside the names; each has at least one."""
    parts: list[list[int]] = []
    used = room + 1
    for place, wide in enumerate(widths):
        if used + wide + space > room:
            parts.append([])
            used = 0
        parts[-1].append(place)
        used += wide + space
    return parts


def _head(left: str, columns: Sequence[tuple[Column, int]], space: int) -> list[Text]:
    """Stack the words of the platforms' names over their columns."""
    words = [column.label.split("-") for column, _ in columns]
    depth = max(map(len, words))
    lines = []
    for level in range(depth):
        line = left if level == depth - 1 else " " * len(left)
        for (_, wide), own in zip(columns, words, strict=True):
            # Names stand on the table, the shorter ones lower.
            word = own[level] if level < len(own) else ""
            line += " " * space + word.ljust(wide)
        lines.append(Text(line.rstrip(), style=_HEAD))
    return lines


def _legend(rows: Sequence[Row], width: int) -> list[Text]:
    used = {word for row in rows for word in row.cells}
    listed = "; ".join(f"{word}: {meaning}" for word, meaning in MEANINGS.items() if word in used)
    return _wrap(listed, width, style="dim")


def _floors(matrix: Matrix, width: int) -> list[Text]:
    if not matrix.floors:
        return []
    names = max(len("platform"), *(len(need.column.label) for need in matrix.floors))
    asked = [
        f"{describe_system(need.column)} {describe_floor(need.asked)}" for need in matrix.floors
    ]
    wide = max(len("asked for"), *map(len, asked))
    lowest = [describe_lowest(need) for need in matrix.floors]
    last = max(len("lowest"), *map(len, lowest))
    left = names + 2 + wide + 2 + last + 2
    lines = [
        Text(
            f"{'platform'.ljust(names)}  {'asked for'.ljust(wide)}"
            f"  {'lowest'.ljust(last)}  forced by",
            style=_HEAD,
        )
    ]
    for need, words, found in zip(matrix.floors, asked, lowest, strict=True):
        forced = textwrap.wrap(_forced(need), max(width - left, 20)) or [""]
        line = Text(f"{need.column.label.ljust(names)}  {words.ljust(wide)}  ")
        style = _GAP if need.is_raised else "none"
        line.append(found.ljust(last), style=style)
        line.append(f"  {forced[0]}")
        line.rstrip()
        lines += [line, *(Text(f"{' ' * left}{more}") for more in forced[1:])]
    for sentence in describe_raised(matrix):
        lines += _wrap(sentence, width, hang=2, style=_GAP)
    return lines


def _forced(need: FloorNeed) -> str:
    return "; ".join(f"{floor} {', '.join(names)}" for floor, names in group_floors(need))


def _differences(matrix: Matrix, width: int) -> list[Text]:
    lines = []
    for name, variants in matrix.differences:
        lines.append(Text(f"{name} has {len(variants)} versions", style=_HEAD))
        for variant in variants:
            where = describe_targets(variant.targets, matrix)
            lines += _wrap(f"{variant.version} on {where}", width, begin="  ", hang=6)
            for reason in variant.reasons:
                lines += _wrap(f"not {reason}", width, begin="    ", hang=6)
    return lines


def _gaps(matrix: Matrix, width: int) -> list[Text]:
    lines = []
    for group in group_gaps(matrix):
        missing_wheel = group.first
        title = " ".join(filter(None, [missing_wheel.name, str(missing_wheel.version or "")]))
        lines += _wrap(f"{title}: {missing_wheel.reason}", width, hang=2, style=_GAP)
        where = describe_targets(group.targets, matrix)
        lines += _wrap(f"on {where}", width, begin="  ", hang=5)
        lines += _wrap(f"to do: {missing_wheel.to_do}", width, begin="  ", hang=4)
    return lines


def _wrap(text: str, width: int, *, begin: str = "", hang: int = 0, style: str = "") -> list[Text]:
    """Break a paragraph into lines: the first after `begin`, the others after `hang` blanks."""
    wrapped = textwrap.wrap(
        text,
        width,
        initial_indent=begin,
        subsequent_indent=" " * hang,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return [Text(line, style=style) for line in wrapped]
