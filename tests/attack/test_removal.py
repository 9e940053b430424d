"""Only what has a name of ours and our mark is ever removed."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.executable.table import StartOptions

if TYPE_CHECKING:
    from pathlib import Path

    from tests.startup.conftest import Bench

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs /bin/sh")
LONG_AGO = time.time() - 100 * 86400

MINE = (
    *("config/used", "config/settings", "data/x.new", "projects/lib/used", "projects/lib/code.py"),
    *(".ssh/id_ed25519", "thesis.tex", "0123456789abcdef/used", "0123456789abcdef/from/x"),
    *("0123456789abcdef/01234567/code.py", "01234567.abc.new/thesis", "used", "multiplat-x/used"),
    *("20231005123000/from/mum/thesis.tex", "20231005123000/20240101.lock"),
    *("20240101000000/20240101/used", "20240101000000/20240101/code.py"),
)


def fill(folder: Path) -> dict[Path, float]:
    """Files of a user's, 100 days old."""
    for name in MINE:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (LONG_AGO, LONG_AGO))
    return {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("root", ["~/.myapp", "~", "$HOME/data"])
def test_files_of_a_user_are_left_alone(bench: Bench, root: str) -> None:
    folder = bench.home / {"~/.myapp": ".myapp", "~": "", "$HOME/data": "data"}[root]
    before = fill(folder)
    inside = folder / "multiplat"
    before |= fill(inside / "notes")
    before |= fill(inside / "0123456789abcdef")
    before |= fill(inside)
    for version in ("1.0", "2.0"):
        app = bench.demo(f"demo{version}", version=version, options=StartOptions(runtime_root=root))
        bench.run([app, "exit", "0"])
    assert {path: path.stat().st_size for path in before if path.exists()} == before


def test_what_is_ours_and_old_goes(bench: Bench) -> None:
    bench.run([bench.demo("old", version="0"), "exit", "0"])
    (old,) = bench.setups()
    os.utime(old / "used", (LONG_AGO, LONG_AGO))
    unfinished = old.with_name(f"{old.name}.abc.new")
    unfinished.mkdir()
    (unfinished / "used").touch()
    os.utime(unfinished, (LONG_AGO, LONG_AGO))
    bench.run([bench.demo("new"), "exit", "0"])
    assert not old.exists()
    assert not unfinished.exists()
