"""What may not be removed, to a user who has no right to."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from hatch_multiplat.base.errors import WriteError
from hatch_multiplat.build.leftovers import remove_leftovers
from hatch_multiplat.index.wheel_cache import (
    WheelCache,
    WheelCacheError,
    list_entries,
    remove_entries,
)
from hatch_multiplat.resolve.project import make_project

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")

STRANGER: Final = 23001


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder in which only its owner may write, and which others can come to."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def without_rights(folder: Path) -> Iterator[None]:
    """Be a user who may read a folder and all in it, and write nothing there."""
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for path in folders:
        path.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(STRANGER)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        for path in folders:
            path.chmod(0o755)


def test_an_output_that_may_not_be_removed_is_told(closed: Path) -> None:
    table = {"platforms": ["linux-x86_64"], "python": ["3.12"]}
    pyproject = {"project": {"name": "demo"}, "tool": {"multiplat": table}}
    project = make_project(closed, pyproject)
    dist = closed / "dist"
    dist.mkdir()
    (dist / "demo-1.0.pex").touch()
    with without_rights(dist), pytest.raises(WriteError) as caught:
        remove_leftovers(project, dist)
    assert str(caught.value) == (
        f"cannot remove what is in {dist}: Permission denied; make it writable"
    )


def test_an_entry_of_the_cache_that_may_not_be_removed_is_told(closed: Path) -> None:
    wheel = closed / "demo-1.0-py3-none-any.whl"
    wheel.touch()
    cache = WheelCache(closed / "cache")
    kept = cache.add(wheel).path
    with without_rights(closed / "cache"), pytest.raises(WheelCacheError) as caught:
        remove_entries(cache.root, list_entries(cache.root))
    assert str(caught.value) == (
        f"cannot remove {kept}: Permission denied; "
        "make its folder writable, or end the builds that use it"
    )
