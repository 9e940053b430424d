"""The matrix as Markdown, for the summaries of CI systems and for pull requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    from collections.abc import Iterable

    from hatch_multiplat.wheels.matrix import Matrix
    from hatch_multiplat.wheels.matrix_layout import Row

_SPECIAL = str.maketrans({char: f"\\{char}" for char in "\\`*_[]<>|#~"})


def render_markdown(matrix: Matrix) -> str:
    """Render the matrix as GitHub-flavoured Markdown: result, missing wheels, table."""
    verdict, *more = describe_outcome(matrix)
    mark = "\N{CROSS MARK}" if matrix.missing_wheels else "\N{WHITE HEAVY CHECK MARK}"
    blocks = [
        f"### {_escape(describe_size(matrix))}",
        f"{mark} **{_escape(verdict)}**",
        *(_escape(line) for line in more),
        "\n".join(_missing(matrix)),
        "\n".join(f"    {line}" for line in matrix.explanation.splitlines()),
        "\n".join(_table(matrix)),
        "\n".join(_differences(matrix)),
        "\n".join(_floors(matrix)),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _missing(matrix: Matrix) -> list[str]:
    lines = []
    for group in group_missing(matrix):
        missing_wheel = group.first
        where = describe_targets(group.targets, matrix)
        lines += [
            f"- **{_escape(group.title)}**: {_escape(missing_wheel.reason)}  ",
            f"  on {_escape(where)}  ",
            f"  to do: {_escape(missing_wheel.to_do)}",
        ]
    return lines


def _table(matrix: Matrix) -> list[str]:
    rows = make_rows(matrix)
    plain = [row for row in rows if row.is_plain]
    others = [row for row in rows if not row.is_plain]
    pythons = any(row.pythons for row in rows)
    lines: list[str] = []
    if others:
        titles = ["package", "version", *(["Python"] if pythons else [])]
        titles += [column.label.replace("-", " ") for column in matrix.columns]
        lines += [_line(titles), _line(["---"] * len(titles))]
        lines += [_line(_cells(row, pythons=pythons)) for row in others]
        meanings = [f"{word}: {meaning}" for word, meaning in list_meanings(others)]
        lines += ["", "; ".join(meanings)]
    if plain:
        listed = ", ".join(f"{row.name} {row.version}" for row in plain)
        lines += ["", f"Pure, and the same everywhere: {_escape(listed)}"]
    return lines


def _cells(row: Row, *, pythons: bool) -> list[str]:
    words = [f"**{word}**" if is_missing(word) else word or "" for word in row.cells]
    return [_escape(row.name), row.version, *([row.pythons] if pythons else []), *words]


def _differences(matrix: Matrix) -> list[str]:
    lines = []
    for name, variants in matrix.differences:
        lines.append(f"- **{_escape(name)}** has {len(variants)} versions")
        for variant in variants:
            where = describe_targets(variant.targets, matrix)
            lines.append(f"  - {variant.version} on {_escape(where)}")
            lines += [f"    - not {_escape(reason)}" for reason in variant.reasons]
    return lines


def _floors(matrix: Matrix) -> list[str]:
    if not matrix.floors:
        return []
    titles = ["platform", "asked for", "lowest", "forced by"]
    lines = [_line(titles), _line(["---"] * len(titles))]
    for need in matrix.floors:
        lowest = describe_lowest(need)
        lines.append(
            _line(
                [
                    need.column.label,
                    describe_asked(need),
                    f"**{lowest}**" if need.is_raised else lowest,
                    _escape(describe_forced(need)),
                ]
            )
        )
    raised = [f"**{_escape(sentence)}**  " for sentence in describe_raised(matrix)]
    return [*lines, *(["", *raised] if raised else [])]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escape(text: str) -> str:
    """Keep names such as `ruamel_yaml_*` from becoming emphasis, and `|` from ending a cell."""
    return text.translate(_SPECIAL)
