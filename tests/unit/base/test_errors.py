from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.base.errors import WriteError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("number", "filename", "message"),
    [
        (errno.EACCES, None, "no; make its folder writable, or name another in 'output-dir'"),
        (
            errno.ENOSPC,
            None,
            (
                "no; free some space there, or remove files where there are too many for the disk, "
                "or name another in 'output-dir'"
            ),
        ),
        (errno.EROFS, None, "no; mount it for writing, or name another in 'output-dir'"),
        (
            errno.ENAMETOOLONG,
            None,
            (
                "no; use a shorter name or a folder nearer to the root, or name another in "
                "'output-dir'"
            ),
        ),
        (
            errno.EMFILE,
            None,
            "no; raise the limit of open files (ulimit -n), or name another in 'output-dir'",
        ),
        (
            errno.EEXIST,
            "dist",
            "dist is a file, not a folder; name another place in 'output-dir'",
        ),
        (
            errno.ENOTDIR,
            "dist/app.pex",
            (
                "what should be its folder is a file, not a folder; "
                "name another place in 'output-dir'"
            ),
        ),
        (
            errno.ENOENT,
            None,
            "there is no such folder; make it, or name another in 'output-dir'",
        ),
        (errno.EISDIR, None, "it is a folder; move it away, or name another in 'output-dir'"),
    ],
)
def test_each_reason_has_what_to_do_about_it(
    number: int, filename: str | None, message: str
) -> None:
    error = WriteError.of("app.pex", OSError(number, "no", filename), instead="'output-dir'")
    assert str(error) == f"cannot write app.pex: {message}"


def test_where_no_other_place_can_be_named_none_is_offered() -> None:
    error = WriteError.of("pyproject.toml", OSError(errno.EROFS, "Read-only file system"))
    assert str(error) == (
        "cannot write pyproject.toml: Read-only file system; mount it for writing"
    )
    error = WriteError.of("a/b", OSError(errno.EEXIST, "File exists", "a"))
    assert str(error) == "cannot write a/b: a is a file, not a folder; move that file away"


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EISDIR])
def test_a_folder_in_the_way_is_named_whatever_the_system_calls_it(
    tmp_path: Path, number: int
) -> None:
    """Windows denies access where others say that it is a folder."""
    error = WriteError.of(tmp_path, OSError(number, "denied"))
    assert str(error) == f"cannot write {tmp_path}: it is a folder; move it away"


def test_every_reason_with_a_cure_of_its_own_has_one_that_can_be_done() -> None:
    numbers = (errno.EFBIG, errno.EIO, errno.ELOOP, errno.ENFILE, errno.EDQUOT, errno.EBUSY)
    for number in (*numbers, errno.EINVAL, errno.ESTALE, errno.ENODEV):
        said = str(WriteError.of("app.pex", OSError(number, os.strerror(number))))
        assert "writable" not in said, said
