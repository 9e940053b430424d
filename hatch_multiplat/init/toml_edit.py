"""A TOML text with something added or removed, every other byte as it was.

tomlkit keeps a text that nobody touches. What it adds, it puts between a comment and the table
that the comment is about, ends lines by LF in a text with CRLF, refuses tables in inline tables,
and names a table `[build.hooks.new]` where `[tool.hatch]` has dotted keys. So edits are made in
the text itself, at the places that `toml_text` finds; tomlkit writes single values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import tomlkit

from hatch_multiplat.init.toml_text import BARE_KEY, KeyPath, TomlText, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Plain: TypeAlias = "str | bool | tuple[str, ...]"


MAX_LINE: Final = 72
"""Longer arrays get a line for each item."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Edit:
    """A piece of a text and what is to stand in its place."""

    start: int
    end: int
    text: str = ""


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """Make edits that do not overlap; those at one place in their order."""
    parts, done = [], 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        parts += [text[done : edit.start], edit.text]
        done = edit.end
    return "".join([*parts, text[done:]])


def add_items(text: str, path: KeyPath, new: Sequence[str]) -> str:
    """Add strings to the end of the array at a path, in the layout that the array has."""
    toml = TomlText(text)
    array = toml.values[path]
    words = [render(word) for word in new]
    if not array.items:
        return apply_edits(text, _fill_empty(toml, array, words))
    last = array.items[-1]
    comma = next((at for at in array.commas if at >= last.end), None)
    before = toml.line_before(last.start)
    lead = before.strip()
    if lead == ",":  # Its commas begin the lines.
        line_end = toml.rest_of_line(last.end)
        if line_end is None:
            added = "".join(f"{toml.newline}{before}{word}" for word in words)
            return apply_edits(text, [Edit(start=last.end, end=last.end, text=added)])
        added = "".join(f"{before}{word}{toml.newline}" for word in words)
        return apply_edits(text, [Edit(start=line_end, end=line_end, text=added)])
    if "\n" not in text[array.span.start : array.span.end]:
        if comma is None:
            edit = Edit(start=last.end, end=last.end, text="".join(f", {word}" for word in words))
        else:
            edit = Edit(start=comma + 1, end=comma + 1, text=f" {', '.join(words)},")
        return apply_edits(text, [edit])
    margin = before[: len(before) - len(before.lstrip())]
    if last.start - len(before) <= array.span.start:
        margin += toml.indent
    lines = f",{toml.newline}{margin}".join(words)
    edits = [] if comma is not None else [Edit(start=last.end, end=last.end, text=",")]
    end = last.end if comma is None else comma + 1
    line_end = toml.rest_of_line(end)
    if line_end is None:  # The closing bracket follows.
        added = f"{toml.newline}{margin}{lines}" + ("," if comma is not None else "")
        return apply_edits(text, [*edits, Edit(start=end, end=end, text=added)])
    added = f"{margin}{lines}{',' if comma is not None else ''}{toml.newline}"
    return apply_edits(text, [*edits, Edit(start=line_end, end=line_end, text=added)])


def _fill_empty(toml: TomlText, array: Value, words: list[str]) -> list[Edit]:
    """Put words into an array without items; it may have comments."""
    inside = array.span.start + 1
    body = toml.text[inside : array.span.end - 1]
    if "\n" not in body:
        return [Edit(start=inside, end=inside, text=", ".join(words))]
    closing = array.span.end - 1
    margin = toml.line_before(closing)
    line = f"{margin}{toml.indent}"
    added = "".join(f"{line}{word},{toml.newline}" for word in words)
    start = closing - len(margin)
    return [Edit(start=start, end=start, text=added)]


def remove_items(text: str, path: KeyPath, positions: Iterable[int]) -> str:
    """Remove the items at these positions of an array, each with its comma and its own line.

    A comment goes with an item if it stands behind it, in a line that has no other item.
    """
    for position in sorted(positions, reverse=True):
        text = _remove_item(text, path, position)
    return text


def _remove_item(text: str, path: KeyPath, position: int) -> str:
    toml = TomlText(text)
    array = toml.values[path]
    item = array.items[position]
    following = position + 1 < len(array.items)
    comma = next((at for at in array.commas if at >= item.end), None)
    end = item.end
    edits: list[Edit] = []
    if comma is not None and not text[item.end : comma].strip():
        end = comma + 1
    elif comma is not None:  # A comment or a line stands between them.
        edits.append(Edit(start=comma, end=comma + 1))
    lone_end = toml.rest_of_line(end)
    before = toml.line_before(item.start)
    start = item.start
    if comma is None and array.commas:
        # It was the last and had no comma, so the new last one has none either.
        at = max(at for at in array.commas if at < item.start)
        if text[at + 1 : item.start].strip(" \t"):
            edits.append(Edit(start=at, end=at + 1))
        else:
            start, before = at, toml.line_before(at)
    if lone_end is not None and not before.strip():
        return apply_edits(text, [*edits, Edit(start=start - len(before), end=lone_end)])
    if following and lone_end is None:
        while text[end] in " \t":
            end += 1
    elif before.strip() not in {"", "["}:
        while text[start - 1] in " \t":
            start -= 1
    return apply_edits(text, [*edits, Edit(start=start, end=end)])


