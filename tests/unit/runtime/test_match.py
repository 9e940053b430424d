"""Which target is this machine? Walked for machines that no test runs on."""

from __future__ import annotations

import os
import struct
import sys
from typing import Any, NamedTuple

import pytest

from hatch_multiplat.runtime import match
from hatch_multiplat.runtime.match import Elf, Machine

LINUX = Machine(
    implementation="cpython",
    python=(3, 12),
    patch=4,
    abi="",
    system="linux",
    arch="x86_64",
    libc=("glibc", 2, 31),
    macos=None,
)
MAC = LINUX._replace(system="macos", arch="arm64", libc=None, macos=(14, 0))
WINDOWS = LINUX._replace(system="windows", libc=None)


def target(like: Machine = LINUX, **fields: Any) -> dict[str, Any]:
    """A target that covers a machine, with some fields changed."""
    found = {
        "name": "t",
        "implementation": like.implementation,
        "python": list(like.python),
        "abi": like.abi,
        "system": like.system,
        "arch": like.arch,
        "libc": list(like.libc) if like.libc else None,
        "macos": list(like.macos) if like.macos else None,
        "patch": None,
        "sets": [[0, [0]]],
    }
    return {**found, **fields}


@pytest.mark.parametrize(
    ("wanted", "here", "fits"),
    [
        pytest.param(target(), LINUX, True, id="the same"),
        pytest.param(target(libc=["glibc", 2, 17]), LINUX, True, id="older glibc wanted"),
        pytest.param(target(libc=["glibc", 2, 9]), LINUX, True, id="numbers, not text"),
        pytest.param(target(libc=["glibc", 2, 32]), LINUX, False, id="newer glibc wanted"),
        pytest.param(target(libc=["musl", 1, 2]), LINUX, False, id="musl wanted"),
        pytest.param(
            target(libc=["musl", 1, 1]), LINUX._replace(libc=("musl", 1, 2)), True, id="musl"
        ),
        pytest.param(target(), LINUX._replace(libc=None), False, id="unknown libc"),
        pytest.param(target(arch="i686"), LINUX, False, id="32 bits wanted"),
        pytest.param(target(python=[3, 11]), LINUX, False, id="another minor"),
        pytest.param(target(python=[3, 1]), LINUX, False, id="3.1 is not 3.12"),
        pytest.param(target(patch=4), LINUX, True, id="this patch release"),
        pytest.param(target(patch=3), LINUX, False, id="another patch release"),
        pytest.param(target(patches=[[4, None]]), LINUX, True, id="from this patch release on"),
        pytest.param(target(patches=[[5, None]]), LINUX, False, id="from a later one on"),
        pytest.param(target(patches=[[0, 4], [5, None]]), LINUX, False, id="not this one"),
        pytest.param(target(patches=[[0, 3], [4, 5]]), LINUX, True, id="some, and this one"),
        pytest.param(target(abi="t"), LINUX, False, id="free-threaded wanted"),
        pytest.param(target(), LINUX._replace(abi="t"), False, id="free-threaded here"),
        pytest.param(target(abi="t"), LINUX._replace(abi="t"), True, id="both free-threaded"),
        pytest.param(target(), LINUX._replace(abi="d"), False, id="debug here"),
        pytest.param(target(implementation="pypy"), LINUX, False, id="PyPy wanted"),
        pytest.param(target(MAC), MAC, True, id="macOS"),
        pytest.param(target(MAC, macos=[11, 0]), MAC, True, id="older macOS wanted"),
        pytest.param(target(MAC, macos=[10, 9]), MAC, True, id="macOS 10"),
        pytest.param(target(MAC, macos=[15, 0]), MAC, False, id="newer macOS wanted"),
        pytest.param(target(MAC), MAC._replace(macos=None), False, id="unknown macOS"),
        pytest.param(target(MAC), MAC._replace(arch="x86_64"), False, id="Rosetta"),
        pytest.param(target(WINDOWS), WINDOWS, True, id="Windows"),
        pytest.param(target(WINDOWS), WINDOWS._replace(arch="arm64"), False, id="Windows arm64"),
        pytest.param(target(WINDOWS), LINUX, False, id="another system"),
    ],
)
def test_fitting(wanted: dict[str, Any], here: Machine, fits: object) -> None:
    assert match.target_fits(wanted, here) is fits
    assert match.find_target([wanted], here) is (wanted if fits else None)


