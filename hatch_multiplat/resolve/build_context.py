"""Where packages can be had: the sources, the way to them, and what they have of each package."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hatch_multiplat.base.atomic_write import write_atomically
from hatch_multiplat.index.index_page import render_page
from hatch_multiplat.index.project_settings import read_bindings
from hatch_multiplat.index.simple_api import read_project
from hatch_multiplat.index.sources import FIRST_MATCH, PIPS_STRATEGY
from hatch_multiplat.index.wheel_cache import WheelCacheError
from hatch_multiplat.resolve.index_shadowing import is_shadowed_version, shadowed_by, visible_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from hatch_multiplat.index.http_client import HttpClient
    from hatch_multiplat.index.progress import ProgressSink
    from hatch_multiplat.index.simple_api import IndexFile
    from hatch_multiplat.index.sources import Sources
    from hatch_multiplat.index.wheel_cache import WheelCache
    from hatch_multiplat.resolve.solve import Question
    from hatch_multiplat.targets.tag_constraint import TagConstraint
    from hatch_multiplat.targets.target import Target


@dataclass(frozen=True, kw_only=True, slots=True)
class Market:
    """Where packages can be had and looked up: the indexes, the way to them, and the store."""

    sources: Sources
    client: HttpClient
    wheel_cache: WheelCache
    offline: bool
    progress: ProgressSink
    say: Callable[[str], object]
    rules: tuple[TagConstraint, ...] = ()
    """Which tags the wheels taken from it may carry."""
    uv_table: Mapping[str, Any] = field(default_factory=dict, hash=False, compare=False)
    """The project's settings for uv, by which the sources were chosen."""


class Pages:
    """What the sources have of each package, as far as the solver can come to it.

    uv takes all files of a version from one index. Where pip's rule is in force, by which all
    indexes count alike, a package whose files are spread over several is `merged`: the solver is
    given one page that has them all, and then it sees what pip sees.
    """

    def __init__(self, market: Market, *, question: Question, environ: Mapping[str, str]) -> None:
        """Take the question for which the pages are read.

        A page of ours has no upload times: where these are limited there is no merging.
        """
        self.merged: dict[NormalizedName, tuple[IndexFile, ...]] = {}
        self._market = market
        direct = question.direct
        members = read_bindings(question.project_dir, question.uv_table.get("sources", {}), direct)
        own = [binding for binding in market.sources.bindings if binding.name in direct]
        self._sources = replace(market.sources, bindings=(*own, *members))
        exclude_newer = question.excludes_newer(environ)
        self._mergeable = self._sources.strategy == PIPS_STRATEGY and not exclude_newer
        self._read: dict[tuple[NormalizedName, tuple[str, ...]], tuple[IndexFile, ...]] = {}

    @property
    def in_order(self) -> bool:
        """True where uv exhausts one index before it looks at the next."""
        return self._sources.strategy == FIRST_MATCH

    @property
    def can_merge(self) -> bool:
        """True where a package may come from several indexes at once."""
        return self._mergeable and bool(self._sources.extra_index_urls)

    def read(self, name: NormalizedName, target: Target | None = None) -> tuple[IndexFile, ...]:
        """Return the files that can be had, for a target where that makes a difference."""
        files = self._all(name, target)
        return files if self._mergeable else visible_files(files)

    def merge(
        self, name: NormalizedName, targets: Iterable[Target], *, above: Version | None = None
    ) -> bool:
        """Merge a package if a version above this one is spread for one of these targets.

        False where it is not, and where it was merged before: nothing has changed then.
        """
        if not self.can_merge or name in self.merged:
            return False
        for target in targets:
            files = self._all(name, target)
            if is_shadowed_version(files, target, above=above):
                self.merged[name] = files
                return True
        return False

    def merged_indexes(self) -> tuple[str, ...]:
        """Return the file URLs of indexes on this machine that have the merged packages, one each.

        They are always in the same place for the same sources, since uv remembers by index what it
        knows of a wheel, which an offline build needs. Raises StoreError.
        """
        return tuple(
            write_index(self._market.wheel_cache.root, name, files)
            for name, files in sorted(self.merged.items())
        )

    def explain(self, name: NormalizedName, version: Version, target: Target) -> str:
        """Say which index keeps a target from a wheel that another one has, if one does."""
        pair = shadowed_by(self._all(name, target), version, target)
        if pair is None or self._mergeable:
            return ""
        first, other = pair
        return f"{other} has one, but {first} stands before it and has files of {version} too"

    def _all(self, name: NormalizedName, target: Target | None) -> tuple[IndexFile, ...]:
        market = self._market
        environment = None
        if target is not None:
            environment = {key: str(value) for key, value in target.environment().items()}
        key = name, self._sources.indexes_for(name, environment)
        if key not in self._read:
            self._read[key] = read_project(
                name,
                sources=self._sources,
                client=market.client,
                wheel_cache=market.wheel_cache,
                offline=market.offline,
                environment=environment,
            )
        return self._read[key]


def write_index(root: Path, name: NormalizedName, files: Sequence[IndexFile]) -> str:
    """Write an index of one package below the store's root; returns its file URL."""
    indexes = sorted({file.index for file in files})
    key = hashlib.sha256("\n".join([name, *indexes]).encode()).hexdigest()[:32]
    page = root / "merged" / key / name / "index.html"
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(page, render_page(files))
    except OSError as error:
        raise WheelCacheError(f"{page} cannot be written: {error.strerror or error}") from error
    return page.parent.parent.absolute().as_uri()
