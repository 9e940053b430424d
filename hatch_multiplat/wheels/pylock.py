"""PEP 751 lock files: read, checked and evaluated."""

from __future__ import annotations

import functools
import itertools
import logging
import re
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.pylock import Pylock, PylockUnsupportedVersionError, PylockValidationError
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.base.errors import LockError
from hatch_multiplat.base.toml_table import unreadable_texts
from hatch_multiplat.targets.platforms import MACHINES_OF_32_BITS
from hatch_multiplat.targets.python import MAX_PATCH
from hatch_multiplat.targets.target import MARKER_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from packaging.pylock import Package
    from packaging.requirements import Requirement

    from hatch_multiplat.base.urls import Credentials
    from hatch_multiplat.targets.python import Python
    from hatch_multiplat.targets.target import Target

LABEL_PREFIX: Final = "multiplat:"
"""Marks the values that we give `platform_version` ourselves, to tell targets apart that no
real marker tells apart (glibc and musl, two floors, free-threaded or not)."""

_MACHINE: Final = "platform_machine"
_KNOWN_VERSION: Final = Version("1.0")
_LOGGER: Final = logging.getLogger(__name__)
_PACKAGING_LOGGER: Final = logging.getLogger("packaging.pylock")

LITERAL: Final = r"""(?:"[^"]*"|'[^']*')"""
OPERATOR: Final = r"(?:===|==|~=|!=|<=|>=|<|>|not\s+in|in)"
_UNKNOWABLE: Final = re.compile(
    rf"\b(?P<left>platform_release|platform_version)\s*{OPERATOR}\s*(?P<right_value>{LITERAL})"
    rf"|(?P<left_value>{LITERAL})\s*{OPERATOR}\s*\b(?P<right>platform_release|platform_version)\b"
)
_FULL_VERSION: Final = r"\b(?:python_full_version|implementation_version)\b"
_FULL_VERSION_ATOM: Final = re.compile(
    rf"{_FULL_VERSION}\s*(?P<operator>{OPERATOR})\s*(?P<value>{LITERAL})"
    rf"|(?P<left_value>{LITERAL})\s*{OPERATOR}\s*{_FULL_VERSION}"
)
_VERSION: Final = re.compile(r"(?<![\d.])(\d+)\.(\d+)(?:\.(\d+))?(?P<rest>[^\s,|\"']*)")
ALWAYS: Final = 'python_version >= "0"'
NEVER: Final = 'python_version < "0"'
_CHOICE: Final = re.compile(
    rf"(?P<value>{LITERAL})\s*(?P<operator>not\s+in|in)\s*\b(?P<kind>extras|dependency_groups)\b"
)


def parse_lock(
    text: str, *, where: str, remedy: str = "", credentials: Credentials | None = None
) -> Pylock:
    """Parse a PEP 751 lock file.

    `where` is what messages call the file, and `remedy` what they say to do about it. What is
    secret in its URLs goes into `credentials`, and is not in the result. Raises LockError for
    text that is no TOML, not valid by the specification, or of a lock version that we do not
    know. A minor version that we do not know is a warning, as the specification asks.
    """
    remedy = remedy or "name a lock, such as pylock.toml"
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LockError(f"{where} is not TOML: {error}; {remedy}") from error
    problems = [*unreadable_texts("", data)]
    if credentials is not None:
        data = credentials.take_all(data, "", problems)
    if problems:
        raise LockError(f"{where}: {problems[0]}; {remedy}")
    _PACKAGING_LOGGER.addFilter(_is_of_no_version)
    try:
        lock = Pylock.from_dict(data)
    except PylockUnsupportedVersionError as error:
        raise LockError(
            f"{where}: {error}; this release reads lock version 1.x; {remedy}"
        ) from error
    except PylockValidationError as error:
        raise LockError(f"{where} is not a valid PEP 751 lock file: {error}; {remedy}") from error
    finally:
        _PACKAGING_LOGGER.removeFilter(_is_of_no_version)
    if lock.lock_version > _KNOWN_VERSION:
        _LOGGER.warning(
            "hatch-multiplat: warning: %s has lock version %s, and this release knows %s; "
            "what is new in it is passed over",
            where,
            lock.lock_version,
            _KNOWN_VERSION,
        )
    return lock


def _is_of_no_version(record: logging.LogRecord) -> bool:
    """Keep back what packaging logs of a minor version: it names no file."""
    return "minor version" not in record.getMessage()


def choose_parts(lock: Pylock, *, extras: Collection[str], groups: Collection[str]) -> Pylock:
    """Return a lock as it is for these extras and dependency groups (PEP 751).

    No marker in the result names an extra or a group. The lock's default groups are always
    chosen: they stand for what the project itself depends on.
    """
    chosen = {
        "extras": {canonicalize_name(name) for name in extras},
        "dependency_groups": {
            canonicalize_name(name) for name in (*groups, *(lock.default_groups or ()))
        },
    }

    def settle(match: re.Match[str]) -> str:
        named = canonicalize_name(match["value"][1:-1]) in chosen[match["kind"]]
        return ALWAYS if named == (match["operator"] == "in") else NEVER

    packages = [
        replace(package, marker=Marker(_CHOICE.sub(settle, str(package.marker))))
        if package.marker is not None and _CHOICE.search(str(package.marker))
        else package
        for package in lock.packages
    ]
    return replace(lock, packages=packages)


