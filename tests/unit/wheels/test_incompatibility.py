from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, parse_tag
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.targets.platforms import Platform
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.incompatibility import (
    Advice,
    explain_incompatibility,
    lower_floor,
    lowest_floor,
    marker_without,
    suggest_ways,
)
from hatch_multiplat.wheels.selection import MissingWheel

if TYPE_CHECKING:
    from hatch_multiplat.wheels.incompatibility import Floor, Incompatibility, MissingKind

GLIBC = "cp312-manylinux2014_x86_64"


def explain(target: Target, *tags: str) -> Incompatibility:
    return explain_incompatibility({tag for text in tags for tag in parse_tag(text)}, target)


@pytest.mark.parametrize(
    ("target", "tags", "version", "needs"),
    [
        pytest.param(
            GLIBC,
            ["cp312-cp312-manylinux_2_28_x86_64", "cp312-cp312-manylinux_2_34_x86_64"],
            "glibc 2.28",
            "linux-x86_64-glibc2.28",
            id="the lowest that would do",
        ),
        pytest.param(
            "cp312-manylinux_2_5_x86_64",
            ["cp38-abi3-manylinux2010_x86_64"],
            "glibc 2.12",
            "linux-x86_64-glibc2.12",
            id="a legacy tag",
        ),
        pytest.param(
            "cp312-musllinux_1_1_aarch64",
            ["cp312-cp312-musllinux_1_2_aarch64", "cp312-cp312-manylinux_2_17_aarch64"],
            "musl 1.2",
            "linux-aarch64-musl1.2",
            id="musl",
        ),
        pytest.param(
            "cp312-macosx_12_0_arm64",
            ["cp312-cp312-macosx_14_0_arm64"],
            "macOS 14.0",
            "macos-arm64-14.0",
            id="macOS",
        ),
        pytest.param(
            "cp312-macosx_10_9_x86_64",
            ["cp312-cp312-macosx_10_13_universal2"],
            "macOS 10.13",
            "macos-x86_64-10.13",
            id="universal2",
        ),
        pytest.param(
            "cp312-macosx_10_9_x86_64",
            ["cp312-cp312-macosx_10_16_x86_64"],
            "macOS 11.0",
            "macos-x86_64-11.0",
            id="macOS 11 by its other name",
        ),
        pytest.param(
            GLIBC,
            ["py3-none-manylinux_2_28_x86_64", "cp311-cp311-manylinux2014_x86_64"],
            "glibc 2.28",
            "linux-x86_64-glibc2.28",
            id="before the Python",
        ),
    ],
)
def test_a_floor_too_old_comes_with_the_one_that_would_do(
    target: str, tags: list[str], version: str, needs: str
) -> None:
    reason = f"floor too old: its wheels need {version} or newer"

    assert explain(Target.parse(target), *tags) == ("floor", reason, Platform.parse(needs).floor)
    raised = Target(python=Target.parse(target).python, platform=Platform.parse(needs))
    assert any(tag in raised.tags for text in tags for tag in parse_tag(text))


def test_no_word_raises_the_floor_of_a_complete_platform() -> None:
    data = Target.parse(GLIBC).to_complete_platform(label="", patch=0)
    target = Target.from_complete_platform(data, name="host")

    assert explain(target, "cp312-cp312-manylinux_2_28_x86_64") == (
        "floor",
        "floor too old: its wheels need glibc 2.28 or newer",
        None,
    )


@pytest.mark.parametrize(
    ("target", "tags", "have"),
    [
        pytest.param(GLIBC, ["cp311-cp311-manylinux2014_x86_64"], "cp311", id="older"),
        pytest.param(GLIBC, ["cp311-cp311-manylinux_2_28_x86_64"], "cp311", id="and newer floor"),
        pytest.param(GLIBC, ["py2-none-any"], "py2", id="Python 2"),
        pytest.param(
            "cp314t-win_amd64", ["cp311-abi3-win_amd64"], "cp311-abi3", id="abi3, free-threaded"
        ),
        pytest.param(
            "cp37-win_amd64",
            ["cp310-cp310-win_amd64", "cp39-cp39-win_amd64", "pp39-pypy39_pp73-win_amd64"],
            "cp39, cp310, pp39",
            id="sorted as people do",
        ),
        pytest.param(
            "pp311-manylinux_2_28_x86_64",
            [f"cp3{minor}-cp3{minor}-manylinux2014_x86_64" for minor in range(6, 16)],
            "cp36, cp37, cp38, cp39, cp310, cp311, cp312, cp313 and 2 more",
            id="many",
        ),
    ],
)
def test_no_wheel_for_this_python(target: str, tags: list[str], have: str) -> None:
    assert explain(Target.parse(target), *tags) == (
        "python",
        f"no wheel for this Python (has {have})",
        None,
    )


