"""Split and merge executables: the same program for fewer targets, or one file from several."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from hatch_multiplat.base.errors import ExecutableError, WriteError
from hatch_multiplat.base.temporary import temporary_folder
from hatch_multiplat.executable.executable import DEPS
from hatch_multiplat.executable.pex import read_skeleton
from hatch_multiplat.executable.reader import open_wheels
from hatch_multiplat.executable.rendering import render_prefix
from hatch_multiplat.executable.table import StartOptions, Table, rank_targets
from hatch_multiplat.executable.writer import executable_members, write_contents
from hatch_multiplat.executable.zip_writer import LAUNCHER, read_members, read_prefix, write_archive
from hatch_multiplat.wheels.wheel_file import BROKEN

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from hatch_multiplat.executable.executable import Executable, HeldMember
    from hatch_multiplat.executable.pex import Skeleton
    from hatch_multiplat.executable.table import Run, TableCommand, TableTarget
    from hatch_multiplat.executable.writer import BuildInputs
    from hatch_multiplat.executable.zip_writer import Member
    from hatch_multiplat.targets.target import Target


def is_for_windows(targets: Iterable[TableTarget]) -> bool:
    """Tell whether any of these targets is for Windows."""
    return any(target.system == "windows" for target in targets)


def cut_table(table: Table, names: Collection[str]) -> Table:
    """Return the table with only the targets of these names, and their wheels."""
    return _compact(table, [target for target in table.targets if target.name in names])


def join_tables(tables: Sequence[Table], *, labels: Sequence[str]) -> Table:
    """Return one table with the targets of all. `labels` are what messages call the files.

    Raises ExecutableError if they are not parts of one program: another project or version, other
    options, or a target with different wheels.
    """
    first = tables[0]
    _refuse(
        problem
        for table, label in zip(tables[1:], labels[1:], strict=True)
        for problem in _differences(first, table, labels[0], label)
    )
    wheels = {wheel.file: wheel for table in tables for wheel in table.wheels}
    position = {file: index for index, file in enumerate(sorted(wheels))}
    targets: dict[str, TableTarget] = {}
    owners: dict[str, str] = {}
    problems = []
    for table, label in zip(tables, labels, strict=True):
        for target in table.targets:
            moved = _renumber(target, table, position)
            known = targets.setdefault(target.name, moved)
            owner = owners.setdefault(target.name, label)
            if known != moved:
                problems.append(f"{target.name} has other wheels in {label} than in {owner}")
    _refuse(problems)
    joined = replace(
        first,
        wheels=tuple(wheels[file] for file in position),
        # What runs anywhere is the set of all targets alike.
        anywhere=first.anywhere if len({table.anywhere for table in tables}) == 1 else None,
    )
    return _compact(joined, rank_targets(tuple(_interleave(targets.values()))))


def _refuse(problems: Iterable[str]) -> None:
    """Raise ExecutableError if there are reasons why files cannot be merged."""
    listed = "".join(f"\n  {problem}" for problem in problems)
    if listed:
        raise ExecutableError(f"these files cannot be one:{listed}")


def restrict(inputs: BuildInputs, targets: Collection[Target]) -> BuildInputs:
    """Return the content of an executable for some of the targets."""
    table = cut_table(inputs.table, {str(target) for target in targets})
    return replace(
        inputs,
        selections=tuple(item for item in inputs.selections if item.target in targets),
        paths={wheel.file: inputs.paths[wheel.file] for wheel in table.wheels},
        table=table,
    )


def write_parts(whole: Executable, parts: Mapping[Path, Collection[str]], *, cache: Path) -> None:
    """Write the same executable for some of its targets to each of these paths; it is read once.

    The bytes are those that a build for just these targets and the same wheels would have, by this
    release and with the pex runtime that the whole has. Below `cache` is kept what takes long.
    Raises WriteError.
    """
    if whole.is_pyz:
        tables = {output: cut_table(whole.own_table(), names) for output, names in parts.items()}
        _write_pyzs([whole], tables, cache)
        return
    source = _read_source(whole)
    table = whole.own_table()
    for output, names in parts.items():
        _write(source, cut_table(table, names), source.members, output)


def write_joined(files: Sequence[Executable], table: Table, output: Path, *, cache: Path) -> None:
    """Write an executable with this table, and everything else taken from `files`.

    What is no wheel comes from the file with the newest pex. Below `cache` is kept what takes long.
    Raises ExecutableError if the files differ in what else they hold, and WriteError.
    """
    if files[0].is_pyz:
        _write_pyzs(files, {output: table}, cache)
        return
    base = max(files, key=_pex_version)
    _check_alike(files, base)
    sources = {
        name: member for file in reversed(files) for name, member in read_members(file.path).items()
    }
    _write(_read_source(base), table, sources, output)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Source:
    """The content of an executable, and the bytes before its first member."""

    skeleton: Skeleton
    members: Mapping[str, Member]
    prefix: bytes
    mode: int


def _read_source(executable: Executable) -> _Source:
    path = executable.path
    try:
        return _Source(
            skeleton=read_skeleton(path),
            members=read_members(path),
            prefix=read_prefix(path),
            mode=stat.S_IMODE(path.stat().st_mode),
        )
    except (OSError, ValueError, KeyError, TypeError, *BROKEN) as error:
        raise ExecutableError(
            f"{path} is damaged: what pex has put in cannot be read; download it again"
        ) from error


def _write(source: _Source, table: Table, members: Mapping[str, Member], output: Path) -> None:
    distributions = {wheel.file: wheel.sha256 for wheel in table.wheels}
    skeleton = source.skeleton.fill({"distributions": distributions})
    table = replace(table, pex=skeleton.describe())
    wheels = [members[DEPS + wheel.file] for wheel in table.wheels]
    prefix = source.prefix
    # Windows' own launcher in front is of no use where no target is Windows.
    if not prefix.startswith(LAUNCHER) or not is_for_windows(table.targets):
        prefix = render_prefix(table)
    filled = executable_members(skeleton, table, wheels)
    try:
        write_archive(filled, output, prefix=prefix, mode=source.mode)
    except OSError as error:
        raise WriteError.of(output, error, instead="--output") from error


def _write_pyzs(files: Sequence[Executable], tables: Mapping[Path, Table], cache: Path) -> None:
    """Write files without wheels with these tables, from the contents in `files`."""
    members: dict[str, tuple[HeldMember, ...]] = {}
    for file in files:
        for name, held in file.wheels.items():
            if members.setdefault(name, held.members) != held.members:
                _refuse([f"{name} is another in {file.path}"])
    prefix, mode = read_prefix(files[0].path), stat.S_IMODE(files[0].path.stat().st_mode)
    with ExitStack() as stack:
        wheels = {
            name: opener
            for file in files
            for name, opener in stack.enter_context(open_wheels(file)).items()
        }
        folder = stack.enter_context(temporary_folder())
        for output, table in tables.items():
            keeps = prefix.startswith(LAUNCHER) and is_for_windows(table.targets)
            try:
                write_contents(
                    table,
                    members,
                    wheels,
                    output,
                    cache=cache,
                    folder=folder,
                    say=lambda _: None,
                    prefix=prefix if keeps else None,
                    mode=mode,
                )
            except OSError as error:
                raise WriteError.of(output, error, instead="--output") from error


def _compact(table: Table, targets: Sequence[TableTarget]) -> Table:
    """Return the table with these targets, and only the wheels that they take."""
    used = {table.wheels[i] for target in targets for _, indexes in target.sets for i in indexes}
    wheels = sorted(used, key=lambda wheel: wheel.file)
    position = {wheel.file: index for index, wheel in enumerate(wheels)}
    moved = (_renumber(target, table, position) for target in targets)
    return replace(table, wheels=tuple(wheels), targets=tuple(moved))


def _renumber(target: TableTarget, table: Table, position: Mapping[str, int]) -> TableTarget:
    """Return a target of a table for another one, which has its wheels at these positions."""
    sets = tuple(
        (patch, tuple(position[table.wheels[index].file] for index in indexes))
        for patch, indexes in target.sets
    )
    return replace(target, sets=sets)


def _interleave(targets: Collection[TableTarget]) -> list[TableTarget]:
    """Order targets by platform, then Python, each in order of appearance, as a build does."""
    platforms = list(dict.fromkeys(map(_platform_key, targets)))
    pythons = list(dict.fromkeys(map(_python_key, targets)))
    return sorted(
        targets,
        key=lambda t: (platforms.index(_platform_key(t)), pythons.index(_python_key(t))),
    )


def _platform_key(target: TableTarget) -> tuple[object, ...]:
    return target.system, target.arch, target.libc, target.macos


def _python_key(target: TableTarget) -> tuple[object, ...]:
    return target.implementation, target.python, target.abi, target.patch


def _differences(first: Table, other: Table, here: str, there: str) -> Iterator[str]:
    """Say how two tables differ in values that have to be the same."""
    options = [option.name for option in fields(StartOptions)]
    for what, of_first, of_other in (
        ("project", first.name, other.name),
        ("version", first.version, other.version),
        ("format", *("pyz" if table.contents else "pex" for table in (first, other))),
        ("what runs", _run_words(first.run), _run_words(other.run)),
        *_command_words(first, other),
        ("inject-args", first.inject_args, other.inject_args),
        ("inject-env", dict(first.inject_env), dict(other.inject_env)),
        *(
            (name.replace("_", "-"), getattr(first.options, name), getattr(other.options, name))
            for name in options
        ),
        ("requirements", first.requirements, other.requirements),
        ("overrides", first.overrides, other.overrides),
        ("excluded dependencies", first.excluded, other.excluded),
        ("dependency-metadata", first.metadata, other.metadata),
        ("Pythons of dependency-metadata", first.pythons, other.pythons),
    ):
        if of_first != of_other:
            yield f"{what}: {_show(of_other)} in {there}, but {_show(of_first)} in {here}"
    hashes = {wheel.file: wheel.sha256 for wheel in first.wheels}
    for wheel in other.wheels:
        if hashes.get(wheel.file, wheel.sha256) != wheel.sha256:
            yield (
                f"{wheel.file} in {there} is another than in {here}: its bytes differ; "
                "build it once, and use it for both"
            )


def _check_alike(files: Sequence[Executable], base: Executable) -> None:
    """Raise ExecutableError if files differ in their requirements, code or options of pex."""
    own = {"build_properties", "bootstrap_hash", "distributions", "pex_hash"}
    _refuse(
        f"{key}: {_show(file.info.get(key))} in {file.path.name}, "
        f"but {_show(base.info.get(key))} in {base.path.name}"
        for file in files
        for key in sorted((base.info.keys() | file.info.keys()) - own)
        if file.info.get(key) != base.info.get(key)
    )


def _pex_version(file: Executable) -> Version:
    try:
        return Version(str(file.info["build_properties"]["pex_version"]))
    except (KeyError, TypeError, InvalidVersion):
        return Version("0")


def _command_words(first: Table, other: Table) -> Iterator[tuple[str, str, str]]:
    """Yield each command by another name, with its meaning in both tables."""
    for name in sorted({*first.executables, *other.executables}):
        of_first, of_other = (_command(table.executables.get(name)) for table in (first, other))
        yield f"the command {name}", of_first, of_other


def _command(command: TableCommand | None) -> str:
    if command is None:
        return "none"
    words = [_run_words(command.run)]
    if command.inject_args:
        words.append(f"inject-args {_show(command.inject_args)}")
    if command.inject_env:
        words.append(f"inject-env {_show(command.inject_env)}")
    return " with ".join(words)


def _run_words(run: Run) -> str:
    """Return what a table runs, in the form of its keys: script demo, entry-point demo:main."""
    return " ".join(f"{kind.replace('_', '-')} {name}" for kind, name in run.items()) or (
        "an interpreter"
    )


def _show(value: object) -> str:
    """Return a value of JSON or of a table in words."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case Mapping():
            return ", ".join(f"{key}={_show(item)}" for key, item in value.items()) or "none"
        case list() | tuple():
            return ", ".join(map(_show, value)) or "none"
    return str(value) or "none"
