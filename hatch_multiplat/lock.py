"""Pylock text and its meaning for us: PEP 751 lock files, read, checked and evaluated."""

from __future__ import annotations

import functools
import re
import tomllib
from typing import TYPE_CHECKING, Final

from packaging.markers import Marker
from packaging.pylock import Pylock, PylockUnsupportedVersionError, PylockValidationError

from hatch_multiplat.errors import LockError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.pylock import Package

    from hatch_multiplat.target import Target

LABEL_PREFIX: Final = "multiplat:"
"""Marks the values that we give `platform_version` ourselves, to tell targets apart that no
real marker tells apart (glibc and musl, two floors, free-threaded or not)."""

_ATOM = r"""(?:"[^"]*"|'[^']*')"""
_OPERATOR = r"(?:===|==|~=|!=|<=|>=|<|>|not\s+in|in)"
_UNKNOWABLE: Final = re.compile(
    rf"\b(?P<left>platform_release|platform_version)\s*{_OPERATOR}\s*(?P<right_value>{_ATOM})"
    rf"|(?P<left_value>{_ATOM})\s*{_OPERATOR}\s*\b(?P<right>platform_release|platform_version)\b"
)
_PATCHES: Final = re.compile(
    r"(?:python_full_version|implementation_version)\s*[=<>!~]+\s*[\"'](\d+)\.(\d+)\.(\d+)"
    r"|[\"'](\d+)\.(\d+)\.(\d+)[^\"']*[\"']\s*[=<>!~]+\s*(?:python_full_version|implementation_version)"
)
_ALWAYS: Final = 'python_version >= "0"'


def parse_lock(text: str, *, where: str) -> Pylock:
    """Parse a PEP 751 lock file.

    `where` is what messages call the file. Raises LockError for text that is no TOML, not valid
    by the specification, or of a lock version that we do not know.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LockError(f"{where} is not TOML: {error}; write it anew") from error
    try:
        lock = Pylock.from_dict(data)
    except PylockUnsupportedVersionError as error:
        raise LockError(
            f"{where}: {error}; this release reads lock version 1.x, write the lock anew with it"
        ) from error
    except PylockValidationError as error:
        raise LockError(f"{where} is not a valid PEP 751 lock file: {error}") from error
    for package in lock.packages:
        for wheel in package.wheels or ():
            try:
                _ = wheel.filename
            except (PylockValidationError, ValueError) as error:
                raise LockError(f"{where}: wheel of {package.name}: {error}") from error
    return lock


def target_label(target: Target) -> str:
    """Return the `platform_version` that stands for a target's platform in our own markers."""
    words = target.name or str(target.platform)
    return f"{LABEL_PREFIX}{words}{'+t' if target.python.free_threaded else ''}"


def package_applies(package: Package, environment: Mapping[str, str]) -> bool:
    """Tell whether a locked package can be asked for in an environment.

    What a marker says of `platform_release` and `platform_version` cannot be known ahead, so it
    counts as true: the package is taken along rather than dropped.
    """
    if package.marker is None:
        return True
    return _holds(str(package.marker), tuple(sorted(environment.items())))


def patch_boundaries(packages: Iterable[Package], minor: tuple[int, int]) -> tuple[int, ...]:
    """Return the patch releases of a minor from which on some marker may change its mind.

    Sorted, and always with 0. A marker that names 3.11.3 may turn at 3.11.3 (`<`, `>=`) or at
    3.11.4 (`<=`, `>`, `==`), so both count.
    """
    return _boundaries(tuple({str(p.marker) for p in packages if p.marker is not None}), minor)


@functools.lru_cache(maxsize=4096)
def _boundaries(markers: tuple[str, ...], minor: tuple[int, int]) -> tuple[int, ...]:
    found = {0}
    for marker in markers:
        for groups in _PATCHES.findall(marker):
            major_, minor_, patch = (int(text) for text in groups if text)
            if (major_, minor_) == minor and patch < 100:
                found |= {patch, patch + 1}
    return tuple(sorted(found))


@functools.lru_cache(maxsize=65536)
def _holds(marker: str, environment: tuple[tuple[str, str], ...]) -> bool:
    values: dict[str, str | frozenset[str]] = dict(environment)
    values |= {"extras": frozenset(), "dependency_groups": frozenset(), "extra": ""}
    return _knowable(marker).evaluate(values, context="lock_file")


@functools.lru_cache(maxsize=4096)
def _knowable(marker: str) -> Marker:
    """Return the marker with every atom that cannot be known ahead replaced by a true one.

    Markers have no negation, so a marker can only become true more often by this.
    """

    def replace(match: re.Match[str]) -> str:
        variable = match["left"] or match["right"]
        value = (match["right_value"] or match["left_value"])[1:-1]
        if variable == "platform_version" and value.startswith(LABEL_PREFIX):
            return match[0]
        return _ALWAYS

    return Marker(_UNKNOWABLE.sub(replace, marker))
