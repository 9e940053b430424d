"""A file written under a temporary name and renamed into place, so that readers see all of it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8; raises OSError, and leaves nothing half-made.

    What is there keeps its mode, and a link stays a link.
    """
    temporary: Path | None = None
    try:
        # Path.resolve raises RuntimeError for links in a circle.
        real = Path(os.path.realpath(path))
        with tempfile.NamedTemporaryFile(
            dir=real.parent, prefix=f".{real.name}.", delete=False
        ) as file:
            temporary = Path(file.name)
            file.write(content.encode() if isinstance(content, str) else content)
        temporary.chmod(_mode(real))
        temporary.replace(real)
    except OSError:
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
