"""An executable's `.multiplat/table.json` to the table in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, get_args

from packaging.tags import parse_tag

from hatch_multiplat.base.errors import ExecutableError
from hatch_multiplat.executable.executable import MAIN, TABLE
from hatch_multiplat.executable.table import (
    FORMAT,
    Anywhere,
    StartOptions,
    Table,
    TableCommand,
    TableTarget,
    TableWheel,
    TargetNeeds,
)
from hatch_multiplat.executable.table_rules import find_breaches
from hatch_multiplat.targets.platforms import Platform
from hatch_multiplat.targets.python import EVERY, PYPYS, Python, TargetError
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.selection import Selection, WheelSet, parse_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping

_InheritPath = Literal["false", "fallback", "prefer"]
_Path = Literal["prepend", "append", "none"]


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
    return Table(
        name=str(data["name"]),
        version=str(data["version"]),
        run=_strings(data["run"]),
        executables={
            str(name): TableCommand(
                run=_strings(item["run"]),
                inject_args=tuple(map(str, item["inject_args"])),
                inject_env=_strings(item["inject_env"]),
            )
            for name, item in data["executables"].items()
        },
        inject_args=tuple(map(str, data["inject_args"])),
        inject_env=_strings(data["inject_env"]),
        options=_options(data["options"]),
        wheels=tuple(
            TableWheel(
                file=str(item["file"]),
                sha256=str(item["sha256"]),
                size=int(item["size"]),
                gui=bool(item.get("gui")),
            )
            for item in data["wheels"]
        ),
        targets=tuple(_target(item, count=len(data["wheels"])) for item in data["targets"]),
        overrides=tuple(map(str, data.get("overrides", ()))),
        excluded=tuple(map(str, data.get("excluded", ()))),
        metadata=tuple(
            (str(name), str(version), tuple(map(str, requires)))
            for name, version, requires in data.get("metadata", ())
        ),
        pythons=tuple(
            (str(name), str(version), str(bound))
            for name, version, bound in data.get("pythons", ())
        ),
        anywhere=_anywhere(data.get("anywhere")),
        pex=tuple((str(part), str(value)) for part, value in sorted(data.get("pex", {}).items())),
        contents=str(data.get("contents", "")),
        requirements=tuple(map(str, data.get("requirements", ()))),
    )


def _strings(data: Mapping[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in data.items()}


def _options(data: Mapping[str, Any]) -> StartOptions:
    inherit_path = data["inherit_path"]
    if inherit_path not in get_args(_InheritPath):
        raise ValueError(inherit_path)
    if data["path"] not in get_args(_Path):
        raise ValueError(data["path"])
    root, shebang = data["runtime_root"], data["shebang"]
    return StartOptions(
        inherit_path=inherit_path,
        runtime_root=None if root is None else str(root),
        include_tools=bool(data["include_tools"]),
        path=data["path"],
        shebang=None if shebang is None else str(shebang),
    )


def _anywhere(data: Mapping[str, Any] | None) -> Anywhere | None:
    if data is None:
        return None
    first, end = data["python"]
    return Anywhere(
        python=(int(first), None if end is None else int(end)),
        wheels=tuple(map(str, data["wheels"])),
    )


def _needs(data: Mapping[str, Any] | None) -> TargetNeeds | None:
    if data is None:
        return None
    return TargetNeeds(
        abi=bool(data["abi"]),
        native=bool(data["native"]),
        libc=_libc(data["libc"]),
        macos=_macos(data["macos"]),
    )


def _libc(data: Any) -> tuple[str, int, int] | None:
    return (str(data[0]), int(data[1]), int(data[2])) if data else None


def _macos(data: Any) -> tuple[int, int] | None:
    return (int(data[0]), int(data[1])) if data else None


def _target(data: Mapping[str, Any], *, count: int) -> TableTarget:
    major, minor = data["python"]
    sets = tuple((int(first), tuple(map(int, indexes))) for first, indexes in data["sets"])
    if not sets or any(not 0 <= index < count for _, indexes in sets for index in indexes):
        raise ValueError(data["name"])
    patches = tuple(
        (int(first), None if end is None else int(end)) for first, end in data.get("patches", EVERY)
    )
    return TableTarget(
        name=str(data["name"]),
        implementation=str(data["implementation"]),
        python=(int(major), int(minor)),
        abi=str(data["abi"]),
        system=str(data["system"]),
        arch=str(data["arch"]),
        libc=_libc(data["libc"]),
        macos=_macos(data["macos"]),
        patch=None if data["patch"] is None else int(data["patch"]),
        sets=sets,
        patches=patches,
        needs=_needs(data.get("needs")),
        tags=tuple(map(str, data.get("tags", ()))),
        environment=tuple(sorted(_strings(data.get("environment", {})).items())),
    )


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
