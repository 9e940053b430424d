"""The files that the configured indexes and find-links locations have of a project."""

from __future__ import annotations

import hashlib
import re
import threading
from contextlib import suppress
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from hatch_multiplat.base.errors import FetchError, explain_unreadable
from hatch_multiplat.base.urls import display_url, local_path
from hatch_multiplat.index.http_limits import RequestError
from hatch_multiplat.index.index_page import (
    ACCEPT,
    IndexFile,
    Link,
    PageError,
    parse_page,
    select_files,
)
from hatch_multiplat.index.sources import FIRST_INDEX
from hatch_multiplat.index.wheel_cache import Page, WheelCacheError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from packaging.utils import NormalizedName

    from hatch_multiplat.index.http_client import HttpClient
    from hatch_multiplat.index.http_session import Answer
    from hatch_multiplat.index.sources import Sources
    from hatch_multiplat.index.wheel_cache import WheelCache

_SDIST: Final = re.compile(r"(?P<name>.+)-(?P<version>[^-]+?)(?:\.tar\.gz|\.zip)")


class Listing:
    """The files that the sources have of one project, parsed only when needed.

    `files` are parsed as far as they are asked for. `fingerprint` stays the same as long as the
    sources do; it is found without parsing pages.
    """

    def __init__(self, name: NormalizedName, parts: Sequence[_Part]) -> None:
        self._name = name
        self._parts = parts

    @cached_property
    def fingerprint(self) -> str:
        """The digest of all that the pages say, as they were served."""
        digest = hashlib.sha256()
        for part in self._parts:
            digest.update(f"{part.place} {part.index} {part.digest(self._name)}\n".encode())
        return digest.hexdigest()

    @cached_property
    def files(self) -> tuple[IndexFile, ...]:
        """Every file of the project; of several with the same name the first."""
        return self._select(lambda _: True)

    def files_of(self, wanted: Callable[[Version], bool]) -> tuple[IndexFile, ...]:
        """Return the files of certain versions, almost without parsing other names."""
        known: dict[str, bool] = {}

        def is_wanted(filename: str) -> bool:
            text = _version_text(filename)
            if text not in known:
                try:
                    known[text] = wanted(Version(text))
                except InvalidVersion:  # The file's own name is understood as a whole.
                    known[text] = True
            return known[text]

        return self._select(is_wanted)

    def _select(self, wanted: Callable[[str], bool]) -> tuple[IndexFile, ...]:
        unique: dict[str, IndexFile] = {}
        for part in self._parts:
            links = [link for link in part.links if wanted(link.filename)]
            for file in select_files(links, self._name, place=part.place, index=part.index):
                unique.setdefault(file.filename, file)
        return tuple(unique.values())


class Catalog:
    """The files in the configured indexes and find-links locations, project by project."""

    def __init__(
        self,
        sources: Sources,
        *,
        client: HttpClient,
        wheel_cache: WheelCache,
        offline: bool,
    ) -> None:
        self._sources = sources
        self._client = client
        self._wheel_cache = wheel_cache
        self._offline = offline
        self._locations: dict[str, list[Link]] = {}
        self._lock = threading.Lock()

    def read(self, name: NormalizedName, environment: Mapping[str, str] | None = None) -> Listing:
        """Return what find-links have of a project, then what the first index with it has.

        As with uv's `first-index`, further indexes are asked before the default one, and the first
        that knows the project is the only one that counts, so that nobody can slip in a public
        project of a private one's name; with other strategies all count. A project that is bound
        to an index (in this `environment`, where the binding has a marker) has the files of that
        one alone. Each file says which index has it. Pages are kept in the wheel cache, asked
        again with their ETag, and used as they are when offline. The listing of a
        project that no index knows is empty. Raises FetchError where an index or a location cannot
        be read.
        """
        sources = self._sources
        parts = [
            _Part(0, display_url(location), self._read_location(location))
            for location in sources.find_links
        ]
        place = 1
        for index_url in sources.indexes_for(name, environment):
            flat = sources.details.get(index_url, {}).get("format") == "flat"
            if flat:
                found: Page | list[Link] | None = self._read_location(index_url)
            else:
                found = self._read_index(index_url, name)
            if found is None:
                continue
            part = _Part(place, display_url(index_url), found)
            parts.append(part)
            if flat and not select_files(part.links, name):
                continue
            place += 1
            if sources.strategy == FIRST_INDEX:
                break
        return Listing(name, parts)

    def _read_index(self, index_url: str, name: NormalizedName) -> Page | list[Link] | None:
        """Return the files that an index has of a project; None if it does not have the project."""
        folder = local_path(index_url)
        if folder is not None:
            if not folder.is_dir():
                raise FetchError(f"index {folder}: there is no such folder; correct the address")
            return _read_project_folder(folder / name) if (folder / name).is_dir() else None
        page = self._read_page(f"{index_url.rstrip('/')}/{name}/")
        return None if page.body is None else page

    def _read_location(self, location: str) -> list[Link]:
        """Return the links of a find-links location: a folder, a page of this machine, or a URL.

        It is read once, for whatever project.
        """
        with self._lock:
            if location not in self._locations:
                self._locations[location] = self._list_location(location)
            return self._locations[location]

    def _list_location(self, location: str) -> list[Link]:
        path = local_path(location)
        if path is not None:
            return _list_files(path) if path.is_dir() else _read_html_file(path)
        page = self._read_page(location)
        if page.body is None:
            raise FetchError(
                f"find-links {display_url(location)}: there is no such page; correct the address"
            )
        return _parse(page)

    def _read_page(self, url: str) -> Page:
        known = self._wheel_cache.read_page(url)
        if self._offline:
            if known is None:
                raise FetchError(
                    f"offline, and the page {display_url(url)} is not in the wheel cache "
                    f"{self._wheel_cache.root}; build once without UV_OFFLINE and "
                    "HATCH_MULTIPLAT_OFFLINE to fetch it"
                )
            return known
        page = self._request_page(url, known)
        if page is not known:
            # Where the wheel cache cannot be written the page is just as good.
            with suppress(WheelCacheError):
                self._wheel_cache.write_page(url, page)
        return page

    def _request_page(self, url: str, known: Page | None) -> Page:
        """Ask for a page; return `known` if it has not changed."""

        def receive(answer: Answer) -> Page:
            if answer.status == HTTPStatus.NOT_MODIFIED and known is not None:
                return known
            if _is_absent(answer):
                return Page(url=display_url(url))
            if answer.status != HTTPStatus.OK:
                raise FetchError(f"{display_url(url)}: {answer.explain()}")
            return Page(
                url=answer.url,
                content_type=answer.headers.get("Content-Type", ""),
                etag=answer.headers.get("ETag"),
                last_modified=answer.headers.get("Last-Modified"),
                body=answer.body(),
            )

        headers = {"Accept": ACCEPT, "Cache-Control": "max-age=0", **_make_conditions(known)}
        try:
            return self._client.get(url, receive, headers=headers)
        except RequestError as error:
            raise FetchError(f"{display_url(url)}: {error}") from error


