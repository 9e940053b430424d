"""Lines as a stream shows them: as wide as the terminal, in colour if it supports colours."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from hatch_multiplat.base.text import Line, show_plain

if TYPE_CHECKING:
    from collections.abc import Iterable

PIPE_WIDTH: Final = 80
"""The width of a table that is never shown on a terminal."""

_LEADERS: Final = r"(?<![^\s'\"(=:,])"
"""Characters that may stand before a path; not a slash, as in a `file:` URL."""


def width_of(stream: TextIO) -> int:
    """Return the width in columns of a stream that is a terminal, or the default for a pipe."""
    if stream.isatty() or os.environ.get("COLUMNS"):
        return shutil.get_terminal_size((PIPE_WIDTH, 24)).columns
    return PIPE_WIDTH


def is_in_colour(stream: TextIO) -> bool:
    """Tell whether a stream takes colours: by NO_COLOR, FORCE_COLOR, or if it is a terminal.

    `--color` sets these variables, so that everything that prints goes by them.
    """
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def layout(lines: Iterable[Line], stream: TextIO) -> str:
    """Return lines as a stream shows them: on a terminal broken at blanks, with its colours.

    Paths below the current folder are relative to it. What files and programs of others say is
    shown, and moves no cursor.
    """
    width = width_of(stream) if stream.isatty() else None
    colour = is_in_colour(stream)
    shown: list[str] = []
    for line in lines:
        plain = Line()
        for text, style in line.parts:
            plain.append(show_plain(shorten_paths(text)), style)
        parts = plain.fit(width) if width else (plain,)
        shown += [part.paint() if colour else str(part) for part in parts]
    return "\n".join(shown)


def shorten_paths(text: str) -> str:
    """Return a text whose paths below the current folder are relative to it."""
    try:
        here = str(Path.cwd())
    except OSError:
        return text
    if here == Path(here).anchor or here not in text:
        return text
    return re.sub(_LEADERS + re.escape(here + os.sep), "", text)