@pytest.mark.parametrize("abi", ["", "pp73", "pypy73", "pypy311_pp73"])
def test_flavours_of_pypy(abi: str) -> None:
    here = LINUX._replace(implementation="pypy", python=(3, 11), abi="pp73")
    assert match.target_fits(target(here, abi=abi), here)
    assert match.target_fits(target(here, abi=abi), here._replace(abi="pp80")) is (abi == "")


def test_the_first_of_several_fitting_targets_wins() -> None:
    targets = [target(libc=["glibc", 2, 40]), target(libc=["glibc", 2, 28]), target()]
    assert match.find_target(targets, LINUX) is targets[1]


@pytest.mark.parametrize(("patch", "wheels"), [(0, [1]), (2, [1]), (3, [2]), (7, [3]), (99, [3])])
def test_wheels_by_patch_release(patch: int, wheels: list[int]) -> None:
    found = match.wheels_of(
        target(sets=[[0, [1]], [3, [2]], [7, [3]]]), LINUX._replace(patch=patch)
    )
    assert found == wheels


def elf(code: int, bits: int, *, order: str = "<", flags: int = 0, interp: str = "") -> bytes:
    """An ELF header with a PT_LOAD and, if it is dynamic, a PT_INTERP."""
    wide = bits == 64
    head = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    size, ph = (64, 56) if wide else (52, 32)
    names = interp.encode() + b"\0"
    count = 2 if interp else 1
    at = size + count * ph
    word = "Q" if wide else "I"
    head += struct.pack(order + "HHI" + word * 3, 3, code, 1, 0, size, 0)
    head += struct.pack(order + "IHHHHHH", flags, size, ph, count, 0, 0, 0)

    def segment(kind: int) -> bytes:
        if wide:
            return struct.pack(order + "IIQQQQQQ", kind, 4, at, 0, 0, len(names), 0, 1)
        return struct.pack(order + "IIIIIIII", kind, at, 0, 0, len(names), 0, 4, 1)

    return head + b"".join(map(segment, (1, 3)[:count])) + names + bytes(64)


