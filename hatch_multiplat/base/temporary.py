"""Temporary folders; if a build is killed, the next build removes them."""

from __future__ import annotations

import errno
import shutil
import signal
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hatch_multiplat.base.errors import WriteError, find_cure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PREFIX: Final = "hatch-multiplat-"
BESIDE: Final = ".hatch-multiplat-"
"""The prefix of folders that lie beside the files which a build or a command writes."""
LOCK: Final = ".in-use"
_STALE_SECONDS: Final = 24 * 60 * 60


@contextmanager
def temporary_folder(inside: Path | None = None, *, prefix: str = PREFIX) -> Iterator[Path]:
    """Make a folder, by default where temporary files go, and remove it at the end.

    What killed builds have left there by this prefix goes first. Raises OSError, and WriteError
    where temporary files cannot be made.
    """
    if inside is None:
        folder = _make_in_tmpdir(prefix)
    else:
        sweep(inside, prefix=prefix)
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=inside))
    try:
        with _hold(folder):
            yield folder.resolve()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_in_tmpdir(prefix: str) -> Path:
    try:
        parent = Path(tempfile.gettempdir())
        sweep(parent, prefix=prefix)
        return Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    except OSError as error:
        # Python says that of several folders, whatever keeps it from writing there.
        several = error.errno == errno.ENOENT
        cure = "free some space or make one of them writable" if several else find_cure(error, "it")
        raise WriteError(
            f"cannot make a temporary folder: {error.strerror or error}; "
            f"{cure}, or name another folder in TMPDIR"
        ) from error


def sweep(parent: Path, *, prefix: str = PREFIX) -> None:
    """Remove the temporary folders of builds that have ended without doing so."""
    with suppress(OSError):
        for folder in list(parent.glob(f"{prefix}*")):
            if folder.is_dir() and not folder.is_symlink() and _is_left(folder):
                shutil.rmtree(folder, ignore_errors=True)


_LATER: Final = 0.01
"""Seconds until a signal that came within an import is handled."""


@contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end a run as Ctrl-C does: by KeyboardInterrupt, so that everything is removed.

    `timeout`, `docker stop` and the runners of CI send it. A signal within Python's import
    machinery is handled a moment later: an exception there can be lost, and leave its lock
    taken.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        if frame is not None and frame.f_code.co_filename.startswith("<frozen importlib"):
            later = threading.Timer(_LATER, signal.raise_signal, [number])
            later.daemon = True
            later.start()
            return
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    numbers = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        numbers.append(signal.SIGINT)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    except Exception as error:
        # What is stopped while it makes a class says, before Python 3.12, that this has failed.
        stopped = _stop_within(error)
        if stopped is None:
            raise
        raise type(stopped) from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop_within(error: BaseException) -> KeyboardInterrupt | None:
    """Return the stop that another error came of, if one did."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, KeyboardInterrupt):
        found = found.__cause__ or found.__context__
    return found


class Terminated(KeyboardInterrupt):
    """SIGTERM has ended this process."""


@contextmanager
def _hold(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which only appears under its name once it is locked.

    Otherwise a build that starts at that moment would take the folder for a leftover.
    """
    made = folder / f"{LOCK}.new"
    if fcntl is None:
        made = folder / LOCK
    with made.open("wb") as lock:
        if fcntl is not None:
            _lock(lock)
            made.rename(folder / LOCK)
        yield


def _is_left(folder: Path) -> bool:
    """Tell whether nobody locks a folder, or whether it is old, on systems without locks."""
    try:
        if fcntl is None:
            return _is_old(folder / LOCK)
        with (folder / LOCK).open("rb+") as lock:
            return _lock(lock)
    except FileNotFoundError:
        return _is_old(folder)
    except OSError:
        return False


def _is_old(path: Path) -> bool:
    return time.time() - path.stat().st_mtime > _STALE_SECONDS


def _lock(file: Any) -> bool:
    """Lock a file if nobody else has; the lock ends with the process, however that ends."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
