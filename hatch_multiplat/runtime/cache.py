"""The folder that environments are kept in: locks, records, mending, and cleaning.

ROOT/ID/KEY/                a finished environment, put there by one rename; it may lose files later
ROOT/ID/KEY.*.new/          one that is being made, or was when its maker was killed
ROOT/ID/KEY.lock            held by whoever makes KEY
ROOT/ID/from/PATH           for the interpreter at PATH: which environment, how to start it
"""

import errno
import os
import shutil
import sys
import tempfile
import time
from typing import Any, Callable, List, Optional, Type

from . import enter, places

UNUSED_FOR = 90 * 24 * 3600  # seconds
STALE_AFTER = 24 * 3600  # seconds; nobody takes as long to make an environment
PATIENCE = 600  # seconds that a maker waits for another


def prepare(place: enter.Place) -> bool:
    """Make the cache folder; False if it cannot be used."""
    if not places.is_usable(place):
        return False
    try:
        os.makedirs(place.root, 0o700, exist_ok=True)
    except OSError:
        return False
    return place.trusts("") and os.access(place.root, os.W_OK | os.X_OK)


class Lock:
    """A lock on a file that ends with the process, however it ends.

    Where the system cannot lock (some network filesystems) it is no lock at all: environments are
    put in place by a rename, so that two makers only do the work twice.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.handle = -1
        self.held = False

    def __enter__(self) -> "Lock":  # noqa: PYI034 - Self came with 3.11
        self.handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self.held = lock_file(self.handle)
        except BaseException:
            os.close(self.handle)
            raise
        return self

    def __exit__(self, failure: Optional[Type[BaseException]], *_: object) -> None:
        if failure:
            try:
                os.unlink(self.path)
            except OSError:
                pass
        os.close(self.handle)


def wait_for_lock(attempt: Callable[[], Any]) -> bool:
    """Try again while somebody else has it; False where the system cannot lock, or after long."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            attempt()
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
                return False
            time.sleep(0.05)
        else:
            return True
    return False


if sys.platform == "win32":

    def lock_file(handle: int) -> bool:
        import msvcrt

        return wait_for_lock(lambda: msvcrt.locking(handle, msvcrt.LK_NBLCK, 1))

    def try_lock_file(handle: int) -> bool:  # noqa: ARG001 - as its sibling below
        return True  # an open file keeps its folder from being renamed, which is enough

else:

    def lock_file(handle: int) -> bool:
        """Wait for the lock; False where the filesystem has none."""
        try:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        except (ImportError, OSError):
            return False
        return True

    def try_lock_file(handle: int) -> bool:
        """Take the lock unless somebody has it."""
        try:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (ImportError, OSError):
            return False
        return True


def remove_tree(path: str) -> None:
    """Remove a folder or file; what cannot be removed stays."""
    shutil.rmtree(path, ignore_errors=True)


def mend(aside: str, final: str) -> None:
    """Move what an environment has lost to where it was, out of one that was made anew.

    One file after the other, so that programs that run in it do not notice.
    """
    for folder, _, files in os.walk(aside):
        there = os.path.join(final, os.path.relpath(folder, aside))
        os.makedirs(there, exist_ok=True)
        for name in files:
            path = os.path.join(there, name)
            if name != "files" and not os.path.lexists(path):
                try:
                    os.rename(os.path.join(folder, name), path)
                except FileExistsError:
                    pass  # where there are no locks, another one may be at it
    os.replace(os.path.join(aside, "files"), os.path.join(final, "files"))
    os.utime(os.path.join(final, "used"))


def remove_leftovers(folder: str, key: str, held: bool) -> None:
    """Remove what killed makers of `key` left; without a lock, only what is surely theirs."""
    for name in os.listdir(folder):
        if name.startswith(key + ".") and name.endswith(".new"):
            path = os.path.join(folder, name)
            if held or is_older(path, STALE_AFTER):
                remove_tree(path)


def is_older(path: str, seconds: float) -> bool:
    try:
        return time.time() - os.stat(path).st_mtime > seconds
    except OSError:
        return False


def remove_unused(root: str) -> None:
    """Remove environments of any file that nobody has used for 90 days and that are not running."""
    for build in list_folder(root):
        for name in list_folder(os.path.join(root, build)):
            path = os.path.join(root, build, name)
            if name.endswith(".new"):
                if is_older(path, STALE_AFTER):
                    remove_tree(path)
            elif is_older(os.path.join(path, "used"), UNUSED_FOR):
                remove_if_idle(path)
        remove_if_empty(os.path.join(root, build))


def remove_if_empty(folder: str) -> None:
    """Remove the locks and records of a file long after its last environment has gone."""
    if is_older(folder, UNUSED_FOR) and not any(
        os.path.isdir(os.path.join(folder, name)) and name != "from" for name in list_folder(folder)
    ):
        remove_tree(folder)


def remove_if_idle(path: str) -> None:
    """Remove an environment unless a process holds its `used` file."""
    try:
        handle = os.open(os.path.join(path, "used"), os.O_RDWR)
    except OSError:
        return
    try:
        idle = try_lock_file(handle)
        if os.name == "nt":
            os.close(handle)
            handle = -1
        if idle:
            gone = tempfile.mkdtemp(
                prefix=os.path.basename(path) + ".", suffix=".new", dir=os.path.dirname(path)
            )
            os.rename(path, os.path.join(gone, "old"))
            remove_tree(gone)
    except OSError:
        pass
    finally:
        if handle >= 0:
            os.close(handle)


def list_folder(path: str) -> List[str]:
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


def write_record(folder: str, executable: str, lines: List[str]) -> None:
    """Note for later starts under `executable` where to go; no matter if it fails."""
    if any("\n" in line for line in lines):
        return
    path = enter.record_path(folder, executable)
    data = os.fsencode("\n".join(lines) + "\n")
    if read_bytes(path) == data:
        return
    try:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=os.path.dirname(path))
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.replace(aside, path)
    except OSError:
        pass


def read_bytes(path: str) -> Optional[bytes]:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return None
