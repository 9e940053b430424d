from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, parse_tag
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.floors import lower_need, lowest_floor
from hatch_multiplat.wheels.selection import MissingWheel

LINUX = "cp312-manylinux_2_28_x86_64"
MAC = "cp312-macosx_13_0_arm64"
INTEL_MAC = "cp312-macosx_13_0_x86_64"


@pytest.mark.parametrize(
    ("target", "wheels", "floor"),
    [
        pytest.param(LINUX, ["cp312-cp312-manylinux_2_27_x86_64"], (2, 27), id="one wheel"),
        pytest.param(LINUX, ["cp312-cp312-manylinux2014_x86_64"], (2, 17), id="legacy tag"),
        pytest.param(
            LINUX,
            ["cp312-cp312-manylinux_2_28_x86_64", "cp312-cp312-manylinux_2_12_x86_64"],
            (2, 12),
            id="the lower of two wheels",
        ),
        pytest.param(
            LINUX,
            ["cp312-cp312-manylinux_2_28_x86_64.manylinux_2_24_x86_64"],
            (2, 24),
            id="the lower of two tags",
        ),
        pytest.param(LINUX, ["cp312-cp312-manylinux_2_34_x86_64"], (2, 34), id="above its own"),
        pytest.param(LINUX, ["cp39-abi3-manylinux_2_17_x86_64"], (2, 17), id="abi3"),
        pytest.param(LINUX, ["cp313-cp313-manylinux_2_17_x86_64"], None, id="another Python"),
        pytest.param(LINUX, ["cp312-cp312-manylinux_2_17_aarch64"], None, id="another machine"),
        pytest.param(LINUX, ["cp312-cp312-musllinux_1_1_x86_64"], None, id="another libc"),
        pytest.param(LINUX, ["cp312-cp312-linux_x86_64"], None, id="no promise"),
        pytest.param(
            LINUX,
            ["cp312-cp312-manylinux_2_28_x86_64", "py3-none-any"],
            None,
            id="a pure wheel beside it",
        ),
        pytest.param(MAC, ["cp312-cp312-macosx_14_0_arm64"], (14, 0), id="newer macOS"),
        pytest.param(
            MAC, ["cp312-cp312-macosx_10_9_universal2"], (11, 0), id="older than the machine"
        ),
        pytest.param(INTEL_MAC, ["cp312-cp312-macosx_10_9_universal2"], (10, 9), id="universal2"),
        pytest.param(MAC, ["cp312-cp312-macosx_26_0_arm64"], (26, 0), id="yearly numbers"),
        pytest.param("cp312-win_amd64", ["cp312-cp312-win_amd64"], None, id="Windows"),
        pytest.param(LINUX, [], None, id="no wheel"),
    ],
)
def test_the_lowest_floor_is_that_of_the_least_demanding_wheel_that_fits(
    target: str, wheels: list[str], floor: tuple[int, int] | None
) -> None:
    assert lowest_floor([parse_tag(text) for text in wheels], Target.parse(target)) == floor


def test_the_lowest_floor_is_the_first_that_accepts_the_wheel() -> None:
    """Asked the other way round: a target on that floor takes it, one below does not."""
    for minor in range(17, 40):
        (tag,) = parse_tag(f"cp312-cp312-manylinux_2_{minor}_x86_64")
        floor = lowest_floor([[tag]], Target.parse(LINUX))
        assert floor is not None
        assert tag in Target.parse(f"cp312-manylinux_{floor[0]}_{floor[1]}_x86_64").tags
        below = Target.parse(f"cp312-manylinux_{floor[0]}_{floor[1] - 1}_x86_64")
        assert tag not in below.tags


@dataclass(frozen=True, kw_only=True)
class File:
    version: Version
    tags: frozenset[Tag]
    requires_python: SpecifierSet | None = None
    yanked: bool = False


def file(version: str, platform: str, python: str = "cp312", **fields: Any) -> File:
    tags = parse_tag(f"{python}-{python}-{platform}")
    return replace(File(version=Version(version), tags=tags), **fields)


GAP = MissingWheel(
    name=canonicalize_name("demo"),
    version=Version("3.0"),
    target=Target.parse(LINUX),
    kind="floor",
    reason="floor too old",
    needs="linux-x86_64-glibc2.34",
)


def test_the_least_floor_of_all_versions_closes_a_gap() -> None:
    files = [
        file("3.0", "manylinux_2_34_x86_64"),
        file("2.0", "manylinux_2_31_x86_64"),
        file("1.0", "manylinux_2_31_x86_64"),
        file("0.5", "manylinux_2_32_x86_64"),
    ]
    found = lower_need(GAP, files)
    assert (found.needs, str(found.needs_version)) == ("linux-x86_64-glibc2.31", "2.0")
    assert replace(found, needs=GAP.needs, needs_version=None) == GAP


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(file("4.0", "manylinux_2_31_x86_64"), id="newer than the locked one"),
        pytest.param(file("2.0rc1", "manylinux_2_31_x86_64"), id="a pre-release"),
        pytest.param(file("2.0", "manylinux_2_31_x86_64", yanked=True), id="yanked"),
        pytest.param(file("2.0", "manylinux_2_17_x86_64"), id="has one for the floor as it is"),
        pytest.param(file("2.0", "manylinux_2_31_aarch64"), id="another machine"),
        pytest.param(file("2.0", "manylinux_2_31_x86_64", "cp311"), id="another Python"),
        pytest.param(
            file("2.0", "manylinux_2_31_x86_64", requires_python=SpecifierSet("<3.12")),
            id="not for this Python",
        ),
    ],
)
def test_a_version_that_would_not_be_taken_closes_no_gap(other: File) -> None:
    assert lower_need(GAP, [file("3.0", "manylinux_2_34_x86_64"), other]) == GAP


def test_what_no_floor_closes_stays_as_it_is() -> None:
    missing_wheel = replace(GAP, kind="python", needs="", target=Target.parse("cp312-win_amd64"))
    assert lower_need(missing_wheel, [file("2.0", "win_amd64", "cp311")]) == missing_wheel
