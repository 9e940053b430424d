"""The versions to step back to, from a missing wheel and the index's files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from packaging.specifiers import SpecifierSet

from hatch_multiplat.wheels.selection import File, wheel_fits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from packaging.version import Version

    from hatch_multiplat.wheels.selection import MissingWheel


class PlacedFile(File, Protocol):
    """Such a file that says where it is.

    The place of find-links is 0; then come the indexes that know the project, from 1 on.
    """

    @property
    def place(self) -> int: ...
    @property
    def index(self) -> str: ...


F = TypeVar("F", bound=File)


@dataclass(frozen=True, kw_only=True, slots=True)
class StepBack:
    """The versions of a package that have a wheel for a target.

    `versions` leaves out those that have none; it is None where uv would come to no other one: it
    took the newest version that the requirements allow. `newest` is the first that it comes to, or
    where there is none, the newest of all that have a wheel; that is `best` where the two differ.
    """

    missing_wheel: MissingWheel
    newest: Version | None
    versions: SpecifierSet | None
    best: Version | None = None


def step_back(
    missing_wheel: MissingWheel,
    files: Sequence[PlacedFile],
    *,
    usable: Callable[[PlacedFile], bool] | None = None,
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
    listed = _listed(missing_wheel, files)
    fitting = {
        file.version
        for file in listed
        if wheel_fits(file, missing_wheel.target) and (usable is None or usable(file))
    }
    if not fitting:
        return _step_to_pre_release(missing_wheel, files, listed, usable)
    if in_order:
        return _step_on(missing_wheel, listed, fitting)
    allowed = [
        version
        for version in fitting
        if kept or (missing_wheel.version and version <= missing_wheel.version)
    ]
    if not allowed:
        return StepBack(missing_wheel=missing_wheel, newest=max(fitting), versions=None)
    yanked = {file.version for file in files if file.version == missing_wheel.version}
    excluded = _exclude(({file.version for file in listed} | yanked) - fitting, fitting)
    return StepBack(
        missing_wheel=missing_wheel,
        newest=max(allowed),
        best=max(fitting) if max(fitting) != max(allowed) else None,
        versions=SpecifierSet(",".join(excluded)),
    )


def _step_to_pre_release(
    missing_wheel: MissingWheel,
    files: Sequence[PlacedFile],
    listed: Sequence[PlacedFile],
    usable: Callable[[PlacedFile], bool] | None,
) -> StepBack:
    """Find a pre-release, which uv takes if no release is left."""
    fitting = {
        file.version
        for file in files
        if file.version.is_prerelease
        and not file.yanked
        and wheel_fits(file, missing_wheel.target)
        and (usable is None or usable(file))
    }
    excluded = _exclude({file.version for file in listed}, fitting)
    if not fitting or not excluded or any(file.version.is_prerelease for file in listed):
        return StepBack(missing_wheel=missing_wheel, newest=None, versions=None)
    return StepBack(
        missing_wheel=missing_wheel,
        newest=max(fitting),
        versions=SpecifierSet(",".join(excluded)),
    )


def _step_on(
    missing_wheel: MissingWheel, listed: Sequence[PlacedFile], fitting: set[Version]
) -> StepBack:
    """Find the versions that uv tries later: older ones, then those of the next indexes."""
    places = {file.version: max(file.place, 1) for file in listed}
    locked = places.get(missing_wheel.version, 1) if missing_wheel.version else 1
    allowed = {
        version
        for version in fitting
        if places[version] > locked
        or (
            places[version] == locked and missing_wheel.version and version <= missing_wheel.version
        )
    }
    if not allowed:
        return StepBack(missing_wheel=missing_wheel, newest=max(fitting), versions=None)
    first = min(places[version] for version in allowed)
    highest = max(version for version in allowed if places[version] == first)
    excluded = _exclude(places.keys() - allowed, allowed)
    return StepBack(
        missing_wheel=missing_wheel, newest=highest, versions=SpecifierSet(",".join(excluded))
    )


def _exclude(versions: Iterable[Version], fitting: Iterable[Version]) -> list[str]:
    """Return the specifiers that rule out these versions, and no local one of those that fit.

    A specifier other than `==` takes no local version (PEP 440): `!=1.0` would rule out a 1.0+cpu
    that fits, which the solver prefers to 1.0 anyway.
    """
    fitting_locals = {version.public for version in fitting if version.local}
    return [
        f"!={version}"
        for version in sorted(versions, reverse=True)
        if version.local or str(version) not in fitting_locals
    ]


def has_native_wheel(missing_wheel: MissingWheel, files: Iterable[File]) -> bool:
    """Tell whether some version has a wheel for just this kind of platform (not `any`).

    The versions are those that could be stepped back to: an alpha's wheels say nothing.
    """
    return any(
        wheel_fits(file, missing_wheel.target) and all(tag.platform != "any" for tag in file.tags)
        for file in _listed(missing_wheel, files)
    )


def _listed(missing_wheel: MissingWheel, files: Iterable[F]) -> list[F]:
    """Return the files that can be used: no yanked ones, and rarely pre-releases."""
    pre = missing_wheel.version is not None and missing_wheel.version.is_prerelease
    return [file for file in files if not file.yanked and (pre or not file.version.is_prerelease)]
