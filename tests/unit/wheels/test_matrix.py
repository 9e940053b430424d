from __future__ import annotations

import re
import tomllib
from typing import get_args

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.frontends.render.matrix_html import render_html
from hatch_multiplat.frontends.render.matrix_json import matrix_to_json
from hatch_multiplat.targets.tag_constraint import parse_tag_constraint
from hatch_multiplat.targets.target_choice import is_named
from hatch_multiplat.wheels.incompatibility import Advice, MissingKind
from hatch_multiplat.wheels.matrix import Matrix, OwnWheel, tags_of, wheel_kind
from hatch_multiplat.wheels.matrix_layout import WORDS, is_missing, make_rows
from hatch_multiplat.wheels.selection import MissingWheel, parse_wheel, select_all
from tests.support.matrix import BASE, make_lock, make_targets, matrix_of, native, package, sample

ON_LINUX = "sys_platform == 'linux'"
ON_MAC = "sys_platform == 'darwin'"


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return sample()


def of(matrix: Matrix, name: str, target: str) -> list[tuple[str, str, str]]:
    return [
        (str(cell.version), cell.kind, cell.patches)
        for cell in matrix.cells
        if cell.name == name and str(cell.target) == target
    ]


@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        ("py3-none-any", "pure"),
        ("py2.py3-none-any", "pure"),
        ("cp39-abi3-win_amd64", "abi3"),
        ("cp314-abi3.abi3t-win_amd64", "abi3"),
        ("cp39-abi3-macosx_10_9_universal2", "abi3+universal2"),
        ("cp312-cp312-macosx_10_9_universal2", "universal2"),
        ("cp312-cp312-macosx_11_0_arm64", "native"),
        ("py3-none-manylinux_2_17_x86_64", "native"),
    ],
)
def test_a_wheel_is_of_the_kind_that_its_tags_say(tags: str, kind: str) -> None:
    assert wheel_kind(parse_wheel(f"demo-1.0-{tags}.whl", "file:///x", {})) == kind


def test_a_cell_has_what_the_target_takes(matrix: Matrix) -> None:
    assert of(matrix, "stable", "cp312-win_amd64") == [("3.0", "abi3", "")]
    assert of(matrix, "stable", "cp312-macosx_13_0_arm64") == [("2.9", "abi3", "")]
    assert of(matrix, "built", "cp312-win_amd64") == [("1.0", "built", "")]
    assert of(matrix, "windy", "cp312-win_amd64") == [("0.4", "pure", "")]
    assert of(matrix, "windy", "cp312-manylinux_2_28_x86_64") == []


def test_a_target_with_gaps_still_shows_what_it_takes_beside_them(matrix: Matrix) -> None:
    assert of(matrix, "certain", "cp312-macosx_13_0_arm64") == [("2.0", "pure", "")]
    assert of(matrix, "high", "cp312-macosx_13_0_arm64") == []


@pytest.mark.parametrize(
    ("marker", "patches"),
    [
        ("python_full_version < '3.11.4'", ["to 3.11.3"]),
        ("python_full_version >= '3.11.4'", ["from 3.11.4"]),
        ("python_full_version in '3.11.2 3.11.3'", ["3.11.2 to 3.11.3"]),
        ("python_full_version == '3.11.2'", ["3.11.2"]),
        ("python_full_version not in '3.11.2 3.11.3'", ["to 3.11.1", "from 3.11.4"]),
    ],
)
def test_patch_releases_that_differ_are_named(marker: str, patches: list[str]) -> None:
    targets = make_targets(["linux-x86_64"], ["3.11"])
    lock = make_lock(
        package("odd", "1.0", "py3-none-any", marker=marker),
        package("even", "1.0", "py3-none-any"),
    )
    matrix = matrix_of(lock, targets)
    assert [cell.patches for cell in matrix.cells if cell.name == "odd"] == patches
    assert [cell.patches for cell in matrix.cells if cell.name == "even"] == [""]


