"""A file written aside and renamed into place: whoever reads it reads the whole of it."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8; raises OSError, and leaves nothing half-made.

    What is there keeps its mode, and a link stays a link.
    """
    aside: Path | None = None
    try:
        # Path.resolve raises RuntimeError for links in a circle.
        real = Path(os.path.realpath(path))
        with tempfile.NamedTemporaryFile(
            dir=real.parent, prefix=f".{real.name}.", delete=False
        ) as file:
            aside = Path(file.name)
            file.write(content.encode() if isinstance(content, str) else content)
        aside.chmod(_mode(real))
        aside.replace(real)
    except OSError:
        if aside is not None:
            with suppress(OSError):
                aside.unlink()
        raise


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode & 0o7777
    except FileNotFoundError:
        return 0o644
