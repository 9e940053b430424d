"""Locations of packages in the settings of uv and pip: as URLs, and by which key or variable."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from hatch_multiplat.base.urls import file_url, has_scheme

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import PurePath

IN_PROJECT: Final = "of the project's settings for uv"
OF_USER: Final = "of the user's settings for uv"

INDEX: Final = "index"
"""The key of uv's named indexes."""
INDEX_URL: Final = "index-url"
EXTRA_INDEX_URL: Final = "extra-index-url"
FIND_LINKS: Final = "find-links"

_VARIABLES: Final = {
    INDEX_URL: ("UV_INDEX_URL", "PIP_INDEX_URL"),
    EXTRA_INDEX_URL: ("UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL"),
    FIND_LINKS: ("UV_FIND_LINKS", "PIP_FIND_LINKS"),
}
"""The keys of locations that uv and pip share, with the variables of both."""
_PIP_TABLE: Final = (
    *_VARIABLES,
    "no-index",
    "index-strategy",
    "keyring-provider",
    "dependency-metadata",
    "exclude-newer",
    "exclude-newer-package",
    "fork-strategy",
    "prerelease",
    "resolution",
)
"""The keys that are read here, and that uv's settings can also have under `uv pip`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Location:
    """An index or a find-links location in the settings, as a URL: a folder has a file URL."""

    key: str
    """`index`, `index-url`, `extra-index-url` or `find-links`."""
    url: str
    origin: str
    """The setting that names it, for messages."""
    entry: Mapping[str, Any] = field(default_factory=dict)
    """The other settings of an `index`."""

    @property
    def details(self) -> dict[str, Any]:
        """All settings of an `index` except its URL and when it is asked."""
        known = {"name", "url", "default", "explicit", "publish-url"}
        return {key: value for key, value in self.entry.items() if key not in known}


class SourceSettings(Protocol):
    """The sources in `[tool.multiplat]`."""

    @property
    def index_url(self) -> str | None: ...
    @property
    def extra_index_urls(self) -> tuple[str, ...]: ...
    @property
    def find_links(self) -> tuple[str, ...]: ...


def locations_in_table(settings: SourceSettings, base: PurePath) -> Iterator[Location]:
    """Yield the locations in `[tool.multiplat]`, whose folders start from `base`."""
    if settings.index_url:
        origin = "tool.multiplat.index-url"
        yield Location(key=INDEX_URL, url=settings.index_url, origin=origin)
    for key, name, urls in (
        (EXTRA_INDEX_URL, "extra-index-urls", settings.extra_index_urls),
        (FIND_LINKS, "find-links", settings.find_links),
    ):
        for number, url in enumerate(urls):
            origin = f"tool.multiplat.{name}[{number}]"
            yield Location(key=key, url=absolute_location(url, base), origin=origin)


def locations_in_variables(environ: Mapping[str, str], cwd: PurePath) -> Iterator[Location]:
    """Yield the locations in uv's variables."""
    for variable, words in (
        ("UV_DEFAULT_INDEX", [environ.get("UV_DEFAULT_INDEX", "")]),
        ("UV_INDEX", environ.get("UV_INDEX", "").split()),
    ):
        for word in filter(None, words):
            name, separator, url = word.partition("=")
            if not separator or "://" in name:
                name, url = "", word
            entry = {"name": name, "default": variable == "UV_DEFAULT_INDEX"}
            url = absolute_location(url, cwd)
            yield Location(key=INDEX, url=url, origin=variable, entry=entry)
    for key, (variable, _) in _VARIABLES.items():
        separated = "," if key == FIND_LINKS else None
        yield from _words(environ.get(variable, ""), key, variable, cwd, separated=separated)


def locations_in_uv(table: Mapping[str, Any], base: PurePath, whose: str) -> Iterator[Location]:
    """Yield the locations in a table of uv's settings, whose folders start from `base`."""
    placed = change_locations(table, lambda location: absolute_location(location, base))
    for number, entry in enumerate(placed.get(INDEX, ())):
        if "url" in entry:
            origin = f"index[{number}].url {whose}"
            yield Location(key=INDEX, url=entry["url"], origin=origin, entry=entry)
    for key in _VARIABLES:
        value = placed.get(key, ())
        for url in [value] if isinstance(value, str) else value:
            yield Location(key=key, url=url, origin=f"{key} {whose}")


def locations_in_pip(
    config: Mapping[str, str], environ: Mapping[str, str], cwd: PurePath
) -> Iterator[Location]:
    """Yield the locations in pip's settings; a variable stands before the key of its files."""
    for key, (_, variable) in _VARIABLES.items():
        if environ.get(variable):
            yield from _words(environ[variable], key, variable, cwd)
        else:
            yield from _words(config.get(key, ""), key, f"{key} of pip's settings", cwd)


def change_locations(table: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """Return uv's settings with each location of an index and of find-links changed."""
    changed = dict(table)
    if INDEX in table:
        changed[INDEX] = [
            {**entry, "url": change(entry["url"])} if "url" in entry else entry
            for entry in table[INDEX]
        ]
    for key in table.keys() & _VARIABLES.keys():
        value = table[key]
        changed[key] = change(value) if isinstance(value, str) else list(map(change, value))
    if "pip" in table:
        changed["pip"] = change_locations(table["pip"], change)
    return changed


def absolute_location(location: str, base: PurePath) -> str:
    """Return a location as it is, or a folder, which starts from `base`, as a file URL."""
    return location if has_scheme(location) else file_url(base / location)


def flatten_table(table: Mapping[str, Any]) -> dict[str, Any]:
    """Give the settings for `uv pip`, which we run, precedence over the general ones."""
    special = table.get("pip", {})
    return {**table, **{key: special[key] for key in _PIP_TABLE if key in special}}


def first_of_each_name(indexes: Iterable[Location]) -> list[Location]:
    """Drop an index whose name an earlier one has, as uv does."""
    seen: set[str] = set()
    kept = []
    for index in indexes:
        name = index.entry.get("name")
        if not name or name not in seen:
            kept.append(index)
        seen.add(name or "")
    return kept


def _words(
    text: str, key: str, origin: str, base: PurePath, *, separated: str | None = None
) -> Iterator[Location]:
    """Yield the locations in a text; an `index-url` is a single one."""
    words = [text] if key == INDEX_URL else text.split(separated)
    for word in filter(None, map(str.strip, words)):
        yield Location(key=key, url=absolute_location(word, base), origin=origin)