@pytest.mark.parametrize(
    ("data", "arch"),
    [
        pytest.param(elf(62, 64), "x86_64", id="x86_64"),
        pytest.param(elf(3, 32), "i686", id="i686"),
        pytest.param(elf(62, 32), "x32?", id="x32"),
        pytest.param(elf(183, 64), "aarch64", id="aarch64"),
        pytest.param(elf(40, 32, flags=0x05000400), "armv7l", id="hard float"),
        pytest.param(elf(40, 32, flags=0x05000200), "armel", id="soft float"),
        pytest.param(elf(21, 64), "ppc64le", id="ppc64le"),
        pytest.param(elf(21, 64, order=">"), "ppc64", id="ppc64"),
        pytest.param(elf(22, 64, order=">"), "s390x", id="s390x"),
        pytest.param(elf(243, 64), "riscv64", id="riscv64"),
    ],
)
def test_the_interpreters_own_header_tells_the_architecture(data: bytes, arch: str) -> None:
    header = match.parse_elf(data)
    assert header is not None
    bits = header.bits
    # Whatever the kernel says.
    assert match.linux_arch(header, "x32?", bits) == arch


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("name", ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1", ""])
def test_the_loader_is_read_from_the_header(bits: int, order: str, name: str) -> None:
    header = match.parse_elf(elf(62, bits, order=order, interp=name))
    assert header == Elf(62, bits, order == "<", 0, name)


@pytest.mark.parametrize("data", [b"", b"#!/bin/sh", b"\x7fELF", b"\x7fELF\x07" + bytes(90)])
def test_other_files_are_no_elf(data: bytes) -> None:
    assert match.parse_elf(data) is None


@pytest.mark.parametrize(
    ("uname", "bits", "arch"),
    [
        ("x86_64", 64, "x86_64"),
        ("x86_64", 32, "i686"),
        ("i686", 64, "x86_64"),  # setarch i686
        ("i686", 32, "i686"),
        ("i386", 32, "i686"),
        ("aarch64", 32, "armv7l"),
        ("armv8l", 32, "armv7l"),
        ("armv8l", 64, "aarch64"),
        ("riscv64", 64, "riscv64"),
    ],
)
def test_the_architecture_where_the_interpreter_cannot_be_read(
    uname: str, bits: int, arch: str
) -> None:
    assert match.linux_arch(None, uname, bits) == arch


@pytest.mark.parametrize(
    ("darwin", "macos"),
    [
        ("15.6.0", (10, 11)),
        ("19.6.0", (10, 15)),
        ("20.0.0", (11, 0)),
        ("22.6.0", (13, 0)),
        ("24.1.0", (15, 0)),
        ("25.0.0", (26, 0)),
        ("26.3.1", (27, 0)),
        ("unknown", None),
    ],
)
def test_macos_from_its_kernels_release(darwin: str, macos: tuple[int, int] | None) -> None:
    assert match.macos_version(darwin) == macos


@pytest.mark.parametrize(
    ("text", "arch"),
    [
        ("3.12.1 (tags/v3.12.1, Dec  7 2023) [MSC v.1937 64 bit (AMD64)]", "x86_64"),
        ("3.12.1 (tags/v3.12.1, Dec  7 2023) [MSC v.1937 64 bit (ARM64)]", "arm64"),
        ("3.12.1 (tags/v3.12.1, Dec  7 2023) [MSC v.1937 32 bit (Intel)]", "i686"),
        ("3.12.1 (main, Dec  7 2023)  [GCC 13 64 bit (AMD64)]", "x86_64"),
    ],
)
def test_windows_from_the_interpreters_version(text: str, arch: str) -> None:
    assert match.windows_arch(text) == arch


@pytest.mark.parametrize(
    ("arguments", "abi"),
    [
        (("cpython", (3, 12), "", None), ""),
        (("cpython", (3, 6), "m", None), ""),
        (("cpython", (3, 7), "dm", None), "d"),
        (("cpython", (3, 12), "d", None), ""),
        (("cpython", (3, 12), "wd", None), "d"),
        (("cpython", (3, 13), "t", None), "t"),
        (("cpython", (3, 13), "td", None), "t"),
        (("pypy", (3, 11), "", (7, 3)), "pp73"),
        (("pypy", (3, 11), "", (8, 0)), "pp80"),
    ],
)
def test_the_interpreters_flavour(arguments: Any, abi: str) -> None:
    assert match.python_abi(*arguments) == abi


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("glibc 2.36", (2, 36)),
        ("glibc 2.31-2+deb11", (2, 31)),
        ("Version 1.2.5", (1, 2)),
        ("Version 1.2.5-git", (1, 2)),
        ("2.20b", (2, 20)),
        ("none", None),
        ("", None),
    ],
)
def test_versions_in_texts(text: str, version: tuple[int, int] | None) -> None:
    assert match.parse_version(text) == version


class Uname(NamedTuple):
    machine: str
    release: str = ""


def pretend(monkeypatch: pytest.MonkeyPatch, platform: str, **facts: Any) -> Machine:
    """What `read_machine` makes of another machine's answers."""
    monkeypatch.setattr(sys, "platform", platform)
    if "uname" in facts:
        monkeypatch.setattr(os, "uname", lambda: facts["uname"])
    if "elf" in facts:
        monkeypatch.setattr(match, "parse_elf", lambda data: facts["elf"])
    if "libc" in facts:
        monkeypatch.setattr(os, "confstr", lambda name: facts["libc"])
    if "version" in facts:
        monkeypatch.setattr(sys, "version", facts["version"])
    return match.read_machine()


def test_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    found = pretend(monkeypatch, "darwin", uname=Uname("arm64", "23.5.0"))
    assert (found.system, found.arch, found.macos, found.libc) == ("macos", "arm64", (14, 0), None)
    assert str(found).endswith("macOS 14.0 arm64")


def test_an_intel_python_on_an_arm_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    found = pretend(monkeypatch, "darwin", uname=Uname("x86_64", "23.5.0"))
    assert (found.system, found.arch, found.macos) == ("macos", "x86_64", (14, 0))


def test_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    found = pretend(monkeypatch, "win32", version="3.12.1 [MSC v.1937 64 bit (ARM64)]")
    assert (found.system, found.arch, found.libc, found.macos) == ("windows", "arm64", None, None)


def test_a_32_bit_python_on_a_64_bit_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    found = pretend(
        monkeypatch,
        "linux",
        uname=Uname("x86_64"),
        elf=Elf(3, 32, little=True, flags=0, interpreter="/lib/ld-linux.so.2"),
        libc="glibc 2.41",
    )
    assert (found.arch, found.libc) == ("i686", ("glibc", 2, 41))


