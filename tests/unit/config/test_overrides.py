from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from packaging.specifiers import SpecifierSet

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.config.config import ProjectFacts, parse_config
from hatch_multiplat.config.overrides import Overrides, widen_targets
from hatch_multiplat.targets.target_list import Host

if TYPE_CHECKING:
    from hatch_multiplat.targets.target import Target

TABLE = {"platforms": ["linux-x86_64", "macos-arm64"], "python": ["3.12"]}


def refuse(path: str) -> str:
    raise FileNotFoundError(2, "No such file or directory", path)


def no_machine() -> Target:
    raise AssertionError


HOST = Host(read_text=refuse, current=no_machine)


def widen(
    table: dict[str, Any], overrides: Overrides, requires_python: str = ">=3.11"
) -> list[str]:
    facts = ProjectFacts(name="demo", requires_python=SpecifierSet(requires_python))
    config = parse_config(table, project=facts, host=HOST)
    targets = widen_targets(config, overrides, requires_python=facts.requires_python, host=HOST)
    return [f"{target.python} {target.platform}" for target in targets]


def test_a_platform_is_added_with_the_pythons_of_the_table() -> None:
    assert widen(TABLE, Overrides(platforms=("windows-arm64",))) == [
        "3.12 linux-x86_64",
        "3.12 macos-arm64",
        "3.12 windows-arm64",
    ]


def test_a_python_is_added_on_each_platform_of_the_table() -> None:
    assert widen(TABLE, Overrides(pythons=("3.14",))) == [
        "3.12 linux-x86_64",
        "3.14 linux-x86_64",
        "3.12 macos-arm64",
        "3.14 macos-arm64",
    ]


def test_a_python_comes_after_those_that_the_table_means_when_it_names_none() -> None:
    table = {"platforms": ["linux-x86_64"]}
    found = widen(table, Overrides(pythons=("3.14t",)), ">=3.13,<3.15")
    assert found == ["3.13 linux-x86_64", "3.14 linux-x86_64", "3.14t linux-x86_64"]


@pytest.mark.parametrize(
    ("overrides", "targets"),
    [
        (Overrides(platforms=("windows-x86_64",), only=True), ["3.12 windows-x86_64"]),
        (Overrides(pythons=("3.13",), only=True), ["3.13 linux-x86_64", "3.13 macos-arm64"]),
        (
            Overrides(platforms=("windows-x86_64",), pythons=("3.13",), only=True),
            ["3.13 windows-x86_64"],
        ),
    ],
)
def test_only_replaces_what_is_given(overrides: Overrides, targets: list[str]) -> None:
    assert widen(TABLE, overrides) == targets


def test_what_the_table_has_already_adds_nothing() -> None:
    overrides = Overrides(platforms=("macosx_13_0_arm64",), pythons=("cp312",))
    assert widen(TABLE, overrides) == ["3.12 linux-x86_64", "3.12 macos-arm64"]


def test_what_the_table_excludes_stays_out_of_what_is_added() -> None:
    table = TABLE | {"exclude": ["cp312-macosx*"]}
    assert widen(table, Overrides(pythons=("3.13",))) == [
        "3.12 linux-x86_64",
        "3.13 linux-x86_64",
        "3.13 macos-arm64",
    ]
    only = Overrides(platforms=("macos-arm64",), only=True)
    assert widen(table, only) == ["3.12 macos-arm64"]


def test_every_mistake_is_told_by_the_option_that_it_is_in() -> None:
    overrides = Overrides(platforms=("linux_x64", "gone.json"), pythons=("3.31", "3.10"))
    with pytest.raises(ConfigError) as caught:
        widen(TABLE, overrides)
    problems = caught.value.problems
    assert problems[0] == ("--platform: unknown platform 'linux_x64'; did you mean 'linux-x86_64'?")
    assert problems[1].startswith("--platform: cannot read the complete-platform file 'gone.json'")
    assert problems[2].startswith("--python: unknown Python '3.31'")
    assert problems[3] == (
        "--python: Python 3.10 is not allowed by project.requires-python '>=3.11'; "
        "change one of them"
    )
    assert len(problems) == 4
