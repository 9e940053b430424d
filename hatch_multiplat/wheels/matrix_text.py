"""The matrix for people at a terminal: lines of text that fit it, in colour if possible."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from hatch_multiplat.base.text import Line
from hatch_multiplat.wheels.matrix_layout import (
    describe_asked,
    describe_forced,
    describe_lowest,
    describe_outcome,
    describe_raised,
    describe_size,
    describe_targets,
    group_missing,
    is_missing,
    list_meanings,
    make_rows,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hatch_multiplat.wheels.matrix import Column, Matrix
    from hatch_multiplat.wheels.matrix_layout import Row

NARROWEST: Final = 40
"""The columns of a terminal; in a narrower one, lines break where necessary."""

_LEAST: Final = 20
"""The least width of a list of packages beside the floors."""
_UNBROKEN: Final = 100_000

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
_MISSING: Final = "bold red"
_HEAD: Final = "bold"


def render_matrix(matrix: Matrix, *, width: int) -> list[Line]:
    """Render the matrix in lines of at most `width` columns: a table, and what it means.

    Rows are versions of packages, columns are platforms. A platform's Pythons share a cell where
    they are alike, and stand in rows of their own where they are not. A table that is too wide
    goes on below.
    """
    width = max(width, NARROWEST)
    rows = make_rows(matrix)
    plain = [row for row in rows if row.is_plain]
    rows = tuple(row for row in rows if not row.is_plain)
    sections: list[list[Line]] = [_wrap(describe_size(matrix), width, style=_HEAD)]
    sections += _tables(matrix, rows, width)
    if rows:
        sections.append(_legend(rows, width))
    if plain:
        listed = ", ".join(f"{row.name} {row.version}" for row in plain)
        sections.append(_wrap(f"Pure, and the same everywhere: {listed}", width))
    sections += [
        section
        for section in (
            _floors(matrix, width),
            _differences(matrix, width),
            _missing(matrix, width),
            [Line(line) for line in matrix.explanation.splitlines()],
        )
        if section
    ]
    covered = "bold green" if not matrix.missing_wheels else _MISSING
    verdict = describe_outcome(matrix)
    sections.append(
        [
            line
            for number, sentence in enumerate(verdict)
            for line in _wrap(sentence, width, style=_HEAD if number else covered)
        ]
    )
    lines: list[Line] = []
    for section in sections:
        lines += [*([Line()] if lines else []), *section]
    return lines


def print_matrix(matrix: Matrix) -> str:
    """Return the matrix as one text without colours, its paragraphs unbroken."""
    return "\n".join(map(str, render_matrix(matrix, width=_UNBROKEN)))


def _tables(matrix: Matrix, rows: Sequence[Row], width: int) -> Iterator[list[Line]]:
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
    # Where names leave no room for a column, they stand in lines of their own.
    stacked = left + 1 + max(widths) > width
    if stacked:
        left = 2 + pythons
    space = 2 if left + sum(wide + 2 for wide in widths) <= width else 1
    for part in _parts(widths, width - left, space):
        head = ["package".ljust(names), "version".ljust(versions), "Python".ljust(pythons)]
        title = " " * left if stacked else "  ".join(head)[:left]
        lines = _head(title, [(matrix.columns[at], widths[at]) for at in part], space)
        last = ""
        for row in rows:
            cells = [row.cells[at] for at in part]
            if not any(cells):
                continue
            if stacked:
                title = f"{row.name} {row.version}"
                lines += [Line(title, _HEAD)] if title != last else []
                last = title
                line = Line(f"  {row.pythons.ljust(pythons)}")
            else:
                name = row.name if len(row.name) <= names else f"{row.name[: names - 2]}.."
                line = Line(("" if row.name == last else name).ljust(names), _HEAD)
                last = row.name
                line.append(f"  {row.version.ljust(versions)}")
                line.append(f"  {row.pythons.ljust(pythons)}" if pythons else "")
            for word, at in zip(cells, part, strict=True):
                shown = "." if word == "" else word or ""
                style = _MISSING if is_missing(word) else _STYLES.get(shown, "")
                line.append(" " * space)
                line.append(shown.ljust(widths[at]), style=style)
            lines.append(line.rstrip())
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


def _head(left: str, columns: Sequence[tuple[Column, int]], space: int) -> list[Line]:
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
        lines.append(Line(line.rstrip(), style=_HEAD))
    return lines


def _legend(rows: Sequence[Row], width: int) -> list[Line]:
    listed = "; ".join(f"{word}: {meaning}" for word, meaning in list_meanings(rows))
    return _wrap(listed, width, style="dim")


def _floors(matrix: Matrix, width: int) -> list[Line]:
    if not matrix.floors:
        return []
    names = max(len("platform"), *(len(need.column.label) for need in matrix.floors))
    asked = list(map(describe_asked, matrix.floors))
    wide = max(len("asked for"), *map(len, asked))
    lowest = list(map(describe_lowest, matrix.floors))
    last = max(len("lowest"), *map(len, lowest))
    left = names + 2 + wide + 2 + last + 2
    longest = max((len(name) for need in matrix.floors for name, _ in need.packages), default=0)
    narrow = width - left < max(_LEAST, longest + 1)
    head = (
        "platform".ljust(names),
        "asked for".ljust(wide),
        "lowest".ljust(last),
        "" if narrow else "forced by",
    )
    lines = [Line("  ".join(head), style=_HEAD).rstrip()]
    for need, words, found in zip(matrix.floors, asked, lowest, strict=True):
        line = Line(f"{need.column.label.ljust(names)}  {words.ljust(wide)}  ")
        line.append(found.ljust(last), style=_MISSING if need.is_raised else "")
        forced = describe_forced(need)
        if narrow:
            lines += [
                line.rstrip(),
                *(_wrap(f"forced by {forced}", width, begin="  ") if forced else ()),
            ]
            continue
        first, *more = textwrap.wrap(
            forced, width - left, break_on_hyphens=False, break_long_words=False
        ) or [""]
        lines.append(line.append(f"  {first}").rstrip())
        lines += [Line(f"{' ' * left}{words}") for words in more]
    for sentence in describe_raised(matrix):
        lines += _wrap(sentence, width, style=_MISSING)
    return lines


def _differences(matrix: Matrix, width: int) -> list[Line]:
    lines = []
    for name, variants in matrix.differences:
        lines.append(Line(f"{name} has {len(variants)} versions", style=_HEAD))
        for variant in variants:
            where = describe_targets(variant.targets, matrix)
            lines += _wrap(f"{variant.version} on {where}", width, begin="  ")
            for reason in variant.reasons:
                lines += _wrap(f"not {reason}", width, begin="    ")
    return lines


def _missing(matrix: Matrix, width: int) -> list[Line]:
    lines = []
    for group in group_missing(matrix):
        missing_wheel = group.first
        lines += _wrap(f"{group.title}: {missing_wheel.reason}", width, style=_MISSING)
        where = describe_targets(group.targets, matrix)
        lines += _wrap(f"on {where}", width, begin="  ")
        lines += _wrap(f"to do: {missing_wheel.to_do}", width, begin="  ")
    return lines


def _wrap(text: str, width: int, *, begin: str = "", style: str = "") -> list[Line]:
    return list(Line(f"{begin}{text}", style).fit(width))
