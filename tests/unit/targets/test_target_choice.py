"""Targets chosen by name, platform and Python, and what is said of words that fit none."""

from __future__ import annotations

import pytest

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.targets.target import Target
from hatch_multiplat.targets.target_choice import (
    Choice,
    choose_targets,
    group_targets,
    suggest_target,
)

NAMES = (
    "cp311-manylinux_2_28_x86_64",
    "cp312-manylinux_2_28_x86_64",
    "cp312-manylinux_2_17_x86_64",
    "cp312-musllinux_1_2_x86_64",
    "cp312-win_amd64",
)
TARGETS = tuple(map(Target.parse, NAMES))


def choose(**words: tuple[str, ...]) -> list[str]:
    return [str(target) for target in choose_targets(TARGETS, Choice(**words))]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param({}, NAMES, id="nothing is all"),
        pytest.param({"targets": ("cp312-win_amd64",)}, NAMES[4:], id="target"),
        pytest.param({"targets": ("3.12-windows-x86_64",)}, NAMES[4:], id="in other words"),
        pytest.param({"platforms": ("linux-x86_64",)}, NAMES[:3], id="platform of any floor"),
        pytest.param({"platforms": ("linux-x86_64-glibc2.17",)}, NAMES[2:3], id="with its floor"),
        pytest.param({"platforms": ("manylinux2014_x86_64",)}, NAMES[2:3], id="as a tag"),
        pytest.param({"platforms": ("linux-x86_64-musl",)}, NAMES[3:4], id="musl"),
        pytest.param({"pythons": ("3.11",)}, NAMES[:1], id="Python"),
        pytest.param(
            {"platforms": ("windows-x86_64", "linux-x86_64-musl"), "pythons": ("cp312",)},
            NAMES[3:],
            id="several, in the file's order",
        ),
    ],
)
def test_what_is_chosen(words: dict[str, tuple[str, ...]], expected: tuple[str, ...]) -> None:
    assert choose(**words) == list(expected)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("cp311-linux", "cp311-manylinux_2_28_x86_64"),
        ("cp312-windows", "cp312-win_amd64"),
        ("windows", "cp312-win_amd64"),
        ("cp313-win_arm64", "cp312-win_amd64"),
        ("cp312-linux-x86_64-musl", "cp312-musllinux_1_2_x86_64"),
        ("cp312-manylinux2014_x86_64", "cp312-manylinux_2_17_x86_64"),
        ("nothing", ""),
        ("cp312-*", ""),
    ],
)
def test_a_word_is_first_of_all_like_a_platform(word: str, expected: str) -> None:
    assert suggest_target(word, TARGETS) == (f"; did you mean {expected!r}?" if expected else "")


@pytest.mark.parametrize(
    ("words", "messages"),
    [
        pytest.param(
            {"targets": ("cp312-win_amd46",)},
            ["--target: the file has no target 'cp312-win_amd46'; did you mean 'cp312-win_amd64'?"],
            id="a slip",
        ),
        pytest.param(
            {"platforms": ("windows-x86_46",), "pythons": ("3.31",)},
            [
                (
                    "--platform: the file has no platform 'windows-x86_46'; "
                    "did you mean 'windows-x86_64'?"
                ),
                "--python: the file has no Python '3.31'; it has 3.11, 3.12",
            ],
            id="two at once",
        ),
        pytest.param(
            {"pythons": ("pypy",)},
            ["--python: the file has no Python 'pypy'; it has 3.11, 3.12"],
            id="nothing like it",
        ),
        pytest.param(
            {"platforms": ("windows-x86_64",), "pythons": ("3.11",)},
            ["no target is of these platforms and Pythons at once"],
            id="each there, not both",
        ),
    ],
)
def test_what_is_said_of_words_that_fit_nothing(
    words: dict[str, tuple[str, ...]], messages: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        choose(**words)
    assert list(caught.value.problems) == messages


def test_groups_are_named_so_that_a_file_can_be() -> None:
    assert {
        axis: list(group_targets(TARGETS, axis)) for axis in ("target", "platform", "python")
    } == {
        "target": list(NAMES),
        "platform": [
            "linux-x86_64",
            "linux-x86_64-glibc2.17",
            "linux-x86_64-musl",
            "windows-x86_64",
        ],
        "python": ["cp311", "cp312"],
    }
