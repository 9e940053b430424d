"""A file written under a temporary name and renamed into place, so that readers see all of it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEMPORARY: Final = re.compile(r"\.(.+)\.[a-z0-9_]{8}")


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8; raises OSError, and leaves nothing half-made.

    What is there keeps its mode, and a link stays a link.
    """
    with _replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def copy_atomically(source: Path, path: Path) -> None:
    """Copy a file's content as `write_atomically` writes; raises OSError."""
    with source.open("rb") as content, _replacing(path) as file:
        shutil.copyfileobj(content, file)


def name_once_whole(name: str) -> str:
    """Return the name that a temporary file of a killed writer was to get; others as they are."""
    found = _TEMPORARY.fullmatch(name)
    return found[1] if found else name


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    temporary: Path | None = None
    try:
        # Path.resolve raises RuntimeError for links in a circle.
        real = Path(os.path.realpath(path))
        with tempfile.NamedTemporaryFile(
            dir=real.parent, prefix=f".{real.name}.", delete=False
        ) as file:
            temporary = Path(file.name)
            yield file
        temporary.chmod(_mode(real))
        temporary.replace(real)
    except BaseException:  # Ctrl-C as well leaves nothing.
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()
        raise


def write_sealed(path: Path, content: bytes) -> None:
    """Write a file for `read_sealed`, behind a line with the SHA-256 of its content."""
    write_atomically(path, hashlib.sha256(content).hexdigest().encode() + b"\n" + content)


def read_sealed(path: Path) -> bytes | None:
    """Return the text that `write_sealed` wrote; None if there is none, or it is damaged."""
    try:
        digest, _, content = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest().encode() == digest else None


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode & 0o7777
    except FileNotFoundError:
        return 0o644
