"""The outputs that a build can make, and their options in the table."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from hatch_multiplat.targets.target_choice import is_named, unknown_patterns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hatch_multiplat.base.toml_table import TableReader
    from hatch_multiplat.targets.platforms import Platform
    from hatch_multiplat.targets.target import Target

Layout = Literal["zipapp", "packed", "loose"]
Style = Literal["lazy", "eager"]

FORMATS: Final = ("pex", "pyz", "wheelhouse", "wheelhouse-zip", "zip", "exe", "scie")
LAYOUTS: Final[tuple[Layout, ...]] = ("zipapp", "packed", "loose")
STYLES: Final[tuple[Style, ...]] = ("lazy", "eager")

_PREFIX = re.compile(r"[\w.-]+(/[\w.-]+)*")
# The launcher takes everything up to the first space as the name of a program on PATH.
_COMMAND = re.compile(r"[A-Za-z0-9_.-]+( +[\w.=:-]+)*")
_SCIE_MINIMUM: Final = (3, 8)
# Options of pex's scies that the build decides.
_DECIDED: Final = frozenset({"--scie-only", "--scie-platform", "--scie-name-style"})


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelhouseOptions:
    """The targets that get a wheelhouse: names or patterns; none means all."""

    targets: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ZipOptions:
    """The targets that get a zip file, and the folder inside it for all files."""

    targets: tuple[str, ...] = ()
    prefix: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExeOptions:
    """The command that the launcher starts ("" is the default), and whether it opens a console."""

    python: str = ""
    windowed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ScieOptions:
    """Options for scies; `science` is a path or URL, `assets_url` the URL of a mirror."""

    style: Style = "eager"
    targets: tuple[str, ...] = ()
    science: str | None = None
    assets_url: str | None = None
    args: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class FormatOptions:
    """The options of all formats that have any."""

    wheelhouse: WheelhouseOptions = field(default_factory=WheelhouseOptions)
    zip: ZipOptions = field(default_factory=ZipOptions)
    exe: ExeOptions = field(default_factory=ExeOptions)
    scie: ScieOptions = field(default_factory=ScieOptions)


OPTION_TABLES: Final = ("wheelhouse", "zip", "exe", "scie")


def read_formats(reader: TableReader, where: str, value: object) -> tuple[str, ...]:
    """Read `formats`: each once, in the order of `FORMATS`."""
    found = {
        word
        for here, text in reader.items(where, value, empty=False)
        if (word := reader.choice(here, text, of=FORMATS)) is not None
    }
    return tuple(name for name in FORMATS if name in found)


def read_wheelhouse(reader: TableReader, where: str, value: object) -> WheelhouseOptions:
    table = _table(reader, where, value, ("targets",))
    return WheelhouseOptions(targets=_patterns(reader, where, table))


def read_zip(reader: TableReader, where: str, value: object) -> ZipOptions:
    table = _table(reader, where, value, ("targets", "prefix"))
    prefix = reader.text(f"{where}.prefix", table.get("prefix", "")) or ""
    clean = prefix.strip("/")
    if clean and (not _PREFIX.fullmatch(clean) or {".", ".."} & set(clean.split("/"))):
        reader.problem(f"{where}.prefix: {prefix!r} is not a folder such as 'python'")
    return ZipOptions(targets=_patterns(reader, where, table), prefix=clean)


def read_exe(reader: TableReader, where: str, value: object) -> ExeOptions:
    table = _table(reader, where, value, ("python", "windowed"))
    python = reader.text(f"{where}.python", table.get("python", "")) or ""
    if python and not _COMMAND.fullmatch(python):
        reader.problem(
            f"{where}.python: {python!r} is not a command that is looked for on PATH, "
            "such as 'py', 'py -3.12' or 'python'"
        )
    windowed = reader.boolean(f"{where}.windowed", table.get("windowed", False))
    return ExeOptions(python=python, windowed=bool(windowed))


def read_scie(reader: TableReader, where: str, value: object) -> ScieOptions:
    known = ("style", "targets", "science", "assets-url", "args")
    table = _table(reader, where, value, known)
    style: Style = "eager"
    if "style" in table:
        word = reader.choice(f"{where}.style", table["style"], of=STYLES)
        style = "lazy" if word == "lazy" else "eager"
    return ScieOptions(
        style=style,
        targets=_patterns(reader, where, table),
        science=_optional(reader, f"{where}.science", table.get("science")),
        assets_url=_optional(reader, f"{where}.assets-url", table.get("assets-url")),
        args=_scie_args(reader, f"{where}.args", table.get("args", [])),
    )


def format_problems(
    where: str,
    *,
    formats: Sequence[str],
    options: FormatOptions,
    targets: Sequence[Target],
) -> list[str]:
    """Return the problems of the formats with these targets; `where` is the table's path."""
    problems = []
    patterned: dict[str, Sequence[str]] = {
        "wheelhouse": options.wheelhouse.targets,
        "zip": options.zip.targets,
        "scie": options.scie.targets,
    }
    for table, patterns in patterned.items():
        problems += unknown_patterns(f"{where}.{table}.targets", patterns, targets)
    if "exe" in formats and not any(target.platform.system == "windows" for target in targets):
        problems.append(f"{where}.formats: 'exe' needs a Windows platform in 'platforms'")
    if "scie" in formats and not problems and not scie_targets(targets, options.scie):
        problems.append(
            f"{where}.formats: 'scie' has no Python to bring along for any of these targets; "
            "it takes CPython 3.8 or newer, and no linux-i686 or windows-i686"
        )
    return problems


