"""SHA256SUMS beside the files of a build, for `sha256sum --check`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from hatch_multiplat.base.atomic_write import write_atomically
from hatch_multiplat.base.errors import WriteError
from hatch_multiplat.index.wheel_cache import hash_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FILENAME: Final = "SHA256SUMS"

_LINE: Final = re.compile(r"(?P<digest>[0-9a-f]{64}) [ *](?P<name>[^/\\]+)")


def write_checksums(folder: Path, files: Iterable[Path]) -> Path:
    """Write or renew the SHA256SUMS of a folder; returns its path.

    `files` lie in the folder. What the file says of others stays if it still holds: several
    projects of a workspace may build into one folder, and one build may take several runs.
    Raises WriteError where it cannot be written.
    """
    path = folder / FILENAME
    try:
        digests = _holding(path) | {file.name: hash_file(file, "sha256") for file in files}
        lines = [f"{digest}  {name}\n" for name, digest in sorted(digests.items())]
        write_atomically(path, "".join(lines))
    except OSError as error:
        raise WriteError.of(path, error, instead="'output-dir'") from error
    return path


def renew_checksums(folder: Path) -> None:
    """Remove lines of a SHA256SUMS that are no longer true, and the file if none remain.

    Raises OSError.
    """
    path = folder / FILENAME
    if _holding(path):
        write_checksums(folder, [])
    else:
        path.unlink()


def listed_files(path: Path) -> dict[str, str]:
    """Return the digests in a SHA256SUMS by name; none if there is no such file. Raises OSError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return {}
    return {
        match["name"]: match["digest"]
        for line in text.splitlines()
        if (match := _LINE.fullmatch(line)) is not None
    }


def _holding(path: Path) -> dict[str, str]:
    """Return the digests in a SHA256SUMS whose files exist and still match."""
    return {
        name: digest
        for name, digest in listed_files(path).items()
        if (path.parent / name).is_file() and hash_file(path.parent / name, "sha256") == digest
    }
