"""The folders in which pex keeps what it needs to run, one for each build that is under way."""

from __future__ import annotations

import itertools
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from filelock import FileLock, Timeout

from hatch_multiplat.base.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COPIES: Final = "downloads"


@contextmanager
def own_pex_root(folder: Path) -> Iterator[Path]:
    """Give the first of pex's folders below `folder` that no other build uses.

    pex copies every wheel into its own cache, although they lie in our store; kept, they would
    double the disk that is used, so they go at the end. Removing them under another build's eyes
    would break it, hence a folder for each. Locks of a build that was killed vanish with it.
    Raises WriteError where it cannot be made.
    """
    with told_as_cache(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for number in itertools.count():
        lock = FileLock(folder / f"{number}.lock")
        try:
            with told_as_cache(folder):
                lock.acquire(timeout=0)
        except Timeout:
            continue
        try:
            root = folder / str(number)
            with told_as_cache(folder):
                root.mkdir(exist_ok=True)
            yield root
            shutil.rmtree(root / COPIES, ignore_errors=True)
        finally:
            lock.release()
        return


@contextmanager
def told_as_cache(folder: Path) -> Iterator[None]:
    """Raise a WriteError for an OSError: what cannot be written is the cache, and no output."""
    try:
        yield
    except Timeout:  # It is an OSError, too.
        raise
    except OSError as error:
        raise WriteError.of(folder, error, instead="HATCH_MULTIPLAT_CACHE") from error
