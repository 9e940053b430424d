"""The one writer of zip files: executables, programs for Windows, split and merged files.

It checks them, too: what it would write for a file's members is compared with every byte there.

Every member gets the same time, system and mode on every host, so that the same contents are the
same bytes. There is no zip64, which zipimport cannot read before Python 3.13.
"""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, cast

from hatch_multiplat.base.errors import ExecutableError, explain_unreadable
from hatch_multiplat.base.temporary import BESIDE, temporary_folder
from hatch_multiplat.runtime.install import find_data

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LAUNCHER: Final = b"MZ"
"""The first bytes of a program for Windows."""

MAX_SIZE: Final = 0xFFFFFFFF
MAX_ENTRIES: Final = 0xFFFF

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_ENTRY: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_CRC: Final = struct.Struct("<L")
_CRC_AT: Final = 14
_BLOCK: Final = 1 << 20

_VERSION: Final = 20
_MADE_BY: Final = _VERSION | 3 << 8  # Unix, whatever this is
_FIRST_MOMENT: Final = (0, 1 << 5 | 1)  # the first that a zip file can name, as time and date
_IS_FOLDER: Final = 0x10
_UTF8: Final = 0x800


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A member to write: new data, a whole file, or an unchanged member of another zip file.

    `data` is new data, compressed with `deflate`. With `packed` it is copied as it lies in the zip
    file `source`. Without both, `source` itself is the content, which is not compressed and has
    `size` bytes.
    """

    name: str
    mode: int = 0o644
    data: bytes | None = None
    deflate: bool = True
    source: Path | bytes = b""
    packed: zipfile.ZipInfo | None = None
    size: int = 0


def read_members(source: Path | bytes) -> dict[str, Member]:
    """Return the members of a zip file, to be copied, by name; raises BadZipFile, OSError."""
    with open_source(source) as stream, zipfile.ZipFile(stream) as archive:
        return {
            info.filename: Member(
                name=info.filename,
                mode=0o755 if info.external_attr >> 16 & 0o100 else 0o644,
                source=source,
                packed=info,
            )
            for info in archive.infolist()
        }


def read_prefix(path: Path) -> bytes:
    """Return the bytes before the first member of a zip file."""
    with path.open("rb") as stream, zipfile.ZipFile(stream) as archive:
        start = min(info.header_offset for info in archive.infolist())
        stream.seek(0)
        return stream.read(start)


def write_archive(
    members: Iterable[Member], output: Path, *, prefix: bytes = b"", mode: int = 0o644
) -> None:
    """Write a zip file of these members, as `write_members` does.

    It is written under another name and renamed: when it is there, it is whole. Raises OSError when
    the folder cannot be written, and ExecutableError if the file would be larger than zipimport can
    read.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(output.parent, prefix=BESIDE) as folder:
        written = folder / "written"
        with written.open("wb") as stream:
            write_members(members, stream, prefix=prefix)
        written.chmod(mode)
        written.replace(output)


def write_members(members: Iterable[Member], stream: IO[bytes], *, prefix: bytes = b"") -> None:
    """Write a zip file of these members, sorted by name, behind `prefix`.

    Behind a launcher for Windows, offsets count from the first member in place of the file's start:
    it looks for its own line right before there. So they do behind a single line, which a packager
    may make shorter: Python reads a file whose beginning has grown, but none where it has shrunk.
    Raises OSError, and ExecutableError if the file would be larger than zipimport can read.
    """
    stream.write(prefix)
    alone = prefix.startswith(LAUNCHER) or prefix.count(b"\n") == 1
    origin = len(prefix) if alone else 0
    entries: list[bytes] = []
    for member in sorted(members, key=lambda member: member.name):
        offset = stream.tell() - origin
        if offset >= MAX_SIZE or len(entries) + 1 >= MAX_ENTRIES:
            raise _too_large()
        entries.append(_write(member, stream, offset))
    start = stream.tell() - origin
    if start >= MAX_SIZE:
        raise _too_large()
    directory = b"".join(entries)
    stream.write(directory)
    count = len(entries)
    stream.write(_END.pack(b"PK\x05\x06", 0, 0, count, count, len(directory), start, 0))


def write_folder(members: Iterable[Member], folder: Path) -> None:
    """Write these members as files below a folder; raises OSError, ExecutableError."""
    for member in members:
        path = folder / member.name
        if member.name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as stream:
            for block in _content(member):
                stream.write(block)
        path.chmod(member.mode)


def open_source(source: Path | bytes) -> IO[bytes]:
    """Open a file, or bytes that are one."""
    return source.open("rb") if isinstance(source, Path) else io.BytesIO(source)


def _too_large() -> ExecutableError:
    return ExecutableError(
        "the file would be larger than a zip file that every Python can run: "
        f"4 GiB and {MAX_ENTRIES} entries; put less into it: fewer targets, or fewer dependencies"
    )


