from __future__ import annotations

import io
import stat
import zipfile
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.base.errors import ExecutableError
from hatch_multiplat.executable import repack
from hatch_multiplat.executable.archive import SIZE_FIELD, replace_prefix
from hatch_multiplat.executable.repack import Member, read_members, write_archive, write_members

if TYPE_CHECKING:
    from pathlib import Path

FILES = {"b.whl": bytes(range(256)) * 9000, "a/empty": b"", "ü.whl": b"umlaut"}


@pytest.fixture
def members(tmp_path: Path) -> list[Member]:
    """Return members that are whole files, in an order that is not theirs."""
    made = []
    for name, data in FILES.items():
        path = tmp_path / name.replace("/", "_")
        path.write_bytes(data)
        info = zipfile.ZipInfo(name)
        info.file_size = len(data)
        info.external_attr = (stat.S_IFREG | 0o644) << 16
        made.append(Member(path=path, info=info, whole=True))
    return made


def written(members: list[Member], prefix: bytes = b"") -> bytes:
    stream = io.BytesIO()
    write_members(members, stream, prefix=prefix)
    return stream.getvalue()


def test_whole_files_come_out_as_zipfile_itself_writes_them(
    members: list[Member], tmp_path: Path
) -> None:
    path = tmp_path / "by-zipfile"
    with zipfile.ZipFile(path, "w") as archive:
        for member in sorted(members, key=lambda member: member.name):
            archive.writestr(member.info, FILES[member.name])
    assert written(members) == path.read_bytes()


@pytest.mark.parametrize("prefix", [b"#!/bin/sh\nsize=%s\n" % SIZE_FIELD, b"MZ launcher\n"])
def test_a_prefix_is_the_same_written_at_once_or_put_before_later(
    members: list[Member], tmp_path: Path, prefix: bytes
) -> None:
    later = tmp_path / "later"
    later.write_bytes(written(members))
    replace_prefix(later, prefix)
    at_once = written(members, prefix)
    assert at_once == later.read_bytes()
    assert (b"size=%d " % len(at_once) in at_once) == (SIZE_FIELD in prefix)


def test_members_of_other_archives_and_new_data_stand_beside_whole_files(
    members: list[Member], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    with zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("copied", b"copied " * 99)
        archive.writestr("changed", b"before " * 99)
    copied, changed = read_members(other).values()
    changed = Member(path=other, info=changed.info, data=b"after " * 99)
    output = tmp_path / "output"
    write_archive([changed, *members, copied], output, prefix=b"#!x\n", mode=0o755)
    with zipfile.ZipFile(output) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == sorted([*FILES, "copied", "changed"])
        assert archive.read("changed") == b"after " * 99
        assert archive.getinfo("changed").compress_size < 99
        assert archive.read("copied") == b"copied " * 99
    assert output.stat().st_mode & 0o777 == 0o755


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


@pytest.mark.parametrize(("limit", "value"), [("_MAX", 2_304_000), ("_MAX_ENTRIES", 3)])
def test_what_only_zip64_could_hold_is_refused(
    members: list[Member], monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    written(members)
    monkeypatch.setattr(repack, limit, value)
    with pytest.raises(ExecutableError, match="larger than a zip file that every Python can run"):
        written(members)
