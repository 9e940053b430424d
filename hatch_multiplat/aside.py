"""A file written aside and renamed into place: whoever reads it reads the whole of it."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path


def write_aside(path: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8; raises OSError, and leaves nothing half-made."""
    aside: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            aside = Path(file.name)
            file.write(content.encode() if isinstance(content, str) else content)
        aside.chmod(0o644)
        aside.replace(path)
    except OSError:
        if aside is not None:
            with suppress(OSError):
                aside.unlink()
        raise
