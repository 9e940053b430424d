"""A text file written aside and renamed into place: whoever reads it reads the whole of it."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path


def write_aside(path: Path, text: str) -> None:
    """Write a UTF-8 file with Unix line ends; raises OSError, and leaves nothing half-made."""
    aside: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(
            "w",
            encoding="utf-8",
            newline="\n",
            dir=path.parent,
            prefix=f".{path.name}.",
            delete=False,
        ) as file:
            aside = Path(file.name)
            file.write(text)
        aside.chmod(0o644)
        aside.replace(path)
    except OSError:
        if aside is not None:
            with suppress(OSError):
                aside.unlink()
        raise
