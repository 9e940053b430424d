"""The wheel cache: files named by their hash, shared by all projects and builds of a user.

Nothing in it needs a lock. A file gets its name only when it is whole: it is written under a
temporary name on the same file system, hashed on the way, and renamed. Two builds that fetch the
same wheel at once both write it, and the second rename puts the same bytes in the place of the
first; a killed build leaves a temporary file and nothing to unlock, and a rename works on the
network file systems where locks hang. Nothing is synced to disk either, because an entry is hashed
again whenever it is used, and one that is damaged counts as missing.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import stat
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from hatch_multiplat.base.atomic_write import name_once_whole
from hatch_multiplat.base.errors import FetchError, find_cure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ALGORITHMS: Final = {
    "sha256": 64,
    "sha512": 128,
    "sha384": 96,
    "blake2b": 128,
    "sha3_256": 64,
    "sha3_384": 96,
    "sha3_512": 128,
    "blake2s": 64,
}
"""The trusted hash algorithms, preferred first, with their number of hex digits."""

CHUNK_SIZE: Final = 256 * 1024
"""The number of bytes read at a time, so that memory does not grow with the wheel."""

_NAME: Final = "hatch-multiplat"
_STALE_SECONDS: Final = 24 * 60 * 60
_FILENAME: Final = re.compile(r"[^\x00-\x1f/\\:*?\"<>|]+")


class WheelCacheError(FetchError):
    """The wheel cache cannot be written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """An index's answer; `body` is None if it has no such page."""

    url: str
    """The final URL, without credentials: relative links start here."""
    content_type: str = ""
    etag: str | None = None
    last_modified: str | None = None
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A file on this machine, and the SHA-256 of its bytes."""

    path: Path
    sha256: str


class WheelCache:
    """A folder of files addressed by their SHA-256, safe for any number of builds at once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def default(cls, environ: Mapping[str, str]) -> Self:
        """Return the user's wheel cache, or the one that HATCH_MULTIPLAT_CACHE names."""
        override = environ.get("HATCH_MULTIPLAT_CACHE")
        if override:
            return cls(Path(override).expanduser().absolute())
        return cls(_user_cache(environ))

    def path_of(self, sha256: str, filename: str) -> Path:
        """Return the path of the file with that content, whether or not it exists.

        Raises ValueError for anything but a SHA-256 and a plain file name: both may come from
        outside, and neither may lead out of the wheel cache.
        """
        check_digest("sha256", sha256)
        check_filename(filename)
        return self.root / "wheels" / sha256[:2] / sha256 / filename

    def find_verified(self, filename: str, hashes: Mapping[str, str]) -> CachedFile | None:
        """Return the file if it exists and still has the best of these hashes, else None.

        Reads the whole file. A damaged entry stays where it is, to be replaced by the next
        download: taking it away could take away what another build has just repaired.
        """
        algorithm = choose_algorithm(hashes)
        digest = hashes[algorithm]
        sha256 = digest if algorithm == "sha256" else self._read_alias(algorithm, digest)
        if sha256 is None:
            return None
        path = self.path_of(sha256, filename)
        with suppress(OSError):
            # `prune` goes by this time; nobody prunes a cache that can only be read.
            os.utime(path)
        try:
            if hash_file(path, algorithm) == digest:
                return CachedFile(path, sha256)
        except OSError:
            pass
        return None

    @contextmanager
    def receive(self, filename: str, *, algorithms: Iterable[str] = ()) -> Iterator[Incoming]:
        """Open a temporary file that becomes an entry if its `keep` is called, or is removed.

        The content is hashed as it arrives, by SHA-256 and by these further algorithms.
        """
        incoming = Incoming(self, filename, ("sha256", *algorithms))
        try:
            yield incoming
        finally:
            incoming.discard()

    def add(self, source: Path, *, in_place: bool = False) -> CachedFile:
        """Copy a file of this machine into the wheel cache.

        With `in_place`, the file itself is returned where the cache cannot be written; without, a
        WheelCacheError is raised.
        """
        sha256 = hash_file(source, "sha256")
        known = self.find_verified(source.name, {"sha256": sha256})
        if known is not None:
            return known
        try:
            with self.receive(source.name) as incoming, source.open("rb") as file:
                while chunk := file.read(CHUNK_SIZE):
                    incoming.write(chunk)
                return incoming.keep()
        except WheelCacheError:
            if not in_place:
                raise
            return CachedFile(source.absolute(), sha256)

    def read_page(self, url: str) -> Page | None:
        """Return the page last written for that URL; None if there is none or it is damaged."""
        try:
            head, _, body = self._page_path(url).read_bytes().partition(b"\n")
            fields = json.loads(head)
        except (OSError, ValueError):
            return None
        found = fields.pop("found")
        if fields.pop("sha256") != hashlib.sha256(body).hexdigest():
            return None
        return Page(**fields, body=body if found else None)

    def write_page(self, url: str, page: Page) -> None:
        """Store an index's answer, replacing an older one."""
        head = asdict(page)
        body = head.pop("body") or b""
        head |= {"found": page.body is not None, "sha256": hashlib.sha256(body).hexdigest()}
        self._write_small(self._page_path(url), json.dumps(head).encode() + b"\n" + body)

    def sweep(self) -> None:
        """Remove files that killed builds left behind more than a day ago."""
        oldest = time.time() - _STALE_SECONDS
        for path in (self.root / "tmp").glob("*.part"):
            with suppress(OSError):
                if path.stat().st_mtime < oldest:
                    path.unlink()

    def remember_alias(self, algorithm: str, digest: str, sha256: str) -> None:
        """Record the content that a digest of another algorithm means."""
        self._write_small(self._alias_path(algorithm, digest), sha256.encode())

    def _read_alias(self, algorithm: str, digest: str) -> str | None:
        try:
            sha256 = self._alias_path(algorithm, digest).read_text("ascii")
            check_digest("sha256", sha256)
        except (OSError, ValueError):
            return None
        return sha256

    def _alias_path(self, algorithm: str, digest: str) -> Path:
        check_digest(algorithm, digest)
        return self.root / "digests" / algorithm / digest[:2] / digest

    def _page_path(self, url: str) -> Path:
        key = hashlib.sha256(url.encode()).hexdigest()
        return self.root / "pages" / key[:2] / key

    def _write_small(self, path: Path, content: bytes) -> None:
        with self.receive("page") as incoming:
            incoming.write(content)
            incoming.keep_as(path)