def test_musl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(match, "musl_version", lambda loader: (1, 2))
    found = pretend(
        monkeypatch,
        "linux",
        elf=Elf(62, 64, little=True, flags=0, interpreter="/lib/ld-musl-x86_64.so.1"),
        libc="glibc 2.1",
    )
    assert found.libc == ("musl", 1, 2)


def test_a_python_linked_without_any_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    found = pretend(
        monkeypatch, "linux", elf=Elf(62, 64, little=True, flags=0, interpreter=""), libc=None
    )
    assert found.libc is None
    assert "unknown libc" in str(found)


def test_musls_loader_is_asked_for_its_version(tmp_path: Any) -> None:
    loader = tmp_path / "ld-musl"
    loader.write_text(
        "#!/bin/sh\necho 'musl libc (x86_64)\nVersion 1.2.5\nDynamic' >&2\nexit 127\n"
    )
    loader.chmod(0o755)
    assert match.musl_version(str(loader)) == (1, 2)
    assert match.musl_version(str(tmp_path / "missing")) is None


def test_targets_for_a_person() -> None:
    targets = [
        target(libc=["glibc", 2, 28], python=[3, 11]),
        target(libc=["glibc", 2, 28], python=[3, 13], abi="t"),
        target(libc=["glibc", 2, 28], implementation="pypy", python=[3, 11], abi="pp73"),
        target(MAC, patch=7),
        target(WINDOWS),
    ]
    assert match.describe_targets(targets) == [
        "Linux x86_64 with glibc 2.28 or newer: Python 3.11, 3.13t, PyPy 3.11 (pp73)",
        "macOS 14.0 or newer arm64: Python 3.12.7",
        "Windows x86_64: Python 3.12",
    ]


def test_targets_for_a_person_by_what_their_wheels_need() -> None:
    """Pure wheels run on any ABI, C library and macOS, native ones on an older floor."""
    pure = {"abi": False, "native": False, "libc": None, "macos": None}
    older = {"abi": True, "native": True, "libc": ["glibc", 2, 17], "macos": None}
    targets = [
        target(libc=["glibc", 2, 28], python=[3, 11], needs=pure),
        target(libc=["glibc", 2, 28], python=[3, 13], abi="t", needs=pure),
        target(libc=["glibc", 2, 28], implementation="pypy", abi="pp73", needs=pure),
        target(MAC, needs=pure),
        target(libc=["glibc", 2, 28], abi="t", needs=older),
    ]
    assert match.describe_targets(targets) == [
        "Linux x86_64: Python 3.11, 3.13, PyPy 3.12",
        "macOS arm64: Python 3.12",
        "Linux x86_64 with glibc 2.17 or newer: Python 3.12t",
    ]


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        pytest.param(
            [target(python=[3, n]) for n in (14, 9, 13, 13)],
            "this file needs Python 3.9, 3.13 or 3.14; this is 3.12.",
            id="other Pythons",
        ),
        pytest.param(
            [target(python=[3, 11]), target(MAC)],
            "this file needs Python 3.11; this is 3.12.",
            id="one other Python",
        ),
        pytest.param(
            [target(abi="t"), target(LINUX, implementation="pypy", python=[3, 11], abi="pp73")],
            "this file needs Python 3.12t or PyPy 3.11 (pp73); this is 3.12.",
            id="other flavours",
        ),
        pytest.param(
            [target(LINUX, implementation="pypy", python=[3, 11], abi="pp73")],
            "this file needs PyPy 3.11 (pp73); this is 3.12.",
            id="PyPy alone",
        ),
        pytest.param(
            [target(patch=7)], "this file needs Python 3.12.7; this is 3.12.4.", id="another patch"
        ),
        pytest.param(
            [target(patches=[[5, None]]), target(python=[3, 13], patches=[[0, 1], [3, 5], [6, 8]])],
            "this file needs Python 3.12 (from 3.12.5 on) or "
            "3.13 (not 3.13.1, not 3.13.2, not 3.13.5, up to 3.13.7); this is 3.12.4.",
            id="other patches",
        ),
        pytest.param(
            [target(patches=[[5, 6]])],
            "this file needs Python 3.12 (only 3.12.5); this is 3.12.4.",
            id="one patch",
        ),
        pytest.param(
            [target(MAC), target(python=[3, 11], libc=["glibc", 2, 32])],
            "this file has nothing for this machine.",
            id="other machines",
        ),
    ],
)
def test_what_is_in_the_way_is_said_in_one_line(targets: list[dict[str, Any]], said: str) -> None:
    assert match.find_target(targets, LINUX) is None
    assert match.describe_mismatch(targets, LINUX) == said


