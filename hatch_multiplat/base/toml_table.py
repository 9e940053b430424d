"""Values out of a TOML table: each of the type it must have, and every mistake by its path."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class TableReader:
    """Reads values and collects problems on the way, so that three mistakes give three lines.

    `where` is always the dotted path of a value. What is wrong is left out of what is returned.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []

    def problem(self, text: str) -> None:
        self.problems.append(text)

    def reject_unknown(self, where: str, table: Mapping[str, Any], known: Sequence[str]) -> None:
        for key in table:
            if key not in known:
                close = difflib.get_close_matches(key.replace("_", "-").lower(), known, n=1)
                hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"
                self.problem(f"{where}: unknown key {key!r}{hint}")

    def text(self, where: str, value: object, *, hint: str = "") -> str | None:
        """Read a string, which may be empty; `hint` ends the problem of what is none."""
        if isinstance(value, str):
            return value
        self.problem(f"{where} must be a string (got {toml_type(value)}){hint}")
        return None

    def string(self, where: str, value: object) -> str | None:
        """Read a string that says something."""
        text = self.text(where, value)
        if text is not None and not text.strip():
            self.problem(f"{where} must not be empty")
            return None
        return text

    def boolean(self, where: str, value: object) -> bool | None:
        if isinstance(value, bool):
            return value
        self.problem(f"{where} must be true or false (got {toml_type(value)})")
        return None

    def choice(self, where: str, value: object, *, of: tuple[str, ...]) -> str | None:
        if isinstance(value, str) and value in of:
            return value
        listed = ", ".join(repr(word) for word in of)
        got = repr(value) if isinstance(value, str) else toml_type(value)
        self.problem(f"{where} must be one of {listed} (got {got})")
        return None

    def items(
        self, where: str, value: object, *, empty: bool = True, hint: str = ""
    ) -> list[tuple[str, str]]:
        """Read an array of strings: each with its own path, as `tool.multiplat.platforms[2]`."""
        if not isinstance(value, list):
            self.problem(f"{where} must be an array of strings (got {toml_type(value)})")
            return []
        if not value and not empty:
            self.problem(f"{where} must not be empty")
        found = []
        for position, item in enumerate(value):
            text = self.text(f"{where}[{position}]", item, hint=hint)
            if text is not None:
                found.append((f"{where}[{position}]", text))
        return found

    def strings(self, where: str, value: object) -> tuple[str, ...]:
        return tuple(text for _, text in self.items(where, value))

    def string_table(self, where: str, value: object) -> tuple[tuple[str, str], ...]:
        """Read a table of strings; the pairs are sorted."""
        if not isinstance(value, dict):
            self.problem(f"{where} must be a table of strings (got {toml_type(value)})")
            return ()
        pairs = []
        for key, item in value.items():
            text = self.text(f"{where}.{key}", item)
            if text is not None:
                pairs.append((key, text))
        return tuple(sorted(pairs))


def toml_type(value: object) -> str:
    """Return what a message calls the type of a value."""
    return {"list": "array", "dict": "table"}.get(type(value).__name__, type(value).__name__)


def is_file_name(text: str) -> bool:
    """Tell whether a text can name a file in a folder: no path, and not the folder itself."""
    return not re.search(r"[/\\]", text) and text.strip() not in {"", ".", ".."}
