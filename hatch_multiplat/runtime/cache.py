"""The folder that environments are kept in: locks, records, mending, and cleaning.

ROOT/ID/KEY/                a finished environment, put there by one rename; it may lose files later
ROOT/ID/KEY.*.new/          one that is being made, or was when its maker was killed
ROOT/ID/KEY.lock            held by whoever makes KEY
ROOT/ID/from/PATH           for the interpreter at PATH: which environment, how to start it
"""

import contextlib
import errno
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from typing import Any, Callable, Iterator, List

from . import enter, install, places, run, windows

UNUSED_FOR = 90 * 24 * 3600  # seconds
RENAME_AGAIN = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)  # seconds to wait, as uv does
STALE_AFTER = 24 * 3600  # seconds; nobody takes as long to make an environment
# The forms of our own names: a file's folder, an environment, one that is being made, a lock.
BUILD, ENVIRONMENT = r"[0-9a-f]{12,16}\Z", r"[0-9a-f]{8}\Z"
UNFINISHED, LOCK = r"[0-9a-f]{8}\.\w+\.new\Z", r"[0-9a-f]{8}\.lock\Z"
RECORD_LINES = 5  # which environment, how to start it, by which Python, what led to it, its library
PATIENCE = 600  # seconds that a maker waits for another, on Windows


@contextlib.contextmanager
def writing(place: enter.Place) -> Iterator[None]:
    """Others cannot write what is made meanwhile, nor read it unless the user named the place."""
    mask = os.umask(0o077)
    bits = 0o022 if place.kind == enter.NAMED else 0o077
    os.umask((mask | bits) & 0o077)  # we can, whatever it is
    try:
        yield
    finally:
        os.umask(mask)


def prepare(place: enter.Place, build: str) -> str:
    """Make the folder of a file's environments; raises OSError if it cannot be used."""
    folder = os.path.join(place.root, build)
    if os.name == "nt" and place.kind == enter.NAMED and not os.path.lexists(place.root):
        os.makedirs(os.path.dirname(place.root), exist_ok=True)
        windows.make_private(place.root)
    for path in (place.root, folder):
        if not os.path.lexists(path):
            os.makedirs(path, read_mode(), exist_ok=True)
            drop_default_list(path)
    check(place, folder)
    return folder


def read_mode() -> int:
    """The permissions of a new folder, which a default access list would widen if not asked for."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o777 & ~mask


def drop_default_list(path: str) -> None:
    """Remove the default access list of a new folder: the umask says who may use its files."""
    with contextlib.suppress(KeyError, OSError):
        vars(os)["removexattr"](path, "system.posix_acl_default")


def check(place: enter.Place, path: str) -> None:
    """Raise OSError if somebody else may have written what is there."""
    if not place.trusts(path):
        raise PermissionError(errno.EACCES, places.OPEN_TO_OTHERS, path)


@contextlib.contextmanager
def temporary_folder(folder: str, key: str) -> Iterator[str]:
    """A folder to build an environment in, with our mark in it; removed at the end."""
    path = tempfile.mkdtemp(prefix=key + ".", suffix=".new", dir=folder)
    try:
        drop_default_list(path)
        os.chmod(path, read_mode())
        install.write_file(os.path.join(path, "used"), [])
        yield path
    finally:
        remove_tree(path)


@contextlib.contextmanager
def lock(path: str) -> Iterator[bool]:
    """Hold a lock on a file; it ends with the process, however that ends.

    Where the system cannot lock (some network filesystems) there is none, and False is yielded:
    environments are put in place by a rename, so that two makers only do the work twice.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            held = lock_file(handle, wait=True)
            if os.fstat(handle).st_nlink:  # else a maker that failed removed it meanwhile
                try:
                    yield held
                except BaseException:
                    with contextlib.suppress(OSError):
                        os.unlink(path)
                    raise
                return
        finally:
            os.close(handle)


def wait_for_lock(attempt: Callable[[], Any]) -> bool:
    """Try again while somebody else has it; False where the system cannot lock, or in the end."""
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


