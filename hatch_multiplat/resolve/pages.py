"""The files that the sources have of each package, as far as uv can use them.

uv takes a version from the first index that has any file of it (with `unsafe-best-match` and
`unsafe-first-match`; with `first-index` there is only one index to begin with). Files of
find-links count as if every index had them. pip takes the best file from anywhere.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from hatch_multiplat.base.atomic_write import write_atomically
from hatch_multiplat.base.errors import FetchError
from hatch_multiplat.base.threads import run_in_threads
from hatch_multiplat.index.index_page import render_page
from hatch_multiplat.index.project_settings import read_bindings
from hatch_multiplat.index.simple_api import Catalog
from hatch_multiplat.index.sources import FIRST_MATCH, PIPS_STRATEGY
from hatch_multiplat.index.wheel_cache import unwritable
from hatch_multiplat.resolve.step_back import PlacedFile
from hatch_multiplat.wheels.selection import wheel_fits

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from hatch_multiplat.index.simple_api import IndexFile, Listing
    from hatch_multiplat.resolve.build_context import BuildContext
    from hatch_multiplat.resolve.question import Question
    from hatch_multiplat.targets.target import Target

    Key = tuple[NormalizedName, tuple[str, ...]]

_JOBS: Final = 8
"""The number of pages that are requested at a time."""


class Pages:
    """The files that the sources have of each package, read once for all rounds of a search.

    uv takes all files of a version from one index. Where pip's rule is in force, by which all
    indexes count alike, a package whose files are spread over several is `merged`: the solver is
    given one page that has them all, and then it sees what pip sees.
    """

    def __init__(self, context: BuildContext, *, question: Question) -> None:
        """Take the question for which the pages are read.

        A page of ours has no upload times: where these are limited there is no merging.
        """
        self.merged: dict[NormalizedName, Target] = {}
        """The packages that are merged, each with the target for which it was."""
        self._context = context
        direct = question.direct
        members = read_bindings(question.project_dir, question.uv_table.get("sources", {}), direct)
        own = [binding for binding in context.sources.bindings if binding.name in direct]
        self._sources = replace(context.sources, bindings=(*own, *members))
        self._mergeable = self._sources.strategy == PIPS_STRATEGY and not question.excludes_newer(
            context.environ
        )
        self._catalog = Catalog(
            self._sources,
            client=context.client,
            wheel_cache=context.wheel_cache,
            offline=context.offline,
        )
        self._read: dict[Key, Listing] = {}
        self._newer: dict[tuple[NormalizedName, tuple[str, ...], Version], tuple[IndexFile, ...]]
        self._newer = {}

    @property
    def in_order(self) -> bool:
        """True if uv reads all of one index before the next."""
        return self._sources.strategy == FIRST_MATCH

    @property
    def can_merge(self) -> bool:
        """True if a package may come from several indexes at once."""
        return self._mergeable and bool(self._sources.extra_index_urls)

    def read(self, name: NormalizedName, target: Target | None = None) -> tuple[IndexFile, ...]:
        """Return the available files, for a target if that makes a difference."""
        return self._visible(self.listing(name, target).files)

    def read_newer(
        self, name: NormalizedName, version: Version, target: Target
    ) -> tuple[IndexFile, ...]:
        """Return the files of this version and of newer ones, at little cost."""
        key = (*self._key(name, target), version)
        if key not in self._newer:
            listing = self.listing(name, target)
            self._newer[key] = self._visible(listing.files_of(lambda other: other >= version))
        return self._newer[key]

    def read_ahead(self, names: Collection[NormalizedName], targets: Sequence[Target]) -> None:
        """Read the pages of packages in parallel, for `listing`; it reads failed ones again."""
        with self.reading_ahead(names, targets):
            pass

    @contextmanager
    def reading_ahead(
        self, names: Collection[NormalizedName], targets: Sequence[Target]
    ) -> Iterator[None]:
        """Do the same while other work is done; at its end, everything is read."""
        keys = {self._key(name, target): (name, target) for name in names for target in targets}
        wanted = [pair for key, pair in keys.items() if key not in self._read]
        if wanted and not self._context.offline:
            self._context.client.prepare()
        outcomes = run_in_threads(lambda pair: self.listing(*pair), wanted, _JOBS)
        yield
        for _, outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, FetchError):
                raise outcome

    def fingerprint(self, name: NormalizedName, targets: Sequence[Target]) -> str:
        """Return a value that stays the same as long as the sources have the same of a package."""
        found = {self._key(name, target): self.listing(name, target) for target in targets}
        return " ".join(sorted({listing.fingerprint for listing in found.values()}))

    def merge(
        self, name: NormalizedName, targets: Iterable[Target], *, above: Version | None = None
    ) -> bool:
        """Merge a package if a version above this one is spread for one of these targets.

        False where it is not, and where it was merged before: nothing has changed then.
        """
        if not self.can_merge or name in self.merged:
            return False
        for target in targets:
            files = (
                self.listing(name, target).files
                if above is None
                else self.read_newer(name, above, target)
            )
            if is_shadowed_version(files, target, above=above):
                self.merged[name] = target
                return True
        return False

    def merged_indexes(self) -> tuple[str, ...]:
        """Return the file URLs of indexes on this machine that have the merged packages, one each.

        They are always in the same place for the same sources, since uv remembers by index what it
        knows of a wheel, which an offline build needs. Raises WheelCacheError.
        """
        return tuple(
            write_index(self._context.wheel_cache.root, name, self.listing(name, target).files)
            for name, target in sorted(self.merged.items(), key=lambda item: item[0])
        )

    def explain(self, name: NormalizedName, version: Version, target: Target) -> str:
        """Say which index hides a wheel of another one from a target, if one does."""
        pair = shadowed_by(self.listing(name, target).files, version, target)
        if pair is None or self._mergeable:
            return ""
        first, other = pair
        return f"{other} has one, but {first} stands before it and has files of {version} too"

    def listing(self, name: NormalizedName, target: Target | None = None) -> Listing:
        """Return all files that the sources have of a package; raises FetchError."""
        key = self._key(name, target)
        if key not in self._read:
            self._read[key] = self._catalog.read(name, _environment(target))
        return self._read[key]

    def _key(self, name: NormalizedName, target: Target | None) -> Key:
        return name, self._sources.indexes_for(name, _environment(target))

    def _visible(self, files: tuple[IndexFile, ...]) -> tuple[IndexFile, ...]:
        return files if self._mergeable else visible_files(files)


def _environment(target: Target | None) -> dict[str, str] | None:
    if target is None:
        return None
    return {key: str(value) for key, value in target.environment().items()}


def write_index(root: Path, name: NormalizedName, files: Sequence[IndexFile]) -> str:
    """Write an index of one package below the wheel cache's root; returns its file URL."""
    indexes = sorted({file.index for file in files})
    key = hashlib.sha256("\n".join([name, *indexes]).encode()).hexdigest()[:32]
    page = root / "merged" / key / name / "index.html"
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(page, render_page(files))
    except OSError as error:
        raise unwritable(root, error) from error
    return page.parent.parent.absolute().as_uri()


