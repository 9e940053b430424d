"""The table inside an executable: everything that start-up knows about its file.

It is `.multiplat/table.json`: what it holds, how it is written and read, and the rules for one that
was read, which is checked like a user's table, because anybody can write it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin, get_type_hints

from packaging.tags import parse_tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from hatch_multiplat.base.errors import ExecutableError
from hatch_multiplat.base.toml_table import is_file_name
from hatch_multiplat.config.pex_options import is_template
from hatch_multiplat.executable.executable import MAIN, TABLE
from hatch_multiplat.targets.platforms import Platform
from hatch_multiplat.targets.python import (
    EVERY,
    MAX_PATCH,
    PYPYS,
    Python,
    Spans,
    TargetError,
    in_spans,
    make_spans,
)
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.selection import Selection, WheelSet, parse_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FORMAT: Final = 2
Run = Mapping[str, str]

# The fields that JSON leaves out where they are empty.
_RARE: Final = frozenset(
    {
        *("gui", "patches", "needs", "tags", "environment"),
        *("overrides", "excluded", "metadata", "pythons", "anywhere"),
        *("pex", "contents", "requirements"),
    }
)
_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+!_-]*")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_TARGET: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}")
_LONGEST: Final = 255
_RUNS: Final = frozenset({"script", "entry_point", "module"})
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, kw_only=True, slots=True)
class TableWheel:
    """A wheel at `.deps/<file>`; its size is in bytes.

    `gui` is whether it has scripts without a console on Windows.
    """

    file: str
    sha256: str
    size: int
    gui: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetNeeds:
    """The needs of a target's wheels beyond its Python, system and processor.

    `abi` is whether a wheel is tied to the target's ABI; `native` whether one holds machine code.
    """

    abi: bool
    native: bool
    libc: tuple[str, int, int] | None = None
    macos: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Anywhere:
    """A set of pure wheels that runs where no target is: on these minors of Python 3.

    `python` is the first, and the one after the last, or None where the end is open.
    """

    python: tuple[int, int | None]
    wheels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TableTarget:
    """One target: how start-up recognises it, and its wheels by first patch release.

    `sets` holds (first patch release, indexes into the table's wheels), the first for release 0.
    `patches` are the patch releases that it is for, as ranges: from one up to and without another.
    The last two are not for start-up but for those who inspect the file, where the target came from
    a complete-platform file: those of its tags that its wheels have, and its marker variables.
    """

    name: str
    implementation: str
    python: tuple[int, int]
    abi: str = ""
    system: str
    arch: str
    libc: tuple[str, int, int] | None = None
    macos: tuple[int, int] | None = None
    patch: int | None = None
    sets: tuple[tuple[int, tuple[int, ...]], ...]
    patches: Spans = EVERY
    needs: TargetNeeds | None = None
    tags: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The target as JSON-ready values."""
        return asdict(self, dict_factory=_to_object)


@dataclass(frozen=True, kw_only=True, slots=True)
class TableCommand:
    """The command that runs if the file has another name: see `Table.run`."""

    run: Run
    inject_args: tuple[str, ...] = ()
    inject_env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class StartOptions:
    """Options of start-up, as in pex."""

    inherit_path: Literal["false", "fallback", "prefer"] = "false"
    runtime_root: str | None = None
    include_tools: bool = False
    path: Literal["prepend", "append", "none"] = "prepend"
    shebang: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """All that start-up knows about the file it is in.

    `run` is `{"script": ...}`, `{"entry_point": ...}`, `{"module": ...}` or `{}`, an interpreter.
    `targets` are ranked: of several that fit a machine, the first wins; see `rank_targets`.
    `overrides`, `excluded` and `metadata` are not for start-up but for those who inspect the file:
    what was applied in place of the wheels' own requirements, as uv has it. `metadata` has a name,
    a version (empty for any) and the requirements of each package whose own word was replaced;
    `pythons` has name, version and Requires-Python of those of them that got that too. `pex` has
    the version of pex that the file is made with, and the SHA-256 of its `runtime` and `start`.
    `contents` is the SHA-256 of `.multiplat/contents.json` in a file that holds no wheels but, in
    blocks, what was in them; empty for a PEX. Only such a file has `requirements` here: what the
    wheels are there for.
    """

    name: str
    version: str
    run: Run
    executables: Mapping[str, TableCommand] = field(default_factory=dict)
    inject_args: tuple[str, ...] = ()
    inject_env: Mapping[str, str] = field(default_factory=dict)
    options: StartOptions = field(default_factory=StartOptions)
    wheels: tuple[TableWheel, ...]
    targets: tuple[TableTarget, ...]
    overrides: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    metadata: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    pythons: tuple[tuple[str, str, str], ...] = ()
    anywhere: Anywhere | None = None
    pex: Mapping[str, str] = field(default_factory=dict)
    contents: str = ""
    requirements: tuple[str, ...] = ()

    @property
    def main(self) -> str:
        """The name of the command that runs if the file's name is not among `executables`."""
        names = (self.name, self.run.get("script", self.name), f"{self.name}-main")
        return next((name for name in names if name not in self.executables), "main")

    def to_json(self) -> dict[str, Any]:
        """The table as JSON-ready values, in the format that `runtime` reads."""
        return {"format": FORMAT, **asdict(self, dict_factory=_to_object)}


def _to_object(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """The fields of a part of the table, without those that are rare and empty."""
    return {
        name: dict(value) if name == "environment" else value
        for name, value in fields
        if name not in _RARE or (value and value != EVERY)
    }


def rank_targets(targets: tuple[TableTarget, ...]) -> tuple[TableTarget, ...]:
    """The targets in their order; of those for one machine, the closest fit comes first.

    That is a pinned patch release, then the newest floor. They share the places that they had.
    """

    def closeness(target: TableTarget) -> tuple[bool, tuple[int, ...]]:
        floor = target.libc[1:] if target.libc else target.macos or ()
        return target.patch is None, tuple(-number for number in floor)

    rivals: dict[tuple[object, ...], list[int]] = {}
    for place, target in enumerate(targets):
        libc = target.libc[0] if target.libc else None
        python = target.implementation, target.python, target.abi
        rivals.setdefault((*python, target.system, target.arch, libc), []).append(place)
    ranked = list(targets)
    for places in rivals.values():
        best_first = sorted((targets[place] for place in places), key=closeness)
        for place, target in zip(places, best_first, strict=True):
            ranked[place] = target
    return tuple(ranked)


def read_table(members: Mapping[str, bytes], *, where: str) -> Table | None:
    """Return the table of a file with these members; None if it has none of ours.

    Raises ExecutableError for one that cannot be read: damaged, or made by a release that wrote
    another format.
    """
    if TABLE not in members:
        if b"\n_MULTIPLAT = {" in members.get(MAIN, b""):
            raise ExecutableError(
                f"{where} was made by an older hatch-multiplat, in a format that this release does "
                "not read; use the one that made it, or build the file anew"
            )
        return None
    try:
        table = parse_table(json.loads(members[TABLE]), where=where)
        breaches = [*find_breaches(table)]
        table_selections(table)
    except ExecutableError:
        raise
    except (
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        RecursionError,
        ArithmeticError,
    ) as error:
        raise ExecutableError(
            f"{where} is damaged: its {TABLE} cannot be read; download it again"
        ) from error
    if breaches:
        raise ExecutableError(
            f"{where} is damaged: by its {TABLE}, {breaches[0]}; download it again"
        )
    return table


def parse_table(data: Mapping[str, Any], *, where: str) -> Table:
    """Return the Table that `Table.to_json` made this data of.

    Raises ExecutableError for a format that this release does not know.
    """
    known = data["format"]
    if type(known) is not int:
        raise ValueError(known)
    if known != FORMAT:
        raise ExecutableError(
            f"{where} has a table of format {known}; this release reads format "
            f"{FORMAT}, use the one that built the file"
        )
    table: Table = _parse(Table, data)
    for target in table.targets:
        indexes = [index for _, indexes in target.sets for index in indexes]
        if not target.sets or any(not 0 <= index < len(table.wheels) for index in indexes):
            raise ValueError(target.name)
    return table


def _parse(kind: Any, data: Any) -> Any:
    """Return a value of JSON as one of this type, which is that of a part of the table.

    Raises ValueError, TypeError, LookupError or AttributeError where it is none.
    """
    origin, inside = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and is_dataclass(kind):
        types = _field_types(kind)
        names = [name for name in types if name in data or name not in _RARE]
        return kind(**{name: _parse(types[name], data[name]) for name in names})
    if origin is Mapping:
        return {str(name): _parse(inside[1], value) for name, value in data.items()}
    if origin is tuple:
        items = sorted(data.items()) if isinstance(data, Mapping) else list(data)
        kinds = inside[:1] * len(items) if inside[-1] is Ellipsis else inside
        return tuple(_parse(one, item) for one, item in zip(kinds, items, strict=True))
    if origin is UnionType:
        return None if data is None else _parse(inside[0], data)
    if origin is Literal:
        return inside[inside.index(data)]
    return kind(data)


@cache
def _field_types(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def table_selections(table: Table) -> tuple[Selection, ...]:
    """Return the targets of a table with their wheels."""
    wheels = [
        parse_wheel(item.file, "", {"sha256": item.sha256}, item.size) for item in table.wheels
    ]
    return tuple(
        Selection(
            target=target_of(target),
            sets=tuple(
                WheelSet(from_patch=patch, wheels=tuple(wheels[index] for index in indexes))
                for patch, indexes in target.sets
            ),
            patches=target.patches,
        )
        for target in table.targets
    )


def target_of(item: TableTarget) -> Target:
    """Return the Target of an entry of the table; raises TargetError if it is not a valid one.

    One that came from a complete-platform file has the file's marker variables, and of its tags
    those that its wheels have.
    """
    try:
        target = Target.parse(item.name)
    except TargetError:
        target = None
    python = Python(
        implementation=item.implementation,
        version=item.python,
        free_threaded=item.abi == "t",
        patch=item.patch,
        pypy_abi=_unusual_abi(item),
    )
    floor = item.libc[1:] if item.libc else item.macos
    platform = Platform(
        system=item.system,
        arch=item.arch,
        libc=item.libc[0] if item.libc else None,
        floor=floor,
    )
    explicit = bool(item.tags or item.environment)
    if target is not None and (target.python, target.platform, explicit) == (
        python,
        platform,
        False,
    ):
        return target
    tags = [tag for text in item.tags for tag in parse_tag(text)]
    return Target(
        python=python,
        platform=platform,
        explicit_tags=tuple(tags) or None,
        explicit_environment=item.environment or None,
        name=item.name,
    )


def _unusual_abi(item: TableTarget) -> str | None:
    if item.implementation != "pypy" or not item.abi:
        return None
    return None if item.abi == next(iter(PYPYS.get(item.python, {})), None) else item.abi


def find_breaches(table: Table) -> Iterator[str]:
    """Yield every value in a table that no build would have written."""
    names = [target.name for target in table.targets]
    rules = (
        (_NAME.fullmatch(table.name), "its name is not a project's name"),
        (_VERSION.fullmatch(table.version), "its version is none"),
        (not _CONTROL.search(table.options.runtime_root or ""), "its runtime-root is not a path"),
        (not _CONTROL.search(table.options.shebang or ""), "its shebang is not a line"),
        (all(map(_is_name, table.executables)), "a command has a name that is not a file name"),
        (all(_is_wheel(item.file) for item in table.wheels), "a wheel has an invalid name"),
        (
            all(_SHA256.fullmatch(item.sha256) and item.size >= 0 for item in table.wheels),
            "a wheel has an invalid hash or size",
        ),
        (not table.contents or _SHA256.fullmatch(table.contents), "its contents have no hash"),
        (all(map(_TARGET.fullmatch, names)), "a target has an invalid name"),
        (
            table.anywhere is None or {*table.anywhere.wheels} <= {x.file for x in table.wheels},
            "the wheels for any machine are not in it",
        ),
        (len(set(names)) == len(names), "two targets have the same name"),
        (all(map(_has_patches, table.targets)), "a target has invalid patch releases"),
        (
            all(_is_version(version) for _, version, _ in (*table.metadata, *table.pythons)),
            "it replaces the metadata of an invalid version",
        ),
    )
    yield from (breach for holds, breach in rules if not holds)
    yield from _check_command("it", table.run, table.inject_args, table.inject_env)
    for item in table.executables.values():
        yield from _check_command("a command", item.run, item.inject_args, item.inject_env)


def _check_command(
    who: str, run: Mapping[str, str], arguments: Sequence[str], variables: Mapping[str, str]
) -> Iterator[str]:
    if len(run) > 1 or not run.keys() <= _RUNS:
        yield f"{who} runs something of an unknown kind"
    if not all(value and not _CONTROL.search(value) for value in run.values()):
        yield f"{who} runs something with an invalid name"
    if not all(map(is_template, arguments)):
        yield f"{who} injects an argument with braces that are not a placeholder"
    if any(not name or re.search("[=\x00]", name) for name in variables):
        yield f"{who} injects a variable with an invalid name"


def _has_patches(target: TableTarget) -> bool:
    """Tell whether a build could have written a target's spans of patch releases."""
    spans = target.patches
    return spans == make_spans(patch for patch in range(MAX_PATCH) if in_spans(spans, patch))


def _is_name(text: str) -> bool:
    return is_file_name(text) and len(text) <= _LONGEST and not _CONTROL.search(text)


def _is_version(text: str) -> bool:
    try:
        return not text or bool(Version(text))
    except InvalidVersion:
        return False


def _is_wheel(text: str) -> bool:
    try:
        parse_wheel_filename(text)
    except InvalidWheelFilename:
        return False
    return _is_name(text)
