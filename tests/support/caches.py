"""Wheel caches for tests: empty, but for what pex makes for every project alike."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

# The processes of one test run share it: the first that is started makes it.
_VARIABLE: Final = "TESTS_SKELETONS"


def make_cache(folder: Path) -> str:
    """Make a wheel cache with pex's skeletons in it, which the tests of a run make once.

    Where the system has no symbolic links it is empty.
    """
    skeletons = folder / "pex" / "skeletons"
    skeletons.parent.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):
        skeletons.symlink_to(_shared(), target_is_directory=True)
    return str(folder)


def make_home(folder: Path) -> dict[str, str]:
    """Return the variables of somebody whose home and caches are in a folder.

    This Python is the first on PATH, which a file's header takes.
    """
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder / "home"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "HATCH_MULTIPLAT_CACHE": make_cache(folder / "store"),
    }


def share_skeletons() -> None:
    """Make the folder that the tests of this run share, unless there is one."""
    if _VARIABLE not in os.environ:
        os.environ[_VARIABLE] = tempfile.mkdtemp(prefix="skeletons-")
        atexit.register(shutil.rmtree, os.environ[_VARIABLE], ignore_errors=True)


def _shared() -> Path:
    share_skeletons()
    return Path(os.environ[_VARIABLE])