class Incoming:
    """A file on its way into the cache: hashed while it is written, named only when it is kept."""

    def __init__(self, wheel_cache: WheelCache, filename: str, algorithms: Iterable[str]) -> None:
        check_filename(filename)
        self.size = 0
        """Bytes written so far."""
        self._wheel_cache = wheel_cache
        self._filename = filename
        self._hashers = {name: hashlib.new(name) for name in algorithms}
        folder = wheel_cache.root / "tmp"
        self._path = folder / f"{secrets.token_hex(8)}.part"
        with self._explain_errors():
            _make_folder(wheel_cache.root, folder)
            # Not tempfile's functions: theirs are readable by one user only, and so would be
            # the entries of a wheel cache that several share.
            self._file = self._path.open("xb")

    def write(self, chunk: bytes) -> None:
        for hasher in self._hashers.values():
            hasher.update(chunk)
        with self._explain_errors():
            self._file.write(chunk)
        self.size += len(chunk)

    def digest(self, algorithm: str) -> str:
        """Return the hex digest of what has been written, by one of this file's algorithms."""
        return self._hashers[algorithm].hexdigest()

    def keep(self) -> CachedFile:
        """Give the file its name in the wheel cache and return it."""
        sha256 = self.digest("sha256")
        path = self._wheel_cache.path_of(sha256, self._filename)
        self.keep_as(path)
        for algorithm in self._hashers:
            if algorithm != "sha256":
                self._wheel_cache.remember_alias(algorithm, self.digest(algorithm), sha256)
        return CachedFile(path, sha256)

    def keep_as(self, path: Path) -> None:
        with self._explain_errors():
            self._file.close()
            _make_folder(self._wheel_cache.root, path.parent)
            try:
                self._path.replace(path)
            except PermissionError as error:
                if path.is_dir():  # Windows has no other word for that.
                    there = errno.EISDIR
                    raise OSError(there, os.strerror(there), str(path)) from error
                # Windows: somebody has the old entry open. If it is whole, it will do.
                if not path.exists() or hash_file(path, "sha256") != self.digest("sha256"):
                    raise

    def discard(self) -> None:
        """Remove a file that was not kept; does nothing after `keep`."""
        self._file.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    @contextmanager
    def _explain_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise unwritable(self._wheel_cache.root, error) from error


def unwritable(root: Path, error: OSError) -> WheelCacheError:
    """Return the error for a wheel cache in which something cannot be written, with what helps."""
    if error.errno in {errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY}:
        there = Path(error.filename2 or error.filename or root)
        while not there.exists() and there.parent != there:
            there = there.parent
        kind = "folder" if there.is_dir() else "file"
        reason = f"the {kind} {there} is in the way; remove it"
    else:
        reason = f"{error.strerror or error}; {find_cure(error, 'it')}"
    return WheelCacheError(
        f"cannot write to the wheel cache {root}: {reason}, "
        "or name another folder in HATCH_MULTIPLAT_CACHE"
    )


def choose_algorithm(hashes: Mapping[str, str]) -> str:
    """Return the best algorithm that these hashes have.

    Raises ValueError, with a message for the user, where none of them can be trusted any
    more (MD5 and SHA-1 can be forged) or where the digest is not one of that algorithm.
    """
    for algorithm in ALGORITHMS:
        if algorithm in hashes:
            check_digest(algorithm, hashes[algorithm])
            return algorithm
    found = f"its only hash is {' and '.join(sorted(hashes))}, which proves nothing"
    raise ValueError(
        f"{found if hashes else 'it has no hash'}; lock it again from an index that gives sha256"
    )


