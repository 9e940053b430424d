"""A TOML file: its text, byte for byte, and its values."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hatch_multiplat.base.errors import ConfigError, explain_unreadable

if TYPE_CHECKING:
    from pathlib import Path

BOM: Final = "\ufeff"


@dataclass(frozen=True, kw_only=True, slots=True)
class TomlFile:
    """A file: its text, with the file's own line ends, and its parsed values."""

    path: Path
    text: str
    data: dict[str, Any]


def read_toml_file(path: Path) -> TomlFile:
    """Read a file; raises ConfigError if it does not exist or is not TOML."""
    try:
        text = path.read_bytes().decode("utf-8")
        data = parse_toml(text)
    except FileNotFoundError as error:
        raise ConfigError([f"{path}: no such file; name the project's folder"]) from error
    except OSError as error:
        raise ConfigError([f"{path} cannot be read: {explain_unreadable(error)}"]) from error
    except ValueError as error:  # UnicodeDecodeError and TOMLDecodeError are ValueErrors.
        raise ConfigError([f"{path} is not TOML: {error}"]) from error
    return TomlFile(path=path, text=text, data=data)


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML; raises ValueError, whose message names a byte order mark if there is one."""
    if text.startswith(BOM):
        raise ValueError("it begins with a byte order mark; save it as UTF-8 without one")
    return tomllib.loads(text)
