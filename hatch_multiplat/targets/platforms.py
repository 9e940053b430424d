"""The vocabulary of platforms: short names, wheel platform tags, and the tags a machine accepts.

Everything comes from the tables below and nothing from the build machine, so a build on Linux
knows what a Mac accepts. The rules are those of PEP 513, 571, 599 and 600 (manylinux), PEP 656
(musllinux) and, for macOS, of `packaging.tags`.
"""

from __future__ import annotations

import difflib
import functools
import re
from dataclasses import dataclass
from typing import Final

from packaging.tags import mac_platforms

ARCHS: Final[dict[str, tuple[str, ...]]] = {
    "linux": ("x86_64", "aarch64", "i686", "armv7l", "ppc64le", "s390x", "riscv64"),
    "macos": ("arm64", "x86_64"),
    "windows": ("x86_64", "arm64", "i686"),
}

# The floors that a short name stands for when it gives none. For armv7l and riscv64 there is no
# manylinux_2_28 image, so no wheels: theirs is the oldest image that there is.
DEFAULT_FLOORS: Final[dict[str, tuple[int, int]]] = {
    "glibc": (2, 28),
    "glibc armv7l": (2, 31),
    "glibc riscv64": (2, 39),
    "musl": (1, 2),
    "macos": (13, 0),
}

_NEWEST_MINOR: Final = 999
"""The newest floor: a target has a tag for each release up to its floor."""

# PEP 600: the legacy tags are aliases of these glibc versions.
_LEGACY_TAGS: Final = {(2, 5): "manylinux1", (2, 12): "manylinux2010", (2, 17): "manylinux2014"}
_LEGACY_FLOORS: Final = {name: floor for floor, name in _LEGACY_TAGS.items()}

_OLDEST_FLOORS: Final[dict[str, tuple[int, int]]] = {
    "glibc": (2, 17),
    "glibc x86_64": (2, 5),
    "glibc i686": (2, 5),
    "musl": (1, 0),
    "macos": (10, 6),
    "macos arm64": (11, 0),
}

FLOOR_SYSTEMS: Final[dict[tuple[str, tuple[int, int]], str]] = {
    ("glibc", (2, 17)): "RHEL 7, CentOS 7",
    ("glibc", (2, 26)): "Amazon Linux 2",
    ("glibc", (2, 28)): "RHEL 8, Debian 10, Ubuntu 18.10",
    ("glibc", (2, 31)): "Debian 11, Ubuntu 20.04",
    ("glibc", (2, 34)): "RHEL 9, Amazon Linux 2023",
    ("glibc", (2, 35)): "Ubuntu 22.04",
    ("glibc", (2, 36)): "Debian 12",
    ("glibc", (2, 39)): "RHEL 10, Ubuntu 24.04",
    ("glibc", (2, 41)): "Debian 13",
    ("musl", (1, 1)): "Alpine 3.12 and older",
    ("musl", (1, 2)): "Alpine 3.13 and newer",
    ("macos", (11, 0)): "Big Sur (2020)",
    ("macos", (12, 0)): "Monterey (2021)",
    ("macos", (13, 0)): "Ventura (2022)",
    ("macos", (14, 0)): "Sonoma (2023)",
    ("macos", (15, 0)): "Sequoia (2024)",
}
"""The first systems with each floor, for people."""

_WINDOWS_TAGS: Final = {"x86_64": "win_amd64", "arm64": "win_arm64", "i686": "win32"}
# What `platform.machine()` says on Windows.
_WINDOWS_MACHINES: Final = {"x86_64": "AMD64", "arm64": "ARM64", "i686": "x86"}

MACHINES_OF_32_BITS: Final = {
    ("linux", "i686"): ("x86_64",),
    ("linux", "armv7l"): ("aarch64", "armv8l"),
    ("win32", "x86"): ("AMD64", "ARM64"),
}
"""Another value of `platform.machine()` for a 32-bit Python, by `sys_platform` and machine.

It names the kernel's machine, which may be a 64-bit one.
"""

_TITLES: Final = {"linux": "Linux", "macos": "macOS", "windows": "Windows"}
_SYS_PLATFORMS: Final = {"linux": "linux", "macos": "darwin", "windows": "win32"}
_PLATFORM_SYSTEMS: Final = {"linux": "Linux", "macos": "Darwin", "windows": "Windows"}
_SHORT_NAMES: Final = ", ".join(
    f"{system}-ARCH ({', '.join(archs)})" for system, archs in ARCHS.items()
)


