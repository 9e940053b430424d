"""Addresses: URLs that may carry secrets, and those that mean a file of this machine."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import url2pathname


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
