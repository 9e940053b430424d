"""What this interpreter and machine are, and which target of the table they fit.

`read_machine` asks the system; everything else is a pure function of what it found, so that tests
can walk the paths of machines that they do not run on.
"""

import os
import re
import struct
import subprocess
import sys
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

Json = Dict[str, Any]
MINGW = "mingw"  # the flavour of a Python that takes itself for Windows' own
# ELF e_machine (and class, 32 or 64 bits) to the table's architecture names.
ELF_ARCHES = {
    (62, 64): "x86_64",
    (3, 32): "i686",
    (183, 64): "aarch64",
    (40, 32): "armv7l",
    (21, 64): "ppc64le",
    (22, 64): "s390x",
    (243, 64): "riscv64",
}


class Elf(NamedTuple):
    """The part of an ELF file's header that tells what it runs on."""

    machine: int
    bits: int
    little: bool
    flags: int
    interpreter: str


class Machine(NamedTuple):
    """One interpreter on one machine, in the words of the table."""

    implementation: str
    python: Tuple[int, int]
    patch: int
    abi: str
    system: str
    arch: str
    libc: Optional[Tuple[str, int, int]]
    macos: Optional[Tuple[int, int]]

    def __str__(self) -> str:
        """One line a person can compare with a target's name."""
        name = {"cpython": "CPython", "pypy": "PyPy"}.get(self.implementation, self.implementation)
        system = self.system
        if self.libc:
            system += " (%s %d.%d)" % self.libc
        elif self.macos:
            system = "macOS %d.%d" % self.macos
        elif self.system == "linux":
            system += " (unknown libc)"
        flavour = {"t": " free-threaded", "d": " debug", "td": " free-threaded debug"}
        abi = flavour.get(self.abi, " (%s)" % self.abi if self.abi.startswith("pp") else "")
        return "%s %d.%d.%d%s, %s %s" % (name, *self.python, self.patch, abi, system, self.arch)


def parse_elf(data: bytes) -> Optional[Elf]:
    """The header of the ELF file that starts with these bytes, or None if it is no such file."""
    if data[:4] != b"\x7fELF" or len(data) < 64:
        return None
    bits = {1: 32, 2: 64}.get(data[4], 0)
    order = {1: "<", 2: ">"}.get(data[5], "")
    if not bits or not order:
        return None
    machine = struct.unpack_from(order + "H", data, 18)[0]
    # Where e_phoff is, the fields up to e_phnum, and those of a program header up to p_filesz.
    at, fields, segment = (32, "Q8xIHHH", "I4xQ16xQ") if bits == 64 else (28, "I4xIHHH", "II8xI")
    phoff, flags, _, phsize, phnum = struct.unpack_from(order + fields, data, at)
    interpreter = ""
    for start in range(phoff, phoff + phnum * phsize, phsize or 1):
        if start + phsize > len(data):
            break
        kind, at, size = struct.unpack_from(order + segment, data, start)
        if kind == 3:  # PT_INTERP
            interpreter = data[at : at + size].split(b"\0")[0].decode("utf-8", "replace")
    return Elf(machine, bits, order == "<", flags, interpreter)


def linux_arch(elf: Optional[Elf], uname_machine: str, bits: int) -> str:
    """The architecture of the interpreter itself.

    The kernel's word is not enough: a 32-bit Python may run on a 64-bit kernel, and `setarch` makes
    a 64-bit kernel claim to be a 32-bit one.
    """
    if elf:
        arch = ELF_ARCHES.get((elf.machine, elf.bits))
        if arch == "armv7l":  # wheels for armv7l want EABI 5 with hardware floating point
            return arch if elf.flags & 0xFF000000 == 0x05000000 and elf.flags & 0x400 else "armel"
        if arch == "ppc64le" and not elf.little:
            return "ppc64"
        if arch:
            return arch
    if bits == 32:
        narrow = {"x86_64": "i686", "amd64": "i686", "aarch64": "armv7l", "armv8l": "armv7l"}
        if uname_machine in ("i386", "i486", "i586"):
            return "i686"
        return narrow.get(uname_machine, uname_machine)
    return {"i686": "x86_64", "armv8l": "aarch64"}.get(uname_machine, uname_machine)


def parse_version(text: str) -> Optional[Tuple[int, int]]:
    """The first two numbers of the first dotted version in a text: (2, 36) of "glibc 2.36"."""
    found = re.search(r"(?<![^\s-])(\d+)\.(\d+)", text)
    return (int(found.group(1)), int(found.group(2))) if found else None


def macos_version(darwin_release: str) -> Optional[Tuple[int, int]]:
    """The macOS release that a Darwin kernel release ("22.6.0") belongs to.

    Used instead of `platform.mac_ver()`, which answers 10.16 on any newer system if Python was
    built with an old SDK. From macOS 11 on the minor version stays unknown and counts as 0, which
    is how wheel tags count too.
    """
    major = darwin_release.split(".", maxsplit=1)[0]
    if not major.isdigit():
        return None
    number = int(major)
    if number < 20:
        return 10, number - 4
    return (number - 9, 0) if number < 25 else (number + 1, 0)


