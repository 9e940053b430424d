"""Downloads: the files that a lock names, from indexes and folders into the wheel cache."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from hatch_multiplat.base.errors import FetchError, explain_unreadable
from hatch_multiplat.base.log import LOG
from hatch_multiplat.base.threads import map_in_threads, run_in_threads
from hatch_multiplat.base.urls import display_url, local_path, redact
from hatch_multiplat.index.http_limits import BrokenBodyError, RequestError
from hatch_multiplat.index.wheel_cache import (
    ALGORITHMS,
    CHUNK_SIZE,
    CachedFile,
    Page,
    WheelCacheError,
    check_filename,
    choose_algorithm,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence
    from pathlib import Path

    from hatch_multiplat.index.http_client import HttpClient
    from hatch_multiplat.index.http_session import Answer
    from hatch_multiplat.index.progress import Progress
    from hatch_multiplat.index.wheel_cache import Incoming, WheelCache

_ANOTHER_FILE: Final = (
    "this is not the file that the lock, or without one the index, names; "
    "lock or build again if you trust the new one"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    """A file that a lock names: its location, and its hashes."""

    filename: str
    url: str
    """http, https or file URL, or a path; may carry credentials, which are never shown."""
    hashes: Mapping[str, str] = field(hash=False)
    """Hex digests by algorithm; at least one algorithm must still be trusted."""
    size: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        """The file name, and its SHA-256 or (where the lock has none) its best other digest."""
        return self.filename, self.hashes[choose_algorithm(self.hashes)]


def fetch_files(
    artifacts: Sequence[Artifact],
    *,
    wheel_cache: WheelCache,
    client: HttpClient,
    offline: bool,
    progress: Progress,
    jobs: int = 8,
) -> dict[tuple[str, str], CachedFile]:
    """Bring files into the wheel cache unless they are there, and return them by `key`.

    Every file is hashed now, those that are in the wheel cache too. `jobs` files are fetched at a
    time; local ones offline too. Raises FetchError with a line for each file that cannot be had:
    why, and what to do.
    """
    mistakes = [(artifact, _find_mistake(artifact)) for artifact in artifacts]
    _raise_for([(artifact, mistake) for artifact, mistake in mistakes if mistake])
    wanted = {artifact.key: artifact for artifact in artifacts}
    found = map_in_threads(
        lambda a: wheel_cache.find_verified(a.filename, a.hashes), tuple(wanted.values()), jobs
    )
    files = {key: file for key, file in zip(wanted, found, strict=True) if file is not None}
    for file in files.values():
        LOG.debug("in the wheel cache: %s", file.path.name)
    sizes = {key: file.path.stat().st_size for key, file in files.items()}
    _raise_for(
        [
            (wanted[key], f"expected {wanted[key].size} bytes, got {size}: {_ANOTHER_FILE}")
            for key, size in sizes.items()
            if wanted[key].size not in {None, size}
        ]
    )
    missing = [artifact for key, artifact in wanted.items() if key not in files]
    if offline:
        _refuse_downloads([a for a in missing if local_path(a.url) is None], wheel_cache)
    if missing:
        files |= _Download(wheel_cache, client, progress).run(missing, jobs)
    return files


def fetch_metadata(
    wheels: Sequence[Artifact],
    *,
    wheel_cache: WheelCache,
    client: HttpClient,
    offline: bool,
) -> dict[str, str]:
    """Return the METADATA of wheels that a server has beside them (PEP 658), by file name.

    What was read once is kept. A wheel whose server has no such file, or something else in its
    place, is left out: it has to be opened.
    """

    def read(wheel: Artifact) -> str | None:
        digest = wheel.hashes.get("sha256")
        if digest is None or local_path(wheel.url) is not None:
            return None
        kept = f"{redact(wheel.url)}.metadata#{digest}"
        if (page := wheel_cache.read_page(kept)) is not None:
            return (page.body or b"").decode("utf-8", "replace")
        if offline or wheel_cache.path_of(digest, wheel.filename).is_file():
            return None

        def receive(answer: Answer) -> bytes:
            return answer.body() if answer.status == HTTPStatus.OK else b""

        try:
            body = client.get(f"{wheel.url}.metadata", receive, headers={})
        except RequestError:
            return None
        if not _is_metadata_of(wheel.filename, body):
            return None
        with suppress(WheelCacheError):
            wheel_cache.write_page(kept, Page(url=kept, body=body))
        return body.decode("utf-8", "replace")

    texts = zip(wheels, map_in_threads(read, wheels), strict=True)
    return {wheel.filename: text for wheel, text in texts if text is not None}


def _is_metadata_of(filename: str, body: bytes) -> bool:
    """Tell whether this is the METADATA of a wheel, and not a page that says something else."""
    headers = BytesHeaderParser().parsebytes(body)
    try:
        name, version, _, _ = parse_wheel_filename(filename)
        return (
            canonicalize_name(headers["Name"] or "") == name
            and Version(headers["Version"] or "") == version
        )
    except (InvalidWheelFilename, InvalidVersion):
        return False


class _FileError(Exception):
    """One file cannot be downloaded; the message says why."""


class _WrongContentError(Exception):
    """A file arrived complete, but it is another one."""


class _Download:
    """One round of downloads: the state that its threads share."""

    def __init__(self, wheel_cache: WheelCache, client: HttpClient, progress: Progress) -> None:
        self._wheel_cache = wheel_cache
        self._client = client
        self._progress = progress
        self._stopped = threading.Event()
        self._sizes: dict[Artifact, int] = {}

    def run(self, artifacts: Sequence[Artifact], jobs: int) -> dict[tuple[str, str], CachedFile]:
        # The large ones first, so that the last to end is not one that started late.
        queue = sorted(artifacts, key=lambda artifact: -(artifact.size or 0))
        self._sizes = {artifact: artifact.size or 0 for artifact in queue}
        self._wheel_cache.sweep()
        if any(local_path(artifact.url) is None for artifact in queue):
            self._client.prepare()
        self._progress.begin(files=len(queue), size=sum(self._sizes.values()))
        files: dict[tuple[str, str], CachedFile] = {}
        problems: list[tuple[Artifact, str]] = []
        try:
            for artifact, outcome in run_in_threads(self._fetch, queue, jobs):
                if isinstance(outcome, CachedFile):
                    files[artifact.key] = outcome
                elif isinstance(outcome, _FileError):
                    problems.append((artifact, str(outcome)))
                else:  # A full disk, or a bug: the other files will not do better.
                    raise outcome
        finally:
            self._stopped.set()
            self._progress.end()
        _raise_for(problems)
        return files

    def _fetch(self, artifact: Artifact) -> CachedFile:
        source = local_path(artifact.url)
        try:
            file = self._download(artifact) if source is None else self._copy(artifact, source)
        except _WrongContentError as error:
            raise _FileError(str(error)) from error
        self._progress.finish_file()
        return file

    def _copy(self, artifact: Artifact, source: Path) -> CachedFile:
        try:
            self._learn_size(artifact, source.stat().st_size)
            return self._receive(artifact, _read_chunks(source), is_whole=True)
        except FileNotFoundError as error:
            raise _FileError("there is no such file") from error
        except OSError as error:
            raise _FileError(f"cannot be read: {explain_unreadable(error)}") from error

    def _download(self, artifact: Artifact) -> CachedFile:
        # Wanted are the file's own bytes: some servers would wrap a .tar.gz into a second gzip.
        headers = {"Accept-Encoding": "identity"}
        try:
            return self._request(artifact, headers)
        except _WrongContentError:
            # It may be a proxy's stale copy.
            headers |= {"Cache-Control": "no-cache", "Pragma": "no-cache"}
            return self._request(artifact, headers)

    def _request(self, artifact: Artifact, headers: Mapping[str, str]) -> CachedFile:
        def receive(answer: Answer) -> CachedFile:
            if answer.status != HTTPStatus.OK:
                raise _FileError(answer.explain())
            length = answer.headers.get("Content-Length", "")
            if length.isdecimal():
                self._learn_size(artifact, int(length))
            chunks = answer.chunks(CHUNK_SIZE)
            return self._receive(artifact, chunks, is_whole=answer.is_delimited)

        try:
            return self._client.get(artifact.url, receive, headers=headers, wait=self._stopped.wait)
        except RequestError as error:
            raise _FileError(str(error)) from error

    def _receive(
        self, artifact: Artifact, chunks: Iterator[bytes], *, is_whole: bool
    ) -> CachedFile:
        """Write one file into the wheel cache and check it; if that fails, nothing of it remains.

        With `is_whole`, the other side has no more than what arrives.
        """
        algorithms = [name for name in artifact.hashes if name in ALGORITHMS and name != "sha256"]
        with self._wheel_cache.receive(artifact.filename, algorithms=algorithms) as incoming:
            try:
                for chunk in chunks:
                    self._stop_if_told()
                    incoming.write(chunk)
                    self._progress.advance(len(chunk))
                    if artifact.size is not None and incoming.size > artifact.size:
                        break  # It cannot be the right one, and might never end.
                _check_content(artifact, incoming, is_whole=is_whole)
                return incoming.keep()
            except BaseException:
                self._progress.advance(-incoming.size)
                raise

    def _stop_if_told(self) -> None:
        if self._stopped.is_set():
            raise _FileError("stopped")

    def _learn_size(self, artifact: Artifact, size: int) -> None:
        """Correct the expected total once a server gives a file's size."""
        self._progress.grow(size - self._sizes[artifact])
        self._sizes[artifact] = size


