"""What stands before the first member of a zip file: the lines that start an executable."""

from __future__ import annotations

import os
import stat
import struct
import tempfile
from pathlib import Path
from typing import IO, Final

from hatch_multiplat.base.errors import ExecutableError

# Where a header wants the size of the whole file, it says so with these bytes.
SIZE_FIELD: Final = b"@MULTIPLAT-SIZE@"

# What a program for Windows starts with.
LAUNCHER: Final = b"MZ"

_END: Final = struct.Struct("<4s4H2LH")
_END_MAGIC: Final = b"PK\x05\x06"
_ENTRY_MAGIC: Final = b"PK\x01\x02"
_ENTRY_SIZE: Final = 46
_OFFSET_AT: Final = 42
_MAX: Final = 0xFFFFFFFF
_MAX_COUNT: Final = 0xFFFF


def replace_prefix(path: Path, header: bytes) -> None:
    """Replace the bytes before a zip file's first member, and correct every offset in it.

    The new file is written aside and renamed, with the old one's permissions. The first
    `SIZE_FIELD` in `header` becomes the new file's size in bytes, padded with spaces. Behind a
    launcher for Windows, offsets count from the first member in place of the file's start: it
    looks for its own line right before there. Python reads such a file as well.

    Raises `ExecutableError` if the file is no zip file, needs zip64, or would need it.
    """
    with path.open("rb") as source:
        directory, end, comment, directory_at = _read_directory(source, path)
        start = min(offset for _, offset in directory)
        size = path.stat().st_size + len(header) - start
        shift = -start if header.startswith(LAUNCHER) else len(header) - start
        if directory_at + shift > _MAX:
            raise ExecutableError(f"{path}: past 4 GiB, which zipimport cannot read")
        header = header.replace(SIZE_FIELD, str(size).encode().ljust(len(SIZE_FIELD)), 1)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        aside = Path(name)
        try:
            with os.fdopen(handle, "wb") as target:
                target.write(header)
                _copy(source, target, start, directory_at - start)
                for entry, offset in directory:
                    struct.pack_into("<L", entry, _OFFSET_AT, offset + shift)
                    target.write(entry)
                target.write(_END.pack(*end[:6], directory_at + shift, end[7]) + comment)
            aside.chmod(stat.S_IMODE(path.stat().st_mode))
            aside.replace(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise


def _read_directory(
    source: IO[bytes], path: Path
) -> tuple[
    list[tuple[bytearray, int]], tuple[bytes, int, int, int, int, int, int, int], bytes, int
]:
    """The central directory's entries with their offsets, the end record, comment and place."""
    size = source.seek(0, os.SEEK_END)
    tail_at = max(0, size - _END.size - _MAX_COUNT)
    source.seek(tail_at)
    tail = source.read()
    at = tail.rfind(_END_MAGIC)
    if at < 0 or len(tail) - at < _END.size:
        raise ExecutableError(f"{path}: not a zip file")
    end = _END.unpack_from(tail, at)
    _, _, _, _, count, directory_size, directory_at, _ = end
    if count == _MAX_COUNT or directory_at == _MAX:
        raise ExecutableError(f"{path}: a zip64 file, which zipimport cannot read")
    source.seek(0)
    shift = tail_at + at - directory_at - directory_size
    if count == 0 or shift < 0 or (shift and source.read(len(LAUNCHER)) != LAUNCHER):
        raise ExecutableError(f"{path}: its zip directory is not where it says")
    source.seek(directory_at + shift)
    data = source.read(directory_size)
    entries = []
    position = 0
    for _ in range(count):
        if data[position : position + 4] != _ENTRY_MAGIC:
            raise ExecutableError(f"{path}: its zip directory is damaged")
        lengths = struct.unpack_from("<3H", data, position + 28)
        length = _ENTRY_SIZE + sum(lengths)
        entry = bytearray(data[position : position + length])
        entries.append((entry, shift + struct.unpack_from("<L", entry, _OFFSET_AT)[0]))
        position += length
    return entries, end, tail[at + _END.size :], directory_at + shift


def _copy(source: IO[bytes], target: IO[bytes], start: int, length: int) -> None:
    source.seek(start)
    while length:
        block = source.read(min(length, 1 << 20))
        if not block:
            raise ExecutableError("the file ended before its zip directory")
        target.write(block)
        length -= len(block)