def windows_arch(sys_version: str) -> str:
    """The architecture of a Windows interpreter, from `sys.version` as sysconfig reads it."""
    text = sys_version.lower()
    if "amd64" in text:
        return "x86_64"
    return "arm64" if "(arm64)" in text else "i686"


def python_abi(
    implementation: str, version: Tuple[int, int], abiflags: str, pypy: Optional[Tuple[int, int]]
) -> str:
    """The flavour of the interpreter as the table's `abi`; "d" where release wheels do not load."""
    if implementation == "pypy":
        return "pp%d%d" % pypy if pypy else ""
    free_threaded = "t" if "t" in abiflags else ""
    if "w" in abiflags and "m" in abiflags:
        return MINGW  # it cannot load the extension modules of the other
    # Since 3.8 a debug build loads release extension modules, except on Windows ("_d.pyd").
    debug = "d" if "d" in abiflags and (version < (3, 8) or "w" in abiflags) else ""
    return free_threaded + debug


def musl_version(loader: str) -> Optional[Tuple[int, int]]:
    """Musl's version, from the text that its loader prints when started by itself."""
    try:
        process = subprocess.Popen(
            [loader], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        text = process.communicate()[1].decode("utf-8", "replace")
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith("Version"):
            return parse_version(line)
    return None


def read_libc(elf: Optional[Elf]) -> Optional[Tuple[str, int, int]]:
    """The C library of this process and its version; no `ldd`, no `ctypes` needed."""
    if elf and "musl" in elf.interpreter:
        version = musl_version(elf.interpreter)
        return ("musl", version[0], version[1]) if version else None
    try:
        text = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):
        return None
    version = parse_version(text) if text.startswith("glibc") else None
    return ("glibc", version[0], version[1]) if version else None


def read_machine() -> Machine:
    """What is running this code."""
    implementation = sys.implementation.name
    version = sys.version_info[:2]
    abiflags = getattr(sys, "abiflags", "")
    if sys.platform == "win32":
        abiflags += "w" + ("d" if hasattr(sys, "gettotalrefcount") else "")
        abiflags += "" if "MSC v." in sys.version else "m"
    if "free-threading" in sys.version and "t" not in abiflags:
        abiflags += "t"  # Windows had no sys.abiflags before 3.14
    pypy = getattr(sys, "pypy_version_info", None)
    bits = 64 if sys.maxsize > 2**32 else 32
    libc = macos = None
    if sys.platform == "win32":
        system, arch = "windows", windows_arch(sys.version)
    else:
        uname = os.uname()
        system, arch = sys.platform, uname.machine
        if system == "darwin":
            system, macos = "macos", macos_version(uname.release)
        elif system.startswith("linux"):
            system = "linux"
            try:
                with open(os.path.realpath(sys.executable), "rb") as stream:
                    elf = parse_elf(stream.read(4096))
            except OSError:
                elf = None
            arch = linux_arch(elf, arch, bits)
            libc = read_libc(elf)
    return Machine(
        implementation=implementation,
        python=(version[0], version[1]),
        patch=sys.version_info[2],
        abi=python_abi(implementation, version, abiflags, tuple(pypy[:2]) if pypy else None),
        system=system,
        arch=arch,
        libc=libc,
        macos=macos,
    )


def abi_fits(wanted: str, machine: Machine) -> bool:
    """Whether wheels for a target's `abi` load; PyPy flavours are compared by their digits."""
    if machine.implementation != "pypy":
        return wanted == machine.abi
    digits = "".join(c for c in wanted.rpartition("p")[2] if c.isdigit())
    return not digits or machine.abi == "pp" + digits


def target_fits(target: Json, machine: Machine, wheels_only: bool = False) -> bool:
    """Whether this machine is one of those that a target covers.

    With `wheels_only` it may be another one that has all that the target's wheels really need.
    """
    if (
        target["implementation"] != machine.implementation
        or tuple(target["python"]) != machine.python
        or target.get("patch") not in (None, machine.patch)
        or not patch_fits(target, machine.patch)
    ):
        return False
    needs = needs_of(target) if wheels_only else target
    abi = needs.get("abi", "")
    if abi is not None and not abi_fits(abi, machine):
        return False
    if abi is None and needs["native"] and machine.abi == MINGW:
        return False
    return platform_fits(target, machine, wheels_only)


def needs_of(target: Json) -> Json:
    """What a target's wheels need: an ABI, a C library and a macOS, None for any."""
    needs = target.get("needs")
    if not needs:
        return target
    abi = target.get("abi", "") if needs["abi"] else None
    return {"abi": abi, "native": needs["native"], "libc": needs["libc"], "macos": needs["macos"]}


def patch_fits(target: Json, patch: int) -> bool:
    """Whether a target is for a patch release of its Python, as most are for all."""
    spans = target.get("patches", [[0, None]])
    return any(first <= patch and (end is None or patch < end) for first, end in spans)