class PlatformError(ValueError):
    """There is no such platform; the message is for the user."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Platform:
    """A system, its architecture, and the oldest version of it to support.

    `libc` is "glibc" or "musl" on Linux, None elsewhere; `floor` is the version of that libc or
    of macOS, None on Windows. Only platforms that can be can be made.
    """

    system: str
    arch: str
    libc: str | None = None
    floor: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.system not in ARCHS:
            raise PlatformError(f"the systems are {', '.join(ARCHS)}")
        if self.arch not in ARCHS[self.system]:
            raise PlatformError(_arch_rule(self.system))
        if self.libc not in _LIBCS[self.system]:
            raise PlatformError(f"{_TITLES[self.system]} has no C library {self.libc!r}")
        if self.floor != _possible_floor(self.system, self.arch, self.libc, self.floor):
            raise PlatformError(_floor_rule(self.system, self.arch, self.libc))

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Return the platform that a short name or a wheel platform tag means.

        A short name is `OS-ARCH[-FLOOR]`: `linux-x86_64`, `linux-x86_64-glibc2.17`,
        `linux-aarch64-musl`, `macos-arm64-14.0`, `windows-arm64`; a tag means its own floor.

        Raises `PlatformError`: the rule that the text breaks, and the nearest name that would do.
        """
        try:
            return _parse(text)
        except PlatformError as e:
            reason = f": {e}" if str(e) else ""
            near = _USUAL.get(text.strip().lower()) or filter(None, [_suggest(text)])
            named = " or ".join(map(repr, near))
            hint = f"; did you mean {named}?" if named else ""
            if not reason and not hint:
                hint = f"; the platforms are {_SHORT_NAMES}, and the platform tags of wheels"
            raise PlatformError(f"unknown platform {text!r}{reason}{hint}") from None

    def __str__(self) -> str:
        name = f"{self.system}-{self.arch}"
        if self.libc == "musl":
            name += "-musl"
        if self.floor is None or self.floor == default_floor(self.system, self.arch, self.libc):
            return name
        version = f"{self.floor[0]}.{self.floor[1]}"
        return name + {"glibc": f"-glibc{version}", "musl": version}.get(
            self.libc or "", f"-{version}"
        )

    @property
    def tag(self) -> str:
        """The most specific wheel platform tag, as `manylinux_2_28_x86_64`."""
        return _tags(self)[0]

    @property
    def tags(self) -> tuple[str, ...]:
        """Every wheel platform tag that fits, ranked best first.

        The order is packaging's, uv's and pex's, with one choice: a plain `linux_x86_64`
        promises no floor, so it comes after all that promise one. packaging puts it first from
        26.3 on, for wheels compiled on the very machine, which a target's machine never is.
        """
        return _tags(self)

    @property
    def sys_platform(self) -> str:
        return _SYS_PLATFORMS[self.system]

    @property
    def os_name(self) -> str:
        return "nt" if self.system == "windows" else "posix"

    @property
    def platform_system(self) -> str:
        return _PLATFORM_SYSTEMS[self.system]

    @property
    def platform_machine(self) -> str:
        """The value of `platform.machine()` there; a 32-bit system has a 32-bit kernel."""
        return _WINDOWS_MACHINES[self.arch] if self.system == "windows" else self.arch


_LIBCS: Final[dict[str, tuple[str | None, ...]]] = {
    "linux": ("glibc", "musl"),
    "macos": (None,),
    "windows": (None,),
}


def default_floor(system: str, arch: str, libc: str | None) -> tuple[int, int] | None:
    """Return the default floor of a short name; None on Windows."""
    kind = libc or system
    return DEFAULT_FLOORS.get(f"{kind} {arch}") or DEFAULT_FLOORS.get(kind)


def oldest_floor(system: str, arch: str, libc: str | None) -> tuple[int, int] | None:
    """Return the lowest possible floor of a wheel of this kind; None on Windows."""
    kind = libc or system
    return _OLDEST_FLOORS.get(f"{kind} {arch}") or _OLDEST_FLOORS.get(kind)


@functools.cache
def short_names() -> tuple[str, ...]:
    """Return every short name without a floor, as `linux-x86_64` and `linux-x86_64-musl`."""
    return tuple(
        str(_default_platform(system, arch, libc))
        for system, archs in ARCHS.items()
        for arch in archs
        for libc in _LIBCS[system]
    )


def _default_platform(system: str, arch: str, libc: str | None) -> Platform:
    floor = default_floor(system, arch, libc)
    return Platform(system=system, arch=arch, libc=libc, floor=floor)