def lock_file(handle: int, *, wait: bool) -> bool:
    """Take a lock, perhaps after another maker; False if it is another's, or there are none here.

    On Windows an open file keeps its folder from being renamed, so that only makers ask.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            return not wait or wait_for_lock(lambda: msvcrt.locking(handle, msvcrt.LK_NBLCK, 1))
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except (ImportError, OSError):
        return False
    return True


def remove_tree(path: str) -> None:
    """Remove a folder or file; what cannot be removed stays."""
    shutil.rmtree(windows.verbatim(path), ignore_errors=True)


def move(rename: Callable[[str, str], None], source: str, target: str) -> None:
    """Call `os.rename` or `os.replace`, on Windows again if a virus scanner has the file open."""
    for wait in RENAME_AGAIN if os.name == "nt" else ():
        try:
            return rename(source, target)
        except PermissionError:
            time.sleep(wait)
    return rename(source, target)


def list_tree(root: str, compiled: bool = False) -> List[str]:
    """The files below a folder, by their paths in it; compiled modules only if they are asked for.

    Those Python may write and others may remove at any time.
    """
    found, root = [], windows.verbatim(root)
    for folder, folders, files in os.walk(root):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        folders[:] = [name for name in folders if compiled or name != "__pycache__"]
        at = os.path.relpath(folder, root)
        found += [name if at == os.curdir else os.path.join(at, name) for name in files + links]
    return sorted(found)


def mend(temporary: str, final: str) -> None:
    """Move what an environment has lost to where it was, out of one that was made anew.

    One file after the other, so that programs that run in it do not notice.
    """
    temporary = windows.verbatim(temporary)
    for path in list_tree(temporary, compiled=True):
        lost = os.path.join(final, path)
        if path != "files" and not os.path.lexists(lost):
            os.makedirs(os.path.dirname(lost), exist_ok=True)
            with contextlib.suppress(FileExistsError):  # without locks, another one may be at it
                move(os.rename, os.path.join(temporary, path), lost)
    move(os.replace, os.path.join(temporary, "files"), os.path.join(final, "files"))
    os.utime(os.path.join(final, "used"))


def remove_unfinished(folder: str, key: str = "", held: bool = False) -> None:
    """Remove what killed makers left, of `key` or of all; without a lock, what is old."""
    for name in list_folder(folder, UNFINISHED):
        path = os.path.join(folder, name)
        if name.startswith(key) and (held or is_older(path, STALE_AFTER)):
            remove_ours(path)


def is_older(path: str, seconds: float) -> bool:
    try:
        return time.time() - os.stat(path).st_mtime > seconds
    except OSError:
        return False


def remove_ours(path: str) -> None:
    """Remove a folder if it has our mark, or nothing at all."""
    if is_empty_file(os.path.join(path, "used")):
        remove_tree(path)
    elif not os.path.islink(path):
        with contextlib.suppress(OSError):
            os.rmdir(path)


def remove_unused(root: str) -> None:
    """Remove environments of any file that nobody has used for 90 days and that are not running.

    Only what has a name of our form, and our mark in it.
    """
    for build in list_folder(root, BUILD):
        folder = os.path.join(root, build)
        for path in list_environments(folder):
            if is_older(os.path.join(path, "used"), UNUSED_FOR):
                remove_if_idle(path)
        remove_unfinished(folder)
        if is_older(folder, UNUSED_FOR) and not list_folder(folder, ENVIRONMENT):
            remove_bare(folder)


def list_environments(folder: str) -> List[str]:
    """The environments of a file: by their names, and by our mark in them."""
    paths = [os.path.join(folder, name) for name in list_folder(folder, ENVIRONMENT)]
    return [path for path in paths if is_empty_file(os.path.join(path, "used"))]


def measure(root: str) -> int:
    """The size of all files below a folder, in bytes."""
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names]
    return sum(os.lstat(path).st_size for path in paths if os.path.lexists(path))


def remove_bare(folder: str) -> None:
    """Remove a file's folder that has no environment any more: locks and records, nothing else."""
    paths = [os.path.join(folder, name) for name in list_folder(folder, LOCK)]
    paths = [path for path in paths if is_empty_file(path)]
    records = os.path.join(folder, "from")
    folders = [folder]
    for at, _, files in os.walk(records) if not os.path.islink(records) else ():
        folders.append(at)
        paths += [path for path in (os.path.join(at, name) for name in files) if is_record(path)]
    with contextlib.suppress(OSError):  # something may be in it that is not ours
        for path in paths:
            os.unlink(path)
        for path in reversed(folders):
            os.rmdir(path)


def is_empty_file(path: str) -> bool:
    """Whether it is a file without contents, and no link: as our marks and locks are."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == 0


def is_record(path: str) -> bool:
    """Whether it is a record, as `write_record` writes them."""
    if os.path.islink(path) or not os.path.isfile(path):
        return False
    lines = os.fsdecode(run.read_bytes(path)).split("\n")
    return len(lines) == RECORD_LINES + 1 and bool(re.match(ENVIRONMENT, lines[0]))


def remove_if_idle(path: str) -> None:
    """Remove an environment unless a process holds it or names it."""
    if is_named_by_a_process(path):
        return
    with contextlib.suppress(OSError), contextlib.ExitStack() as held:
        handle = run.open_lock(path)
        held.callback(os.close, handle)
        idle = lock_file(handle, wait=False)
        if os.name == "nt":
            held.close()  # an open file keeps its folder from being renamed
        if idle:
            with temporary_folder(*os.path.split(path)) as gone:
                os.rename(path, os.path.join(gone, "old"))


def is_named_by_a_process(path: str) -> bool:
    """Whether a command line has this path: daemons and interpreters hold no lock."""
    name = os.fsencode(path) + b"/"
    if os.path.isdir("/proc/self"):
        processes = [os.path.join("/proc", pid, "cmdline") for pid in os.listdir("/proc")]
        return any(name in run.read_bytes(file) for file in processes)
    if os.name == "nt":
        return False  # a program that runs keeps its folder from being renamed
    try:
        shown = subprocess.check_output(
            ["/bin/ps", "-axww", "-o", "command="], stderr=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return True
    return name in shown


def list_folder(path: str, pattern: str) -> List[str]:
    """The names in a folder of our own that have one of our forms."""
    try:
        return sorted(name for name in os.listdir(path) if re.match(pattern, name))
    except OSError:
        return []


def write_record(folder: str, executable: str, lines: List[str]) -> None:
    """Note for later starts under `executable` where to go; no matter if it fails."""
    if any("\n" in line for line in lines):
        return
    path = enter.record_path(folder, executable)
    data = os.fsencode("\n".join(lines) + "\n")
    if run.read_bytes(path) == data:
        return
    temporary = "%s.%d" % (path, os.getpid())
    try:
        install.write_file(temporary, [data])
        move(os.replace, temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)  # a disk that is full has part of it
