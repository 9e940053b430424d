"""The table inside an executable: everything that start-up knows about its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

from hatch_multiplat.targets.python import EVERY, Spans

FORMAT: Final = 2
Run = Mapping[str, str]


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
        """The target as JSON-ready values, without those fields that few targets have."""
        patches = () if self.patches == EVERY else self.patches
        fields = asdict(self) | {"environment": dict(self.environment), "patches": patches}
        rare = {"tags", "environment", "patches", "needs"}
        return {key: value for key, value in fields.items() if value or key not in rare}


@dataclass(frozen=True, kw_only=True, slots=True)
class TableCommand:
    """The command that runs if the file has another name: see `Table.run`."""

    run: Run
    inject_args: tuple[str, ...] = ()
    inject_env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


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
    what was heeded in place of the wheels' own requirements, as uv has it. `metadata` has a name,
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
    executables: Mapping[str, TableCommand] = field(default_factory=lambda: MappingProxyType({}))
    inject_args: tuple[str, ...] = ()
    inject_env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    options: StartOptions = field(default_factory=StartOptions)
    wheels: tuple[TableWheel, ...]
    targets: tuple[TableTarget, ...]
    overrides: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    metadata: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    pythons: tuple[tuple[str, str, str], ...] = ()
    anywhere: Anywhere | None = None
    pex: tuple[tuple[str, str], ...] = ()
    contents: str = ""
    requirements: tuple[str, ...] = ()

    @property
    def main(self) -> str:
        """The name of the command that runs if the file's name is not among `executables`."""
        names = (self.name, self.run.get("script", self.name), f"{self.name}-main")
        return next((name for name in names if name not in self.executables), "main")

    def to_json(self) -> dict[str, Any]:
        """The table as JSON-ready values, in the format that `runtime` reads."""
        return {
            "format": FORMAT,
            "name": self.name,
            "version": self.version,
            "run": dict(self.run),
            "executables": {
                name: {
                    "run": dict(command.run),
                    "inject_args": list(command.inject_args),
                    "inject_env": dict(command.inject_env),
                }
                for name, command in self.executables.items()
            },
            "inject_args": list(self.inject_args),
            "inject_env": dict(self.inject_env),
            "options": asdict(self.options),
            "wheels": [_wheel_fields(wheel) for wheel in self.wheels],
            "targets": [target.to_json() for target in self.targets],
            **({"overrides": list(self.overrides)} if self.overrides else {}),
            **({"excluded": list(self.excluded)} if self.excluded else {}),
            **(
                {"metadata": [[n, v, list(r)] for n, v, r in self.metadata]}
                if self.metadata
                else {}
            ),
            **({"anywhere": asdict(self.anywhere)} if self.anywhere else {}),
            **({"pythons": list(map(list, self.pythons))} if self.pythons else {}),
            **({"pex": dict(self.pex)} if self.pex else {}),
            **({"contents": self.contents} if self.contents else {}),
            **({"requirements": list(self.requirements)} if self.requirements else {}),
        }


def _wheel_fields(wheel: TableWheel) -> dict[str, Any]:
    """The fields of a wheel, without the one that few wheels have."""
    return {key: value for key, value in asdict(wheel).items() if value or key != "gui"}


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
