"""A version's files in several places: which of them uv sees, and which it does not.

uv takes a version from the first index that has any file of it (with `unsafe-best-match` and
`unsafe-first-match`; with `first-index` there is only one index to begin with). Files of
find-links count as if every index had them. pip takes the best file from anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from hatch_multiplat.resolve.step_back import PlacedFile
from hatch_multiplat.wheels.selection import wheel_fits

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from packaging.version import Version

    from hatch_multiplat.targets.target import Target


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
    wanted = _fitting(files, target) - _fitting(visible, target)
    return any(above is None or version > above for version in wanted)


def shadowed_by(files: Sequence[F], version: Version, target: Target) -> tuple[str, str] | None:
    """Return the index whose files of a version uv sees, and one with a wheel that it does not.

    None where no index that uv passes over has a wheel for the target.
    """
    of_version = [file for file in files if file.version == version]
    visible = visible_files(of_version)
    hidden = [file for file in of_version if file not in visible and wheel_fits(file, target)]
    return (visible[0].index, hidden[0].index) if visible and hidden else None


def _fitting(files: Iterable[F], target: Target) -> set[Version]:
    return {
        file.version
        for file in files
        if not file.yanked and not file.version.is_prerelease and wheel_fits(file, target)
    }
