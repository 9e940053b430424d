"""TOML: a file, a table in it, and values with their required types.

Every mistake has the path of its value.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hatch_multiplat.base.errors import ConfigError, explain_unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

_BOM: Final = "\ufeff"
_MANY_DIGITS: Final = re.compile(r"\d{1000,}")


@dataclass(frozen=True, kw_only=True, slots=True)
class TomlFile:
    """A file: its text, with the file's own line ends, and its parsed values."""

    path: Path
    text: str
    data: dict[str, Any]


def read_toml_file(path: Path, *, missing: str = "") -> TomlFile:
    """Read a file; raises ConfigError if it does not exist or is not TOML.

    `missing` is what to say if it is not there.
    """
    try:
        text = path.read_bytes().decode("utf-8")
        data = tomllib.loads(text)
    except OSError as error:
        reason = f" cannot be read: {explain_unreadable(error)}"
        if missing and isinstance(error, FileNotFoundError):
            reason = f": {missing}"
        raise ConfigError([f"{path}{reason}"]) from error
    except ValueError as error:  # UnicodeDecodeError and TOMLDecodeError are ValueErrors.
        problem = str(error)
        if isinstance(error, tomllib.TOMLDecodeError) and text.startswith(_BOM):
            problem = "it begins with a byte order mark; save it as UTF-8 without one"
        raise ConfigError([f"{path} is not TOML: {problem}"]) from error
    return TomlFile(path=path, text=text, data=data)


def table_at(data: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """Return the table at a path; an empty one if there is none."""
    found: Any = data
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


class TableReader:
    """Reads values and collects problems on the way, so that three mistakes give three lines.

    `where` is always the dotted path of a value. Wrong values are left out of the result.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []

    def problem(self, text: str) -> None:
        self.problems.append(text)

    def finish(self, render: Callable[[str], str] = str) -> None:
        """Raise a ConfigError that carries every problem, if there is any."""
        if self.problems:
            raise ConfigError(map(render, self.problems))

    def reject_unknown(self, where: str, table: Mapping[str, Any], known: Sequence[str]) -> None:
        for key in table:
            if key not in known:
                close = difflib.get_close_matches(key.replace("_", "-").lower(), known, n=1)
                hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"
                self.problem(f"{where}: unknown key {key!r}{hint}")

    def table(self, where: str, value: object, *, of: str = "") -> Mapping[str, Any]:
        """Read a table; `of` names the type of its values in the problem, as " of strings"."""
        if isinstance(value, dict):
            return value
        self.problem(f"{where} must be a table{of} (got {toml_type(value)})")
        return {}

    def array(self, where: str, value: object, *, of: str = "") -> Iterator[tuple[str, Any]]:
        """Read an array: each item with its own path, as `tool.multiplat.platforms[2]`."""
        if isinstance(value, list):
            return ((f"{where}[{position}]", item) for position, item in enumerate(value))
        self.problem(f"{where} must be an array{of} (got {toml_type(value)})")
        return iter(())

    def text(self, where: str, value: object, *, hint: str = "") -> str | None:
        """Read a string, which may be empty; `hint` completes the message for another type."""
        if isinstance(value, str):
            return value
        self.problem(f"{where} must be a string (got {toml_type(value)}){hint}")
        return None

    def string(self, where: str, value: object) -> str | None:
        """Read a string that is not empty."""
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
        """Read an array of strings: each with its own path."""
        if value == [] and not empty:
            self.problem(f"{where} must not be empty")
        found = []
        for here, item in self.array(where, value, of=" of strings"):
            text = self.text(here, item, hint=hint)
            if text is not None:
                found.append((here, text))
        return found

    def strings(self, where: str, value: object) -> tuple[str, ...]:
        return tuple(text for _, text in self.items(where, value))

    def string_table(self, where: str, value: object) -> tuple[tuple[str, str], ...]:
        """Read a table of strings; the pairs are sorted."""
        pairs = []
        for key, item in self.table(where, value, of=" of strings").items():
            text = self.text(f"{where}.{key}", item)
            if text is not None:
                pairs.append((key, text))
        return tuple(sorted(pairs))


def toml_type(value: object) -> str:
    """Return what a message calls the type of a value."""
    return {"list": "array", "dict": "table"}.get(type(value).__name__, type(value).__name__)


def unreadable_texts(where: str, value: object) -> Iterator[str]:
    """Yield problems for texts that no tool can read, each with its path.

    These are NUL characters, which no path and no command line can have, and numbers with more
    digits than Python accepts.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            yield from unreadable_texts(where, key)
            yield from unreadable_texts(f"{where}.{key}".removeprefix("."), item)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from unreadable_texts(f"{where}[{number}]", item)
    elif isinstance(value, str) and "\0" in value:
        yield f"{where} has a NUL character; take it out"
    elif isinstance(value, str) and (digits := _MANY_DIGITS.search(value)):
        yield f"{where} has a number of {len(digits[0])} digits; write a shorter one"


def is_file_name(text: str) -> bool:
    """Tell whether a text is a file name: neither a path nor the folder itself."""
    return not re.search(r"[/\\]", text) and text.strip() not in {"", ".", ".."}
