"""What the native code of a wheel needs of the C library, and which targets have not that."""

from __future__ import annotations

import tracemalloc
import zipfile
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.base.errors import VerificationError
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.elf import (
    LibcNeed,
    explain_need,
    find_newer_libc,
    measured_floor,
    read_libc_needs,
)
from hatch_multiplat.wheels.incompatibility import Advice, Incompatibility, suggest_ways
from hatch_multiplat.wheels.selection import Selection, WheelSet, parse_wheel
from hatch_multiplat.wheels.wheel_file import open_wheel
from tests.support.elf import glibc_object, musl_object
from tests.support.wheels import change_members, make_wheel

if TYPE_CHECKING:
    from pathlib import Path

GLIBC = Target.parse("cp312-manylinux_2_28_x86_64")
NEW_GLIBC = Target.parse("cp312-manylinux_2_36_x86_64")
MUSL = Target.parse("cp312-musllinux_1_2_x86_64")
BARE = "cp312-cp312-linux_x86_64"
UNNAMED = "linux_x86_64 promises no version of the C library, and demo/part0.so in it"
TOO_NEW = "needs GLIBC_2.36 (glibc 2.36 or newer)"
ELSEWHERE = "; build it on an older system, as cibuildwheel does"


def wheel_with(folder: Path, *objects: bytes, tags: str = BARE) -> Path:
    files = {f"demo/part{number}.so": data for number, data in enumerate(objects)}
    return make_wheel(folder, "demo", tags=tags, files={"demo/__init__.py": "", **files})


def selection(target: Target, *wheels: Path) -> Selection:
    locked = tuple(parse_wheel(path.name, path.as_uri(), {"sha256": path.name}) for path in wheels)
    return Selection(target=target, sets=(WheelSet(from_patch=0, wheels=locked),))


def test_the_newest_symbol_of_all_files_counts(tmp_path: Path) -> None:
    wheel = wheel_with(
        tmp_path, glibc_object("GLIBC_2.9"), glibc_object(), glibc_object("GLIBC_2.17")
    )
    assert read_libc_needs(open_wheel(wheel)) == {
        "x86_64": LibcNeed(glibc=(2, 36), symbol="GLIBC_2.36", glibc_member="demo/part1.so")
    }


@pytest.mark.parametrize(
    ("symbol", "floor"),
    [
        pytest.param("GLIBC_2.2.5", (2, 2), id="three numbers"),
        pytest.param("GLIBC_2.9", (2, 9), id="one digit"),
        pytest.param("GLIBC_ABI_DT_RELR", (2, 36), id="packed relocations"),
        pytest.param("GLIBC_PRIVATE", None, id="glibc's own"),
        pytest.param("GCC_3.0", None, id="another library's"),
    ],
)
def test_a_symbol_says_a_version_of_glibc_or_none(
    tmp_path: Path, symbol: str, floor: tuple[int, int] | None
) -> None:
    needs = read_libc_needs(open_wheel(wheel_with(tmp_path, glibc_object(symbol))))
    assert [need.glibc for need in needs.values()] == ([floor] if floor else [])


def test_files_for_several_machines_are_told_apart(tmp_path: Path) -> None:
    wheel = wheel_with(
        tmp_path,
        glibc_object("GLIBC_2.17"),
        glibc_object(machine=183),  # aarch64
        glibc_object(machine=8),  # MIPS
    )
    assert {arch: need.glibc for arch, need in read_libc_needs(open_wheel(wheel)).items()} == {
        "x86_64": (2, 17),
        "aarch64": (2, 36),
    }


def test_what_is_linked_with_musl_is_told(tmp_path: Path) -> None:
    assert read_libc_needs(open_wheel(wheel_with(tmp_path, musl_object()))) == {
        "x86_64": LibcNeed(musl_member="demo/part0.so")
    }


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x7fELF", id="its magic alone"),
        pytest.param(glibc_object()[:80], id="cut off"),
        pytest.param(glibc_object()[:1500], id="cut off later"),
        pytest.param(b"\x7fELF" + b"\xff" * 900, id="noise"),
    ],
)
def test_damaged_files_need_nothing_that_is_known(tmp_path: Path, data: bytes) -> None:
    assert read_libc_needs(open_wheel(wheel_with(tmp_path, data))) == {}


def test_a_large_file_is_read_without_holding_it(tmp_path: Path) -> None:
    wheel = wheel_with(tmp_path, glibc_object() + bytes(100 << 20))
    tracemalloc.start()
    try:
        assert read_libc_needs(open_wheel(wheel))["x86_64"].glibc == (2, 36)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 50 << 20


def test_a_wheel_whose_compression_is_not_known_is_an_error(tmp_path: Path) -> None:
    path = wheel_with(tmp_path, glibc_object())
    change_members(path, compression=99)
    with pytest.raises(VerificationError, match=f"{path.name} cannot be installed"):
        read_libc_needs(open_wheel(path))