def test_floors_are_the_highest_that_some_package_and_some_python_needs(matrix: Matrix) -> None:
    found = {need.column.label: need for need in matrix.floors}
    assert list(found) == ["linux-x86_64", "linux-aarch64-musl", "macos-arm64", "macos-x86_64"]
    linux, mac = found["linux-x86_64"], found["macos-arm64"]
    assert (linux.asked, linux.lowest, linux.forced_by) == ((2, 28), (2, 28), ("numbers",))
    assert (mac.asked, mac.lowest, mac.forced_by) == ((13, 0), (14, 0), ("high",))
    assert mac.is_raised
    assert not linux.is_raised
    assert dict(linux.packages) == {
        "numbers": (2, 28),
        "slow": (2, 24),
        "high": (2, 17),
        "stable": (2, 17),
    }


def test_the_lowest_floor_is_a_floor_on_which_all_of_it_works() -> None:
    """Selecting again on that floor gives the same versions, and on the one below a gap."""
    lock = make_lock(
        package("one", "1.0", *native("manylinux_2_28_x86_64", "manylinux_2_24_x86_64")),
        package("two", "2.0", *native("manylinux_2_17_x86_64")),
    )

    def missing_wheels(platform: str) -> int:
        return len(select_all(lock, make_targets([platform], ["3.12"]), base=BASE).missing_wheels)

    targets = make_targets(["linux-x86_64"], ["3.12"])
    matrix = matrix_of(lock, targets)
    assert matrix.floors[0].lowest == (2, 24)
    assert missing_wheels("linux-x86_64-glibc2.24") == 0
    assert missing_wheels("linux-x86_64-glibc2.23") == 1


def test_gaps_have_a_reason_a_floor_and_a_way_out(matrix: Matrix) -> None:
    missing_wheels = {
        (missing_wheel.name, str(missing_wheel.target)): missing_wheel
        for missing_wheel in matrix.missing_wheels
    }
    high = missing_wheels[matrix.missing_wheels[0].name, "cp311-macosx_13_0_arm64"]
    assert (high.name, high.kind, high.floor) == ("high", "floor", (14, 0))
    assert "raise the floor to 'macos-arm64-14.0'" in high.to_do
    slow = next(
        missing_wheel for missing_wheel in matrix.missing_wheels if missing_wheel.name == "slow"
    )
    assert (slow.kind, slow.newest) == ("python", "1.9")
    assert len(matrix.missing_wheels) == 6
    assert len(matrix.uncovered) == 5


def test_a_package_of_several_versions_says_where_and_why(matrix: Matrix) -> None:
    ((name, variants),) = matrix.differences
    assert name == "stable"
    assert [(str(variant.version), len(variant.targets)) for variant in variants] == [
        ("3.0", 12),
        ("2.9", 3),
    ]
    has = "linux x86_64, macos x86_64, musl linux aarch64, win_amd64"
    assert variants[1].reasons == (f"3.0: no wheel for this platform (has {has})",)


def test_a_constraint_that_rules_out_newer_wheels_is_named_for_the_targets_it_concerns() -> None:
    targets = make_targets(["linux-x86_64", "windows-x86_64", "macos-arm64"], ["3.12"])
    lock = make_lock(
        package("native", "1.0", "cp39-abi3-manylinux2014_x86_64", marker=ON_LINUX),
        package("native", "1.5", "cp312-cp312-macosx_11_0_arm64", marker=ON_MAC),
        package("native", "2.0", "cp312-cp312-win_amd64", marker="os_name == 'nt'"),
    )
    rule, _ = parse_tag_constraint("native[manylinux2014_x86_64, abi3]")
    matrix = matrix_of(lock, targets, available=tags_of(lock), rules=[rule])
    ((_, variants),) = matrix.differences
    assert [variant.reasons for variant in variants] == [
        (),
        ("2.0: no wheel for this platform (has win_amd64)",),
        ("2.0: no wheel that native[abi3, manylinux2014_x86_64] allows",),
    ]


