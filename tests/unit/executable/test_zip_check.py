"""Every byte of a zip file: the writer's own files pass, and nothing can be put in or changed."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_multiplat.executable.zip_writer import Member, find_strays, write_members
from hatch_multiplat.wheels.wheel_file import BROKEN

if TYPE_CHECKING:
    from pathlib import Path

TEXT = b"the same again " * 99
WHEEL = bytes(range(256)) * 9


def make_zip(prefix: bytes = b"#!/bin/sh\n") -> bytes:
    stream = io.BytesIO()
    members = [
        Member(name="folder/", data=b""),
        Member(name="folder/text.py", data=TEXT),
        Member(name="__main__.py", data=b"print(1)\n", mode=0o755),
        Member(name="größe.whl", data=WHEEL, deflate=False),
    ]
    write_members(members, stream, prefix=prefix)
    return stream.getvalue()


def strays(folder: Path, content: bytes) -> tuple[str, ...]:
    path = folder / "app"
    path.write_bytes(content)
    return find_strays(path)


@pytest.mark.parametrize("prefix", [b"", b"#!/bin/sh\nmore\n", b"MZ launcher\n#!x\n"])
def test_what_the_writer_writes_is_accounted_for(tmp_path: Path, prefix: bytes) -> None:
    assert strays(tmp_path, make_zip(prefix)) == ()


def test_what_stands_before_the_first_member_is_somebody_elses_question(tmp_path: Path) -> None:
    """Its bytes are held against a header; here they only shift what follows."""
    assert strays(tmp_path, make_zip(b"#!/usr/bin/env another\n")) == ()


def with_zipfile(change: str) -> bytes:
    stream = io.BytesIO(make_zip())
    with zipfile.ZipFile(stream, "a") as archive:
        if change == "comment":
            archive.comment = b"hello"
        elif change == "twice":
            with pytest.warns(UserWarning, match="Duplicate name"):
                archive.writestr("__main__.py", "print(2)\n")
        else:
            info = zipfile.ZipInfo("json.py")
            if change == "extra":
                info.extra = b"\x99\x99\x04\x00data"
            archive.writestr(info, "x = 1\n")
    return stream.getvalue()


def padded() -> bytes:
    """Return a zip file whose compressed member has more data than its stream."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(TEXT) + packer.flush() + b"stowaway"
    info = zipfile.ZipInfo("text.py")
    info.compress_type, info.CRC, info.header_offset = zipfile.ZIP_DEFLATED, zlib.crc32(TEXT), 0
    info.compress_size, info.file_size = len(packed), len(TEXT)
    source = info.FileHeader(zip64=False) + packed
    stream = io.BytesIO()
    write_members([Member(name="text.py", source=source, packed=info)], stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(make_zip() + b"x", "1 bytes follow its end", id="a trailer"),
        pytest.param(with_zipfile("comment"), "the bytes at", id="a comment"),
        pytest.param(with_zipfile("twice"), "__main__.py is in it more than once", id="twice"),
        pytest.param(with_zipfile("extra"), "the bytes at", id="an extra field"),
        pytest.param(padded(), "text.py has more data than its contents", id="padded"),
    ],
)
def test_what_is_there_besides_is_told(tmp_path: Path, content: bytes, said: str) -> None:
    (found,) = strays(tmp_path, content)
    assert found.startswith(said)


def test_a_gap_between_members_is_told(tmp_path: Path) -> None:
    """A member at the end of the file's data may be left out of the directory."""
    stream = io.BytesIO(make_zip())
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("json.py", "x = 1\n")
        del archive.filelist[-1]
    (found,) = strays(tmp_path, stream.getvalue())
    assert "no member" in found


@given(data=st.data())
def test_no_byte_of_headers_or_directory_can_be_another(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(make_zip())
    with zipfile.ZipFile(io.BytesIO(bytes(content))) as archive:
        places = [*range(archive.start_dir, len(content))]
        for info in archive.infolist():
            places += range(info.header_offset, info.header_offset + 30 + len(info.filename))
    at = data.draw(st.sampled_from(places))
    content[at] ^= data.draw(st.integers(1, 255))
    folder = tmp_path_factory.mktemp("zip")
    try:
        found = strays(folder, bytes(content))
        with zipfile.ZipFile(folder / "app") as archive:
            renamed = archive.namelist() != [
                "__main__.py",
                "folder/",
                "folder/text.py",
                "größe.whl",
            ]
            broken = archive.testzip()
    except (UnicodeDecodeError, OSError, *BROKEN):  # bz2 tells damage by OSError
        return
    # A name that is another in both places, or content that fails its CRC, is another member.
    assert found or renamed or broken