def test_a_damaged_member_is_an_error(tmp_path: Path) -> None:
    path = wheel_with(tmp_path, glibc_object())
    with zipfile.ZipFile(path) as archive:
        (info,) = [info for info in archive.infolist() if info.filename.endswith(".so")]
    content = bytearray(path.read_bytes())
    content[info.header_offset + 30 + len(info.filename) + info.compress_size - 3] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(VerificationError, match=rf"'{info.filename}' is damaged"):
        read_libc_needs(open_wheel(path))


def test_what_is_no_wheel_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    path.write_text("no zip")
    with pytest.raises(VerificationError, match="cannot be installed: it cannot be read"):
        read_libc_needs(open_wheel(path))


@pytest.mark.parametrize(
    ("tags", "data", "target", "expected"),
    [
        pytest.param(
            BARE, glibc_object(), GLIBC,
            Incompatibility("floor",
             f"{UNNAMED} {TOO_NEW}{ELSEWHERE}",
             (2, 36)),
            id="too new",
        ),
        pytest.param(BARE, glibc_object(), NEW_GLIBC, None, id="new enough"),
        pytest.param(BARE, glibc_object("GLIBC_2.28"), GLIBC, None, id="just enough"),
        pytest.param(BARE, b"text", GLIBC, None, id="no native code"),
        pytest.param(BARE, glibc_object(machine=183), GLIBC, None, id="for another machine"),
        pytest.param(
            "cp312-cp312-manylinux_2_17_x86_64", glibc_object(), GLIBC,
            Incompatibility("floor",
             f"it is tagged manylinux_2_17_x86_64, and demo/part0.so in it {TOO_NEW}{ELSEWHERE}",
             (2, 36)),
            id="a tag that promises too much",
        ),
        pytest.param(
            BARE, glibc_object("GLIBC_2.17"), MUSL,
            Incompatibility("platform",
             f"{UNNAMED} needs glibc"),
            id="glibc for musl",
        ),
        pytest.param(
            BARE, musl_object(), GLIBC,
            Incompatibility("platform",
             f"{UNNAMED} is linked with musl"),
            id="musl for glibc",
        ),
        pytest.param(BARE, musl_object(), MUSL, None, id="musl for musl"),
        pytest.param(
            "cp312-cp312-win_amd64", glibc_object(), Target.parse("cp312-win_amd64"), None,
            id="on Windows nobody loads it",
        ),
    ],
)  # fmt: skip
def test_a_target_lacks_what_is_newer_than_its_floor(
    tmp_path: Path,
    *,
    tags: str,
    data: bytes,
    target: Target,
    expected: Incompatibility | None,
) -> None:
    path = wheel_with(tmp_path, data, tags=tags)
    wheel = parse_wheel(path.name, path.as_uri(), {})
    assert explain_need(wheel.tags, read_libc_needs(open_wheel(path)), target) == expected


@pytest.mark.parametrize(
    ("data", "target", "floor"),
    [
        pytest.param(glibc_object(), GLIBC, (2, 36), id="read from it"),
        pytest.param(glibc_object("GLIBC_2.2.5"), GLIBC, (2, 5), id="no older than wheels are"),
        pytest.param(b"text", GLIBC, None, id="any"),
        pytest.param(musl_object(), MUSL, None, id="musl's symbols have no versions"),
    ],
)
def test_the_lowest_floor_is_read_from_what_is_in_it(
    tmp_path: Path, data: bytes, target: Target, floor: tuple[int, int] | None
) -> None:
    assert measured_floor(read_libc_needs(open_wheel(wheel_with(tmp_path, data))), target) == floor


def test_only_wheels_without_a_promise_are_looked_into(tmp_path: Path) -> None:
    bare = wheel_with(tmp_path / "a", glibc_object())
    both = wheel_with(tmp_path / "b", glibc_object(), tags=f"{BARE}.manylinux_2_17_x86_64")
    pure = wheel_with(tmp_path / "c", glibc_object(), tags="py3-none-any")
    files = {path.name: open_wheel(path) for path in (bare, both, pure)}
    chosen = [selection(GLIBC, bare), selection(NEW_GLIBC, bare), selection(GLIBC, both, pure)]
    (missing_wheel,) = find_newer_libc(chosen, files, {})
    assert (
        missing_wheel.name,
        str(missing_wheel.version),
        missing_wheel.target,
        missing_wheel.kind,
    ) == ("demo", "1.0", GLIBC, "floor")
    assert missing_wheel.reason.startswith(f"{bare.name}: linux_x86_64 promises no version")


def test_a_dependency_that_needs_too_much_is_told_with_what_to_do(tmp_path: Path) -> None:
    bare = wheel_with(tmp_path, glibc_object())
    files = {bare.name: open_wheel(bare)}
    assert find_newer_libc([selection(NEW_GLIBC, bare)], files, {}) == ()
    missing_wheels = find_newer_libc([selection(GLIBC, bare)], files, {})
    (lacking,) = missing_wheels
    assert lacking.reason.startswith(f"{bare.name}: linux_x86_64 promises no version of the C lib")
    assert suggest_ways(lacking, Advice.PROJECT) == "raise the floor to 'linux-x86_64-glibc2.36'"