def _check_content(artifact: Artifact, incoming: Incoming, *, is_whole: bool) -> None:
    """Raise _WrongContentError for another file, BrokenBodyError for a part of the right one."""
    size = artifact.size
    if size is not None and incoming.size < size and not is_whole:
        raise BrokenBodyError(f"it ended after {incoming.size} of {size} bytes")
    if size is not None and incoming.size != size:
        got = "more" if incoming.size > size else str(incoming.size)
        raise _WrongContentError(f"expected {size} bytes, got {got}: {_ANOTHER_FILE}")
    for algorithm in ALGORITHMS:
        expected = artifact.hashes.get(algorithm)
        if expected is not None and incoming.digest(algorithm) != expected:
            raise _WrongContentError(
                f"expected {algorithm} {expected}, got {incoming.digest(algorithm)}: "
                f"{_ANOTHER_FILE}"
            )


def _find_mistake(artifact: Artifact) -> str | None:
    try:
        check_filename(artifact.filename)
        choose_algorithm(artifact.hashes)
    except ValueError as error:
        return str(error)
    return None


def _refuse_downloads(artifacts: Sequence[Artifact], wheel_cache: WheelCache) -> None:
    if not artifacts:
        return
    files = "1 file is" if len(artifacts) == 1 else f"{len(artifacts)} files are"
    lines = [f"  {a.filename} ({display_url(a.url)})" for a in artifacts]
    raise FetchError(
        f"offline, and {files} not in the wheel cache {wheel_cache.root}:\n"
        + "\n".join(sorted(lines))
        + "\nbuild once without UV_OFFLINE and HATCH_MULTIPLAT_OFFLINE to fetch what is missing"
    )


def _raise_for(problems: Sequence[tuple[Artifact, str]]) -> None:
    if problems:
        lines = [f"{a.filename}: {display_url(a.url)}: {problem}" for a, problem in problems]
        raise FetchError("\n".join(sorted(lines)))


def _read_chunks(path: Path) -> Generator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_SIZE):
            yield chunk
