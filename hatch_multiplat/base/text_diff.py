"""What a change does to a text, as `diff -u` has it."""

from __future__ import annotations

import difflib
import re


def unified_diff(old: str, new: str, *, name: str) -> list[str]:
    """Return the lines of a unified diff that `patch -p1` takes, each with its own line end."""
    lines = difflib.unified_diff(
        _split_lines(old), _split_lines(new), fromfile=f"a/{name}", tofile=f"b/{name}"
    )
    return [
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    ]


def _split_lines(text: str) -> list[str]:
    """Split at line feeds alone, where `str.splitlines` knows many more line ends."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)
