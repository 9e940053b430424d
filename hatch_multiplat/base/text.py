"""Text for people: numbers with their units, and lines with their styles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNITS: Final = ("kB", "MB", "GB")
_STEP: Final = 1000
# What a terminal obeys in place of showing it: control characters but for tab and line feed, and
# those that change the order of a line.
_OBEYED: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_HANG: Final = 2
_BLANKS: Final = re.compile(r"(?<! =) +(?!(?:[kMG]?B|s)\b|=| )")
"""Where a line may end: not before a unit, and not around the `=` of a line of TOML."""
_CODES: Final = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "cyan": 36}


def format_size(size: int) -> str:
    """Return a number of bytes: `812 B`, `60.2 MB`, in decimal units."""
    if size < _STEP:
        return f"{size} B"
    value, units = size / _STEP, list(_UNITS)
    while round(value, 1) >= _STEP and len(units) > 1:
        value /= _STEP
        units.pop(0)
    return f"{value:.1f} {units[0]}"


def format_count(number: int, noun: str) -> str:
    """Return a number of things: `1 file`, `3 files`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def show_plain(text: str) -> str:
    """Return a text of others as a terminal can show it: an escape becomes four letters."""
    return _OBEYED.sub(lambda found: ascii(found[0])[1:-1], text)


class Line:
    """A line in parts, each of which has a style: words such as "bold red"."""

    def __init__(self, text: str = "", style: str = "") -> None:
        self.parts: list[tuple[str, str]] = [(text, style)] if text else []

    def __str__(self) -> str:
        return "".join(text for text, _ in self.parts)

    def append(self, text: str, style: str = "") -> Line:
        self.parts.append((text, style))
        return self

    def rstrip(self) -> Line:
        """Remove the blanks at the end."""
        return self._cut(0, len(str(self).rstrip()))

    def paint(self) -> str:
        """Return the line with the codes of its colours."""
        return "".join(
            f"\x1b[{';'.join(str(_CODES[word]) for word in style.split())}m{text}\x1b[0m"
            if style and text.strip()
            else text
            for text, style in self.parts
        )

    def fit(self, width: int) -> Iterator[Line]:
        """Break the line at blanks into lines of so many columns; a longer word stays whole.

        What follows the first is indented by two more columns than that. A number keeps its unit.
        """
        text = str(self)
        indent = len(text) - len(text.lstrip(" "))
        blanks = [found.span() for found in _BLANKS.finditer(text, indent) if found.end() > indent]
        begin, hang = 0, 0
        while hang + len(text) - begin > width:
            ahead = [(at, after) for at, after in blanks if at > begin and after < len(text)]
            fitting = [span for span in ahead if hang + span[0] - begin <= width]
            if not ahead:
                break
            at, after = fitting[-1] if fitting else ahead[0]
            yield self._cut(begin, at, hang)
            begin, hang = after, indent + _HANG
        yield self._cut(begin, len(text), hang)

    def _cut(self, begin: int, end: int, hang: int = 0) -> Line:
        line = Line(" " * hang)
        for text, style in self.parts:
            line.append(text[max(begin, 0) : max(end, 0)], style)
            begin, end = begin - len(text), end - len(text)
        return line


def to_lines(text: str, style: str = "") -> list[Line]:
    """Return the lines of a text; the style is that of the first."""
    first, *more = text.split("\n")
    return [Line(first, style), *map(Line, more)]
