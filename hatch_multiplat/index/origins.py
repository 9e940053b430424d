"""Which key or variable names each location that packages come from, for messages to say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatch_multiplat.index.uv_indexes import (
    absolute_locations,
    indexes_of_environment,
    located,
    placed_indexes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import PurePath

_IN_PROJECT = "of the project's settings for uv"
_OF_USER = "of the user's settings for uv"


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
    """Yield each location that uv is set to, and what names it, the strongest first."""
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
    """Yield each location that pip is set to, and what names it."""
    for key in ("index-url", "extra-index-url", "find-links"):
        variable = f"PIP_{key.upper().replace('-', '_')}"
        yield from _words(environ.get(variable, "").split(), variable, cwd)
        yield from _words(config.get(key, "").split(), f"{key} of pip's settings", cwd)


def _words(words: Iterable[str], origin: str, base: PurePath) -> Iterator[tuple[str, str]]:
    stripped = [word.strip() for word in words]
    for url in absolute_locations(filter(None, stripped), base):
        yield url, origin
