"""The matrix as one HTML page without other files: sortable, filterable, readable on phones."""

from __future__ import annotations

import re
from collections import defaultdict
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from hatch_multiplat.base.text import format_count, format_size
from hatch_multiplat.wheels.matrix_layout import (
    describe_asked,
    describe_floor,
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
    from collections.abc import Iterable, Mapping, Sequence

    from hatch_multiplat.wheels.matrix import Cell, Matrix
    from hatch_multiplat.wheels.matrix_layout import Row

_CLASSES: Final[Mapping[str, str]] = {"abi3+u2": "abi3", "univ2": "native", "unbuilt": "built"}
_NO_BREAK: Final = "\N{NO-BREAK SPACE}"
_NEWEST: Final = "newest wheel"
_PLACE: Final = re.compile(r"\{\{(\w+)\}\}")


def render_html(matrix: Matrix) -> str:
    """Render the page. It loads nothing, and without JavaScript it lacks only sorting."""
    rows = make_rows(matrix)
    parts = {
        "title": escape(f"{matrix.project}: coverage"),
        "size": escape(describe_size(matrix)),
        "verdict": _verdict(matrix),
        "gaps": _missing(matrix),
        "platforms": _platform_options(matrix),
        "matrix": _matrix(matrix, rows),
        "legend": _legend(rows),
        "floors": _floors(matrix),
        "differences": _differences(matrix),
        "wheels": _wheels(matrix),
    }
    page = files(__package__).joinpath("matrix_page.html").read_text(encoding="utf-8")
    return _PLACE.sub(lambda place: parts[place[1]], page)


def _verdict(matrix: Matrix) -> str:
    first, *more = describe_outcome(matrix)
    kind = "bad" if matrix.missing_wheels else "good"
    lines = [f'<p class="verdict {kind}">{escape(first)}</p>']
    return "\n".join([*lines, *(f"<p>{escape(line)}</p>" for line in more)])


def _missing(matrix: Matrix) -> str:
    if not matrix.missing_wheels:
        return ""
    items = []
    for group in group_missing(matrix):
        missing_wheel = group.first
        where = describe_targets(group.targets, matrix)
        items.append(
            f"<li><strong>{escape(group.title)}</strong>: {escape(missing_wheel.reason)}"
            f'<br><span class="soft">on {escape(where)}</span>'
            f"<br>To do: {escape(missing_wheel.to_do)}</li>"
        )
    lines = ["<section>", "<h2>What is missing</h2>", '<ul class="gaps">', *items, "</ul>"]
    if matrix.explanation:
        lines.append(f"<pre>{escape(matrix.explanation)}</pre>")
    return "\n".join([*lines, "</section>"])


def _platform_options(matrix: Matrix) -> str:
    return "\n".join(
        f'<option value="{escape(column.label)}">{escape(column.label)}</option>'
        for column in matrix.columns
    )


def _matrix(matrix: Matrix, rows: Sequence[Row]) -> str:
    several = {name for name, _ in matrix.differences}
    floored = {name for need in matrix.floors for name, _ in need.packages}
    heads = [_head(title) for title in ("package", "version", "Python")]
    heads += [
        _head(column.label, shown=column.label.split("-"), column=True) for column in matrix.columns
    ]
    heads.append(_head(_NEWEST))
    plain: list[str] = []
    other: list[str] = []
    for row in rows:
        marks = [
            *(["gap"] if row.has_missing else []),
            *(["several"] if row.name in several else []),
            *(["floor"] if row.name in floored else []),
        ]
        taken = [
            column.label for column, word in zip(matrix.columns, row.cells, strict=True) if word
        ]
        cells = [
            _td("package", escape(row.name)),
            _td("version", escape(row.version)),
            _td("Python", escape(row.pythons or "all")),
        ]
        for column, word in zip(matrix.columns, row.cells, strict=True):
            cells.append(_td(column.label, _word(word), column=column.label, blank=not word))
        newest = matrix.uploads.get(row.name)
        shown = f"{newest[0]}, {newest[1].isoformat()}" if newest else ""
        sort = newest[1].isoformat() if newest else ""
        cells.append(_td(_NEWEST, escape(shown), sort=sort, blank=not newest))
        find = f"{row.name} {row.version} {' '.join(word for word in row.cells if word)}"
        own = plain if row.is_plain else other
        own.append(_tr(cells, find=find, marks=marks, platforms=taken))
    tables = [_table("matrix filtered", heads, other)] if other else []
    if plain:
        title = f"{format_count(len(plain), 'pure package')}, the same everywhere"
        tables.append(_folded(title, _table("matrix filtered", heads, plain)))
    return "\n".join(tables)


def _legend(rows: Sequence[Row]) -> str:
    items = [
        f"<dt>{_word(word)}</dt><dd>{escape(meaning)}</dd>" for word, meaning in list_meanings(rows)
    ]
    return "\n".join(["<dl>", *items, "</dl>"])


def _floors(matrix: Matrix) -> str:
    if not matrix.floors:
        return ""
    body = []
    for need in matrix.floors:
        lowest = escape(describe_lowest(need))
        forced = describe_forced(need, between=": ")
        asked = describe_asked(need).replace(" ", _NO_BREAK)
        body.append(
            _tr(
                [
                    _td("platform", escape(need.column.label)),
                    _td("asked for", escape(asked)),
                    _td("lowest", f'<b class="raised">{lowest}</b>' if need.is_raised else lowest),
                    _td("forced by", escape(forced), blank=not forced),
                ]
            )
        )
    heads = [_head(title) for title in ("platform", "asked for", "lowest", "forced by")]
    about = "The oldest system on which these same versions still have wheels."
    lines = [f'<p class="soft">{about}</p>', _table("floors", heads, body)]
    lines += [f'<p class="raised">{escape(line)}</p>' for line in describe_raised(matrix)]
    return _section("Lowest floors", "\n".join(lines))


def _differences(matrix: Matrix) -> str:
    if not matrix.differences:
        return ""
    lines = ['<ul class="plain">']
    for name, variants in matrix.differences:
        lines.append(f"<li><strong>{escape(name)}</strong><ul>")
        for variant in variants:
            where = describe_targets(variant.targets, matrix)
            why = "".join(
                f'<br><span class="soft">not {escape(reason)}</span>' for reason in variant.reasons
            )
            lines.append(f"<li>{escape(str(variant.version))} on {escape(where)}{why}</li>")
        lines.append("</ul></li>")
    return _section("Where versions differ", "\n".join([*lines, "</ul>"]))


def _wheels(matrix: Matrix) -> str:
    """Render every wheel with the targets that take it."""
    if not matrix.cells:
        return ""
    several = {name for name, _ in matrix.differences}
    taken: dict[str, list[Cell]] = defaultdict(list)
    for cell in matrix.cells:
        if cell.wheel:
            taken[cell.wheel].append(cell)
    titles = ("package", "version", "wheel", "floor", "size", "targets")
    body = []
    for filename, cells in taken.items():
        first = cells[0]
        targets = {cell.target for cell in cells}
        floor = max((cell.floor for cell in cells if cell.floor), default=None)
        where = describe_targets(targets, matrix)
        size = format_size(first.size) if first.size is not None else ""
        size = size.replace(" ", _NO_BREAK)
        body.append(
            _tr(
                [
                    _td("package", escape(first.name)),
                    _td("version", escape(str(first.version))),
                    _td("wheel", f"<code>{escape(filename)}</code>"),
                    _td("floor", describe_floor(floor) if floor else "", blank=not floor),
                    _td("size", size, sort=str(first.size or ""), blank=not size),
                    _td("targets", escape(where)),
                ],
                find=f"{first.name} {first.version} {filename}",
                marks=[
                    *(["several"] if first.name in several else []),
                    *(["floor"] if floor else []),
                ],
                platforms=[
                    column.label
                    for column in matrix.columns
                    if not targets.isdisjoint(column.targets)
                ],
            )
        )
    heads = [_head(title) for title in titles]
    title = f"{format_count(len(taken), 'wheel')} in all"
    return _section("Wheels", _folded(title, _table("wheels filtered", heads, body)))


def _folded(title: str, content: str) -> str:
    return f"<details>\n<summary>{escape(title)}</summary>\n{content}\n</details>"


def _section(title: str, content: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}\n</section>"


def _table(kind: str, heads: Iterable[str], body: Iterable[str]) -> str:
    return "\n".join(
        [
            f'<div class="scroll"><table class="{kind}">',
            f"<thead><tr>{''.join(heads)}</tr></thead>",
            "<tbody>",
            *body,
            "</tbody></table>",
            '<p class="none" hidden>Nothing fits these filters.</p></div>',
        ]
    )


def _head(title: str, *, shown: Sequence[str] = (), column: bool = False) -> str:
    words = "".join(f"<span>{escape(word)}</span>" for word in shown or [title])
    mark = f' data-column="{escape(title)}"' if column else ""
    return f'<th scope="col"{mark}><button type="button">{words}</button></th>'


def _tr(
    cells: Iterable[str],
    *,
    find: str = "",
    marks: Iterable[str] = (),
    platforms: Iterable[str] = (),
) -> str:
    """Render a row, with the values for the filters."""
    data = {"find": find.lower(), "marks": " ".join(marks), "platforms": " ".join(platforms)}
    attributes = "".join(f' data-{key}="{escape(value)}"' for key, value in data.items())
    return f"<tr{attributes}>{''.join(cells)}</tr>"


def _td(label: str, content: str, *, column: str = "", sort: str = "", blank: bool = False) -> str:
    """Render a cell; its label is shown if there is no room for a table."""
    attributes = f' data-column="{escape(column)}"' if column else ""
    attributes += f' data-sort="{escape(sort)}"' if sort else ""
    attributes += ' class="blank"' if blank else ""
    tag = "" if label == "package" else f'<span class="label">{escape(label)}</span>'
    return f"<td{attributes}>{tag}{content}</td>"


def _word(word: str | None) -> str:
    if not word:
        return ""
    kind = "gap" if is_missing(word) else _CLASSES.get(word, word)
    return f'<span class="word {kind}">{escape(word)}</span>'
