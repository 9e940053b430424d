"""Where packages come from: the indexes and folders that uv and we read, in one value."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import unquote, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import PurePath

PYPI: Final = "https://pypi.org/simple"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """The default index, further indexes (asked first, as uv does) and find-links locations.

    All are absolute: URLs, or file URLs for folders. They may carry credentials: never print
    them, see `redact`.
    """

    index_url: str = PYPI
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    named: tuple[tuple[str, str], ...] = ()
    """Name and URL of the indexes that uv's settings name, those for single packages included."""
    explicit: bool = False
    """True when the table or the environment says where from, and uv has to be told so."""


class SourceSettings(Protocol):
    """What `[tool.multiplat]` says of sources."""

    @property
    def index_url(self) -> str | None: ...
    @property
    def extra_index_urls(self) -> tuple[str, ...]: ...
    @property
    def find_links(self) -> tuple[str, ...]: ...


def choose_sources(
    settings: SourceSettings,
    *,
    uv_table: Mapping[str, Any],
    environ: Mapping[str, str],
    project_dir: PurePath,
    cwd: PurePath,
) -> Sources:
    """Choose by precedence: the table, uv's settings, then pip's environment.

    The first of them that says anything about an index is taken whole, so that a private index
    is never mixed with one that somebody else's settings name. Paths start from `project_dir`,
    those of the environment from `cwd`; both are absolute.
    """
    candidates = (
        _from_settings(settings, project_dir),
        _from_uv(uv_table, environ, project_dir=project_dir, cwd=cwd),
        _from_pip_environment(environ, cwd),
    )
    chosen = next((sources for sources in candidates if sources is not None), Sources())
    return replace(chosen, named=tuple(_all_named(uv_table, environ)))


def credentials_of(sources: Sources, environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return the user and password of each source that has them, by URL prefix.

    Besides those in URLs, uv's `UV_INDEX_<NAME>_USERNAME` and `_PASSWORD` count.
    """
    found: dict[str, tuple[str, str]] = {}
    urls = [sources.index_url, *sources.extra_index_urls, *sources.find_links]
    for url in [*urls, *(url for _, url in sources.named)]:
        parts = urlsplit(url)
        if parts.username or parts.password:
            found[redact(url)] = (unquote(parts.username or ""), unquote(parts.password or ""))
    for name, url in sources.named:
        key = f"UV_INDEX_{re.sub('[^A-Z0-9]', '_', name.upper())}"
        user, password = environ.get(f"{key}_USERNAME"), environ.get(f"{key}_PASSWORD")
        if user or password:
            found[redact(url)] = (user or "", password or "")
    return found


def absolute_locations(locations: Sequence[str], base: PurePath) -> tuple[str, ...]:
    """Return locations with folders, which start from `base`, as file URLs."""
    # A scheme of one letter is a drive of Windows.
    return tuple(
        location if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", location) else (base / location).as_uri()
        for location in locations
    )


def redact(url: str) -> str:
    """Return the URL without user and password."""
    try:
        parts = urlsplit(url)
    except ValueError:  # No URL at all, and to be shown in the message that says so.
        return redact_text(url)
    if not (parts.username or parts.password):
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=host))


def redact_text(text: str) -> str:
    """Return the text with the user and password of every URL in it replaced."""
    return re.sub(r"(?<=://)[^/?#\s'\"]+@", "***@", text)


def _from_settings(settings: SourceSettings, base: PurePath) -> Sources | None:
    if not (settings.index_url or settings.extra_index_urls or settings.find_links):
        return None
    return Sources(
        index_url=settings.index_url or PYPI,
        extra_index_urls=settings.extra_index_urls,
        find_links=absolute_locations(settings.find_links, base),
        explicit=True,
    )


def _from_uv(
    table: Mapping[str, Any], environ: Mapping[str, str], *, project_dir: PurePath, cwd: PurePath
) -> Sources | None:
    """Combine uv's variables and its table as uv itself does: both count, variables first."""
    default = environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL") or ""
    extra = f"{environ.get('UV_INDEX', '')} {environ.get('UV_EXTRA_INDEX_URL', '')}".split()
    links = [link.strip() for link in environ.get("UV_FIND_LINKS", "").split(",")]
    indexes = [index for index in _indexes(table) if not index.get("explicit")]
    defaults = [
        *absolute_locations([url for _, url in _split_names([default])], cwd),
        *absolute_locations(
            [index["url"] for index in indexes if index.get("default")], project_dir
        ),
        *absolute_locations([table["index-url"]] if "index-url" in table else [], project_dir),
    ]
    extras = [
        *absolute_locations([url for _, url in _split_names(extra)], cwd),
        *absolute_locations(
            [index["url"] for index in indexes if not index.get("default")], project_dir
        ),
        *absolute_locations(table.get("extra-index-url", []), project_dir),
    ]
    find_links = [
        *absolute_locations([link for link in links if link], cwd),
        *absolute_locations(table.get("find-links", []), project_dir),
    ]
    if not (defaults or extras or find_links):
        return None
    return Sources(
        index_url=defaults[0] if defaults else PYPI,
        extra_index_urls=tuple(dict.fromkeys(extras)),
        find_links=tuple(dict.fromkeys(find_links)),
    )


def _from_pip_environment(environ: Mapping[str, str], cwd: PurePath) -> Sources | None:
    default = environ.get("PIP_INDEX_URL")
    extra = environ.get("PIP_EXTRA_INDEX_URL", "").split()
    find_links = environ.get("PIP_FIND_LINKS", "").split()
    if not (default or extra or find_links):
        return None
    return Sources(
        index_url=default or PYPI,
        extra_index_urls=tuple(extra),
        find_links=absolute_locations(find_links, cwd),
        explicit=True,
    )


def _all_named(table: Mapping[str, Any], environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    words = [environ.get("UV_DEFAULT_INDEX", ""), *environ.get("UV_INDEX", "").split()]
    yield from ((name, url) for name, url in _split_names(words) if name)
    yield from ((index["name"], index["url"]) for index in _indexes(table) if "name" in index)


def _indexes(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [index for index in table.get("index", []) if isinstance(index, dict) and "url" in index]


def _split_names(words: list[str]) -> Iterator[tuple[str, str]]:
    """Split uv's `name=https://...` words; the name may be missing."""
    for word in words:
        name, separator, url = word.partition("=")
        if separator and "://" not in name:
            yield name, url
        elif word:
            yield "", word
