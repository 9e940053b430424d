"""Where the keys and values of a TOML text stand, so that it can be added to and stay as it is.

A scanner and no parser: it takes for granted that `tomllib` has read the text.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from typing import Final

KeyPath = tuple[str, ...]

_STRING: Final = (
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
)
_VALUE: Final = re.compile(
    # A date and its time may have a space between them.
    rf"(?:{_STRING}|[^\s,\]}}#]+(?:[ ]\d\d:[^\s,\]}}#]+)?)",
    re.DOTALL,
)
_KEY: Final = re.compile(
    r"""(?:"(?:\\.|[^"\\\n])*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
    r"""(?:[ \t]*\.[ \t]*(?:"(?:\\.|[^"\\\n])*"|'[^'\n]*'|[A-Za-z0-9_-]+))*"""
)
_GAP: Final = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_REST_OF_LINE: Final = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?:\r?\n|\Z)")
BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A piece of a text, from `start` up to and without `end`."""

    start: int
    end: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """A value in its place.

    `kind` is "array", "table" (an inline one) or "plain". `items` are the values of an array or
    the `key = value` pairs of an inline table, `commas` where its commas are. `table` is the table
    whose header it stands under, and `line_end` the start of the line after the whole statement.
    """

    span: Span
    kind: str
    items: tuple[Span, ...] = ()
    commas: tuple[int, ...] = ()
    table: KeyPath = ()
    line_end: int = 0


class TomlText:
    """A valid TOML text with the places of its values and headers, by their dotted paths.

    What stands in an array of tables has a path of its own that no key can have.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.newline = "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"
        self.values: dict[KeyPath, Value] = {}
        self.headers: dict[KeyPath, int] = {}
        """The start of the line after each `[header]`."""
        self._pairs: list[KeyPath] = []
        self._scan()

    @property
    def indent(self) -> str:
        """How this text indents the items of an array: as its first array over several lines."""
        for value in self.values.values():
            if value.kind == "array" and value.items:
                before = self.line_before(value.items[0].start)
                if not before.strip() and before:
                    return before
        return "  "

    def line_before(self, position: int) -> str:
        """Return what stands before a position in its line."""
        return self.text[self.text.rfind("\n", 0, position) + 1 : position]

    def rest_of_line(self, position: int) -> int | None:
        """Return where the next line starts if only space and a comment are left in this one."""
        match = _REST_OF_LINE.match(self.text, position)
        return None if match is None else match.end()

    def _scan(self) -> None:
        table: KeyPath = ()
        position = self._skip(0)
        while position < len(self.text):
            if self.text[position] == "[":
                table, position = self._scan_header(position)
            else:
                position = self._scan_statement(position, table)
            position = self._skip(position)

    def _scan_header(self, start: int) -> tuple[KeyPath, int]:
        many = self.text.startswith("[[", start)
        key = self._match(_KEY, self._skip(start + 1 + many))
        path = _split_key(key[0])
        end = self.text.index("]" * (1 + many), key.end()) + 1 + many
        if many:
            return (*path, "[]", str(start)), end
        self.headers[path] = self._next_line(end)
        return path, end

    def _scan_statement(self, start: int, table: KeyPath) -> int:
        self._pairs.clear()
        end = self._scan_pair(start, table).end
        line_end = self._next_line(end)
        for path in self._pairs:
            self.values[path] = replace(self.values[path], table=table, line_end=line_end)
        return end

    def _scan_pair(self, start: int, table: KeyPath) -> Span:
        key = self._match(_KEY, start)
        equals = self._skip(key.end())
        path = (*table, *_split_key(key[0]))
        value = self._scan_value(self._skip(equals + 1), path)
        self.values[path] = value
        self._pairs.append(path)
        return Span(start=start, end=value.span.end)

    def _scan_value(self, start: int, path: KeyPath) -> Value:
        if self.text[start] not in "[{":
            return Value(span=Span(start=start, end=self._match(_VALUE, start).end()), kind="plain")
        is_array = self.text[start] == "["
        items: list[Span] = []
        commas: list[int] = []
        position = self._skip(start + 1)
        while self.text[position] not in "]}":
            if self.text[position] == ",":
                commas.append(position)
                position += 1
            else:
                if is_array:
                    items.append(self._scan_value(position, (*path, "[]", str(position))).span)
                else:
                    items.append(self._scan_pair(position, path))
                position = items[-1].end
            position = self._skip(position)
        return Value(
            span=Span(start=start, end=position + 1),
            kind="array" if is_array else "table",
            items=tuple(items),
            commas=tuple(commas),
        )

    def _skip(self, position: int) -> int:
        return self._match(_GAP, position).end()

    def _next_line(self, position: int) -> int:
        return self._match(_REST_OF_LINE, position).end()

    def _match(self, pattern: re.Pattern[str], position: int) -> re.Match[str]:
        match = pattern.match(self.text, position)
        if match is None:
            raise ValueError(f"no TOML at character {position}")
        return match


def _split_key(key: str) -> KeyPath:
    """Return the parts of a dotted key, which may be quoted."""
    if BARE_KEY.fullmatch(key):
        return (key,)
    found: object = tomllib.loads(f"{key} = 0")
    parts = []
    while isinstance(found, dict):
        ((part, found),) = found.items()
        parts.append(part)
    return tuple(parts)
