from __future__ import annotations

import io
import stat
import struct
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_multiplat.base.errors import ExecutableError
from hatch_multiplat.executable.archive import SIZE_FIELD, replace_prefix
from hatch_multiplat.executable.boot import SIZE_FIELD as HEADER_SIZE_FIELD

if TYPE_CHECKING:
    from pathlib import Path

MEMBERS = {"__main__.py": b"print(1)", ".deps/a.whl": bytes(range(256)) * 40, "empty": b""}


def write_zip(path: Path, prefix: bytes = b"", comment: bytes = b"") -> Path:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in MEMBERS.items():
            archive.writestr(name, data)
        archive.comment = comment
    path.write_bytes(buffer.getvalue())
    if prefix:
        replace_prefix(path, prefix)
    return path


def read_zip(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("before", [b"", b"#!/usr/bin/env python3\n"], ids=["none", "shebang"])
def test_behind_a_launcher_for_windows_offsets_count_from_the_first_member(
    tmp_path: Path, before: bytes
) -> None:
    path = write_zip(tmp_path / "app.exe", before)
    plain = write_zip(tmp_path / "plain").read_bytes()
    replace_prefix(path, b"MZ launcher\n#!line\n")
    assert path.read_bytes() == b"MZ launcher\n#!line\n" + plain
    assert read_zip(path) == MEMBERS
    replace_prefix(path, before)
    again = write_zip(tmp_path / "again", before)
    assert path.read_bytes() == again.read_bytes()


@pytest.mark.parametrize("before", [b"", b"#!/usr/bin/env python3\n"], ids=["none", "shebang"])
@pytest.mark.parametrize("header", [b"", b"#!/bin/sh\n", b"#!/bin/sh\n" * 9999])
@pytest.mark.parametrize("comment", [b"", b"a comment"])
def test_members_survive_and_offsets_are_absolute(
    tmp_path: Path, before: bytes, header: bytes, comment: bytes
) -> None:
    path = write_zip(tmp_path / "app", before, comment)
    replace_prefix(path, header)
    data = path.read_bytes()
    assert data.startswith(header + b"PK\x03\x04")
    assert read_zip(path) == MEMBERS
    with zipfile.ZipFile(path) as archive:
        assert archive.comment == comment
        # zipfile corrects offsets that are relative to a prefix; zipimport and others need not.
        directory_at = struct.unpack_from("<L", data, data.rindex(b"PK\x05\x06") + 16)[0]
        assert data[directory_at:].startswith(b"PK\x01\x02")
        first = struct.unpack_from("<L", data, directory_at + 42)[0]
        assert first == len(header)


PREFIX = st.binary(max_size=200).filter(lambda data: SIZE_FIELD not in data)


@given(first=PREFIX, second=PREFIX)
def test_the_last_prefix_wins(
    tmp_path_factory: pytest.TempPathFactory, first: bytes, second: bytes
) -> None:
    path = write_zip(tmp_path_factory.mktemp("zip") / "app")
    plain = path.read_bytes()
    replace_prefix(path, first)
    replace_prefix(path, second)
    assert path.read_bytes()[: len(second)] == second
    replace_prefix(path, b"")
    assert path.read_bytes() == plain


def test_the_header_learns_the_size_of_the_file(tmp_path: Path) -> None:
    assert SIZE_FIELD.decode() == HEADER_SIZE_FIELD
    path = write_zip(tmp_path / "app")
    replace_prefix(path, b"size=" + SIZE_FIELD + b"\n")
    first_line = path.read_bytes().split(b"\n")[0]
    assert first_line == b"size=%d" % path.stat().st_size + b" " * (
        len(SIZE_FIELD) - len(str(path.stat().st_size))
    )


def test_permissions_stay_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "app")
    path.chmod(0o751)
    replace_prefix(path, b"#!/bin/sh\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o751
    assert list(tmp_path.iterdir()) == [path]


def end_record(count: int, size: int, offset: int) -> bytes:
    return struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, size, offset, 0)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "not a zip file", id="empty"),
        pytest.param(b"x" * 100, "not a zip file", id="text"),
        pytest.param(b"PK\x05\x06", "not a zip file", id="cut"),
        pytest.param(end_record(0xFFFF, 0, 0), "a zip64 file", id="too many members"),
        pytest.param(end_record(1, 46, 0xFFFFFFFF), "a zip64 file", id="too far"),
        pytest.param(end_record(1, 46, 0), "not where it says", id="wrong offset"),
        pytest.param(b"x" * 46 + end_record(1, 46, 0), "is damaged", id="no directory"),
    ],
)
def test_what_is_no_such_zip_file_is_left_as_it_is(
    tmp_path: Path, data: bytes, message: str
) -> None:
    path = tmp_path / "app"
    path.write_bytes(data)
    with pytest.raises(ExecutableError, match=message):
        replace_prefix(path, b"#!/bin/sh\n")
    assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]
