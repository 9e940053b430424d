from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.base.errors import ExecutableError
from hatch_multiplat.executable.zip_writer import (
    MAX_ENTRIES,
    MAX_SIZE,
    Member,
    read_members,
    write_archive,
    write_folder,
    write_members,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FILES = {"b.whl": bytes(range(256)) * 9000, "a/empty": b"", "ü.whl": b"umlaut"}


@pytest.fixture
def members(tmp_path: Path) -> list[Member]:
    """Return members that are whole files, in an order that is not theirs."""
    made = []
    for name, data in FILES.items():
        path = tmp_path / name.replace("/", "_")
        path.write_bytes(data)
        made.append(Member(name=name, source=path, size=len(data)))
    return made


def written(members: Iterable[Member], prefix: bytes = b"") -> bytes:
    stream = io.BytesIO()
    write_members(members, stream, prefix=prefix)
    return stream.getvalue()


def assert_runs(path: Path) -> None:
    """Assert that the system would run a file; Windows has no such bits."""
    assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o755


def test_whole_files_come_out_as_zipfile_itself_writes_them(
    members: list[Member], tmp_path: Path
) -> None:
    path = tmp_path / "by-zipfile"
    with zipfile.ZipFile(path, "w") as archive:
        for name in sorted(FILES):
            info = zipfile.ZipInfo(name)
            info.create_system = 3  # on Windows, too
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(info, FILES[name])
    assert written(members) == path.read_bytes()


@pytest.mark.parametrize("prefix", [b"", b"#!/bin/sh\n# more of it\n"])
def test_offsets_count_from_the_start_of_the_file(members: list[Member], prefix: bytes) -> None:
    """zipfile corrects offsets that are relative to a prefix; zipimport and others need not."""
    data = written(members, prefix)
    assert data.startswith(prefix + b"PK\x03\x04")
    directory_at = struct.unpack_from("<L", data, data.rindex(b"PK\x05\x06") + 16)[0]
    assert data[directory_at:].startswith(b"PK\x01\x02")
    assert struct.unpack_from("<L", data, directory_at + 42) == (len(prefix),)


@pytest.mark.parametrize("prefix", [b"MZ launcher\n#!py\n", b"#!/usr/bin/env python3\n"])
def test_behind_a_launcher_for_windows_or_one_line_offsets_count_from_the_first_member(
    members: list[Member], prefix: bytes
) -> None:
    """The launcher looks right before there; and the line may become shorter."""
    assert written(members, prefix) == prefix + written(members)


def test_new_data_is_compressed_where_that_makes_it_smaller() -> None:
    long, short = b"the same again " * 99, os.urandom(9)
    members = [
        Member(name="long", data=long),
        Member(name="short", data=short),
        Member(name="stored", data=long, deflate=False),
    ]
    with zipfile.ZipFile(io.BytesIO(written(members))) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "long": long,
            "short": short,
            "stored": long,
        }
        methods = [info.compress_type for info in archive.infolist()]
    assert methods == [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_STORED]


def test_nothing_of_the_host_is_in_a_member(tmp_path: Path) -> None:
    """What another system wrote down about a member does not reach the copy."""
    other = tmp_path / "other"
    with zipfile.ZipFile(other, "w") as archive:
        for name, system, mode in (("dos", 0, 0), ("unix", 3, 0o600), ("tool", 3, 0o700)):
            info = zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6))
            info.create_system, info.external_attr, info.comment = system, mode << 16, b"host"
            archive.writestr(info, name)
    copied = written([*read_members(other).values(), Member(name="folder/", data=b"")])
    with zipfile.ZipFile(io.BytesIO(copied)) as archive:
        found = {
            info.filename: (info.create_system, info.external_attr, info.date_time, info.comment)
            for info in archive.infolist()
        }
    moment = (1980, 1, 1, 0, 0, 0)
    assert found == {
        "dos": (3, 0o100644 << 16, moment, b""),
        "folder/": (3, 0o40755 << 16 | 0x10, moment, b""),
        "tool": (3, 0o100755 << 16, moment, b""),
        "unix": (3, 0o100644 << 16, moment, b""),
    }


def test_members_of_other_archives_and_new_data_stand_beside_whole_files(
    members: list[Member], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    with zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("copied", b"copied " * 99)
        archive.writestr("changed", b"before " * 99)
    found = read_members(other)
    changed = replace(found["changed"], data=b"after " * 99)
    output = tmp_path / "output"
    write_archive([changed, *members, found["copied"]], output, prefix=b"#!x\n", mode=0o755)
    with zipfile.ZipFile(output) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == sorted([*FILES, "copied", "changed"])
        assert archive.read("changed") == b"after " * 99
        assert archive.getinfo("changed").compress_size < 99
        assert archive.read("copied") == b"copied " * 99
    assert_runs(output)
    assert read_members(output.read_bytes()).keys() == read_members(output).keys()


def test_a_folder_has_the_same_contents(members: list[Member], tmp_path: Path) -> None:
    archive = written([Member(name="deep/er/text", data=b"x" * 999, mode=0o755), *members])
    write_folder(read_members(archive).values(), tmp_path / "folder")
    write_folder([Member(name="empty/", data=b"")], tmp_path / "folder")
    found = {
        path.relative_to(tmp_path / "folder").as_posix(): path.read_bytes()
        for path in (tmp_path / "folder").rglob("*")
        if path.is_file()
    }
    assert found == {**FILES, "deep/er/text": b"x" * 999}
    assert (tmp_path / "folder" / "empty").is_dir()
    assert_runs(tmp_path / "folder" / "deep" / "er" / "text")


def test_an_archive_is_whole_or_not_there(members: list[Member], tmp_path: Path) -> None:
    (tmp_path / "b.whl").write_bytes(b"")
    output = tmp_path / "out" / "app"
    with pytest.raises(ExecutableError):
        write_archive(members, output)
    assert list(output.parent.iterdir()) == []


@pytest.mark.parametrize("data", [b"", b"longer than it was"])
def test_a_file_that_changed_meanwhile_is_refused(
    members: list[Member], tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "b.whl").write_bytes(data)
    with pytest.raises(ExecutableError, match=rf"b\.whl has {len(data)} bytes instead of 2304000"):
        written(members)


def test_a_file_that_is_gone_is_named(members: list[Member], tmp_path: Path) -> None:
    (tmp_path / "b.whl").unlink()
    with pytest.raises(ExecutableError, match=r"b\.whl cannot be read: No such file"):
        written(members)


def test_a_file_that_ends_within_a_member_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut"
    path.write_bytes(written([Member(name="a", data=bytes(9000), deflate=False)]))
    members = read_members(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ExecutableError, match="ends within 'a'; build again"):
        written(members.values())


TOO_LARGE = "larger than a zip file that every Python can run"


def test_a_member_that_only_zip64_could_place_is_refused(
    members: list[Member], tmp_path: Path
) -> None:
    """The file is a hole for the most part."""
    with (tmp_path / "large").open("wb") as stream:
        stream.seek(MAX_SIZE - 2 * sum(map(len, FILES.values())))
        write_members(members, stream)
        with pytest.raises(ExecutableError, match=TOO_LARGE):
            write_members(members, stream)


def test_entries_that_only_zip64_could_count_are_refused() -> None:
    members = (Member(name=f"{number}", data=b"", deflate=False) for number in range(MAX_ENTRIES))
    with pytest.raises(ExecutableError, match=TOO_LARGE):
        written(members)