def test_a_pypy_tells_its_abi_which_decides_whether_a_target_fits() -> None:
    found = LINUX._replace(implementation="pypy", python=(3, 11), patch=17, abi="pp80")
    assert str(found).startswith("PyPy 3.11.17 (pp80), linux")


def needing(**needs: Any) -> dict[str, Any]:
    """A target for this test's machine, but for what its wheels need."""
    pure = {"abi": False, "native": False, "libc": None, "macos": None}
    return {
        "implementation": "cpython",
        "python": [3, 12],
        "abi": "",
        "system": "linux",
        "arch": "x86_64",
        "libc": ["glibc", 2, 28],
        "macos": None,
        "needs": {**pure, **needs},
    }


NATIVE = {"abi": True, "native": True, "libc": ["glibc", 2, 17]}


@pytest.mark.parametrize(
    ("change", "pure", "native"),
    [
        ({}, True, True),
        ({"libc": ("glibc", 2, 17)}, True, True),
        ({"libc": ("glibc", 2, 12)}, True, False),
        ({"libc": ("musl", 1, 2)}, True, False),
        ({"libc": None}, True, False),
        ({"abi": "t"}, True, False),
        ({"abi": "d"}, True, False),
        ({"arch": "riscv64"}, False, False),
        ({"system": "freebsd14"}, False, False),
        ({"python": (3, 13)}, False, False),
        ({"implementation": "pypy"}, False, False),
    ],
)
def test_a_machine_needs_what_the_wheels_need(
    change: dict[str, Any], *, pure: bool, native: bool
) -> None:
    here = Machine("cpython", (3, 12), 4, "", "linux", "x86_64", ("glibc", 2, 36), None)
    here = here._replace(**change)
    assert (match.find_target([needing()], here) is not None) == pure
    assert (match.find_target([needing(**NATIVE)], here) is not None) == native
    # A program in a wheel, as ruff is, is tied to a C library, but to no ABI.
    program = pure and (native or "abi" in change)
    assert (match.find_target([needing(**{**NATIVE, "abi": False})], here) is not None) == program


def test_a_target_that_fits_as_it_is_named_comes_first() -> None:
    other, exact = needing(), {**needing(**NATIVE), "libc": ["musl", 1, 2]}
    exact["needs"]["libc"] = ["musl", 1, 2]
    musl = Machine("cpython", (3, 12), 4, "", "linux", "x86_64", ("musl", 1, 2), None)
    assert match.find_target([other, exact], musl) is exact


@pytest.mark.parametrize(
    ("python", "found"), [((3, 8), False), ((3, 9), True), ((3, 30), True), ((4, 9), False)]
)
def test_pure_wheels_run_on_any_machine(python: tuple[int, int], *, found: bool) -> None:
    table = {
        "wheels": [{"file": "a.whl"}, {"file": "b.whl"}],
        "anywhere": {"python": [9, None], "wheels": ["b.whl"]},
    }
    here = Machine("cpython", python, 4, "", "freebsd14", "riscv64", None, None)
    expected = {"name": "any machine", "sets": [[0, [1]]]} if found else None
    assert match.find_anywhere(table, here) == expected
    assert match.find_anywhere({**table, "anywhere": None}, here) is None
    closed = {**table, "anywhere": {"python": [9, 30], "wheels": ["b.whl"]}}
    assert (match.find_anywhere(closed, here) is not None) == (found and python[1] < 30)


def test_the_python_of_mingw_is_not_that_of_windows() -> None:
    assert match.python_abi("cpython", (3, 12), "wm", None) == "mingw"
    assert match.python_abi("cpython", (3, 12), "w", None) == ""
    here = Machine("cpython", (3, 12), 4, "mingw", "windows", "x86_64", None, None)
    windows = {"system": "windows", "libc": None}
    native = {"native": True}
    for needs, fits in (({}, True), (native, False), ({**native, "abi": True}, False)):
        assert (match.find_target([{**needing(**needs), **windows}], here) is not None) == fits
