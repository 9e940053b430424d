"""Files that are written aside: what is there before, and what stays of it."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from hatch_multiplat.base.atomic_write import copy_atomically, write_atomically

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has neither modes nor plain links"
)


def test_a_file_keeps_its_mode_and_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "elsewhere" / "lock.toml", tmp_path / "lock.toml"
    real.parent.mkdir()
    link.symlink_to(real)
    write_atomically(link, "new")
    assert stat.S_IMODE(real.stat().st_mode) == 0o644
    real.chmod(0o660)
    write_atomically(link, b"newer")
    assert link.is_symlink()
    assert real.read_text() == "newer"
    assert stat.S_IMODE(real.stat().st_mode) == 0o660
    assert sorted(tmp_path.rglob("*")) == sorted([real.parent, real, link])


def test_links_in_a_circle_are_an_error_of_the_system(tmp_path: Path) -> None:
    link = tmp_path / "lock.toml"
    link.symlink_to(link)
    with pytest.raises(OSError, match="symbolic links"):
        write_atomically(link, "new")
    assert list(tmp_path.iterdir()) == [link]


def test_what_ends_a_copy_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "copy"
    with pytest.raises(IsADirectoryError):
        copy_atomically(tmp_path, path)
    source = tmp_path / "source"
    source.write_bytes(b"whole")
    copy_atomically(source, path)
    assert path.read_bytes() == b"whole"
    assert sorted(tmp_path.iterdir()) == [path, source]


def test_ctrl_c_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "lock.toml", "new")
    assert list(tmp_path.iterdir()) == []
