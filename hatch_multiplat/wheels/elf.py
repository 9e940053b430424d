"""The C library that the native code of a wheel needs, read from its ELF files.

A wheel for plain `linux_ARCH` promises nothing about it, and a tag may promise too much. What a
file needs stands in itself: the versions of glibc's symbols (`.gnu.version_r`, as auditwheel
reads it), and the name of the library that it is linked with.
"""

from __future__ import annotations

import itertools
import re
import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final, cast

from hatch_multiplat.targets.platforms import oldest_floor
from hatch_multiplat.wheels.incompatibility import (
    Incompatibility,
    floor_to_ask,
    promises_floor,
)
from hatch_multiplat.wheels.selection import missing_because

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from elftools.elf.elffile import ELFFile
    from packaging.tags import Tag

    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.incompatibility import Floor
    from hatch_multiplat.wheels.selection import MissingWheel, Selection
    from hatch_multiplat.wheels.wheel_file import WheelFile

_MAGIC: Final = b"\x7fELF"
_ARCHS: Final = {
    "EM_X86_64": "x86_64",
    "EM_AARCH64": "aarch64",
    "EM_386": "i686",
    "EM_ARM": "armv7l",
    "EM_PPC64": "ppc64le",
    "EM_S390": "s390x",
    "EM_RISCV": "riscv64",
}
_GLIBC: Final = re.compile(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?")
# Without a number, and asked for by linkers that pack relocations: ld.so knows it from 2.36 on.
_RELR: Final = "GLIBC_ABI_DT_RELR"
_SPOOLED: Final = 16 << 20
"""The number of bytes of a file that are held in memory; larger files go to the disk."""
_MUSL: Final = re.compile(r"libc\.so|libc\.musl-\w+\.so\.1")


@dataclass(frozen=True, kw_only=True, slots=True)
class LibcNeed:
    """What the ELF files of a wheel need, all of one architecture.

    `glibc` is the version of the newest symbol, `symbol`, that the file `glibc_member` asks for;
    `musl_member` is a file that is linked with musl. Each is None or empty where there is none.
    """

    glibc: Floor | None = None
    symbol: str = ""
    glibc_member: str = ""
    musl_member: str = ""


def read_libc_needs(wheel: WheelFile) -> dict[str, LibcNeed]:
    """Return what the ELF files in a wheel need, by their architecture; of most wheels nothing.

    A file that no linker made, or that is for some other kind of machine, is passed over. Raises
    VerificationError for what is damaged.
    """
    found: dict[str, LibcNeed] = {}
    for name, blocks in wheel.contents():
        start = next(blocks, b"")
        if not start.startswith(_MAGIC):
            continue
        # Some have a gigabyte, of which little is looked at.
        with tempfile.SpooledTemporaryFile(_SPOOLED) as copy:
            for block in itertools.chain([start], blocks):
                copy.write(block)
            copy.seek(0)
            read = _read_elf(copy, name)
        if read:
            arch, need = read
            found[arch] = _more(found.get(arch), need)
    return found


def _read_elf(data: IO[bytes], member: str) -> tuple[str, LibcNeed] | None:
    """Return the architecture and the needs of an ELF file; None if it is not known."""
    # It takes a tenth of a second to load, and few builds have a wheel that is looked into.
    from elftools.common.exceptions import ELFError  # noqa: PLC0415
    from elftools.construct import ConstructError  # noqa: PLC0415
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415

    try:
        file = ELFFile(data)
        arch = _ARCHS.get(file["e_machine"])
        names = set(_needed_names(file))
    except (
        *(ELFError, ConstructError, ValueError, KeyError, TypeError, AttributeError),
        *(OverflowError, OSError, AssertionError),  # Of an offset that no file can have.
    ):
        return None  # No linker made it, and Python says so where it is loaded.
    versions = {found: name for name in names if (found := _glibc_version(name))}
    newest = max(versions, default=None)
    is_musl = any(_MUSL.fullmatch(name) for name in names)
    if arch is None or not (newest or is_musl):
        return None
    return arch, LibcNeed(
        glibc=newest,
        symbol=versions[newest] if newest else "",
        glibc_member=member if newest else "",
        musl_member=member if is_musl else "",
    )


def _needed_names(file: ELFFile) -> Iterator[str]:
    """Return the libraries that an ELF file needs, and the versions in them."""
    # Its classes of sections, and their attributes, are chosen by what the file says.
    for section in cast("Iterator[Any]", file.iter_sections()):
        if section["sh_type"] == "SHT_GNU_verneed":
            for _, versions in section.iter_versions():
                yield from (version.name for version in versions)
        elif section["sh_type"] == "SHT_DYNAMIC":
            yield from (tag.needed for tag in section.iter_tags("DT_NEEDED"))


def _glibc_version(symbol: str) -> Floor | None:
    if symbol == _RELR:
        return 2, 36
    match = _GLIBC.fullmatch(symbol)
    return (int(match[1]), int(match[2])) if match else None


def _more(one: LibcNeed | None, other: LibcNeed) -> LibcNeed:
    """Return the combined needs of two files."""
    if one is None:
        return other
    newer = other if (other.glibc or (0, 0)) > (one.glibc or (0, 0)) else one
    return LibcNeed(
        glibc=newer.glibc,
        symbol=newer.symbol,
        glibc_member=newer.glibc_member,
        musl_member=one.musl_member or other.musl_member,
    )


def measured_floor(needs: Mapping[str, LibcNeed], target: Target) -> Floor | None:
    """Return the lowest glibc for wheels with these needs; None if any works."""
    platform = target.platform
    need = needs.get(platform.arch)
    oldest = oldest_floor(platform.system, platform.arch, platform.libc)
    if need is None or need.glibc is None or oldest is None or platform.libc != "glibc":
        return None
    return max(need.glibc, oldest)


def explain_need(
    tags: Iterable[Tag], needs: Mapping[str, LibcNeed], target: Target
) -> Incompatibility | None:
    """Say why a wheel whose tags fit a target does not run there; None where it does."""
    platform = target.platform
    need = needs.get(platform.arch)
    if need is None or platform.system != "linux" or platform.floor is None:
        return None
    tag = _promise(tags, target)
    elsewhere = "; build it on an older system, as cibuildwheel does"
    if platform.libc == "glibc":
        if need.glibc is not None and need.glibc > platform.floor:
            version = f"{need.glibc[0]}.{need.glibc[1]}"
            reason = f"{tag}, and {need.glibc_member} in it needs {need.symbol}"
            newer = f" (glibc {version} or newer)"
            floor = floor_to_ask(need.glibc, target)
            return Incompatibility("floor", f"{reason}{newer}{elsewhere}", floor)
        if need.musl_member and need.glibc is None:
            reason = f"{tag}, and {need.musl_member} in it is linked with musl"
            return Incompatibility("platform", reason)
    elif need.glibc is not None and not need.musl_member:
        return Incompatibility("platform", f"{tag}, and {need.glibc_member} in it needs glibc")
    return None


def _promise(tags: Iterable[Tag], target: Target) -> str:
    """Say what the tags of a wheel promise."""
    fitting = sorted({tag.platform for tag in tags} & {tag.platform for tag in target.tags})
    names = ".".join(fitting)
    if all(name.startswith("linux_") for name in fitting):
        return f"{names} promises no version of the C library"
    return f"it is tagged {names}"


def find_newer_libc(
    selections: Sequence[Selection],
    files: Mapping[str, WheelFile],
    known: dict[str, dict[str, LibcNeed]],
) -> tuple[MissingWheel, ...]:
    """Return what targets lack because a wheel for plain `linux_ARCH` needs a newer C library.

    `files` has the wheels by file name, and `known` what was read of them before. A tag that
    promises a floor is believed: the tool that wrote it has looked.
    """
    missing_wheels = []
    for selection in selections:
        for wheel in selection.wheels:
            if promises_floor(wheel.tags, selection.target):
                continue
            if wheel.filename not in known:
                known[wheel.filename] = read_libc_needs(files[wheel.filename])
            found = explain_need(wheel.tags, known[wheel.filename], selection.target)
            if found is not None:
                missing_wheels.append(
                    missing_because(wheel, selection.target, found, whose=f"{wheel.filename}: ")
                )
    return tuple(missing_wheels)
