"""An index's pages and the files that they list: JSON (PEP 691) and HTML (PEP 503).

`pypi-simple` reads both as well, but with pydantic and BeautifulSoup, which every isolated build
that uses this plugin would have to install and import. Of HTML, only start tags matter.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, field
from email.message import Message
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urljoin

from packaging.specifiers import SpecifierSet
from packaging.utils import parse_sdist_filename, parse_wheel_filename

from hatch_multiplat.base.urls import redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from packaging.tags import Tag
    from packaging.utils import NormalizedName
    from packaging.version import Version

JSON_TYPE: Final = "application/vnd.pypi.simple.v1+json"
ACCEPT: Final = f"{JSON_TYPE}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
"""The Accept header for a project's page; JSON has sizes and is read faster."""

_HTML_TYPES: Final = frozenset({"text/html", "application/vnd.pypi.simple.v1+html"})


_TAG_START: Final = re.compile(r"<!--|<(?P<tag>[A-Za-z][^\s/>]*)")
_ATTRIBUTE: Final = re.compile(
    r"[\s/]*(?:(?P<name>[^\s/>=][^\s/>=]*)(?:\s*=\s*(?:(?P<quote>[\"'])|(?P<value>[^\s>\"']*)))?)?"
)


class PageError(ValueError):
    """This is not an index's page; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """One file as listed on a page, not yet parsed."""

    filename: str
    url: str
    """Absolute, without fragment."""
    hashes: Mapping[str, str] = field(default_factory=dict, hash=False)
    size: int | None = None
    requires_python: str | None = None
    yanked: str | None = None
    """The reason, which may be empty; None if the file is not yanked."""
    metadata: bool = False
    """True if the index has a wheel's METADATA as a separate file (PEP 658)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexFile:
    """One wheel or sdist of a project in an index or a find-links location."""

    filename: str
    url: str
    """Absolute, without credentials and without fragment."""
    version: Version
    tags: frozenset[Tag]
    """The tags of a wheel; empty for an sdist."""
    hashes: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Hex digests by algorithm; may be empty, as not every index gives them."""
    size: int | None = None
    """Bytes, if the index gives them."""
    requires_python: SpecifierSet | None = None
    yanked: bool = False
    yanked_reason: str = ""
    metadata: bool = False
    """True if its METADATA is a separate file beside it (PEP 658)."""
    place: int = 0
    """0 for a file of find-links; the indexes that know the project follow from 1 on."""
    index: str = ""
    """The index or find-links location of the file, without credentials."""


def parse_page(body: bytes, *, content_type: str, url: str) -> list[Link]:
    """Return the links of a page in its order.

    `url` is where the page came from, the start of its relative links. Raises PageError.
    """
    header = Message()
    header["Content-Type"] = content_type or "text/html"
    media_type = header.get_content_type()
    if media_type == JSON_TYPE:
        links = list(_parse_json(body, url))
    elif media_type in _HTML_TYPES:
        try:
            text = body.decode(header.get_content_charset("utf-8"), "replace")
        except LookupError:
            text = body.decode("utf-8", "replace")
        links = _parse_html(text, url)
    else:
        raise PageError(f"a page of type {media_type!r} is not one of an index")
    local = next((link.url for link in links if link.url.lower().startswith("file:")), None)
    if local is not None and not url.startswith("file:"):
        raise PageError(f"it names {local}, a file of this machine, which no server has to")
    return links


def select_files(
    links: Iterable[Link], project: NormalizedName, *, place: int = 0, index: str = ""
) -> tuple[IndexFile, ...]:
    """Return the wheels and sdists of the project among these links, in their order."""
    return tuple(
        file for link in links if (file := _understand(link, project, place, index)) is not None
    )


def render_page(files: Iterable[IndexFile]) -> str:
    """Return a project's page (PEP 503) with these files; sizes and upload times have no place."""
    return "\n".join(["<!DOCTYPE html><html><body>", *map(_anchor, files), "</body></html>", ""])


def _anchor(file: IndexFile) -> str:
    known = next(iter(sorted(file.hashes.items(), key=lambda item: item[0] != "sha256")), None)
    attributes = {"href": file.url + (f"#{known[0]}={known[1]}" if known else "")}
    if file.requires_python is not None:
        attributes["data-requires-python"] = str(file.requires_python)
    if file.yanked:
        attributes["data-yanked"] = file.yanked_reason
    if file.metadata:
        attributes["data-core-metadata"] = "true"
    text = " ".join(f'{name}="{html.escape(value)}"' for name, value in attributes.items())
    return f"<a {text}>{html.escape(file.filename)}</a>"