def chosen(targets: Iterable[Target], patterns: Sequence[str]) -> tuple[Target, ...]:
    """Return the targets that the patterns name, or all targets if there are none."""
    return tuple(target for target in targets if not patterns or is_named(target, patterns))


def exe_platforms(targets: Iterable[Target]) -> tuple[Platform, ...]:
    """Return the Windows platforms of these targets, each once."""
    platforms = (target.platform for target in targets)
    return tuple(dict.fromkeys(found for found in platforms if found.system == "windows"))


def scie_targets(targets: Iterable[Target], options: ScieOptions) -> dict[str, Target]:
    """Return the target that each of pex's scie platforms takes: the newest CPython.

    Of several floors it is the lowest, which runs on the most machines.
    """
    best: dict[str, Target] = {}
    for target in chosen(targets, options.targets):
        name = scie_platform(target.platform)
        python = target.python
        if name is None or python.implementation != "cpython" or python.version < _SCIE_MINIMUM:
            continue
        if name not in best or _scie_rank(target) > _scie_rank(best[name]):
            best[name] = target
    return dict(sorted(best.items()))


def scie_platform(platform: Platform) -> str | None:
    """Return pex's name of a platform for `--scie-platform`; None if it has none."""
    arch = {"arm64": "aarch64", "ppc64le": "powerpc64"}.get(platform.arch, platform.arch)
    name = f"{platform.system}-{arch}"
    if platform.libc == "musl":
        name = f"musl-{name}"
    return name if name in _SCIE_PLATFORMS else None


_SCIE_PLATFORMS: Final = frozenset(
    {
        "linux-aarch64",
        "linux-armv7l",
        "linux-powerpc64",
        "linux-riscv64",
        "linux-s390x",
        "linux-x86_64",
        "macos-aarch64",
        "macos-x86_64",
        "musl-linux-aarch64",
        "musl-linux-x86_64",
        "windows-aarch64",
        "windows-x86_64",
    }
)


def _scie_rank(target: Target) -> tuple[bool, tuple[int, int], tuple[int, ...]]:
    floor = target.platform.floor or (0, 0)
    python = target.python
    return not python.free_threaded, python.version, tuple(-number for number in floor)


def _table(
    reader: TableReader, where: str, value: object, known: Sequence[str]
) -> Mapping[str, Any]:
    table = reader.table(where, value)
    reader.reject_unknown(where, table, known)
    return table


def _patterns(reader: TableReader, where: str, table: Mapping[str, Any]) -> tuple[str, ...]:
    return reader.strings(f"{where}.targets", table.get("targets", []))


def _scie_args(reader: TableReader, where: str, value: object) -> tuple[str, ...]:
    items = reader.items(where, value)
    for here, text in items:
        option = text.partition("=")[0]
        if text.startswith("-") and (not text.startswith("--scie-") or option in _DECIDED):
            reader.problem(
                f"{here}: {text!r} cannot be used here; "
                "take pex's --scie-... options, except those that the build decides"
            )
    return tuple(text for _, text in items)


def _optional(reader: TableReader, where: str, value: object) -> str | None:
    return None if value is None else reader.string(where, value)
