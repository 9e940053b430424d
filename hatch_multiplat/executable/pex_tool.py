"""pex as a tool: how it is started, and the folders that it works in."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hatch_multiplat.base.errors import ExecutableError, ToolError, WriteError
from hatch_multiplat.base.process import run_tool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COPIES: Final = "downloads"
FULL: Final = ("No space left on device", "Errno 28", "Disk quota exceeded")
"""Words with which pex, and the programs that it runs, fail on a full disk."""


def run_pex(words: Sequence[str | Path], *, module: str = "pex", folder: Path, root: Path) -> None:
    """Run pex in a folder with its caches in `root`; raises ToolError, and ExecutableError.

    `module` is `pex`, or `pex.cli` for what is otherwise called `pex3`. Where folders of PATH lie
    on another drive of Windows, pex fails at comparing them with its own, unless that comes first.
    """
    environ = pex_environment(root)
    if os.name == "nt":
        own = Path(str(resources.files("pex")))
        environ["PATH"] = os.pathsep.join([str(own), os.environ.get("PATH", os.defpath)])
    with _disk_full_told():
        run_tool("pex", [sys.executable, "-m", module, *words], cwd=folder, environ=environ)


def pex_environment(pex_root: Path) -> dict[str, str | None]:
    """Return the variables that pex runs with: its caches in `pex_root`, no settings of a user.

    pex writes into the file where its runtime keeps its cache unless told otherwise, and takes the
    cache folder of whoever builds for it; with the usual one it writes `~/.cache/pex`.
    """
    environ: dict[str, str | None] = {
        "PEX_IGNORE_RCFILES": "1",
        "PEX_ROOT": str(pex_root),
        "PEX_EMIT_WARNINGS": "0",
        "XDG_CACHE_HOME": None,
    }
    # A user whom the system does not know has no home, as in a container with any number for one.
    with suppress(RuntimeError):
        environ["XDG_CACHE_HOME"] = str(Path.home() / ".cache")
    return environ


@contextmanager
def own_pex_root(folder: Path) -> Iterator[Path]:
    """Give the first of pex's folders below `folder` that no other build uses.

    pex copies what it needs into its own cache; kept, it would double the disk that is used, so it
    goes at the end. Removing it under another build's eyes would break that, hence a folder for
    each. Locks of a build that was killed vanish with it. Raises WriteError where it cannot be
    made.
    """
    # A build that has the skeleton already runs no pex, and need not have this installed.
    from filelock import FileLock, Timeout  # noqa: PLC0415

    with told_as_cache(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for number in itertools.count():
        lock = FileLock(folder / f"{number}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        except OSError as error:
            raise _refuse_cache(folder, error) from error
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
    """Raise a WriteError for an OSError: the cache cannot be written, not an output."""
    try:
        yield
    except OSError as error:
        raise _refuse_cache(folder, error) from error


def _refuse_cache(folder: Path, error: OSError) -> WriteError:
    return WriteError.of(folder, error, instead="HATCH_MULTIPLAT_CACHE")


@contextmanager
def _disk_full_told() -> Iterator[None]:
    """Tell a full disk, of which pex speaks in its own words, from other failures of pex."""
    try:
        yield
    except ToolError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        said = [line for line in lines if any(words in line for words in FULL)]
        if not said:
            raise
        raise ExecutableError(
            f"pex cannot write its files: {said[-1]}; "
            "free some space there, or name other folders in HATCH_MULTIPLAT_CACHE and TMPDIR"
        ) from error
