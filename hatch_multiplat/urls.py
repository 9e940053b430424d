"""Addresses: URLs that may carry secrets, and those that mean a file of this machine."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import url2pathname

from hatch_multiplat.sources import redact


def split_credentials(url: str) -> tuple[str, tuple[str, str] | None]:
    """Return the URL without user and password, and these if it had them."""
    parts = urlsplit(url)
    if not (parts.username or parts.password):
        return url, None
    return redact(url), (unquote(parts.username or ""), unquote(parts.password or ""))


def display_url(url: str) -> str:
    """Return a URL fit to be shown: without user and password, query (it may be a signature)."""
    return urlunsplit(urlsplit(redact(url))._replace(query="", fragment=""))


def local_path(url: str) -> Path | None:
    """Return the path that a file URL or a plain path means; None for what a server has."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        host = "" if parts.netloc in {"", "localhost"} else f"//{parts.netloc}"
        return Path(url2pathname(host + parts.path))
    # A scheme of one letter is a drive of Windows.
    return Path(url) if len(parts.scheme) <= 1 else None