F = TypeVar("F", bound=PlacedFile)


def visible_files(files: Sequence[F]) -> tuple[F, ...]:
    """Return the files that uv sees, in their order."""
    if len({file.place for file in files if file.place}) <= 1:
        return tuple(files)
    seen: dict[Version, int] = {}
    for file in files:
        place = max(file.place, 1)
        seen[file.version] = min(seen.get(file.version, place), place)
    return tuple(file for file in files if file.place in {0, seen[file.version]})


def is_shadowed_version(
    files: Sequence[F], target: Target, *, above: Version | None = None
) -> bool:
    """Tell whether a target could have a version above this one if uv saw all of its files."""
    visible = visible_files(files)
    if len(visible) == len(files):
        return False
    seen = set(map(id, visible))
    hidden = [file for file in files if id(file) not in seen]
    wanted = {
        file.version
        for file in hidden
        if (above is None or file.version > above) and _counts(file, target)
    }
    # A package has thousands of files, of which few are hidden.
    return bool(
        wanted
        - {file.version for file in visible if file.version in wanted and _counts(file, target)}
    )


def shadowed_by(files: Sequence[F], version: Version, target: Target) -> tuple[str, str] | None:
    """Return the index whose files of a version uv sees, and one with a wheel that it does not.

    None where no index that uv passes over has a wheel for the target.
    """
    of_version = [file for file in files if file.version == version]
    visible = visible_files(of_version)
    hidden = [file for file in of_version if file not in visible and wheel_fits(file, target)]
    return (visible[0].index, hidden[0].index) if visible and hidden else None


def _counts(file: PlacedFile, target: Target) -> bool:
    return not file.yanked and not file.version.is_prerelease and wheel_fits(file, target)
