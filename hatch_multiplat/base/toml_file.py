"""A TOML file as its text, every byte of it, and how it is written back."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hatch_multiplat.base.atomic_write import write_atomically
from hatch_multiplat.base.errors import ConfigError, WriteError

if TYPE_CHECKING:
    from pathlib import Path

BOM: Final = "\ufeff"


@dataclass(frozen=True, kw_only=True, slots=True)
class TomlFile:
    """A file and its text, whose line ends are those of the file."""

    path: Path
    text: str


def read_toml_file(path: Path) -> TomlFile:
    """Read a file; raises ConfigError when there is none or it is no TOML."""
    try:
        text = path.read_bytes().decode("utf-8")
        parse_toml(text)
    except FileNotFoundError as error:
        raise ConfigError([f"{path}: no such file; name the project's folder"]) from error
    except OSError as error:
        raise ConfigError([f"{path} cannot be read: {error.strerror or error}"]) from error
    except ValueError as error:  # UnicodeDecodeError and TOMLDecodeError are ValueErrors.
        raise ConfigError([f"{path} is not TOML: {error}"]) from error
    return TomlFile(path=path, text=text)


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML; raises ValueError, which names a byte order mark that is in the way."""
    if text.startswith(BOM):
        raise ValueError("it begins with a byte order mark; save it as UTF-8 without one")
    return tomllib.loads(text)


def write_toml_file(file: TomlFile, text: str) -> None:
    """Write a text in place of a file's: aside, with the file's mode, and then renamed.

    A link stays a link. Raises WriteError, and the file is as it was.
    """
    try:
        write_atomically(file.path, text)
    except OSError as error:
        raise WriteError.of(file.path, error) from error