def _possible_floor(
    system: str, arch: str, libc: str | None, floor: tuple[int, int] | None
) -> tuple[int, int] | None:
    """Return the floor if it is possible, else the nearest possible one."""
    oldest = oldest_floor(system, arch, libc)
    if oldest is None or floor is None:
        return default_floor(system, arch, libc)
    if libc is not None:  # A libc of another major version is another libc.
        possible = oldest <= floor <= (oldest[0], _NEWEST_MINOR)
        return floor if possible else default_floor(system, arch, libc)
    if floor < oldest:
        return oldest
    if floor >= (11, 0):  # From here on wheel tags know only the yearly release.
        return min(floor[0], _NEWEST_MINOR), 0
    return floor if floor <= (10, 15) else (11, 0)


def _arch_rule(system: str) -> str:
    return f"the architectures of {_TITLES[system]} are {', '.join(ARCHS[system])}"


def _floor_rule(system: str, arch: str, libc: str | None) -> str:
    oldest = oldest_floor(system, arch, libc)
    if oldest is None:
        return _FLOOR_FORMS[system]
    version = f"{oldest[0]}.{oldest[1]}"
    if libc is not None:
        return f"{libc} floors for {arch} are {version} or a newer {oldest[0]}.x"
    return f"macOS floors for {arch} are {version} or newer, and end in .0 from 11.0 on"


@functools.cache
def _tags(platform: Platform) -> tuple[str, ...]:
    arch = platform.arch
    if platform.floor is None:
        return (_WINDOWS_TAGS[arch],)
    major, minor = platform.floor
    if platform.libc is None:
        return tuple(mac_platforms((major, minor), arch))
    oldest = oldest_floor(platform.system, arch, platform.libc) or (major, minor)
    tags = []
    for n in range(minor, oldest[1] - 1, -1):
        if platform.libc == "musl":
            tags.append(f"musllinux_{major}_{n}_{arch}")
            continue
        tags.append(f"manylinux_{major}_{n}_{arch}")
        if legacy := _LEGACY_TAGS.get((major, n)):
            tags.append(f"{legacy}_{arch}")
    return (*tags, f"linux_{arch}")


# Parsing. Numbers have no leading zeros and two digits at most, which bounds the list of tags.

_NUMBER = r"(0|[1-9][0-9]?)"
_SHORT_NAME = re.compile(r"(linux|macos|windows)-([a-z0-9_]+)(?:-(.*))?", re.DOTALL)
_FLOORS = {
    "linux": re.compile(rf"(glibc|musl){_NUMBER}\.{_NUMBER}"),
    "macos": re.compile(rf"(){_NUMBER}\.{_NUMBER}"),
}
_FLOOR_FORMS = {
    "linux": "a floor of Linux is written glibc2.28, musl or musl1.2",
    "macos": "a floor of macOS is written 13.0",
    "windows": "Windows takes no floor",
}
_TAG = re.compile(
    rf"(?:(?P<kind>manylinux|musllinux|macosx)_{_NUMBER}_{_NUMBER}|"
    r"(?P<legacy>manylinux1|manylinux20(?:10|14)))_(?P<arch>[a-z0-9_]+)"
)
_TAG_KINDS = {
    "manylinux": ("linux", "glibc"),
    "musllinux": ("linux", "musl"),
    "macosx": ("macos", None),
}


def _parse(text: str) -> Platform:
    """Read either form; the error says which rule is broken, or nothing if it has no form."""
    if match := _SHORT_NAME.fullmatch(text):
        system, arch, floor = match.groups()
        _check_arch(system, arch, text=text)
        return _parse_short_name(system, arch, floor)
    if match := _TAG.fullmatch(text):
        system, libc = _TAG_KINDS[match["kind"] or "manylinux"]
        _check_arch(system, match["arch"], text=text)
        return Platform(system=system, arch=match["arch"], libc=libc, floor=named_floor(text))
    for arch, tag in _WINDOWS_TAGS.items():
        if text == tag:
            return Platform(system="windows", arch=arch)
    raise PlatformError


def named_floor(tag: str) -> tuple[int, int] | None:
    """Return the floor that a wheel platform tag names; None for one that names none."""
    match = _TAG.fullmatch(tag)
    if match is None:
        return None
    return _LEGACY_FLOORS[match["legacy"]] if match["legacy"] else (int(match[2]), int(match[3]))


def _check_arch(system: str, arch: str, *, text: str) -> None:
    if arch not in ARCHS[system]:
        raise PlatformError("" if _suggest(text) else _arch_rule(system))


