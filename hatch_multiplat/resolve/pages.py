"""The files that the sources have of each package, and the versions to step back to.

uv takes a version from the first index that has any file of it (with `unsafe-best-match` and
`unsafe-first-match`; with `first-index` there is only one index to begin with). Files of
find-links count as if every index had them. pip takes the best file from anywhere.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from hatch_multiplat.base.atomic_write import write_atomically
from hatch_multiplat.base.errors import FetchError
from hatch_multiplat.base.threads import run_in_threads
from hatch_multiplat.index.index_page import render_page
from hatch_multiplat.index.project_settings import read_bindings
from hatch_multiplat.index.simple_api import Catalog
from hatch_multiplat.index.sources import FIRST_MATCH, PIPS_STRATEGY
from hatch_multiplat.index.wheel_cache import unwritable
from hatch_multiplat.wheels.selection import wheel_fits

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from hatch_multiplat.index.index_page import IndexFile
    from hatch_multiplat.index.simple_api import Listing
    from hatch_multiplat.resolve.build_context import BuildContext
    from hatch_multiplat.resolve.question import Question
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.selection import MissingWheel

    Key = tuple[NormalizedName, tuple[str, ...]]


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
            context
        )
        self._catalog = Catalog(
            self._sources,
            client=context.client,
            wheel_cache=context.wheel_cache,
            offline=context.offline,
        )
        self._read: dict[Key, Listing] = {}
        self._newer: dict[tuple[Key, Version], tuple[IndexFile, ...]] = {}

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
        key = (self._key(name, target), version)
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
        outcomes = run_in_threads(lambda pair: self.listing(*pair), wanted)
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


def visible_files(files: Sequence[IndexFile]) -> tuple[IndexFile, ...]:
    """Return the files that uv sees, in their order."""
    if len({file.place for file in files if file.place}) <= 1:
        return tuple(files)
    seen: dict[Version, int] = {}
    for file in files:
        place = max(file.place, 1)
        seen[file.version] = min(seen.get(file.version, place), place)
    return tuple(file for file in files if file.place in {0, seen[file.version]})


def is_shadowed_version(
    files: Sequence[IndexFile], target: Target, *, above: Version | None = None
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


def shadowed_by(
    files: Sequence[IndexFile], version: Version, target: Target
) -> tuple[str, str] | None:
    """Return the index whose files of a version uv sees, and one with a wheel that it does not.

    None where no index that uv passes over has a wheel for the target.
    """
    of_version = [file for file in files if file.version == version]
    visible = visible_files(of_version)
    hidden = [file for file in of_version if file not in visible and wheel_fits(file, target)]
    return (visible[0].index, hidden[0].index) if visible and hidden else None


def _counts(file: IndexFile, target: Target) -> bool:
    return not file.yanked and not file.version.is_prerelease and wheel_fits(file, target)


@dataclass(frozen=True, kw_only=True, slots=True)
class StepBack:
    """The versions of a package that have a wheel for a target.

    `versions` leaves out those that have none; it is None where uv would come to no other one: it
    took the newest version that the requirements allow. `newest` is the first that it comes to, or
    where there is none, the newest of all that have a wheel. `best` is that one, where it may be
    another.
    """

    newest: Version | None = None
    versions: SpecifierSet | None = None
    best: Version | None = None


def step_back(
    missing_wheel: MissingWheel,
    files: Sequence[IndexFile],
    *,
    usable: Callable[[IndexFile], bool] = lambda _: True,
    in_order: bool = False,
    kept: bool = False,
) -> StepBack:
    """Find the versions that have a wheel for a target that lacks one.

    All others are named in the constraint, so that uv needs one more run and not one for each
    release it would skip; it says what the files say, and nothing of what else is chosen. Yanked
    files do not count, nor those that fit and are not `usable`. Pre-releases count only where one
    is locked, to uv a constraint that names one is leave to take any, or where no release fits.
    With `in_order`, uv goes through the versions of one index and only then through those of the
    next (`unsafe-first-match`). The locked version is left out even where all of it is yanked. With
    `kept`, it is not the newest that uv could take, but one that an older lock has.
    """
    locked, target = missing_wheel.version, missing_wheel.target
    listed = _listed(missing_wheel, files)
    versions = {file.version for file in listed}
    fits = [file for file in files if not file.yanked and wheel_fits(file, target) and usable(file)]
    fitting = {file.version for file in _listed(missing_wheel, fits)}
    if not fitting:  # uv takes a pre-release if no release is left.
        fitting = {file.version for file in fits}
        excluded = _exclude(versions, fitting)
        return StepBack(newest=max(fitting), versions=excluded) if fits and excluded else StepBack()
    if in_order:
        return _step_on(locked, listed, fitting)
    allowed = [version for version in fitting if kept or (locked and version <= locked)]
    if not allowed:
        return StepBack(newest=max(fitting))
    versions |= {file.version for file in files if file.version == locked}
    return StepBack(
        newest=max(allowed), best=max(fitting), versions=_exclude(versions - fitting, fitting)
    )


def _step_on(
    locked: Version | None, listed: Sequence[IndexFile], fitting: set[Version]
) -> StepBack:
    """Find the versions that uv tries later: older ones, then those of the next indexes."""
    places = {file.version: max(file.place, 1) for file in listed}
    here = places.get(locked, 1) if locked else 1
    allowed = {
        version
        for version in fitting
        if places[version] > here or (places[version] == here and locked and version <= locked)
    }
    if not allowed:
        return StepBack(newest=max(fitting))
    first = min(places[version] for version in allowed)
    return StepBack(
        newest=max(version for version in allowed if places[version] == first),
        versions=_exclude(places.keys() - allowed, allowed),
    )


def _exclude(versions: Iterable[Version], fitting: Iterable[Version]) -> SpecifierSet:
    """Return what rules out these versions, and no local one of those that fit.

    A specifier other than `==` takes no local version (PEP 440): `!=1.0` would rule out a 1.0+cpu
    that fits, which the solver prefers to 1.0 anyway.
    """
    fitting_locals = {version.public for version in fitting if version.local}
    return SpecifierSet(
        ",".join(
            f"!={version}"
            for version in sorted(versions, reverse=True)
            if version.local or str(version) not in fitting_locals
        )
    )


def has_native_wheel(missing_wheel: MissingWheel, files: Iterable[IndexFile]) -> bool:
    """Tell whether some version has a wheel for just this kind of platform (not `any`).

    The versions are those that could be stepped back to: an alpha's wheels say nothing.
    """
    return any(
        wheel_fits(file, missing_wheel.target) and all(tag.platform != "any" for tag in file.tags)
        for file in _listed(missing_wheel, files)
    )


def _listed(missing_wheel: MissingWheel, files: Iterable[IndexFile]) -> list[IndexFile]:
    """Return the files that can be used: no yanked ones, and rarely pre-releases."""
    pre = missing_wheel.version is not None and missing_wheel.version.is_prerelease
    return [file for file in files if not file.yanked and (pre or not file.version.is_prerelease)]
