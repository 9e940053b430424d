"""A solved project to the text of its lock: PEP 751, and just what the targets take."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

import tomlkit
from packaging.markers import Marker

from hatch_multiplat.lock import (
    lock_environment,
    mentions_unknowable,
    package_applies,
    patch_boundaries,
)
from hatch_multiplat.staging import solver_environments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from packaging.pylock import Package, Pylock

    from hatch_multiplat.selection import Selection
    from hatch_multiplat.target import Target

TOOL: Final = "hatch-multiplat"
MAX_VALUES: Final = 8
"""Values in one marker, past which a person reads no sense in it."""

CREATED_BY: Final = "hatch-multiplat"
_VARIABLES: Final = (
    "sys_platform",
    "platform_machine",
    "implementation_name",
    "python_version",
)


def render_lock(
    lock: Pylock,
    selections: Sequence[Selection],
    *,
    inputs: Mapping[str, Sequence[str]],
    requires_python: str,
    locate: Callable[[str], tuple[str, str]],
) -> str:
    """Render the lock of a project.

    Only what some selection takes is kept of `lock`: its wheels, or the sdist that its one wheel
    is built from. Markers are written as short as the targets allow. `inputs` is recorded to
    recognise a stale lock; `locate` turns a file's absolute URL into the key (`url` or `path`)
    and the value to write. Same arguments, same text; it carries no times.
    """
    targets = [selection.target for selection in selections]
    taken = {wheel.filename for selection in selections for wheel in selection.wheels}
    situations = _situations(lock, targets)
    document = tomlkit.document()
    document["lock-version"] = "1.0"
    environments = sorted({_spell(e.marker) for e in solver_environments(targets)})
    document["environments"] = _array(environments)
    document["requires-python"] = requires_python
    document["created-by"] = CREATED_BY
    packages = tomlkit.aot()
    for package in sorted(lock.packages, key=lambda package: (package.name, str(package.version))):
        entry = _package(package, taken, situations, locate)
        if entry is not None:
            packages.append(entry)
    document["packages"] = packages
    tool = tomlkit.table()
    for key, values in inputs.items():
        tool[key] = _array(values)
    document["tool"] = {TOOL: tool}
    return tomlkit.dumps(document)


def _situations(lock: Pylock, targets: Sequence[Target]) -> list[dict[str, str]]:
    """Return every environment that markers have to be right in: all targets, all boundaries."""
    found = []
    for target in targets:
        patches: Sequence[int] = patch_boundaries(lock.packages, target.python.version)
        if target.python.patch is not None:
            patches = (target.python.patch,)
        found += [lock_environment(target, patch) for patch in patches]
    return found


def _package(
    package: Package,
    taken: set[str],
    situations: Sequence[dict[str, str]],
    locate: Callable[[str], tuple[str, str]],
) -> dict[str, Any] | None:
    truths = [package_applies(package, environment) for environment in situations]
    if not any(truths):
        return None
    entry: dict[str, Any] = tomlkit.table()
    entry["name"] = str(package.name)
    if package.version is not None:
        entry["version"] = str(package.version)
    marker = short_marker(package, truths, situations)
    if marker is not None:
        entry["marker"] = _string(marker)
    wheels = [wheel for wheel in package.wheels or () if wheel.filename in taken]
    if wheels:
        array = tomlkit.array()
        for wheel in sorted(wheels, key=lambda wheel: wheel.filename):
            array.append(_file(wheel.filename, wheel, locate))
        entry["wheels"] = array.multiline(multiline=True)
    elif package.sdist is not None:
        entry["sdist"] = _file(package.sdist.filename, package.sdist, locate)
    elif package.archive is not None:
        entry["archive"] = _file("", package.archive, locate)
    elif package.directory is not None:
        _, path = locate(package.directory.path)
        entry["directory"] = {"path": path}
    else:
        return None
    return entry


def short_marker(
    package: Package, truths: Sequence[bool], situations: Sequence[dict[str, str]]
) -> str | None:
    """Return the shortest marker that says in every situation what the package's own says.

    None where the package is always there. A marker about `platform_release` stays as it is:
    what it says cannot be tried out.
    """
    if package.marker is None:
        return None
    if mentions_unknowable(str(package.marker)):
        return _spell(str(package.marker))
    if all(truths):
        return None
    for candidate in _candidates(truths, situations):
        evaluated = Marker(candidate)
        if all(
            evaluated.evaluate(dict(environment)) == truth
            for environment, truth in zip(situations, truths, strict=True)
        ):
            return _spell(candidate)
    return _spell(str(package.marker))


def _candidates(truths: Sequence[bool], situations: Sequence[dict[str, str]]) -> Iterable[str]:
    """Yield markers to try, simple ones first: one variable, then two, then with the label."""
    positive = [e for e, truth in zip(situations, truths, strict=True) if truth]
    negative = [e for e, truth in zip(situations, truths, strict=True) if not truth]
    versions = sorted({e["python_full_version"] for e in positive}, key=_version_key)
    others = sorted({e["python_full_version"] for e in negative}, key=_version_key)
    bounds = []
    if others and _version_key(others[0]) > _version_key(versions[-1]):
        bounds.append(f"python_full_version < '{_trim(others[0])}'")
    if others and _version_key(others[-1]) < _version_key(versions[0]):
        bounds.append(f"python_full_version >= '{_trim(versions[0])}'")
    yield from bounds
    variables = (*_VARIABLES, "platform_version")
    for size in (1, 2, 3):
        for chosen in itertools.combinations(variables, size):
            values = sorted({tuple(e[variable] for variable in chosen) for e in positive})
            if len(values) > MAX_VALUES:
                continue
            clauses = [
                " and ".join(f"{v} == '{value}'" for v, value in zip(chosen, row, strict=True))
                for row in values
            ]
            if len(clauses) > 1 and size > 1:
                clauses = [f"({clause})" for clause in clauses]
            joined = " or ".join(clauses)
            yield joined
            absent = sorted({tuple(e[variable] for variable in chosen) for e in negative})
            if size == 1 and len(absent) == 1:
                yield f"{chosen[0]} != '{absent[0][0]}'"
            whole = f"({joined})" if len(clauses) > 1 else joined
            for bound in _partial_bounds(situations, chosen, values, truths):
                yield f"{bound} and {whole}"


def _partial_bounds(
    situations: Sequence[dict[str, str]],
    chosen: Sequence[str],
    values: Sequence[tuple[str, ...]],
    truths: Sequence[bool],
) -> Iterable[str]:
    """Yield version bounds that separate the situations which already share these values."""
    inside = [
        (e["python_full_version"], truth)
        for e, truth in zip(situations, truths, strict=True)
        if tuple(e[variable] for variable in chosen) in values
    ]
    yes = sorted({version for version, truth in inside if truth}, key=_version_key)
    no = sorted({version for version, truth in inside if not truth}, key=_version_key)
    if yes and no and _version_key(no[0]) > _version_key(yes[-1]):
        yield f"python_full_version < '{_trim(no[0])}'"
    if yes and no and _version_key(no[-1]) < _version_key(yes[0]):
        yield f"python_full_version >= '{_trim(yes[0])}'"


def _file(filename: str, file: Any, locate: Callable[[str], tuple[str, str]]) -> Any:
    table = tomlkit.inline_table()
    key, value = locate(file.url or file.path)
    if filename and value.rsplit("/", 1)[-1] != filename:
        table["name"] = filename
    table[key] = value
    if file.size is not None:
        table["size"] = file.size
    hashes = tomlkit.inline_table()
    for algorithm, digest in sorted(file.hashes.items()):
        hashes[algorithm] = digest
    table["hashes"] = hashes
    return table


def _array(values: Iterable[str]) -> Any:
    array = tomlkit.array()
    for value in values:
        array.append(_string(value))
    return array.multiline(multiline=True)


def _string(text: str) -> Any:
    """Write a text in single quotes where TOML allows it: markers are full of double ones."""
    return tomlkit.string(text, literal="'" not in text and '"' in text)


def _version_key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _trim(version: str) -> str:
    """Write 3.11.0 as 3.11, which markers take for the same."""
    major, minor, *patch = version.split(".")
    return f"{major}.{minor}" if patch == ["0"] else version


def _spell(marker: str) -> str:
    """Spell a marker with double quotes, as `packaging` prints it."""
    return str(Marker(marker))