@pytest.mark.parametrize(
    ("target", "tags", "have"),
    [
        pytest.param(
            "cp312-win_arm64",
            ["cp312-cp312-win_amd64", "cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64"],
            "linux x86_64, win_amd64",
            id="Windows",
        ),
        pytest.param(
            GLIBC, ["cp312-cp312-musllinux_1_2_x86_64"], "musl linux x86_64", id="musl only"
        ),
        pytest.param(
            GLIBC, ["cp312-cp312-manylinux2014_aarch64"], "linux aarch64", id="architecture"
        ),
        pytest.param(
            "cp312-macosx_13_0_arm64",
            ["cp312-cp312-macosx_10_9_x86_64", "cp312-cp312-macosx_10_9_intel"],
            "macos intel, macos x86_64",
            id="macOS",
        ),
        pytest.param(
            "cp312-macosx_13_0_arm64",
            ["cp312-cp312-macosx_14_3_arm64"],
            "macos arm64",
            id="a macOS tag that no machine accepts",
        ),
    ],
)
def test_no_wheel_for_this_platform(target: str, tags: list[str], have: str) -> None:
    assert explain(Target.parse(target), *tags) == (
        "platform",
        f"no wheel for this platform (has {have})",
        None,
    )


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
    floor=(2, 34),
)


def test_the_least_floor_of_all_versions_closes_a_gap() -> None:
    files = [
        file("3.0", "manylinux_2_34_x86_64"),
        file("2.0", "manylinux_2_31_x86_64"),
        file("1.0", "manylinux_2_31_x86_64"),
        file("0.5", "manylinux_2_32_x86_64"),
    ]
    found = lower_floor(GAP, files)
    assert (found.floor, str(found.floor_version)) == ((2, 31), "2.0")
    assert replace(found, floor=GAP.floor, floor_version=None) == GAP


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
    assert lower_floor(GAP, [file("3.0", "manylinux_2_34_x86_64"), other]) == GAP


def test_what_no_floor_closes_stays_as_it_is() -> None:
    missing_wheel = replace(GAP, kind="python", floor=None, target=Target.parse("cp312-win_amd64"))
    assert lower_floor(missing_wheel, [file("2.0", "win_amd64", "cp311")]) == missing_wheel


ON_LINUX = Target.parse("cp312-manylinux_2_17_x86_64")
ON_MAC = Target.parse("cp312-macosx_13_0_arm64")
ON_WINDOWS = Target.parse("cp312-win_amd64")


def missing_wheel(
    name: str,
    target: Target,
    kind: MissingKind,
    reason: str,
    *,
    version: str | None = "1.0",
    floor: Floor | None = None,
    newest: str = "",
) -> MissingWheel:
    return MissingWheel(
        name=canonicalize_name(name),
        version=Version(version) if version else None,
        target=target,
        kind=kind,
        reason=reason,
        floor=floor,
        newest=newest,
    )


@pytest.mark.parametrize(
    ("advice", "kind", "floor", "newest", "expected"),
    [
        (Advice.LOCK, "floor", (2, 34), "1", "write the lock anew for these targets, or OUT"),
        (
            Advice.OWN_WHEEL,
            "floor",
            (2, 34),
            "1",
            (
                "build one for these targets too and name it in 'project-wheels', or raise the "
                "floor to 'linux-x86_64-glibc2.34', or OUT"
            ),
        ),
        (Advice.PROJECT, "removed", None, "", "require a version that the index has"),
        (
            Advice.PROJECT,
            "floor",
            (2, 28),
            "1.5",
            (
                "demo 1.5 has one: allow that version, or raise the floor to "
                "'linux-x86_64-glibc2.28', or OUT"
            ),
        ),
        (Advice.PROJECT, "sdist", None, "1.5", "demo 1.5 has one: allow that version, or OUT"),
    ],
)
def test_what_to_do_is_what_the_user_can_change(
    advice: Advice, kind: MissingKind, floor: Floor | None, newest: str, expected: str
) -> None:
    lacking = missing_wheel("demo", ON_LINUX, kind, "", floor=floor, newest=newest)
    found = suggest_ways(lacking, advice, without="OUT")
    assert found == expected.replace("OUT", "leave these targets out: OUT")


def test_a_floor_on_which_another_version_has_a_wheel_names_that_version() -> None:
    lacking = missing_wheel("demo", ON_MAC, "floor", "", floor=(14, 0))
    lacking = replace(lacking, floor_version=Version("1.2"))
    found = suggest_ways(lacking, Advice.PROJECT)
    assert found == "raise the floor to 'macos-arm64-14.0', where demo 1.2 has one"


@pytest.mark.parametrize(
    ("lacking", "marker"),
    [
        ([ON_WINDOWS], "sys_platform != 'win32'"),
        ([ON_LINUX, ON_MAC], "sys_platform == 'win32'"),
        ([ON_LINUX, ON_MAC, ON_WINDOWS], ""),
        ([], "sys_platform != 'darwin'"),
    ],
)
def test_a_marker_leaves_out_whole_systems(lacking: list[Target], marker: str) -> None:
    other = Target.parse("cp313-macosx_13_0_arm64")
    targets = [ON_LINUX, ON_MAC, ON_WINDOWS] if lacking else [ON_LINUX, ON_MAC, other, ON_WINDOWS]
    assert marker_without(lacking or [ON_MAC, other], targets) == marker


def test_of_a_part_of_a_system_there_is_no_marker() -> None:
    other = Target.parse("cp313-win_amd64")
    assert not marker_without([ON_WINDOWS], [ON_LINUX, ON_WINDOWS, other])