def add_pairs(
    text: str,
    path: KeyPath,
    pairs: Mapping[str, Plain],
    *,
    comment: Sequence[str] = (),
    after: str | None = None,
) -> str:
    """Add keys to the table at a path, by whatever means that is written, or make the table.

    New keys go behind the key `after`, else to the top of a table that is there, in their order; a
    new table to the end of the text, with its comment, or into the inline table it belongs to.
    """
    toml = TomlText(text)
    inline = _find_inline(toml, path)
    if inline is not None:
        depth, value = inline
        words = [f"{render_key((key,))} = {render(item)}" for key, item in pairs.items()]
        if depth < len(path):
            listed = f" {', '.join(words)} " if words else ""
            words = [f"{render_key(path[depth:])} = {{{listed}}}"]
        return apply_edits(text, _add_to_inline(toml, value, words))
    dotted = [
        found
        for key, found in toml.values.items()
        if key[: len(path)] == path and len(found.table) < len(path)
    ]
    side_outputs = toml.values.get((*path, after)) if after else None
    if side_outputs is not None:
        prefix, place = path[len(side_outputs.table) :], side_outputs.line_end
    elif dotted:
        last = max(dotted, key=lambda found: found.line_end)
        prefix, place = path[len(last.table) :], last.line_end
    elif path in toml.headers:
        prefix, place = (), toml.headers[path]
    else:
        header = [*comment, f"[{render_key(path)}]"]
        return append_block(text, [*header, *_render_pairs(toml, pairs, ())])
    lines = "".join(f"{line}{toml.newline}" for line in _render_pairs(toml, pairs, prefix))
    if lines and place == len(text) and not text.endswith("\n"):
        lines = toml.newline + lines.removesuffix(toml.newline)
    return apply_edits(text, [Edit(start=place, end=place, text=lines)])


def _find_inline(toml: TomlText, path: KeyPath) -> tuple[int, Value] | None:
    """Return the innermost inline table on the way to a path, and how deep it lies."""
    for depth in range(len(path), 0, -1):
        value = toml.values.get(path[:depth])
        if value is not None and value.kind == "table":
            return depth, value
    return None


def _add_to_inline(toml: TomlText, table: Value, pairs: Sequence[str]) -> list[Edit]:
    if not pairs:
        return []
    if table.items:
        end = table.items[-1].end
        return [Edit(start=end, end=end, text="".join(f", {pair}" for pair in pairs))]
    inside = table.span.start + 1
    space = "" if toml.text[inside] in " \t" else " "
    return [Edit(start=inside, end=inside, text=f" {', '.join(pairs)}{space}")]


def _render_pairs(toml: TomlText, pairs: Mapping[str, Plain], prefix: KeyPath) -> list[str]:
    return [
        f"{render_key((*prefix, key))} = {render(value, toml=toml)}" for key, value in pairs.items()
    ]


def append_block(text: str, lines: Sequence[str]) -> str:
    """Add lines to the end of a text, an empty line before them, ended as the text ends its."""
    newline = TomlText(text).newline
    block = "".join(f"{line}{newline}" for line in lines)
    if not text.strip():
        return text + block
    ended = text if text.endswith("\n") else text + newline
    is_open = ended.removesuffix("\n").rpartition("\n")[2].strip() != ""
    return ended + (newline if is_open else "") + block


def render(value: Plain, *, toml: TomlText | None = None) -> str:
    """Return a value as TOML; with `toml`, a long array over several lines as they lie there."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return tomlkit.string(value).as_string()
    items = [render(item) for item in value]
    line = f"[{', '.join(items)}]"
    if toml is None or len(line) <= MAX_LINE:
        return line
    lines = ["[", *(f"{toml.indent}{item}," for item in items), "]"]
    return toml.newline.join(lines)


def render_key(path: Sequence[str]) -> str:
    """Return a dotted TOML key."""
    return ".".join(
        part if BARE_KEY.fullmatch(part) else tomlkit.key(part).as_string() for part in path
    )
