from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet

from hatch_multiplat.targets.platforms import Platform
from hatch_multiplat.targets.python import Python, admits
from hatch_multiplat.targets.target import Target
from hatch_multiplat.targets.target_list import (
    PlatformEntry,
    default_pythons,
    expand,
)

WINDOWS = Target.parse("cp312-win_amd64")


@pytest.mark.parametrize(
    ("requires_python", "python", "admitted"),
    [
        ("", "3.6", True),
        (">=3.12", "3.12", True),
        (">=3.12.4", "3.12", True),
        (">3.12", "3.12", True),
        ("<3.12", "3.12", False),
        ("<=3.12", "3.12", True),
        (">=3.12.4", "3.12.3", False),
        ("!=3.12.*", "3.12", False),
        (">=3.14", "3.14t", True),
        (">=3.11", "pp311", True),
    ],
)
def test_a_minor_is_admitted_if_some_patch_release_of_it_is(
    requires_python: str, python: str, *, admitted: bool
) -> None:
    assert admits(SpecifierSet(requires_python), Python.parse(python)) is admitted


def test_the_default_is_what_upstream_supports_and_the_project_admits() -> None:
    found = default_pythons(SpecifierSet(">=3.10,<3.13"))

    assert [str(python) for python in found] == ["3.11", "3.12"]


def test_targets_follow_the_order_of_the_table_each_once() -> None:
    entries = [
        PlatformEntry(meant=WINDOWS),
        PlatformEntry(meant=Platform.parse("macos-arm64")),
        PlatformEntry(meant=Platform.parse("windows-x86_64")),
    ]

    found = expand(entries, [Python.parse("3.13"), Python.parse("3.12")])

    assert [str(target) for target in found] == [
        "cp312-win_amd64",
        "cp313-macosx_13_0_arm64",
        "cp312-macosx_13_0_arm64",
        "cp313-win_amd64",
    ]
