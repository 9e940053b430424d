from __future__ import annotations

import pytest
from packaging.tags import parse_tag

from hatch_multiplat.targets.platforms import Platform
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.incompatibility import explain_incompatibility

GLIBC = "cp312-manylinux2014_x86_64"


def explain(target: Target, *tags: str) -> tuple[str, str, str]:
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

    assert explain(Target.parse(target), *tags) == ("floor", reason, needs)
    raised = Target(python=Target.parse(target).python, platform=Platform.parse(needs))
    assert any(tag in raised.tags for text in tags for tag in parse_tag(text))


def test_no_word_raises_the_floor_of_a_complete_platform() -> None:
    data = Target.parse(GLIBC).to_complete_platform(label="", patch=0)
    target = Target.from_complete_platform(data, name="host")

    assert explain(target, "cp312-cp312-manylinux_2_28_x86_64") == (
        "floor",
        "floor too old: its wheels need glibc 2.28 or newer",
        "",
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
        "",
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
        "",
    )
