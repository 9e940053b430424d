"""Write the lock of a solved project: PEP 751, with exactly the files that the targets take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import tomlkit
from packaging.markers import Marker

from hatch_multiplat.resolve.lock_markers import find_situations, short_marker, truths_of
from hatch_multiplat.resolve.staging import solver_environments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from packaging.pylock import Package, PackageVcs, Pylock

    from hatch_multiplat.resolve.lock_markers import Situation
    from hatch_multiplat.wheels.selection import Selection

    File = tuple[object, ...]

TOOL: Final = "hatch-multiplat"
CREATED_BY: Final = "hatch-multiplat"


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
    and the value to write. Same arguments, same text: of times it has
    those at which the files came to their index.
    """
    targets = [selection.target for selection in selections]
    taken = {wheel.filename for selection in selections for wheel in selection.wheels}
    situations = find_situations(lock.packages, targets)
    document = tomlkit.document()
    document["lock-version"] = "1.0"
    environments = sorted({str(Marker(e.marker)) for e in solver_environments(targets)})
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


def _package(
    package: Package,
    taken: set[str],
    situations: Sequence[Situation],
    locate: Callable[[str], tuple[str, str]],
) -> dict[str, Any] | None:
    truths = truths_of(package, situations)
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
    else:
        key, source = _source(package, locate)
        if not key:
            return None
        entry[key] = source
    return entry


def _source(package: Package, locate: Callable[[str], tuple[str, str]]) -> tuple[str, Any]:
    """Return the key and the value of the source of a package without wheels."""
    archive, directory = package.archive, package.directory
    if package.sdist is not None:
        return "sdist", _file(package.sdist.filename, package.sdist, locate)
    if archive is not None:
        return "archive", _below(_file("", archive, locate), archive.subdirectory)
    if directory is not None:
        table = tomlkit.inline_table()
        table["path"] = locate(directory.path)[1]
        return "directory", _below(table, directory.subdirectory)
    return ("vcs", _vcs(package.vcs, locate)) if package.vcs is not None else ("", None)


def _below(table: Any, subdirectory: str | None) -> Any:
    if subdirectory:
        table["subdirectory"] = subdirectory
    return table


def _vcs(vcs: PackageVcs, locate: Callable[[str], tuple[str, str]]) -> Any:
    table = tomlkit.inline_table()
    table["type"] = vcs.type
    key, value = locate(vcs.url or vcs.path or "")
    table[key] = value
    for key, found in (
        ("requested-revision", vcs.requested_revision),
        ("commit-id", vcs.commit_id),
        ("subdirectory", vcs.subdirectory),
    ):
        if found:
            table[key] = found
    return table


def files_of(lock: Pylock, locate: Callable[[str], tuple[str, str]]) -> frozenset[File]:
    """Return every file in a lock, in the form that is written."""
    return frozenset(
        _identify(file, locate)
        for package in lock.packages
        for file in (*(package.wheels or ()), package.sdist, package.archive)
        if file is not None
    )


def _identify(file: Any, locate: Callable[[str], tuple[str, str]]) -> File:
    return (*locate(file.url or file.path), *sorted(file.hashes.items()))


def _file(filename: str, file: Any, locate: Callable[[str], tuple[str, str]]) -> Any:
    table = tomlkit.inline_table()
    key, value = locate(file.url or file.path)
    if filename and value.rsplit("/", 1)[-1] != filename:
        table["name"] = filename
    table[key] = value
    if file.upload_time is not None:
        table["upload-time"] = file.upload_time
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
