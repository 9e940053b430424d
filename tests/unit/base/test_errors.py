from __future__ import annotations

import errno

import pytest

from hatch_multiplat.base.errors import WriteError


@pytest.mark.parametrize(
    ("number", "filename", "message"),
    [
        (errno.EACCES, None, "no; make its folder writable, or name another in 'output-dir'"),
        (errno.ENOSPC, None, "no; free some space, or name another in 'output-dir'"),
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
        "cannot write pyproject.toml: Read-only file system; make its folder writable"
    )
    error = WriteError.of("a/b", OSError(errno.EEXIST, "File exists", "a"))
    assert str(error) == "cannot write a/b: a is a file, not a folder; move that file away"
