"""What the wheels of a target really need, and which files run where no target is."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from hatch_multiplat.executable.table import Anywhere, TargetNeeds
from hatch_multiplat.executable.table_maker import find_anywhere, find_needs
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.metadata import WheelTexts
from hatch_multiplat.wheels.proof import Requirements
from hatch_multiplat.wheels.selection import Selection, WheelSet, parse_wheel

DEMO = "demo-1.0-py3-none-any.whl"
LIB = "lib-1.0-py3-none-any.whl"
TARGETS = ("cp312-manylinux_2_28_x86_64", "cp312-macosx_13_0_arm64", "pp311-win_amd64")


def select(target: str, *names: str) -> Selection:
    wheels = tuple(parse_wheel(name, f"https://files.test/{name}", {}) for name in names)
    return Selection(target=Target.parse(target), sets=(WheelSet(from_patch=0, wheels=wheels),))


@pytest.mark.parametrize(
    ("target", "names", "needs"),
    [
        pytest.param(TARGETS[0], [DEMO], TargetNeeds(abi=False, native=False), id="pure"),
        pytest.param(
            TARGETS[0],
            [DEMO, "lib-1.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"],
            TargetNeeds(abi=True, native=True, libc=("glibc", 2, 17)),
            id="an older C library than the target's",
        ),
        pytest.param(
            TARGETS[0],
            ["lib-1.0-py3-none-manylinux_2_12_x86_64.manylinux_2_28_x86_64.whl"],
            TargetNeeds(abi=False, native=True, libc=("glibc", 2, 12)),
            id="a program in a wheel, by its lowest floor",
        ),
        pytest.param(
            TARGETS[0],
            [
                "lib-1.0-cp38-abi3-manylinux1_x86_64.whl",
                "o-1-cp312-cp312-manylinux_2_24_x86_64.whl",
            ],
            TargetNeeds(abi=True, native=True, libc=("glibc", 2, 24)),
            id="the highest floor of several wheels",
        ),
        pytest.param(
            TARGETS[0],
            ["lib-1.0-cp312-cp312-linux_x86_64.whl"],
            TargetNeeds(abi=True, native=True, libc=("glibc", 2, 28)),
            id="no floor is the target's",
        ),
        pytest.param(
            "cp312-musllinux_1_2_x86_64",
            ["lib-1.0-cp312-cp312-musllinux_1_1_x86_64.whl"],
            TargetNeeds(abi=True, native=True, libc=("musl", 1, 1)),
            id="musl",
        ),
        pytest.param(
            TARGETS[1],
            ["lib-1.0-cp312-cp312-macosx_10_13_universal2.whl"],
            TargetNeeds(abi=True, native=True, macos=(10, 13)),
            id="an older macOS",
        ),
        pytest.param(
            "cp312-win_amd64",
            ["lib-1.0-cp312-cp312-win_amd64.whl"],
            TargetNeeds(abi=True, native=True),
            id="Windows",
        ),
    ],
)
def test_needs_come_from_the_tags_of_the_wheels(
    target: str, names: list[str], needs: TargetNeeds
) -> None:
    assert find_needs(select(target, *names)) == needs


def anywhere(
    *requires: str, python: str = ">=3.9", lib: str = "", names: tuple[str, ...] = (DEMO, LIB)
) -> Anywhere | None:
    texts = {
        names[0]: WheelTexts(
            requires=tuple(map(Requirement, requires)), requires_python=SpecifierSet(python)
        ),
        names[-1]: WheelTexts(requires_python=SpecifierSet(lib)),
    }
    required = Requirements(roots=(Requirement("demo==1.0"),))
    return find_anywhere([select(target, *names) for target in TARGETS], texts, required)


def test_one_set_of_pure_wheels_runs_on_any_machine() -> None:
    assert anywhere("lib") == Anywhere(python=(9, None), wheels=(DEMO, LIB))
    assert anywhere("lib", lib=">=3.10,<3.14") == Anywhere(python=(10, 14), wheels=(DEMO, LIB))
    assert anywhere("lib", python=">=3.9,<4") == Anywhere(python=(9, None), wheels=(DEMO, LIB))


@pytest.mark.parametrize(
    ("requires", "expected"),
    [
        (["lib ; python_version >= '3.6'"], True),
        (["lib", "old ; python_version < '3.9'"], True),
        (["lib", "extra ; extra == 'x'"], True),
        (["lib ; sys_platform != 'win32' or sys_platform == 'win32'"], True),
        (["lib ; sys_platform != 'freebsd14'"], False),
        (["lib", "pywin32 ; sys_platform == 'win32'"], False),
        (["lib", "greenlet ; platform_machine == 'riscv64'"], False),
        (["lib", "later ; python_version >= '3.15'"], False),
        (["lib", "cffi ; implementation_name != 'pypy'"], False),
        (["lib", "x ; platform_release == '5'"], False),
        (["lib ; python_full_version >= '3.9.3'"], False),
        (["lib ; python_full_version != '3.11.7'"], False),
        (["lib", "tomli ; python_full_version <= '3.9.0a6'"], True),
        ([], False),
    ],
)
def test_every_marker_has_to_select_the_same_set_there(
    requires: list[str], *, expected: bool
) -> None:
    assert (anywhere(*requires) is not None) == expected


@pytest.mark.parametrize(
    "lib",
    [
        "lib-1.0-cp38-abi3-manylinux2014_x86_64.whl",
        "lib-1.0-py3-none-win_amd64.whl",
        "lib-1.0-cp312-none-any.whl",
    ],
)
def test_wheels_that_are_for_some_machines_run_on_these_alone(lib: str) -> None:
    assert anywhere("lib", names=(DEMO, lib)) is None


def test_targets_with_different_wheels_have_no_set_for_all() -> None:
    selections = [select(TARGETS[0], DEMO, LIB), select(TARGETS[1], DEMO)]
    texts = {name: WheelTexts() for name in (DEMO, LIB)}
    required = Requirements(roots=(Requirement("demo"),))
    assert find_anywhere(selections, texts, required) is None


@pytest.mark.parametrize("bound", [">=3.9,!=3.11.*", ">=3.9,!=3.11.7"])
def test_a_bound_with_a_hole_is_no_bound(bound: str) -> None:
    assert anywhere("lib", python=bound) is None


def test_a_minor_that_is_not_admitted_as_a_whole_is_left_out() -> None:
    assert anywhere("lib", lib=">=3.9.2") == Anywhere(python=(10, None), wheels=(DEMO, LIB))
