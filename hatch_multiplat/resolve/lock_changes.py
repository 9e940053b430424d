"""The differences between two locks, in lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.version import Version

from hatch_multiplat.resolve.lock_markers import find_situations
from hatch_multiplat.wheels.pylock import package_applies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from packaging.pylock import Pylock

    from hatch_multiplat.targets.target import Target


def describe_changes(before: Pylock | None, after: Pylock) -> list[str]:
    """Return a line for each package that was added, removed, or has other versions or files."""
    old, new = _contents(before), _contents(after)
    lines = []
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            lines.append(f"added {_with_versions(name, new[name])}")
        elif name not in new:
            lines.append(f"removed {_with_versions(name, old[name])}")
        elif old[name].keys() != new[name].keys():
            lines.append(f"updated {name} {_versions(old[name])} -> {_versions(new[name])}")
        elif old[name] != new[name]:
            lines.append(f"changed {_with_versions(name, new[name])}: other files or markers")
    return lines


def same_packages(before: Pylock, after: Pylock, targets: Sequence[Target]) -> bool:
    """Tell whether two locks have the same packages for every target, whatever their files."""
    situations = find_situations([*before.packages, *after.packages], targets)
    return all(
        _applying(before, situation.environment) == _applying(after, situation.environment)
        for situation in situations
    )


def _applying(lock: Pylock, environment: Mapping[str, str]) -> set[tuple[str, str]]:
    return {
        (str(package.name), str(package.version))
        for package in lock.packages
        if package_applies(package, environment)
    }


Contents = dict[str, dict[str, frozenset[str]]]


def _contents(lock: Pylock | None) -> Contents:
    """Return, by name and version, the files of each package and its marker."""
    found: Contents = {}
    for package in lock.packages if lock else ():
        files = {
            f"{file.filename} {sorted(file.hashes.items())}"
            for file in (*(package.wheels or ()), package.sdist)
            if file is not None
        }
        version = str(package.version or "")
        known = found.setdefault(str(package.name), {})
        known[version] = known.get(version, frozenset()) | files | {str(package.marker)}
    return found


def _with_versions(name: str, versions: dict[str, frozenset[str]]) -> str:
    """Return a name with its versions; the folder of a project may have none."""
    return f"{name} {_versions(versions)}" if set(versions) != {""} else name


def _versions(versions: dict[str, frozenset[str]]) -> str:
    return ", ".join(
        version or "without a version" for version in sorted(versions, key=_version_order)
    )


def _version_order(version: str) -> tuple[bool, Version]:
    return bool(version), Version(version or "0")
