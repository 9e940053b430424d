"""The vocabulary of platforms: short names, wheel platform tags, and what a machine accepts.

Everything here comes from the tables below. Nothing is asked of the build machine, so a build
on Linux knows what a Mac accepts. The rules are those of PEP 513, 571, 599 and 600 (manylinux),
PEP 656 (musllinux) and of `packaging.tags` for macOS.
"""

from __future__ import annotations

import difflib
import functools
import re
from dataclasses import dataclass
from typing import Final

from packaging.tags import mac_platforms

SYSTEMS: Final = ("linux", "macos", "windows")

ARCHS: Final[dict[str, tuple[str, ...]]] = {
    "linux": ("x86_64", "aarch64", "i686", "armv7l", "ppc64le", "s390x", "riscv64"),
    "macos": ("arm64", "x86_64"),
    "windows": ("x86_64", "arm64", "i686"),
}

# The floors that a short name stands for when it gives none. Most wheels for armv7l and riscv64
# are made on the oldest manylinux image there is for them, which is younger than 2.28.
DEFAULT_GLIBC: Final = (2, 28)
DEFAULT_GLIBC_OF_ARCH: Final[dict[str, tuple[int, int]]] = {"armv7l": (2, 31), "riscv64": (2, 39)}
DEFAULT_MUSL: Final = (1, 2)
DEFAULT_MACOS: Final = (13, 0)

# The CPython minors that upstream still supports as of this release, oldest first.
SUPPORTED_CPYTHONS: Final[tuple[tuple[int, int], ...]] = (
    (3, 11),
    (3, 12),
    (3, 13),
    (3, 14),
    (3, 15),
)

# PEP 600: "manylinux1 is manylinux_2_5" and so on; the first two exist for x86 only.
_LEGACY_MANYLINUX: Final = {
    (2, 5): "manylinux1",
    (2, 12): "manylinux2010",
    (2, 17): "manylinux2014",
}
_LEGACY_FLOORS: Final = {name: floor for floor, name in _LEGACY_MANYLINUX.items()}

_WINDOWS_TAGS: Final = {"x86_64": "win_amd64", "arm64": "win_arm64", "i686": "win32"}
# What `platform.machine()` says on Windows, in capitals as the system has it.
_WINDOWS_MACHINES: Final = {"x86_64": "AMD64", "arm64": "ARM64", "i686": "x86"}

_SYSTEM_MARKERS: Final = {  # sys_platform, os_name, platform_system
    "linux": ("linux", "posix", "Linux"),
    "macos": ("darwin", "posix", "Darwin"),
    "windows": ("win32", "nt", "Windows"),
}

_SYSTEM_TITLES: Final = {"linux": "Linux", "macos": "macOS", "windows": "Windows"}


class PlatformError(ValueError):
    """A platform that cannot be; the message is made for the user."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Platform:
    """A system, its architecture, and the oldest version of it that is to be supported."""

    system: str
    arch: str
    libc: str | None = None
    floor: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if problem := _problem(self.system, self.arch, self.libc, self.floor):
            raise PlatformError(problem)

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Return the platform that a short name or a wheel platform tag means.

        Raises `PlatformError`, with the nearest name that would do where there is one.
        """
        fields = _read_short_name(text) or _read_tag(text)
        if fields is None:
            raise PlatformError(f"unknown platform {text!r}{_did_you_mean(text)}")
        system, arch, libc, floor = fields
        if problem := _problem(system, arch, libc, floor):
            raise PlatformError(f"impossible platform {text!r}: {problem}{_did_you_mean(text)}")
        return cls(system=system, arch=arch, libc=libc, floor=floor)

    def __str__(self) -> str:
        name = f"{self.system}-{self.arch}"
        if self.floor is None:
            return name
        if self.libc == "musl":
            name += "-musl"
        if self.floor == default_floor(self.system, self.arch, self.libc):
            return name
        version = f"{self.floor[0]}.{self.floor[1]}"
        if self.libc == "glibc":
            return f"{name}-glibc{version}"
        return f"{name}{version}" if self.libc == "musl" else f"{name}-{version}"

    @property
    def tag(self) -> str:
        """The most specific wheel platform tag, as `manylinux_2_28_x86_64`."""
        return self.tags[0]

    @property
    def tags(self) -> tuple[str, ...]:
        """Every wheel platform tag that fits, ranked best first.

        A plain `linux_x86_64` promises no floor, so it comes after all that promise one.
        """
        return _tags(self)

    @property
    def sys_platform(self) -> str:
        return _SYSTEM_MARKERS[self.system][0]

    @property
    def os_name(self) -> str:
        return _SYSTEM_MARKERS[self.system][1]

    @property
    def platform_system(self) -> str:
        return _SYSTEM_MARKERS[self.system][2]

    @property
    def platform_machine(self) -> str:
        return _WINDOWS_MACHINES[self.arch] if self.system == "windows" else self.arch


def default_floor(system: str, arch: str, libc: str | None) -> tuple[int, int] | None:
    """Return the floor that a short name without one stands for."""
    if system == "linux":
        return DEFAULT_MUSL if libc == "musl" else DEFAULT_GLIBC_OF_ARCH.get(arch, DEFAULT_GLIBC)
    return DEFAULT_MACOS if system == "macos" else None


def oldest_glibc(arch: str) -> tuple[int, int]:
    """Return the lowest glibc floor that wheels of an architecture can have (PEP 599, 600)."""
    return (2, 5) if arch in {"x86_64", "i686"} else (2, 17)


