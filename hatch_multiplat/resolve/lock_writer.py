"""Write the lock of a solved project: PEP 751, with exactly the files that the targets take.

Its markers are as short as the targets allow, and right in other tools.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import tomlkit
from packaging.markers import Marker
from packaging.version import Version

from hatch_multiplat.resolve.question import solver_environments
from hatch_multiplat.wheels.pylock import (
    lock_environment,
    marker_holds,
    mentions_unknowable,
    package_applies,
    patch_boundaries,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from packaging.pylock import Package, PackageVcs, Pylock

    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.selection import Selection

    File = tuple[object, ...]
    Environment = Mapping[str, str]
    Key = tuple[str, ...]

TOOL: Final = "hatch-multiplat"
CREATED_BY: Final = "hatch-multiplat"

MAX_VALUES: Final = 8
"""The number of values in one marker beyond which it is hard to read."""

_LABEL: Final = "platform_version"
_FAMILY: Final = ("sys_platform", "platform_machine", "implementation_name")
_VARIABLES: Final = (*_FAMILY, "python_version")


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
        (*locate(file.url or file.path or ""), *sorted(file.hashes.items()))
        for package in lock.packages
        for file in (*(package.wheels or ()), package.sdist, package.archive)
        if file is not None
    )


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """An environment in which the markers of a lock are evaluated, and the right results.

    `asked` is the environment in which the solver's own marker has the answer. It is another one
    only for tools that do not know our labels: they take what the widest of the targets takes that
    are the same to them.
    """

    environment: Mapping[str, str]
    asked: Mapping[str, str]

    @property
    def is_labelled(self) -> bool:
        """Whether this is a target with its label."""
        return bool(self.environment[_LABEL])


def find_situations(packages: Sequence[Package], targets: Sequence[Target]) -> list[Situation]:
    """Return every environment in which markers have to be right: all targets, all boundaries.

    Each target is there twice: with its label, and without, as other tools see it.
    """
    found = []
    plain: dict[Key, tuple[tuple[bool, bool, tuple[int, int], str], Situation]] = {}
    for target in targets:
        patches: Sequence[int] = patch_boundaries(packages, target.python.version)
        if target.python.patch is not None:
            patches = (target.python.patch,)
        for patch in patches:
            labelled = lock_environment(target, patch)
            found.append(Situation(environment=labelled, asked=labelled))
            bare = labelled | {_LABEL: ""}
            key = tuple(bare[name] for name in sorted(bare))
            rank = _width(target)
            if key not in plain or rank < plain[key][0]:
                plain[key] = (rank, Situation(environment=bare, asked=labelled))
    return found + [situation for _, situation in plain.values()]


def truths_of(package: Package, situations: Iterable[Situation]) -> list[bool]:
    """Return, for each situation, whether a package belongs there."""
    return [package_applies(package, situation.asked) for situation in situations]


def short_marker(
    package: Package, truths: Sequence[bool], situations: Sequence[Situation]
) -> str | None:
    """Return a marker that says in every situation what it must, simple ones preferred.

    One of `truths` at least is true. None where the package is always there. A marker about
    `platform_release` stays as it is: what it says cannot be tried out.
    """
    if package.marker is None:
        return None
    if mentions_unknowable(str(package.marker)):
        return str(package.marker)
    if all(truths):
        return None
    ours: str | None = None
    cases = list(zip(situations, truths, strict=True))
    for candidate in itertools.chain(
        _candidates(truths, situations), [str(package.marker), _spell_out(truths, situations)]
    ):
        marker = str(Marker(candidate))
        # To us a 32-bit Python is of two machines, to other tools of the one that they are on.
        if any(marker_holds(marker, s.environment) != truth for s, truth in cases if s.is_labelled):
            continue
        if all(
            Marker(marker).evaluate(dict(s.environment)) == truth
            for s, truth in cases
            if not s.is_labelled
        ):
            return marker
        ours = ours or marker
    if ours is None:
        raise AssertionError(f"no marker for {package.name}")
    return ours


def _width(target: Target) -> tuple[bool, bool, tuple[int, int], str]:
    """Rank targets that no real marker distinguishes by the number of machines like them."""
    platform = target.platform
    return (
        platform.libc == "musl",
        target.python.free_threaded,
        platform.floor or (0, 0),
        str(target),
    )


def _candidates(truths: Sequence[bool], situations: Sequence[Situation]) -> Iterable[str]:
    """Yield markers to try: fewer variables first, then those with exceptions."""
    cases = [(s.environment, truth) for s, truth in zip(situations, truths, strict=True)]
    for size in range(len(_VARIABLES) + 1):
        for chosen in itertools.combinations(_VARIABLES, size):
            values = sorted({_values(e, chosen) for e, truth in cases if truth})
            if len(values) > MAX_VALUES:
                continue
            exceptions = {_values(e, chosen) for e, truth in cases if not truth}
            if size == 1 and len(exceptions) == 1 and len(values) > 1:
                yield f'{chosen[0]} != "{min(exceptions)[0]}"'
            alike = [case for case in cases if _values(case[0], chosen) in set(values)]
            where = _any_of(
                [
                    " and ".join(f'{v} == "{x}"' for v, x in zip(chosen, row, strict=True))
                    for row in values
                ],
            )
            for apart in ("", *_version_bounds(alike), *_label_atoms(alike)):
                both = _all_of([atom for atom in (where, apart) if atom])
                if both:
                    yield both


def _version_bounds(cases: Sequence[tuple[Environment, bool]]) -> Iterable[str]:
    """Yield bounds on the Python version that distinguish the cases."""
    yes = sorted({Version(e["python_full_version"]) for e, truth in cases if truth})
    no = sorted({Version(e["python_full_version"]) for e, truth in cases if not truth})
    if yes and no and no[0] > yes[-1]:
        yield f'python_full_version < "{_trim(no[0])}"'
    if yes and no and no[-1] < yes[0]:
        yield f'python_full_version >= "{_trim(yes[0])}"'


def _label_atoms(cases: Sequence[tuple[Environment, bool]]) -> Iterable[str]:
    """Yield markers that distinguish cases which differ only in their label."""
    yes = sorted({e[_LABEL] for e, truth in cases if truth})
    no = sorted({e[_LABEL] for e, truth in cases if not truth})
    if 0 < len(yes) <= MAX_VALUES and "" not in yes:
        yield _any_of([f'{_LABEL} == "{label}"' for label in yes])
    if 0 < len(no) <= MAX_VALUES and "" not in no:
        yield " and ".join(f'{_LABEL} != "{label}"' for label in no)


def _spell_out(truths: Sequence[bool], situations: Sequence[Situation]) -> str:
    """Return the marker that names every family of targets and every range of Pythons in it."""
    by_family: dict[Key, dict[Version, list[tuple[Environment, bool]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for situation, truth in zip(situations, truths, strict=True):
        environment = situation.environment
        version = Version(environment["python_full_version"])
        by_family[_values(environment, _FAMILY)][version].append((environment, truth))
    clauses = []
    for family, by_version in sorted(by_family.items()):
        where = [f'{v} == "{x}"' for v, x in zip(_FAMILY, family, strict=True)]
        versions = sorted(by_version)
        for label, group in itertools.groupby(
            versions, key=lambda version: _label_atom(by_version[version])
        ):
            run = list(group)
            if label is None:
                continue
            after = versions[versions.index(run[-1]) + 1 :]
            bounds = [f'python_full_version >= "{_trim(run[0])}"'] if run[0] != versions[0] else []
            bounds += [f'python_full_version < "{_trim(after[0])}"'] if after else []
            clauses.append(_all_of([*where, *bounds, *([label] if label else [])]))
    return _any_of(clauses)


def _label_atom(cases: Sequence[tuple[Environment, bool]]) -> str | None:
    """Return a marker for the cases of one family and version; None if none is true."""
    if all(truth for _, truth in cases):
        return ""
    return next(iter(_label_atoms(cases)), None) if any(truth for _, truth in cases) else None


def _values(environment: Environment, names: Sequence[str]) -> Key:
    return tuple(environment[name] for name in names)


def _any_of(markers: Sequence[str], word: str = " or ", other: str = " and ") -> str:
    if len(markers) == 1:
        return markers[0]
    return word.join(f"({marker})" if other in marker else marker for marker in markers)


def _all_of(markers: Sequence[str]) -> str:
    return _any_of(markers, " and ", " or ")


def _trim(version: Version) -> str:
    """Write 3.11.0 as 3.11, which means the same in markers."""
    return (
        str(version)
        if version.micro or version.is_prerelease
        else f"{version.major}.{version.minor}"
    )
