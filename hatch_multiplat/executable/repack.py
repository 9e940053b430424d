"""A zip file made of members of others and of whole files, in the order that pex gives them."""

from __future__ import annotations

import os
import struct
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from hatch_multiplat.base.errors import ExecutableError, WriteError
from hatch_multiplat.executable.archive import LAUNCHER, SIZE_FIELD
from hatch_multiplat.executable.executable_file import data_offset

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_ENTRY: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_CRC: Final = struct.Struct("<L")
_CRC_AT: Final = 14
_MAX: Final = 0xFFFFFFFF
_MAX_ENTRIES: Final = 0xFFFF
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A member of a zip file on disk, or one like it that holds something else.

    That is `data`, or with `whole` all of the file at `path`, uncompressed.
    """

    path: Path
    info: zipfile.ZipInfo
    data: bytes | None = None
    whole: bool = False

    @property
    def name(self) -> str:
        return self.info.filename


def read_members(path: Path) -> dict[str, Member]:
    """Return the members of a zip file by name."""
    with zipfile.ZipFile(path) as archive:
        return {info.filename: Member(path=path, info=info) for info in archive.infolist()}


def write_archive(members: Iterable[Member], output: Path, *, prefix: bytes, mode: int) -> None:
    """Write a zip file of these members, as `write_members` does.

    It is written aside and renamed into place: when it is there, it is whole. Raises
    WriteError when the folder cannot be written, and ExecutableError if the file would be larger
    than zipimport can read.
    """
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=".hatch-multiplat-", dir=output.parent, ignore_cleanup_errors=True
        ) as folder:
            aside = Path(folder) / "written.pex"
            with aside.open("wb") as stream:
                write_members(members, stream, prefix=prefix)
            aside.chmod(mode)
            aside.replace(output)
    except OSError as error:
        raise WriteError.of(output, error, instead="--output") from error


def write_members(members: Iterable[Member], stream: IO[bytes], *, prefix: bytes) -> None:
    """Write a zip file of these members, sorted by name, behind `prefix`.

    The prefix may have a field for the file's size, and be a launcher for Windows: see
    `archive.replace_prefix`. Raises OSError, and ExecutableError if the file would be larger than
    zipimport can read.
    """
    stream.write(prefix)
    # Behind a launcher, offsets count from the first member.
    origin = len(prefix) if prefix.startswith(LAUNCHER) else 0
    entries: list[bytes] = []
    for member in sorted(members, key=lambda member: member.name):
        offset = stream.tell() - origin
        if offset >= _MAX or len(entries) + 1 >= _MAX_ENTRIES:
            raise _too_large()
        crc, held, size = _write(member, stream)
        entries.append(_entry(member.info, crc=crc, held=held, size=size, offset=offset))
    start = stream.tell() - origin
    if start >= _MAX:
        raise _too_large()
    directory = b"".join(entries)
    stream.write(directory)
    count = len(entries)
    stream.write(_END.pack(b"PK\x05\x06", 0, 0, count, count, len(directory), start, 0))
    if SIZE_FIELD in prefix:
        total = str(stream.tell()).encode()
        stream.seek(prefix.index(SIZE_FIELD))
        stream.write(total.ljust(len(SIZE_FIELD)))


def _too_large() -> ExecutableError:
    return ExecutableError(
        "the executable would be larger than a zip file that every Python can run: "
        f"4 GiB and {_MAX_ENTRIES} entries; make it of fewer parts"
    )


def _write(member: Member, stream: IO[bytes]) -> tuple[int, int, int]:
    """Write a member; returns its CRC, and its bytes in the file and unpacked."""
    if member.data is not None:
        return _put(member.info, member.data, stream)
    if member.whole:
        return _put_file(member, stream)
    return _copy(member, stream)


def _copy(member: Member, stream: IO[bytes]) -> tuple[int, int, int]:
    """Copy a member's bytes as they are, compressed or not."""
    info = member.info
    _write_header(info, stream, crc=info.CRC, held=info.compress_size, size=info.file_size)
    with member.path.open("rb") as source:
        source.seek(data_offset(source, info))
        left = info.compress_size
        while left:
            block = source.read(min(left, _BLOCK))
            if not block:
                raise ExecutableError(f"{member.path} ends within {info.filename}")
            stream.write(block)
            left -= len(block)
    return info.CRC, info.compress_size, info.file_size


def _put(info: zipfile.ZipInfo, data: bytes, stream: IO[bytes]) -> tuple[int, int, int]:
    """Write new data as a member, compressed if the one that it stands for is."""
    packed = data
    if info.compress_type == zipfile.ZIP_DEFLATED:
        deflate = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, -15)
        packed = deflate.compress(data) + deflate.flush()
    crc = zlib.crc32(data)
    _write_header(info, stream, crc=crc, held=len(packed), size=len(data))
    stream.write(packed)
    return crc, len(packed), len(data)


def _put_file(member: Member, stream: IO[bytes]) -> tuple[int, int, int]:
    """Write a whole file as a member; it has the size that the member says."""
    at, size = stream.tell(), member.info.file_size
    _write_header(member.info, stream, crc=0, held=size, size=size)
    crc, written = 0, 0
    for block in _blocks(member.path):
        crc = zlib.crc32(block, crc)
        written += stream.write(block)
    if written != size:
        raise ExecutableError(f"{member.path} has {written} bytes instead of {size}; build again")
    stream.seek(at + _CRC_AT)
    stream.write(_CRC.pack(crc))
    stream.seek(0, os.SEEK_END)
    return crc, size, size


def _blocks(path: Path) -> Iterator[memoryview]:
    """Read a file; each block is gone when the next is asked for."""
    buffer = memoryview(bytearray(_BLOCK))
    try:
        with path.open("rb", buffering=0) as source:
            while count := source.readinto(buffer):
                yield buffer[:count]
    except OSError as error:
        raise ExecutableError(f"{path} cannot be read: {error.strerror or error}") from error


def _write_header(
    info: zipfile.ZipInfo, stream: IO[bytes], *, crc: int, held: int, size: int
) -> None:
    name, flags = _name(info)
    time, date = _dos_time(info)
    version, method = info.extract_version, info.compress_type
    stream.write(
        _LOCAL.pack(
            *(b"PK\x03\x04", version, flags, method, time, date, crc, held, size, len(name), 0)
        )
        + name
    )


def _entry(info: zipfile.ZipInfo, *, crc: int, held: int, size: int, offset: int) -> bytes:
    name, flags = _name(info)
    time, date = _dos_time(info)
    made_by = info.create_version | info.create_system << 8
    version, method = info.extract_version, info.compress_type
    return (
        _ENTRY.pack(
            *(b"PK\x01\x02", made_by, version, flags, method, time, date, crc, held, size),
            *(len(name), 0, 0, 0, info.internal_attr, info.external_attr, offset),
        )
        + name
    )


def _name(info: zipfile.ZipInfo) -> tuple[bytes, int]:
    """Return a name's bytes and the flags: whether they are UTF-8, and nothing else."""
    if info.filename.isascii():
        return info.filename.encode("ascii"), 0
    return info.filename.encode("utf-8"), 0x800


def _dos_time(info: zipfile.ZipInfo) -> tuple[int, int]:
    year, month, day, hour, minute, second = info.date_time
    return hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day