def _parse_short_name(system: str, arch: str, floor: str | None) -> Platform:
    if floor is None or (system, floor) == ("linux", "musl"):
        return _default_platform(system, arch, floor or _LIBCS[system][0])
    if system not in _FLOORS or not (match := _FLOORS[system].fullmatch(floor)):
        raise PlatformError(_FLOOR_FORMS[system])
    libc, major, minor = match.groups()
    return Platform(system=system, arch=arch, libc=libc or None, floor=(int(major), int(minor)))


# Suggestions. What people write elsewhere (Docker, Rust, uv, conda, Go) is read word by word.

_SYSTEM_WORDS = (
    ("macos", re.compile(r"mac(?:osx?)?|darwin|osx|apple")),  # Before the win in darwin.
    ("windows", re.compile(r"win(?:dows)?|msvc")),
    ("linux", re.compile(r"(?:many|musl)?linux|gnu|glibc|musl|alpine")),
)
_ARCH_WORDS = (
    ("x86_64", re.compile(r"x86[-_]?64|amd64|x64|win64|intel(?:64)?|universal2")),
    ("aarch64", re.compile(r"aarch64|arm64(?:v8)?|silicon")),
    ("armv7l", re.compile(r"armhf|arm(?:32)?v7[a-z]*")),
    ("ppc64le", re.compile(r"(?:ppc|powerpc)64(?:le|el)")),
    ("s390x", re.compile(r"s390x?")),
    ("riscv64", re.compile(r"riscv(?:64)?")),
    ("i686", re.compile(r"i[3-6]86|x86(?![-_]?[0-9])|win32|ia32")),
)
# A system alone means its usual platforms.
_USUAL = {
    **dict.fromkeys(("windows", "win"), ("windows-x86_64", "windows-arm64")),
    **dict.fromkeys(("macos", "mac", "macosx", "osx", "darwin"), ("macos-arm64", "macos-x86_64")),
    "linux": ("linux-x86_64", "linux-aarch64"),
}
_VERSION_WORD = re.compile(r"(?<![0-9])([0-9]{1,2})(?:[._]([0-9]{1,2}))?(?![0-9])")


def _arch_of(system: str, words: str) -> str | None:
    """Return the architecture of a system that these words mean."""
    for arch, pattern in _ARCH_WORDS:
        if pattern.search(words):
            arch_there = "arm64" if arch == "aarch64" and system != "linux" else arch
            return arch_there if arch_there in ARCHS[system] else None
    return None


def _suggest(text: str) -> str | None:
    """Return the name that was probably meant, if there is a similar one."""
    words = text.strip().lower()
    for legacy, (major, minor) in _LEGACY_FLOORS.items():
        year = legacy.removeprefix("manylinux")
        words = re.sub(rf"manylinux_?{year}(?![0-9_]*[0-9])", f"manylinux_{major}_{minor}", words)
    for system, pattern in _SYSTEM_WORDS:
        if not pattern.search(words):
            continue
        rest = functools.reduce(lambda rest, known: known[1].sub(" ", rest), _ARCH_WORDS, words)
        arch = _arch_of(system, words)
        if arch is None and rest != words:  # An architecture, and none of this system's.
            return None
        if arch is None and not re.search(r"[a-z]", pattern.sub("", words)):
            arch = ARCHS[system][0]
        if arch is not None:
            return _suggest_platform(system, arch, words=words, rest=rest)
    names = [*short_names(), *(Platform.parse(name).tag for name in short_names())]
    return next(iter(difflib.get_close_matches(words, names, n=1, cutoff=0.8)), None)


def caution(text: str) -> str:
    """Return a note on a name that may be misunderstood; empty for all but one.

    `win32` is the wheel platform tag of 32-bit Windows, and any Windows in Python's `sys.platform`.
    """
    return "win32 is 32-bit Windows; windows-x86_64 is the usual one" if text == "win32" else ""


def _suggest_platform(system: str, arch: str, *, words: str, rest: str) -> str:
    libc = _LIBCS[system][0]
    if libc is not None and re.search("musl|alpine", words):
        libc = "musl"
    floor = None
    if match := _VERSION_WORD.search(rest):
        of_libc = re.search("glibc|musl", words) is not None
        floor = (int(match[1]), int(match[2] or 0)) if of_libc <= (system == "linux") else None
    floor = _possible_floor(system, arch, libc, floor)
    platform = Platform(system=system, arch=arch, libc=libc, floor=floor)
    return platform.tag if re.match(r"(many|musl)linux|macosx_|win_", words) else str(platform)
