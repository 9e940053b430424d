"""What the configured indexes and find-links locations have of a project."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from hatch_multiplat.base.errors import FetchError
from hatch_multiplat.base.urls import display_url, local_path
from hatch_multiplat.index.http_client import RequestError
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
    from collections.abc import Mapping
    from pathlib import Path

    from packaging.utils import NormalizedName

    from hatch_multiplat.index.http_client import Answer, HttpClient
    from hatch_multiplat.index.sources import Sources
    from hatch_multiplat.index.wheel_cache import WheelCache

__all__ = ["IndexFile", "read_project"]

_OK: Final = 200
_NOT_MODIFIED: Final = 304
_FORBIDDEN: Final = 403
_ABSENT: Final = frozenset({404, 410})


def read_project(
    name: NormalizedName,
    *,
    sources: Sources,
    client: HttpClient,
    wheel_cache: WheelCache,
    offline: bool,
    environment: Mapping[str, str] | None = None,
) -> tuple[IndexFile, ...]:
    """Return every file of a project: those of find-links, then those of the first index with it.

    As with uv's `first-index`, further indexes are asked before the default one, and the first
    that knows the project is the only one that counts, so that nobody can slip in a public
    project of a private one's name; with other strategies all count. A project that is bound to
    an index (in this `environment`, where the binding has a marker) has the files of that one
    alone. Of files with the same name the first one stays; each says which index has it. Pages
    are kept in the wheel cache, asked again with their ETag, and used as they are when offline.
    Empty if nobody knows the project; raises FetchError where an index or a location cannot be
    read.
    """
    reader = _Reader(client=client, wheel_cache=wheel_cache, offline=offline)
    files = [
        file
        for location in sources.find_links
        for file in select_files(reader.read_location(location), name, index=display_url(location))
    ]
    place = 1
    for index_url in sources.indexes_for(name, environment):
        flat = sources.details.get(index_url, {}).get("format") == "flat"
        links = reader.read_location(index_url) if flat else reader.read_index(index_url, name)
        found = select_files(links or [], name, place=place, index=display_url(index_url))
        files += found
        if found or (links is not None and not flat):
            place += 1
            if sources.strategy == FIRST_INDEX:
                break
    unique: dict[str, IndexFile] = {}
    for file in files:
        unique.setdefault(file.filename, file)
    return tuple(unique.values())


class _Reader:
    """Reads pages, from servers by way of the wheel cache and from folders."""

    def __init__(self, *, client: HttpClient, wheel_cache: WheelCache, offline: bool) -> None:
        self._client = client
        self._wheel_cache = wheel_cache
        self._offline = offline

    def read_index(self, index_url: str, name: NormalizedName) -> list[Link] | None:
        """Return an index's links for a project; None if it does not have it."""
        folder = local_path(index_url)
        if folder is not None:
            if not folder.is_dir():
                raise FetchError(f"index {folder}: there is no such folder")
            return _read_project_folder(folder / name) if (folder / name).is_dir() else None
        page = self._read_page(f"{index_url.rstrip('/')}/{name}/")
        return None if page.body is None else _parse(page)

    def read_location(self, location: str) -> list[Link]:
        """Return the links of a find-links location: a folder, a page of this machine, or a URL."""
        path = local_path(location)
        if path is not None:
            return _list_files(path) if path.is_dir() else _read_html_file(path)
        page = self._read_page(location)
        if page.body is None:
            raise FetchError(f"find-links {display_url(location)}: there is no such page")
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
        """Ask for a page; return `known` if that is still right."""

        def receive(answer: Answer) -> Page:
            if answer.status == _NOT_MODIFIED and known is not None:
                return known
            if _is_absent(answer):
                return Page(url=display_url(url))
            if answer.status != _OK:
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
    """Tell a project that an index does not have from an index that we may not read.

    PyTorch's says 403 for any project that it does not have, and uv knows it as well.
    """
    host = urlsplit(answer.url).hostname
    return answer.status in _ABSENT or (
        answer.status == _FORBIDDEN and host == "download.pytorch.org"
    )


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
        raise FetchError(f"{path}: cannot be read: {error.strerror or error}") from error
    return _parse(Page(url=path.absolute().as_uri(), content_type="text/html", body=body))
