"""Numbers and texts as people read them."""

from __future__ import annotations

import re
from typing import Final

_UNITS: Final = ("kB", "MB", "GB")
_STEP: Final = 1000
# What a terminal obeys in place of showing it: control characters but for tab and line feed, and
# those that change the order of a line.
_OBEYED: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


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
