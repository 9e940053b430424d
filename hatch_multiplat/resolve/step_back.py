"""A gap and what the index has, to the versions that would close it: where to step back to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from hatch_multiplat.wheels.selection import File, wheel_fits

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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

    `versions` admits exactly those that uv would come to after the locked one; it is None when
    there are none: uv took the newest version that the requirements allow. `newest` is the first
    of them, or where there are none, the newest of all that have a wheel.
    """

    missing_wheel: MissingWheel
    newest: Version | None
    versions: SpecifierSet | None


def step_back(
    missing_wheel: MissingWheel, files: Iterable[PlacedFile], *, in_order: bool = False
) -> StepBack:
    """Find the versions that have a wheel for the target of a gap.

    All others are named in the constraint, so that uv needs one more run and not one for each
    release it would skip. Yanked files do not count. Pre-releases count only where one is locked:
    to uv, a constraint that names one is leave to take any. With `in_order`, uv goes through the
    versions of one index and only then through those of the next (`unsafe-first-match`).
    """
    listed = _listed(missing_wheel, files)
    fitting = {file.version for file in listed if wheel_fits(file, missing_wheel.target)}
    if not fitting:
        return StepBack(missing_wheel=missing_wheel, newest=None, versions=None)
    if in_order:
        return _step_on(missing_wheel, listed, fitting)
    allowed = [
        version for version in fitting if missing_wheel.version and version <= missing_wheel.version
    ]
    if not allowed:
        return StepBack(missing_wheel=missing_wheel, newest=max(fitting), versions=None)
    highest = max(allowed)
    # A specifier other than `==` takes no local version (PEP 440): `<=1.0` admits every 1.0+local,
    # and `!=1.0` would rule out a 1.0+cpu that fits, which the solver prefers to 1.0 anyway.
    limit = Version(highest.public)
    excluded = _exclude(
        {file.version for file in listed if Version(file.version.public) <= limit} - fitting,
        fitting,
    )
    return StepBack(
        missing_wheel=missing_wheel,
        newest=highest,
        versions=SpecifierSet(",".join([f"<={limit}", *excluded])),
    )


def _step_on(
    missing_wheel: MissingWheel, listed: Sequence[PlacedFile], fitting: set[Version]
) -> StepBack:
    """Find the versions that uv comes to later: older ones, then those of the next indexes."""
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
    """Return the specifiers that rule out these versions, and no local one of those that fit."""
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
    """Return the files that count for a gap, which neither yanked ones nor most pre-releases do."""
    pre = missing_wheel.version is not None and missing_wheel.version.is_prerelease
    return [file for file in files if not file.yanked and (pre or not file.version.is_prerelease)]