_Fields = tuple[str, str, str | None, tuple[int, int] | None]

_NUMBER = r"(0|[1-9][0-9]?)"
_ARCH = r"([a-z0-9_]+)"
_SHORT_NAME = re.compile(rf"(linux|macos|windows)-{_ARCH}(?:-(.+))?")
_LINUX_FLOOR = re.compile(rf"(glibc|musl)(?:{_NUMBER}\.{_NUMBER})?")
_MACOS_FLOOR = re.compile(rf"{_NUMBER}\.{_NUMBER}")
_VERSIONED_TAG = re.compile(rf"(manylinux|musllinux|macosx)_{_NUMBER}_{_NUMBER}_{_ARCH}")
_LEGACY_TAG = re.compile(rf"(manylinux1|manylinux2010|manylinux2014)_{_ARCH}")


def _read_short_name(text: str) -> _Fields | None:
    if not (match := _SHORT_NAME.fullmatch(text)):
        return None
    system, arch, floor = match.groups()
    if arch not in ARCHS[system]:
        return None
    if floor is None:
        libc = "glibc" if system == "linux" else None
        return system, arch, libc, default_floor(system, arch, libc)
    if system == "linux" and (match := _LINUX_FLOOR.fullmatch(floor)):
        libc, major, minor = match.groups()
        if major is not None:
            return system, arch, libc, (int(major), int(minor))
        return (system, arch, libc, DEFAULT_MUSL) if libc == "musl" else None
    if system == "macos" and (match := _MACOS_FLOOR.fullmatch(floor)):
        return system, arch, None, (int(match[1]), int(match[2]))
    return None


def _read_tag(text: str) -> _Fields | None:
    for arch, tag in _WINDOWS_TAGS.items():
        if text == tag:
            return "windows", arch, None, None
    if match := _LEGACY_TAG.fullmatch(text):
        arch = match[2]
        return (
            ("linux", arch, "glibc", _LEGACY_FLOORS[match[1]]) if arch in ARCHS["linux"] else None
        )
    if match := _VERSIONED_TAG.fullmatch(text):
        kind, floor, arch = match[1], (int(match[2]), int(match[3])), match[4]
        system = "macos" if kind == "macosx" else "linux"
        libc = {"manylinux": "glibc", "musllinux": "musl", "macosx": None}[kind]
        return (system, arch, libc, floor) if arch in ARCHS[system] else None
    return None


def _problem(system: str, arch: str, libc: str | None, floor: tuple[int, int] | None) -> str | None:
    """Say why these fields are no platform; None if they are one."""
    if system not in SYSTEMS:
        return f"no system {system!r} (there are {', '.join(SYSTEMS)})"
    title = _SYSTEM_TITLES[system]
    if arch not in ARCHS[system]:
        return f"{title} has no {arch} (it has {', '.join(ARCHS[system])})"
    if (libc is not None) != (system == "linux") or libc not in {None, "glibc", "musl"}:
        return f"{title} has no C library {libc!r}"
    if (floor is None) != (system == "windows"):
        return f"{title} takes no floor" if floor else f"{title} needs a floor"
    if floor is None:
        return None
    if libc == "glibc":
        oldest = oldest_glibc(arch)
        if floor[0] != oldest[0] or floor < oldest:
            return f"glibc floors for {arch} are {oldest[0]}.{oldest[1]} or newer 2.x"
    elif libc == "musl":
        if floor[0] != DEFAULT_MUSL[0]:
            return "musl floors are 1.0 or newer 1.x"
    elif arch == "arm64" and floor < (11, 0):
        return "macOS on arm64 begins with 11.0"
    elif floor < (10, 6):
        return "macOS floors are 10.6 or newer"
    elif floor[0] == 10 and floor[1] > 15:  # noqa: PLR2004
        return "macOS 10 ended with 10.15"
    elif floor[0] > 10 and floor[1]:  # noqa: PLR2004
        return "from macOS 11 on, wheel tags and so floors end in .0"
    return None


@functools.cache
def _tags(platform: Platform) -> tuple[str, ...]:
    if platform.floor is None:
        return (_WINDOWS_TAGS[platform.arch],)
    major, minor = platform.floor
    arch = platform.arch
    if platform.system == "macos":
        return tuple(mac_platforms((major, minor), arch))
    if platform.libc == "musl":
        musl = (f"musllinux_{major}_{n}_{arch}" for n in range(minor, -1, -1))
        return (*musl, f"linux_{arch}")
    tags = []
    for n in range(minor, oldest_glibc(arch)[1] - 1, -1):
        tags.append(f"manylinux_{major}_{n}_{arch}")
        if legacy := _LEGACY_MANYLINUX.get((major, n)):
            tags.append(f"{legacy}_{arch}")
    return (*tags, f"linux_{arch}")


def known_names() -> tuple[str, ...]:
    """Return the short names without a floor, and the wheel platform tags of their defaults."""
    plain = [
        Platform(system=system, arch=arch, libc=libc, floor=default_floor(system, arch, libc))
        for system, archs in ARCHS.items()
        for arch in archs
        for libc in (("glibc", "musl") if system == "linux" else (None,))
    ]
    return (*map(str, plain), *(platform.tag for platform in plain))


def _did_you_mean(text: str) -> str:
    near = difflib.get_close_matches(text.strip().lower(), known_names(), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