class _Part:
    """One index's or location's answer for a project: a page, parsed when needed, or links."""

    def __init__(self, place: int, index: str, source: Page | list[Link]) -> None:
        self.place = place
        self.index = index
        self._source = source

    @cached_property
    def links(self) -> list[Link]:
        return _parse(self._source) if isinstance(self._source, Page) else self._source

    def digest(self, name: NormalizedName) -> str:
        """Return a value that stays the same as long as the files of a project do."""
        if isinstance(self._source, Page):
            return hashlib.sha256(self._source.body or b"").hexdigest()
        # Whether it begins with the project's name is enough here.
        own = [link for link in self._source if canonicalize_name(link.filename).startswith(name)]
        return repr([(link.filename, link.url, link.size, dict(link.hashes)) for link in own])


def _make_conditions(known: Page | None) -> dict[str, str]:
    """Return the headers by which a server may say that a page has not changed."""
    conditions = {}
    if known is not None and known.body is not None:
        if known.etag:
            conditions["If-None-Match"] = known.etag
        if known.last_modified:
            conditions["If-Modified-Since"] = known.last_modified
    return conditions


def _is_absent(answer: Answer) -> bool:
    """Tell an index that does not have a project from an index that we may not read.

    PyTorch's says 403 for any project that it does not have, and uv knows it as well.
    """
    host = urlsplit(answer.url).hostname
    absent = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
    if host == "download.pytorch.org":
        absent.add(HTTPStatus.FORBIDDEN)
    return answer.status in absent


def _parse(page: Page) -> list[Link]:
    try:
        return parse_page(page.body or b"", content_type=page.content_type, url=page.url)
    except PageError as error:
        raise FetchError(f"{display_url(page.url)}: {error}") from error


def _read_project_folder(folder: Path) -> list[Link]:
    """Return the links of a project in an index that is a folder: its page, or else its files."""
    page = folder / "index.html"
    return _read_html_file(page) if page.is_file() else _list_files(folder)


def _list_files(folder: Path) -> list[Link]:
    return [
        Link(filename=path.name, url=path.absolute().as_uri(), size=path.stat().st_size)
        for path in sorted(folder.iterdir())
        if path.is_file()
    ]


def _read_html_file(path: Path) -> list[Link]:
    try:
        body = path.read_bytes()
    except OSError as error:
        raise FetchError(f"{path} cannot be read: {explain_unreadable(error)}") from error
    return _parse(Page(url=path.absolute().as_uri(), content_type="text/html", body=body))


def _version_text(filename: str) -> str:
    """Return the version in a file's name, or the text in its place."""
    if (sdist := _SDIST.fullmatch(filename)) is not None:
        return sdist["version"]
    return filename.split("-", 2)[1] if "-" in filename else ""
