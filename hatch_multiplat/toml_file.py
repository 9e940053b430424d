"""A TOML file as its text, every byte of it, and how it is written back."""

from __future__ import annotations

import os
import tempfile
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hatch_multiplat.errors import ConfigError, WriteError

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
    aside: Path | None = None
    try:
        path = file.path.resolve()
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        aside = Path(name)
        with os.fdopen(handle, "wb") as stream:
            stream.write(text.encode("utf-8"))
        aside.chmod(path.stat().st_mode & 0o7777)
        aside.replace(path)
    except OSError as error:
        if aside is not None:
            with suppress(OSError):
                aside.unlink()
        raise WriteError.of(file.path, error) from error