def check_digest(algorithm: str, digest: str) -> None:
    """Raise ValueError unless this is a digest of that algorithm, in lower-case hex."""
    length = ALGORITHMS.get(algorithm)
    if length is None or not re.fullmatch(f"[0-9a-f]{{{length}}}", digest):
        raise ValueError(f"{digest!r} is not a {algorithm} digest")


def check_filename(filename: str) -> None:
    """Raise ValueError unless this is a plain file name on every system."""
    if filename in {".", ".."} or not _FILENAME.fullmatch(filename):
        raise ValueError(f"{filename!r} is not a file name")


def hash_file(path: Path, algorithm: str) -> str:
    """Return the hex digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


KINDS: Final = {
    "wheels": "wheels",
    "pages": "answers of indexes",
    "digests": "answers of indexes",
    "merged": "answers of indexes",
    "resolved": "notes of earlier builds",
    "built": "notes of earlier builds",
    "checked": "notes of earlier builds",
    "members": "notes of earlier builds",
    "blocks": "compressed contents of pyz files",
    "pex": "pex's own files",
    "tmp": "files of builds that run, or were killed",
}
"""The folders of the wheel cache, with their contents in words for people."""

# Nothing else is ours: the folder that HATCH_MULTIPLAT_CACHE names may have other things in it.
_FORM: Final = re.compile(
    r"\w+/(\w+/)?([0-9a-f]{2})/\2[0-9a-f]{14,126}(\.json|/[^/]+)?"
    r"|merged/[0-9a-f]{32}/[^/]+/index\.html"
    r"|pex/([0-9]+(\.lock|/.+)|skeletons/[^/]+)"
    r"|blocks/[0-9a-f]{64}(\.xz)?"
    r"|tmp/[0-9a-f]{16}\.part"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A file of the wheel cache: its folder, its size in bytes, and when it was last used."""

    path: Path
    kind: str
    size: int
    used: float


def list_entries(root: Path) -> Iterator[Entry]:
    """Yield every file in a wheel cache that has one of our names, or was to get one."""
    for kind in KINDS:
        for path in sorted((root / kind).rglob("*")):
            place = path.with_name(name_once_whole(path.name)).relative_to(root)
            if _FORM.fullmatch(place.as_posix()):
                with suppress(OSError):
                    status = path.lstat()
                    if not stat.S_ISDIR(status.st_mode):
                        used = max(status.st_atime, status.st_mtime)
                        yield Entry(path=path, kind=kind, size=status.st_size, used=used)


def remove_entries(root: Path, entries: Iterable[Entry]) -> tuple[int, int]:
    """Remove files of a wheel cache, and folders that are then empty; returns files and bytes.

    Raises WheelCacheError for a file that cannot be removed.
    """
    files = size = 0
    for entry in entries:
        try:
            entry.path.unlink(missing_ok=True)
        except OSError as error:
            raise WheelCacheError(
                f"cannot remove {entry.path}: {error.strerror or error}; "
                f"{find_cure(error, 'its folder')}, or end the builds that use it"
            ) from error
        files, size = files + 1, size + entry.size
        for folder in entry.path.parents:
            if folder == root:
                break
            try:
                folder.rmdir()
            except OSError:
                break
    return files, size


def _user_cache(environ: Mapping[str, str]) -> Path:
    """Return our folder below the user's caches, by the system's own rules.

    A user without a home, as in containers, gets one in the folder for temporary files.
    """
    if sys.platform == "win32":
        local = environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / _NAME / "Cache"
    named = environ.get("XDG_CACHE_HOME", "")
    if sys.platform != "darwin" and Path(named).is_absolute():
        return Path(named) / _NAME
    home = _user_home(environ)
    if home is None:
        return _temporary_folder()
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / _NAME


def _user_home(environ: Mapping[str, str]) -> Path | None:
    """Return the user's home: from HOME, else from the system; None if it is not a folder."""
    named = [environ.get("HOME", "")]
    with suppress(ImportError, KeyError):
        import pwd  # noqa: PLC0415 - Windows has none

        named.append(pwd.getpwuid(os.getuid()).pw_dir)
    found = (path for path in map(Path, named) if path.is_absolute() and path.is_dir())
    return next(found, None)


def _temporary_folder() -> Path:
    """Return a folder for temporary files that no other user can have made or can write to."""
    folder = Path(tempfile.gettempdir()) / f"{_NAME}-{os.getuid()}"
    with suppress(OSError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077:
        return folder
    return Path(tempfile.mkdtemp(prefix=f"{_NAME}-"))


def _make_folder(root: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tag = root / "CACHEDIR.TAG"
    if not tag.exists():  # Keeps the cache out of backups, see bford.info/cachedir.
        tag.write_text("Signature: 8a477f597d28d172789f06886806bc55\n", "ascii")
