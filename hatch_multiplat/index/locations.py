"""Locations of packages in the settings of uv and pip: as URLs, and by which key or variable."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, Final

from hatch_multiplat.base.urls import file_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import PurePath

    from hatch_multiplat.base.urls import Credentials

_IN_PROJECT: Final = "of the project's settings for uv"
_OF_USER: Final = "of the user's settings for uv"

_PIP_TABLE: Final = (
    "index-url",
    "extra-index-url",
    "find-links",
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


LOCATION_VARIABLES: Final = (
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_INDEX",
    "UV_INDEX_URL",
)
PIP_KEYS: Final = ("extra-index-url", "find-links", "index-url")


def take_from_words(
    values: Mapping[str, str],
    keys: Iterable[str],
    credentials: Credentials,
    problems: list[str],
) -> dict[str, str]:
    """Return variables or settings without the secrets in the locations that these keys have.

    Each has words, which may be named as in uv's `name=https://...`.
    """
    taken = dict(values)
    for key in values.keys() & set(keys):
        separator = "," if key == "UV_FIND_LINKS" else r"\s"
        taken[key] = re.sub(
            rf"([\w.-]+=(?=[^{separator}]*://))?([^{separator}]+)",
            functools.partial(_take_word, credentials, key, problems),
            values[key],
        )
    return taken


def _take_word(
    credentials: Credentials, key: str, problems: list[str], match: re.Match[str]
) -> str:
    return f"{match[1] or ''}{credentials.take_all(match[2], key, problems)}"


def absolute_locations(locations: Iterable[str], base: PurePath) -> tuple[str, ...]:
    """Return locations with folders, which start from `base`, as file URLs."""
    # A scheme of one letter is a drive of Windows.
    return tuple(
        location if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", location) else file_url(base / location)
        for location in locations
    )


def indexes_of_environment(environ: Mapping[str, str], cwd: PurePath) -> Iterator[dict[str, Any]]:
    """Yield the indexes of uv's variables, as entries of its settings."""
    for name, url in _split_names([environ.get("UV_DEFAULT_INDEX", "")]):
        yield {"name": name, "url": absolute_locations([url], cwd)[0], "default": True}
    for name, url in _split_names(environ.get("UV_INDEX", "").split()):
        yield {"name": name, "url": absolute_locations([url], cwd)[0]}


def placed_indexes(table: Mapping[str, Any], base: PurePath) -> Iterator[dict[str, Any]]:
    """Yield the `index` entries of uv's settings, with folders as file URLs."""
    for entry in table.get("index", []):
        if isinstance(entry, dict) and "url" in entry:
            yield {**entry, "url": absolute_locations([entry["url"]], base)[0]}


def first_of_each_name(indexes: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Drop an index whose name an earlier one has, as uv does."""
    seen: set[str] = set()
    kept = []
    for entry in indexes:
        name = entry.get("name")
        if not name or name not in seen:
            kept.append(entry)
        seen.add(name or "")
    return kept


def details_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings of an entry except its URL and when it is asked."""
    known = {"name", "url", "default", "explicit", "publish-url"}
    return {key: value for key, value in entry.items() if key not in known}


def flatten_table(table: Mapping[str, Any]) -> dict[str, Any]:
    """Give the settings for `uv pip`, which we run, precedence over the general ones."""
    special = table.get("pip", {})
    return {**table, **{key: special[key] for key in _PIP_TABLE if key in special}}


def located(table: Mapping[str, Any], key: str, base: PurePath) -> tuple[str, ...]:
    """Return the locations that a key of uv's settings has, one or several."""
    value = table.get(key, [])
    return absolute_locations([value] if isinstance(value, str) else value, base)


def origins_of_table(
    index_url: str | None,
    extra_index_urls: Sequence[str],
    find_links: Sequence[str],
    base: PurePath,
) -> Iterator[tuple[str, str]]:
    """Yield each location of `[tool.multiplat]`, and its key there."""
    if index_url:
        yield index_url, "tool.multiplat.index-url"
    for number, url in enumerate(extra_index_urls):
        yield url, f"tool.multiplat.extra-index-urls[{number}]"
    for number, url in enumerate(absolute_locations(find_links, base)):
        yield url, f"tool.multiplat.find-links[{number}]"


def origins_in_uv(
    project: Mapping[str, Any],
    user: Mapping[str, Any],
    environ: Mapping[str, str],
    *,
    project_dir: PurePath,
    cwd: PurePath,
) -> Iterator[tuple[str, str]]:
    """Yield each location in uv's settings with the setting's name, highest precedence first."""
    for entry in indexes_of_environment(environ, cwd):
        yield entry["url"], "UV_DEFAULT_INDEX" if entry.get("default") else "UV_INDEX"
    for variable, separator in (
        ("UV_INDEX_URL", None),
        ("UV_EXTRA_INDEX_URL", None),
        ("UV_FIND_LINKS", ","),
    ):
        yield from _words(environ.get(variable, "").split(separator), variable, cwd)
    for table, base, whose in ((project, project_dir, _IN_PROJECT), (user, cwd, _OF_USER)):
        for number, entry in enumerate(placed_indexes(table, base)):
            yield entry["url"], f"index[{number}].url {whose}"
        for key in ("index-url", "extra-index-url", "find-links"):
            for url in located(table, key, base):
                yield url, f"{key} {whose}"


def origins_in_pip(
    config: Mapping[str, str], environ: Mapping[str, str], cwd: PurePath
) -> Iterator[tuple[str, str]]:
    """Yield each location in pip's settings, with the name of the setting."""
    for key in ("index-url", "extra-index-url", "find-links"):
        variable = f"PIP_{key.upper().replace('-', '_')}"
        yield from _words(environ.get(variable, "").split(), variable, cwd)
        yield from _words(config.get(key, "").split(), f"{key} of pip's settings", cwd)


def _split_names(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Split uv's `name=https://...` words; the name may be missing."""
    for word in words:
        name, separator, url = word.partition("=")
        if separator and "://" not in name:
            yield name, url
        elif word:
            yield "", word


def _words(words: Iterable[str], origin: str, base: PurePath) -> Iterator[tuple[str, str]]:
    stripped = [word.strip() for word in words]
    for url in absolute_locations(filter(None, stripped), base):
        yield url, origin