def _parse_json(body: bytes, base: str) -> Iterator[Link]:
    """Follow the project detail of PEP 691, with PEP 700's sizes."""
    try:
        page = json.loads(body)
        _check_version(page["meta"]["api-version"])
        for file in page["files"]:
            yanked = file.get("yanked", False)
            size = file.get("size")
            requires_python = file.get("requires-python")
            yield Link(
                filename=_check_text(file["filename"]),
                url=_join(base, _check_text(file["url"])).partition("#")[0],
                hashes={k: _check_text(v).lower() for k, v in file.get("hashes", {}).items()},
                size=size if isinstance(size, int) else None,
                requires_python=requires_python if isinstance(requires_python, str) else None,
                yanked=None if yanked is False else "" if yanked is True else str(yanked),
                metadata=bool(file.get("core-metadata", file.get("dist-info-metadata"))),
            )
    except PageError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PageError(f"its JSON is not that of an index ({error!r})") from error


def _parse_html(text: str, base: str) -> list[Link]:
    try:
        return list(_read_links(text, base))
    except PageError:
        raise
    except ValueError as error:
        raise PageError(f"its HTML cannot be read ({error})") from error


def _read_links(text: str, base: str) -> Iterator[Link]:
    """Yield the anchors of PEP 503's project page."""
    for tag, attributes in _tags(text):
        if tag == "input" and attributes.get("type", "").lower() == "password":
            raise PageError("it is a page to log in with, not one of an index; check the address")
        if tag == "a":
            href = attributes.get("href", "").strip()
            if href:
                yield _link_of(_join(base, href), attributes)
        elif tag == "base":
            base = _join(base, attributes.get("href", ""))
        elif tag == "meta" and attributes.get("name") == "pypi:repository-version":
            _check_version(attributes.get("content"))


def _link_of(whole: str, attributes: Mapping[str, str]) -> Link:
    url, _, fragment = whole.partition("#")
    return Link(
        filename=unquote(url.partition("?")[0].rpartition("/")[2]),
        url=url,
        hashes={name: digest.lower() for name, digest in parse_qsl(fragment)},
        requires_python=attributes.get("data-requires-python"),
        yanked=attributes.get("data-yanked"),
        metadata=any(
            attributes.get(name, "false") != "false"
            for name in ("data-core-metadata", "data-dist-info-metadata")
        ),
    )


def _tags(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the start tags of a page with their attributes, in time linear to its length.

    As the HTML standard has it, a tag, a quote or a comment that does not end takes the rest of
    the page with it. Python's own parser looks for the end of each of them anew.
    """
    position = 0
    while start := _TAG_START.search(text, position):
        position = start.end()
        if start[0] == "<!--":
            position = text.find("-->", position)
            if position < 0:
                return
            continue
        attributes: dict[str, str] = {}
        while (part := _ATTRIBUTE.match(text, position)) and part["name"]:
            position = part.end()
            quote = part["quote"]
            if quote:
                end = text.find(quote, position)
                if end < 0:
                    return
                value, position = text[position:end], end + 1
            else:
                value = part["value"] or ""
            attributes.setdefault(part["name"].lower(), html.unescape(value))
        tag = start["tag"].lower()
        yield tag, attributes
        if tag in {"script", "style"}:
            end_tag = re.compile(rf"</{tag}", re.IGNORECASE).search(text, position)
            if end_tag is None:
                return
            position = end_tag.end()


def _understand(link: Link, project: NormalizedName, place: int, index: str) -> IndexFile | None:
    tags: frozenset[Tag] = frozenset()
    try:
        if link.filename.endswith(".whl"):
            name, version, _, tags = parse_wheel_filename(link.filename)
        elif link.filename.endswith((".tar.gz", ".zip")):
            name, version = parse_sdist_filename(link.filename)
        else:
            return None
    except ValueError:  # A version of thousands of digits, too, which is no InvalidVersion.
        return None
    if name != project:
        return None
    return IndexFile(
        filename=link.filename,
        url=redact(link.url) if "@" in link.url else link.url,
        version=version,
        tags=tags,
        hashes=link.hashes,
        size=link.size,
        requires_python=_parse_specifiers(link.requires_python),
        yanked=link.yanked is not None,
        yanked_reason=link.yanked or "",
        metadata=link.metadata,
        place=place,
        index=index,
    )


@cache
def _parse_specifiers(text: str | None) -> SpecifierSet | None:
    """Return None as well for a value that cannot be read: pip accepts such a file, too."""
    try:
        specifiers = SpecifierSet(text) if text else None
        if specifiers is not None:
            specifiers.contains("3")  # Only now are its versions read.
    except ValueError:
        return None
    return specifiers


def _check_version(version: Any) -> None:
    if not isinstance(version, str) or version.split(".")[0] != "1":
        raise PageError(f"it has version {version!r} of the index API; this reads 1")


def _check_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a string")
    return value


def _join(base: str, url: str) -> str:
    """Do the same as `urljoin`, quickly if there is nothing to join: pages have thousands."""
    return url if url.startswith(("https://", "http://")) else urljoin(base, url)
