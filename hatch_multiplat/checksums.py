"""SHA256SUMS beside what a build made, for `sha256sum --check`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from hatch_multiplat.aside import write_aside
from hatch_multiplat.errors import ExecutableError
from hatch_multiplat.store import hash_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FILENAME: Final = "SHA256SUMS"

_LINE: Final = re.compile(r"(?P<digest>[0-9a-f]{64}) [ *](?P<name>[^/\\]+)")


def write_checksums(folder: Path, files: Iterable[Path]) -> Path:
    """Write or renew the SHA256SUMS of a folder; returns its path.

    `files` lie in the folder. What the file says of others stays if it still holds: several
    projects of a workspace may build into one folder, and one build may take several runs.
    Raises ExecutableError where it cannot be written.
    """
    path = folder / FILENAME
    try:
        digests = _holding(path) | {file.name: hash_file(file, "sha256") for file in files}
        lines = [f"{digest}  {name}\n" for name, digest in sorted(digests.items())]
        write_aside(path, "".join(lines))
    except OSError as error:
        raise ExecutableError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def _holding(path: Path) -> dict[str, str]:
    """Return what a SHA256SUMS says of files that are there and still are as it says."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return {}
    found = {
        match["name"]: match["digest"]
        for line in text.splitlines()
        if (match := _LINE.fullmatch(line)) is not None
    }
    return {
        name: digest
        for name, digest in found.items()
        if (path.parent / name).is_file() and hash_file(path.parent / name, "sha256") == digest
    }
