"""Where packages come from: the indexes and folders that uv and we read, in one value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hatch_multiplat.config import Config

PYPI: Final = "https://pypi.org/simple"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """The default index, further indexes (asked first, as uv does) and find-links locations.

    URLs may carry credentials: never print them, see `redact`.
    """

    index_url: str = PYPI
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    explicit: bool = False
    """True when the table or the environment says where from, and uv has to be told so."""


def choose_sources(
    config: Config, *, uv_table: Mapping[str, Any], environ: Mapping[str, str]
) -> Sources:
    """Choose by precedence: the table, uv's settings, then pip's environment.

    The first of them that says anything about an index is taken whole, so that a private index
    is never mixed with one that somebody else's settings name.
    """
    for sources in (
        _from_config(config),
        _from_uv(uv_table, environ),
        _from_pip_environment(environ),
    ):
        if sources is not None:
            return sources
    return Sources()


def credentials_of(sources: Sources, environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return the user and password of each source that has them, by URL prefix.

    Besides those in URLs, uv's `UV_INDEX_<NAME>_USERNAME` and `_PASSWORD` count.
    """
    found: dict[str, tuple[str, str]] = {}
    for url in (sources.index_url, *sources.extra_index_urls, *sources.find_links):
        parts = urlsplit(url)
        if parts.username or parts.password:
            found[redact(url)] = (unquote(parts.username or ""), unquote(parts.password or ""))
    for name, url in _named_indexes(environ.get("UV_INDEX", "").split()):
        key = re.sub(r"[^A-Z0-9]", "_", name.upper()) if name else ""
        user = environ.get(f"UV_INDEX_{key}_USERNAME")
        if key and user is not None:
            found[redact(url)] = (user, environ.get(f"UV_INDEX_{key}_PASSWORD", ""))
    return found


def redact(url: str) -> str:
    """Return the URL without user and password."""
    parts = urlsplit(url)
    if not (parts.username or parts.password):
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=host))


def redact_text(text: str) -> str:
    """Return the text with the user and password of every URL in it replaced."""
    return re.sub(r"(?<=://)[^/\s'\"@]+@", "***@", text)


def _from_config(config: Config) -> Sources | None:
    if not (config.index_url or config.extra_index_urls or config.find_links):
        return None
    return Sources(
        index_url=config.index_url or PYPI,
        extra_index_urls=config.extra_index_urls,
        find_links=config.find_links,
        explicit=True,
    )


def _from_uv(table: Mapping[str, Any], environ: Mapping[str, str]) -> Sources | None:
    """Combine uv's variables and its table as uv itself does: both count, variables first."""
    default = environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL") or ""
    extra = (environ.get("UV_INDEX") or environ.get("UV_EXTRA_INDEX_URL") or "").split()
    links = [link.strip() for link in environ.get("UV_FIND_LINKS", "").split(",")]
    indexes = [
        index
        for index in table.get("index", [])
        if isinstance(index, dict) and "url" in index and not index.get("explicit")
    ]
    defaults = [
        *(url for _, url in _named_indexes([default])),
        *(index["url"] for index in indexes if index.get("default")),
        *([table["index-url"]] if "index-url" in table else []),
    ]
    extras = [
        *(url for _, url in _named_indexes(extra)),
        *(index["url"] for index in indexes if not index.get("default")),
        *table.get("extra-index-url", []),
    ]
    find_links = [*(link for link in links if link), *table.get("find-links", [])]
    if not (defaults or extras or find_links):
        return None
    return Sources(
        index_url=defaults[0] if defaults else PYPI,
        extra_index_urls=tuple(dict.fromkeys(extras)),
        find_links=tuple(dict.fromkeys(find_links)),
    )


def _from_pip_environment(environ: Mapping[str, str]) -> Sources | None:
    default = environ.get("PIP_INDEX_URL")
    extra = environ.get("PIP_EXTRA_INDEX_URL", "").split()
    find_links = environ.get("PIP_FIND_LINKS", "").split()
    if not (default or extra or find_links):
        return None
    return Sources(
        index_url=default or PYPI,
        extra_index_urls=tuple(extra),
        find_links=tuple(find_links),
        explicit=True,
    )


def _named_indexes(words: list[str]) -> Iterator[tuple[str, str]]:
    """Split uv's `name=https://...` words; the name may be missing."""
    for word in words:
        name, separator, url = word.partition("=")
        if separator and "://" not in name:
            yield name, url
        elif word:
            yield "", word