def platform_fits(target: Json, machine: Machine, wheels_only: bool = True) -> bool:
    """Whether this machine, under whatever Python, is one of those that a target covers."""
    if target["system"] != machine.system or target["arch"] != machine.arch:
        return False
    needs = needs_of(target) if wheels_only else target
    libc, macos = needs.get("libc"), needs.get("macos")
    if libc and (
        not machine.libc or machine.libc[0] != libc[0] or machine.libc[1:] < tuple(libc[1:])
    ):
        return False
    return not macos or (machine.macos is not None and machine.macos >= tuple(macos))


def find_target(targets: Sequence[Json], machine: Machine) -> Optional[Json]:
    """The first, hence best-ranked, target that this machine fits.

    If it fits none, the first of which it has all that the wheels need.
    """
    for wheels_only in (False, True):
        for target in targets:
            if target_fits(target, machine, wheels_only):
                return target
    return None


def find_anywhere(table: Json, machine: Machine) -> Optional[Json]:
    """The wheels that run on any machine, as a target; None if there are none for its Python."""
    anywhere = table.get("anywhere")
    if not anywhere or machine.python[0] != 3:
        return None
    first, end = anywhere["python"]
    if machine.python[1] < first or (end is not None and machine.python[1] >= end):
        return None
    files = [item["file"] for item in table["wheels"]]
    wheels = [files.index(name) for name in anywhere["wheels"]]
    return {"name": "any machine", "sets": [[0, wheels]]}


def python_name(target: Json) -> str:
    """The Python of a target, for a person: "3.14t", "PyPy 3.11 (pp73)", "3.8.10"."""
    name = "PyPy " if target["implementation"] == "pypy" else ""
    minor = "%d.%d" % tuple(target["python"])
    name += minor
    if target.get("patch") is not None:
        name += ".%d" % target["patch"]
    abi = target.get("abi", "")
    name += " (%s)" % abi if abi.startswith("pp") else str(abi)
    words = patch_words(target, minor + ".")
    return name + (" (%s)" % ", ".join(words) if words else "")


def patch_words(target: Json, minor: str) -> List[str]:
    """Which patch releases a target is for, if not for all: "from 3.11.4 on", "not 3.11.7"."""
    spans = target.get("patches")
    if not spans:
        return []
    first, end = spans[0][0], spans[-1][1]
    if end == first + 1:
        return ["only %s%d" % (minor, first)]
    words = ["from %s%d on" % (minor, first)] if first else []
    for (_, hole), (after, _) in zip(spans, spans[1:]):
        words += ["not %s%d" % (minor, patch) for patch in range(hole, after)]
    return words + (["up to %s%d" % (minor, end - 1)] if end is not None else [])


def describe_mismatch(targets: Sequence[Json], machine: Machine) -> str:
    """What is in the way, in one line: only the Python, where the platform is one of the file's."""
    fitting = [target for target in targets if platform_fits(target, machine)]
    if not fitting:
        return "this file has nothing for this machine."
    fitting.sort(key=lambda target: (target["implementation"], target["python"]))
    names = list(dict.fromkeys(map(python_name, fitting)))
    wanted = ", ".join(names[:-1]) + " or " + names[-1] if names[1:] else names[0]
    here = machine._asdict()
    if not any(target.get("patch") is not None or "patches" in target for target in fitting):
        here["patch"] = None
    word = "" if wanted.startswith("PyPy") else "Python "
    return "this file needs %s%s; this is %s." % (word, wanted, python_name(here))


def describe_targets(targets: Sequence[Json]) -> List[str]:
    """What the wheels of a table's targets need, for a person: a line for each platform."""
    platforms: Dict[str, Dict[str, None]] = {}
    for target in targets:
        needs = needs_of(target)
        libc, macos = needs.get("libc"), needs.get("macos")
        name = {"macos": "macOS", "windows": "Windows"}.get(target["system"], "Linux")
        if macos:
            name += " %d.%d or newer" % tuple(macos)
        name += " " + target["arch"]
        if libc:
            name += " with %s %d.%d or newer" % tuple(libc)
        any_abi = needs.get("abi", "") is None
        python = python_name(dict(target, abi="") if any_abi else target)
        platforms.setdefault(name, {})[python] = None
    return ["%s: Python %s" % (name, ", ".join(platforms[name])) for name in platforms]


def describe_anywhere(table: Json) -> List[str]:
    """On which Pythons the wheels run on any machine: a line for a person, or none."""
    anywhere = table.get("anywhere")
    if not anywhere:
        return []
    first, end = anywhere["python"]
    last = " to 3.%d" % (end - 1) if end is not None else " or newer"
    return ["any machine: Python 3.%d%s" % (first, last)]


def wheels_of(target: Json, machine: Machine) -> List[int]:
    """The indexes of the wheels for this patch release of the target's Python."""
    chosen = [indexes for first, indexes in target["sets"] if first <= machine.patch]
    return chosen[-1] if chosen else []
