"""Numbers as people read them."""

from __future__ import annotations

from typing import Final

_UNITS: Final = ("kB", "MB", "GB")
_STEP: Final = 1000


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
