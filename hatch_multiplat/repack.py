"""A zip file made of members of others, copied byte for byte, in the order that pex gives them."""

from __future__ import annotations

import struct
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from hatch_multiplat.archive import replace_prefix
from hatch_multiplat.errors import ExecutableError
from hatch_multiplat.executable_file import data_offset

if TYPE_CHECKING:
    from collections.abc import Iterable

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_ENTRY: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_MAX: Final = 0xFFFFFFFF
_MAX_ENTRIES: Final = 0xFFFF
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A member of a zip file on disk, or with `data` one like it that holds something else."""

    path: Path
    info: zipfile.ZipInfo
    data: bytes | None = None

    @property
    def name(self) -> str:
        return self.info.filename


def read_members(path: Path) -> dict[str, Member]:
    """Return the members of a zip file by name."""
    with zipfile.ZipFile(path) as archive:
        return {info.filename: Member(path=path, info=info) for info in archive.infolist()}


def write_archive(members: Iterable[Member], output: Path, *, prefix: bytes, mode: int) -> None:
    """Write a zip file of these members, sorted by name, behind `prefix`.

    It is written aside and renamed into place: when it is there, it is whole. The prefix may have
    a field for the file's size, see `archive.replace_prefix`. Raises ExecutableError when the
    folder cannot be written, or the file would be larger than zipimport can read.
    """
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=".hatch-multiplat-", dir=output.parent, ignore_cleanup_errors=True
        ) as folder:
            aside = Path(folder) / "written.pex"
            with aside.open("wb") as stream:
                _write(sorted(members, key=lambda member: member.name), stream)
            replace_prefix(aside, prefix)
            aside.chmod(mode)
            aside.replace(output)
    except OSError as error:
        raise ExecutableError(
            f"cannot write {output}: {error.strerror or error}; "
            "free some space, make the folder writable, or name another by --output"
        ) from error


def _write(members: list[Member], stream: IO[bytes]) -> None:
    entries: list[bytes] = []
    for member in members:
        offset = stream.tell()
        crc, held = _copy(member, stream) if member.data is None else _put(member, stream)
        size = member.info.file_size if member.data is None else len(member.data)
        if stream.tell() > _MAX or len(entries) >= _MAX_ENTRIES:
            raise ExecutableError(
                "the executable would be larger than a zip file that every Python can run: "
                f"4 GiB and {_MAX_ENTRIES} entries; make it of fewer parts"
            )
        entries.append(_entry(member.info, crc=crc, held=held, size=size, offset=offset))
    start = stream.tell()
    directory = b"".join(entries)
    stream.write(directory)
    count = len(entries)
    stream.write(_END.pack(b"PK\x05\x06", 0, 0, count, count, len(directory), start, 0))


def _copy(member: Member, stream: IO[bytes]) -> tuple[int, int]:
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
    return info.CRC, info.compress_size


def _put(member: Member, stream: IO[bytes]) -> tuple[int, int]:
    """Write new data as a member, compressed if the one that it stands for is."""
    data = member.data or b""
    packed = data
    if member.info.compress_type == zipfile.ZIP_DEFLATED:
        deflate = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, -15)
        packed = deflate.compress(data) + deflate.flush()
    crc = zlib.crc32(data)
    _write_header(member.info, stream, crc=crc, held=len(packed), size=len(data))
    stream.write(packed)
    return crc, len(packed)


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
