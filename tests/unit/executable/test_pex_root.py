from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.base.errors import WriteError
from hatch_multiplat.executable.pex_root import own_pex_root

if TYPE_CHECKING:
    from pathlib import Path


def test_builds_at_once_get_folders_of_their_own(tmp_path: Path) -> None:
    with own_pex_root(tmp_path) as first, own_pex_root(tmp_path) as second:
        assert first != second
    with own_pex_root(tmp_path) as again:
        assert again == first


def test_the_copies_of_wheels_go_and_the_rest_stays(tmp_path: Path) -> None:
    with own_pex_root(tmp_path) as root:
        (root / "downloads").mkdir()
        (root / "downloads" / "wheel").write_text("copy")
        (root / "pip").mkdir()
    assert [path.name for path in root.iterdir()] == ["pip"]


def test_a_failed_build_leaves_its_folder_to_the_next(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), own_pex_root(tmp_path) as root:
        raise RuntimeError
    with own_pex_root(tmp_path) as again:
        assert again == root


def test_a_cache_that_cannot_be_written_is_not_taken_for_the_output(tmp_path: Path) -> None:
    (tmp_path / "pex").write_text("in the way")
    with (
        pytest.raises(WriteError, match=r"cannot write .*pex: .*HATCH_MULTIPLAT_CACHE"),
        own_pex_root(tmp_path / "pex"),
    ):
        pytest.fail("there is no folder")
    with pytest.raises(PermissionError), own_pex_root(tmp_path):
        raise PermissionError  # of whoever uses it