def _write(member: Member, stream: IO[bytes], offset: int) -> bytes:
    """Write a member; returns its entry for the directory."""
    if member.data is not None:
        method, packed = _pack(member.data, deflate=member.deflate)
        crc, held, size = zlib.crc32(member.data), len(packed), len(member.data)
        stream.write(_header(member, method, crc, held, size) + packed)
    elif member.packed is not None:
        info = member.packed
        method, crc, held, size = info.compress_type, info.CRC, info.compress_size, info.file_size
        stream.write(_header(member, method, crc, held, size))
        for block in _packed_blocks(member, info):
            stream.write(block)
    else:
        method, held, size = zipfile.ZIP_STORED, member.size, member.size
        at = stream.tell()
        stream.write(_header(member, method, 0, held, size))
        crc = 0
        for block in _whole_file(member):
            crc = zlib.crc32(block, crc)
            stream.write(block)
        stream.seek(at + _CRC_AT)
        stream.write(_CRC.pack(crc))
        stream.seek(0, os.SEEK_END)
    name, flags = _name(member)
    is_folder = member.name.endswith("/")
    kind = (stat.S_IFDIR | 0o755) << 16 | _IS_FOLDER if is_folder else stat.S_IFREG << 16
    attributes = kind if is_folder else kind | member.mode << 16
    return (
        _ENTRY.pack(
            *(b"PK\x01\x02", _MADE_BY, _VERSION, flags, method, *_FIRST_MOMENT, crc, held, size),
            *(len(name), 0, 0, 0, 0, attributes, offset),
        )
        + name
    )


def _pack(data: bytes, *, deflate: bool) -> tuple[int, bytes]:
    """Compress data if that is wanted and makes it smaller."""
    if deflate and data:
        packer = zlib.compressobj(zlib.Z_BEST_COMPRESSION, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = packer.compress(data) + packer.flush()
        if len(packed) < len(data):
            return zipfile.ZIP_DEFLATED, packed
    return zipfile.ZIP_STORED, data


def _content(member: Member) -> Iterator[bytes | memoryview]:
    """Give a member's bytes, uncompressed."""
    if member.data is not None:
        yield member.data
    elif member.packed is not None and member.packed.compress_type != zipfile.ZIP_STORED:
        with open_source(member.source) as stream, zipfile.ZipFile(stream) as archive:
            yield archive.read(member.packed)
    elif member.packed is not None:
        yield from _packed_blocks(member, member.packed)
    else:
        yield from _whole_file(member)


def _whole_file(member: Member) -> Iterator[memoryview]:
    """Read a whole file, which must have the size of the member."""
    count = 0
    try:
        with open_source(member.source) as stream:
            for block in _blocks(stream):
                count += len(block)
                yield block
    except OSError as error:
        raise ExecutableError(
            f"{member.source!s} cannot be read: {explain_unreadable(error, missing='build again')}"
        ) from error
    if count != member.size:
        raise ExecutableError(
            f"{member.source!s} has {count} bytes instead of {member.size}; build again"
        )


def _packed_blocks(member: Member, info: zipfile.ZipInfo) -> Iterator[memoryview]:
    """Read a member of another zip file as it lies there, compressed or not."""
    left = info.compress_size
    with open_source(member.source) as stream:
        stream.seek(find_data(stream, info))
        for block in _blocks(stream, left):
            left -= len(block)
            yield block
    if left:
        raise ExecutableError(f"{member.source!s} ends within {info.filename!r}; build again")


def _blocks(stream: IO[bytes], limit: int | None = None) -> Iterator[memoryview]:
    """Read a file in blocks, each of which is only valid until the next."""
    buffer = memoryview(bytearray(_BLOCK if limit is None else min(limit, _BLOCK)))
    while limit is None or limit > 0:
        room = buffer if limit is None else buffer[: min(limit, len(buffer))]
        count = stream.readinto(room)  # type: ignore[attr-defined]
        if not count:
            return
        if limit is not None:
            limit -= count
        yield room[:count]


def _header(member: Member, method: int, crc: int, held: int, size: int) -> bytes:
    name, flags = _name(member)
    moment = _FIRST_MOMENT
    fields = (b"PK\x03\x04", _VERSION, flags, method, *moment, crc, held, size, len(name), 0)
    return _LOCAL.pack(*fields) + name


def _name(member: Member) -> tuple[bytes, int]:
    """Return a name's bytes and the flags: whether they are UTF-8, and nothing else."""
    if member.name.isascii():
        return member.name.encode("ascii"), 0
    return member.name.encode("utf-8"), _UTF8


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
                pairs = enumerate(zip(found, block, strict=False))
                same = next((count for count, (one, two) in pairs if one != two), len(found))
                raise _DiffersError(self.at + same)
            self.at += len(block)
        return len(view)


def _is_padded(stream: IO[bytes], info: zipfile.ZipInfo) -> bool:
    """Tell whether something follows a member's compressed data within its bounds."""
    stream.seek(find_data(stream, info))
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