def test_the_project_itself_has_a_row_of_its_own_wheels_and_gaps() -> None:
    """One with no word on glibc, `linux_x86_64`, forces no floor; one yet to be built is no gap."""
    linux, arm, mac, windows = make_targets(
        ["linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64"], ["3.12"]
    )
    wheels = {
        target: parse_wheel(f"demo-1.0-cp312-cp312-{tag}.whl", "file:///demo", {})
        for target, tag in {linux: "linux_x86_64", mac: "macosx_12_0_arm64"}.items()
    }
    name = canonicalize_name("demo")
    missing_wheel = MissingWheel(
        name=name, version=Version("1.0"), target=windows, kind="platform", reason="none"
    )
    matrix = matrix_of(
        None,
        (linux, arm, mac, windows),
        own=OwnWheel(
            name=name,
            version=Version("1.0"),
            wheels=wheels,
            unbuilt=(arm,),
            missing_wheels=(missing_wheel,),
        ),
    )
    assert of(matrix, "demo", str(linux)) == [("1.0", "native", "")]
    assert of(matrix, "demo", str(arm)) == [("1.0", "unbuilt", "")]
    assert [
        (missing_wheel.name, missing_wheel.target) for missing_wheel in matrix.missing_wheels
    ] == [("demo", windows)]
    assert "name it in 'project-wheels'" in matrix.missing_wheels[0].to_do
    assert (matrix.unbuilt, matrix.uncovered) == ((arm,), (windows,))
    assert [(str(need.column.platform), need.lowest) for need in matrix.floors] == [
        ("linux-x86_64", None),
        ("linux-aarch64", None),
        ("macos-arm64", (12, 0)),
    ]


def test_a_project_without_any_wheel_or_version_yet_has_a_row_all_the_same() -> None:
    targets = make_targets(["linux-x86_64"], ["3.12"])
    name = canonicalize_name("demo")
    own = OwnWheel(name=name, version=None, wheels={}, unbuilt=targets)
    matrix = matrix_of(None, targets, own=own)
    (row,) = make_rows(matrix)
    assert (row.name, row.version, row.cells) == ("demo", "", ("unbuilt",))
    (wheel,) = matrix_to_json(matrix)["packages"][0]["wheels"]
    assert (wheel["version"], wheel["wheel"], wheel["kind"]) == (None, None, "unbuilt")
    assert "unbuilt" in render_html(matrix)


@pytest.mark.parametrize("kind", get_args(MissingKind))
def test_every_kind_of_gap_has_a_word_in_the_table(kind: MissingKind) -> None:
    assert is_missing(WORDS[kind][0])


EXCLUDE = re.compile(r"leave these targets out: (exclude = .*)$")


@pytest.mark.parametrize(
    ("tags", "patterns"),
    [
        (["cp311-manylinux_2_17_x86_64", "cp312-manylinux_2_17_x86_64"], ["*-win_amd64"]),
        (["cp311-manylinux_2_17_x86_64", "cp311-win_amd64"], ["cp312-*"]),
        (["cp311-manylinux_2_17_x86_64"], ["cp312-*", "*-win_amd64"]),
        (["cp311-win_amd64", "cp312-manylinux_2_17_x86_64"], None),
    ],
)
def test_the_targets_to_leave_out_are_named_as_the_table_takes_them(
    tags: list[str], patterns: list[str] | None
) -> None:
    targets = make_targets(["linux-x86_64", "windows-x86_64"], ["3.11", "3.12"])
    wheels = [f"{tag.partition('-')[0]}-{tag}" for tag in tags]
    lock = make_lock(package("native", "1.0", *wheels))
    matrix = matrix_of(lock, targets, lock=None, advice=Advice.LOCK)
    for missing in matrix.missing_wheels:
        said = EXCLUDE.search(missing.to_do)
        assert said is not None
        found = tomllib.loads(said[1])["exclude"]
        assert patterns is None or found == patterns
        left = [target for target in targets if not is_named(target, found)]
        assert left == [target for target in targets if target not in matrix.uncovered]


def test_nobody_is_told_to_leave_every_target_out() -> None:
    targets = make_targets(["linux-x86_64", "windows-x86_64"], ["3.11", "3.12"])
    lock = make_lock(package("native", "1.0", "cp39-cp39-win_amd64"))
    matrix = matrix_of(lock, targets, lock=None, advice=Advice.LOCK)
    assert {missing.to_do for missing in matrix.missing_wheels} == {
        "write the lock anew for these targets"
    }