def target_label(target: Target) -> str:
    """Return the `platform_version` that stands for a target's platform in our own markers."""
    if target.name is not None:
        return f"{LABEL_PREFIX}file:{target.name}"
    flavour = target.python.abi_flavour
    return f"{LABEL_PREFIX}{target.platform}{f'+{flavour}' if flavour else ''}"


def lock_environment(target: Target, patch: int) -> dict[str, str]:
    """Return the marker variables of a target in a lock, its label for `platform_version`."""
    environment = {key: str(value) for key, value in target.environment(patch).items()}
    return environment | {"platform_version": target_label(target)}


def package_applies(package: Package, environment: Mapping[str, str]) -> bool:
    """Tell whether a locked package can be asked for in an environment.

    What a marker says of `platform_release` and `platform_version` cannot be known ahead, so it
    counts as true: the package is taken along rather than dropped.
    """
    return package.marker is None or marker_holds(str(package.marker), environment)


def marker_holds(marker: str, environment: Mapping[str, str], *, extra: str = "") -> bool:
    """Tell whether a marker can be true in an environment, as `package_applies` does.

    `extra` is the one that is asked for, where the marker is one of a wheel's requirements. A
    32-bit Python may be on a kernel of 64 bits: what a marker says of either machine counts.
    """
    variables, _ = _knowable(marker)
    values = tuple(environment[variable] for variable in variables)
    if _holds(marker, values, extra):
        return True
    if _MACHINE not in variables:
        return False
    place = variables.index(_MACHINE)
    others = MACHINES_OF_32_BITS.get((environment["sys_platform"], environment[_MACHINE]), ())
    return any(
        _holds(marker, (*values[:place], other, *values[place + 1 :]), extra) for other in others
    )


def mentions_unknowable(marker: str) -> bool:
    """Tell whether a marker asks for what cannot be known ahead, our own labels apart."""
    return str(_knowable(marker)[1]) != str(Marker(marker))


def patch_boundaries(
    marked: Iterable[Package | Requirement], minor: tuple[int, int]
) -> tuple[int, ...]:
    """Return the patch releases of a minor from which on some marker may change its mind.

    Sorted, and always with 0. A marker that names 3.11.3 may turn there (`<`, `>=`) or at 3.11.4
    (`<=`, `>`), or at both (`==`); one release too many costs time and changes nothing.
    """
    markers = {str(item.marker) for item in marked if item.marker is not None}
    return marker_boundaries(markers, minor)


def marker_runs(markers: Iterable[str], python: Python) -> Iterable[tuple[int, int]]:
    """Return the spans of a Python's patch releases in which no marker changes its mind."""
    if python.patch is not None:
        return [(python.patch, python.patch + 1)]
    firsts = marker_boundaries(markers, python.version)
    return itertools.pairwise([*firsts, max(MAX_PATCH, firsts[-1] + 1)])


def marker_boundaries(markers: Iterable[str], minor: tuple[int, int]) -> tuple[int, ...]:
    """Return what `patch_boundaries` does, for markers."""
    return tuple(sorted({0}.union(*(_boundaries(marker, minor) for marker in markers))))


@functools.lru_cache(maxsize=4096)
def _boundaries(marker: str, minor: tuple[int, int]) -> frozenset[int]:
    found = set()
    for atom in _FULL_VERSION_ATOM.finditer(marker):
        for version in _VERSION.finditer(atom["value"] or atom["left_value"]):
            if (int(version[1]), int(version[2])) != minor or version["rest"] == ".*":
                continue
            patch = int(version[3] or 0)
            found.add(patch)
            if version["rest"] or atom["operator"] not in {"<", ">=", "~="}:
                found.add(patch + 1)
    return frozenset(found)


@functools.lru_cache(maxsize=65536)
def _holds(marker: str, values: tuple[str, ...], extra: str) -> bool:
    variables, knowable = _knowable(marker)
    # A lock with extras or groups of its own is taken without any of them.
    environment: dict[str, str | frozenset[str]] = {
        "extras": frozenset(),
        "dependency_groups": frozenset(),
        "extra": extra,
    }
    environment |= dict(zip(variables, values, strict=True))
    try:
        return knowable.evaluate(environment, context="lock_file")
    except (UndefinedComparison, UndefinedEnvironmentName) as error:
        raise LockError(
            f"the lock's marker {marker!r} compares what cannot be: {error}; write the lock anew"
        ) from error


@functools.lru_cache(maxsize=4096)
def _knowable(marker: str) -> tuple[tuple[str, ...], Marker]:
    """Return the marker with every atom that cannot be known ahead replaced by a true one.

    Markers have no negation, so a marker can only become true more often by this. Before it stand
    the variables that it names, so that it is evaluated once for all environments alike in them.
    """

    def replace(match: re.Match[str]) -> str:
        variable = match["left"] or match["right"]
        value = (match["right_value"] or match["left_value"])[1:-1]
        if variable == "platform_version" and value.startswith(LABEL_PREFIX):
            return match[0]
        return ALWAYS

    knowable = _UNKNOWABLE.sub(replace, marker)
    named = set(re.findall(r"\w+", knowable))
    return tuple(name for name in MARKER_VARIABLES if name in named), Marker(knowable)
