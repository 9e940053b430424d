"""The outputs that a build can make, and their options in the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from hatch_multiplat.targets.target_choice import is_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hatch_multiplat.targets.platforms import Platform
    from hatch_multiplat.targets.target import Target

Layout = Literal["zipapp", "packed", "loose"]
Style = Literal["lazy", "eager"]

FORMATS: Final = ("pex", "pyz", "wheelhouse", "wheelhouse-zip", "zip", "exe", "scie")
LAYOUTS: Final[tuple[Layout, ...]] = ("zipapp", "packed", "loose")
STYLES: Final[tuple[Style, ...]] = ("lazy", "eager")

_SCIE_MINIMUM: Final = (3, 8)


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
