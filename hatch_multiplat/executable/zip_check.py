"""Check every byte of a zip file: whether the one writer would write the same for its members."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections import Counter
from typing import IO, TYPE_CHECKING, Final, cast

from hatch_multiplat.base.errors import ExecutableError
from hatch_multiplat.executable.zip_writer import (
    data_offset,
    read_members,
    write_members,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_BLOCK: Final = 1 << 20


def find_strays(path: Path) -> tuple[str, ...]:
    """Return the parts of a zip file besides its members and its prefix.

    These are second members of the same name, data behind a compressed member's end, gaps,
    comments, trailers, and fields of the directory that the writer fills differently. If there are
    none, the file has exactly the bytes that the writer makes of its members. Raises OSError and
    BadZipFile.
    """
    with path.open("rb") as stream, zipfile.ZipFile(stream) as archive:
        infos = archive.infolist()
        twice = [name for name, many in Counter(archive.namelist()).items() if many > 1]
        if twice:
            return tuple(f"{name} is in it more than once" for name in twice)
        padded = tuple(
            f"{info.filename} has more data than its contents"
            for info in infos
            if info.compress_type != zipfile.ZIP_STORED and _is_padded(stream, info)
        )
        if padded or not infos:
            return padded
        size = stream.seek(0, io.SEEK_END)
        start = min(info.header_offset for info in infos)
        stream.seek(0)
        comparing = cast("IO[bytes]", _Comparing(stream, size))
        try:
            write_members(read_members(path).values(), comparing, prefix=stream.read(start))
        except _DiffersError as error:
            return (_describe(infos, error.at, size),)
        except (ExecutableError, zlib.error) as error:
            return (str(error),)
        if comparing.tell() != size:
            return (f"{size - comparing.tell()} bytes follow its end",)
    return ()


class _DiffersError(Exception):
    """The written bytes differ from the file, from some offset on."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class _Comparing(io.RawIOBase):
    """Compares written bytes with a file; keeps nothing."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self.stream, self.size, self.at = stream, size, 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]
        for start in range(0, len(view), _BLOCK):
            block = view[start : start + _BLOCK]
            self.stream.seek(self.at)
            found = self.stream.read(len(block))
            if found != block:
                same = sum(1 for _ in _common(found, bytes(block)))
                raise _DiffersError(self.at + same)
            self.at += len(block)
        return len(view)


def _common(first: bytes, other: bytes) -> Iterable[int]:
    for one, two in zip(first, other, strict=False):
        if one != two:
            return
        yield one


def _is_padded(stream: IO[bytes], info: zipfile.ZipInfo) -> bool:
    """Tell whether something follows a member's compressed data within its bounds."""
    stream.seek(data_offset(stream, info))
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    left = info.compress_size
    while left and not unpacker.eof:
        block = stream.read(min(left, _BLOCK))
        if not block:
            return True
        left -= len(block)
        try:
            unpacker.decompress(block)
        except zlib.error:
            return True
    return bool(left or unpacker.unused_data or not unpacker.eof)


def _describe(infos: list[zipfile.ZipInfo], at: int, size: int) -> str:
    """Name the place in the file of bytes that belong to no member."""
    before = [info for info in infos if info.header_offset <= at]
    if not before:
        return f"the bytes at {at} of {size} belong to no member"
    name = max(before, key=lambda info: info.header_offset).filename
    return f"the bytes at {at} of {size}, at or behind {name}, belong to no member"
