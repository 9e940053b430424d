"""Guesses and their reasons, from classifiers, requires-python, scripts and wheels on an index."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, parse_tag
from packaging.version import Version

from hatch_multiplat.init.defaults import (
    DEFAULT_PLATFORMS,
    Dependency,
    Grid,
    guess_platforms,
    guess_pythons,
    guess_run,
    is_covered,
    narrow,
)
from hatch_multiplat.targets.platforms import Platform
from hatch_multiplat.targets.python import Python

LINUX, MAC, WINDOWS = "manylinux_2_17_x86_64", "macosx_11_0_arm64", "win_amd64"


@dataclass(frozen=True, kw_only=True)
class File:
    version: Version
    tags: frozenset[Tag]
    requires_python: SpecifierSet | None = None
    yanked: bool = False


def files(*tags: str, version: str = "1.0", yanked: bool = False) -> tuple[File, ...]:
    return tuple(
        File(version=Version(version), tags=frozenset(parse_tag(tag)), yanked=yanked)
        for tag in tags
    )


def native(*platforms: str, pythons: tuple[str, ...] = ("cp312", "cp313")) -> tuple[File, ...]:
    return files(*(f"{tag}-{tag}-{platform}" for tag in pythons for platform in platforms))


SDIST = (File(version=Version("1.0"), tags=frozenset()),)
GRID = Grid(
    platforms=tuple(map(Platform.parse, ("linux-x86_64", "macos-arm64", "windows-x86_64"))),
    pythons=tuple(map(Python.parse, ("3.12", "3.13"))),
)


def shrink(
    *dependencies: tuple[str, tuple[File, ...]], kept: frozenset[str] = frozenset()
) -> tuple[str, str, list[str]]:
    """Narrow the grid; returns platforms, Pythons and reasons."""
    known = [Dependency(requirement=Requirement(text), files=found) for text, found in dependencies]
    grid = narrow(GRID, known, kept=kept)
    platforms = " ".join(platform.system for platform in grid.platforms)
    return platforms, " ".join(map(str, grid.pythons)), list(grid.reasons)


ALL: tuple[str, str, list[str]] = ("linux macos windows", "3.12 3.13", [])


@pytest.mark.parametrize(
    ("classifiers", "systems", "reason"),
    [
        ([], "linux macos windows", "the usual ones; no classifier names an operating system"),
        (["OS Independent"], "linux macos windows", "by the classifiers: OS Independent"),
        (["POSIX :: Linux"], "linux", "by the classifiers: POSIX :: Linux"),
        (["POSIX"], "linux macos", "by the classifiers: POSIX"),
        (["Unix"], "linux macos", "by the classifiers: Unix"),
        (
            ["MacOS :: MacOS X", "Microsoft :: Windows :: Windows 11"],
            "macos windows",
            "by the classifiers: MacOS :: MacOS X, Microsoft :: Windows :: Windows 11",
        ),
        (
            ["POSIX :: BSD :: FreeBSD", "Android"],
            "linux macos windows",
            "the usual ones; no classifier names an operating system",
        ),
        (
            ["POSIX :: BSD", "POSIX :: Linux"],
            "linux",
            "by the classifiers: POSIX :: Linux",
        ),
    ],
)
def test_classifiers_name_systems(classifiers: list[str], systems: str, reason: str) -> None:
    words = ["Topic :: X", *(f"Operating System :: {word}" for word in classifiers)]
    platforms, why = guess_platforms(words)
    expected = tuple(n for n in DEFAULT_PLATFORMS if n.partition("-")[0] in systems.split())
    assert (platforms, why) == (expected, reason)


@pytest.mark.parametrize(
    ("minors", "requires", "pythons", "reason"),
    [
        ((), "", "3.11 3.12 3.13 3.14 3.15", "what upstream supports"),
        (
            (),
            ">=3.8,<3.13",
            "3.11 3.12",
            "what upstream supports and requires-python '<3.13,>=3.8' allows",
        ),
        (
            (8, 12, 13),
            ">=3.8",
            "3.12 3.13",
            "what upstream supports and requires-python '>=3.8' allows and the classifiers name",
        ),
        ((8, 9), "", "3.11 3.12 3.13 3.14 3.15", "what upstream supports"),
        (
            (),
            "<3.9",
            "3.6 3.7 3.8",
            "what requires-python '<3.9' allows; upstream supports none of these any more",
        ),
        (
            (7, 12),
            "<3.9",
            "3.7",
            (
                "what requires-python '<3.9' allows and the classifiers name; "
                "upstream supports none of these any more"
            ),
        ),
        ((), ">=4", "", "what upstream supports and requires-python '>=4' allows"),
    ],
)
def test_pythons(minors: tuple[int, ...], requires: str, pythons: str, reason: str) -> None:
    words = [f"Programming Language :: Python :: 3.{minor}" for minor in minors]
    words += ["Programming Language :: Python :: 3", "Programming Language :: Python :: 3 :: Only"]
    found, why = guess_pythons(words, SpecifierSet(requires))
    assert (" ".join(map(str, found)), why) == (pythons, reason)


@pytest.mark.parametrize(
    ("scripts", "modules", "run", "reason"),
    [
        (["x", "my_app"], [], None, "the script 'my_app', named like the project"),
        (["x"], ["my_app"], None, "the script 'x', the only one"),
        (
            ["x", "y"],
            [],
            ("script", "x"),
            ("the script 'x', the first of 2 scripts, none of which is named like the project"),
        ),
        (
            [],
            ["my_app"],
            ("module", "my_app"),
            "'my_app', which has a __main__; there is no script",
        ),
        ([], [], None, "a Python interpreter; the project has no script"),
    ],
)
def test_what_runs_is_said_only_where_it_is_not_obvious(
    scripts: list[str], modules: list[str], run: tuple[str, str] | None, reason: str
) -> None:
    assert guess_run("My.App", scripts, modules) == (run, reason)


def test_dependencies_with_wheels_for_everything_leave_everything() -> None:
    assert shrink() == ALL
    assert shrink(("pure", files("py3-none-any")), ("n", native(LINUX, MAC, WINDOWS))) == ALL


def test_a_dependency_of_which_there_are_sdists_alone_or_nothing_does_not_count() -> None:
    assert shrink(("sdist", SDIST), ("nothing", ())) == ALL


def test_a_platform_without_a_wheel_is_left_out() -> None:
    assert shrink(("uvloop>=0.5", native(LINUX, MAC)), ("pure", files("py3-none-any"))) == (
        "linux macos",
        "3.12 3.13",
        ["without windows-x86_64: uvloop has no wheel for it"],
    )


def test_a_python_without_a_wheel_is_left_out() -> None:
    wheels = native(LINUX, MAC, WINDOWS, pythons=("cp312",))
    assert shrink(("lxml", wheels)) == (
        "linux macos windows",
        "3.12",
        ["without Python 3.13: lxml has no wheel for it on linux-x86_64"],
    )


def test_what_is_left_out_is_as_little_as_can_be() -> None:
    """One of six targets is missing: without the platform four are left, without the Python 3."""
    wheels = (*native(LINUX, MAC), *native(WINDOWS, pythons=("cp312",)))
    assert shrink(("lxml", wheels))[:2] == ("linux macos", "3.12 3.13")
    assert shrink(("lxml", wheels), kept=frozenset({"platforms"}))[:2] == (
        "linux macos windows",
        "3.12",
    )
    wheels = native(LINUX, MAC, pythons=("cp312",))
    assert shrink(("lxml", wheels), kept=frozenset({"python"}))[:2] == (
        "linux macos windows",
        "3.12 3.13",
    )


def test_a_dependency_counts_where_its_marker_holds() -> None:
    assert shrink(("uvloop; sys_platform != 'win32'", native(LINUX, MAC))) == ALL
    assert shrink(("pywin32; sys_platform == 'win32'", native(WINDOWS))) == ALL


def test_only_versions_that_are_asked_for_and_not_yanked_count() -> None:
    old = files("py3-none-any", version="0.9")
    assert shrink(("x", (*old, *native(LINUX)))) == ALL
    assert shrink(("x>=1", (*old, *native(LINUX))))[0] == "linux"
    yanked = files("py3-none-any", version="1.1", yanked=True)
    assert shrink(("x", (*yanked, *native(LINUX))))[0] == "linux"


def test_a_dependency_without_a_wheel_for_any_target_leaves_all_and_is_named() -> None:
    wheels = native(LINUX, pythons=("cp38",))
    assert shrink(("old", wheels), ("uvloop", native(LINUX, MAC))) == (
        "linux macos",
        "3.12 3.13",
        [
            "old has no wheel for any of these; the build will say more",
            "without windows-x86_64: uvloop has no wheel for it",
        ],
    )


def test_dependencies_that_contradict_each_other_leave_all_and_are_named() -> None:
    assert shrink(
        ("a", native(LINUX)), ("b", native(MAC, WINDOWS)), kept=frozenset({"platforms"})
    ) == (
        "linux macos windows",
        "3.12 3.13",
        ["a, b: there are not wheels for all of these; the build will say more"],
    )


def test_a_floor_that_is_too_old_with_every_python_is_raised() -> None:
    """The least floor with a wheel of every dependency, for the Python that asks for the most."""
    late = (*native(LINUX, WINDOWS, "macosx_14_0_arm64"),)
    later = (
        *native(LINUX, WINDOWS),
        *native("macosx_15_0_arm64", pythons=("cp312",)),
        *native("macosx_14_0_arm64", pythons=("cp313",)),
    )
    known = [
        Dependency(requirement=Requirement(name), files=found)
        for name, found in {"late": late, "later": later}.items()
    ]
    grid = narrow(GRID, known)
    assert list(map(str, grid.platforms)) == ["linux-x86_64", "macos-arm64-15.0", "windows-x86_64"]
    assert grid.pythons == GRID.pythons
    assert grid.reasons == (
        "macos-arm64-15.0 instead of macos-arm64: later has no wheel for older ones",
    )


def test_a_floor_that_is_too_old_for_one_python_leaves_that_python_out_and_is_named() -> None:
    wheels = (
        *native(LINUX, WINDOWS),
        *native(MAC, pythons=("cp312",)),
        *native("macosx_14_0_arm64", pythons=("cp313",)),
    )
    assert shrink(("x", wheels), kept=frozenset({"platforms"})) == (
        "linux macos windows",
        "3.12",
        ["without Python 3.13: x has no wheel for it on macos-arm64 (macos-arm64-14.0 would do)"],
    )


def test_a_chosen_platform_keeps_its_floor_and_the_one_that_would_do_is_named() -> None:
    wheels = native(LINUX, WINDOWS, "macosx_14_0_arm64")
    kept = frozenset({"platforms"})
    names = ["x: there are not wheels for all of these (macos-arm64-14.0 would do)"]
    assert shrink(("x", wheels), kept=kept)[2] == [f"{names[0]}; the build will say more"]
    wheels = native("macosx_14_0_arm64", "manylinux_2_39_x86_64")
    reason = "(linux-x86_64-glibc2.39 and macos-arm64-14.0 would do)"
    assert shrink(("x", wheels), kept=kept)[2] == [
        f"x has no wheel for any of these {reason}; the build will say more"
    ]


def test_what_has_nothing_at_all_keeps_no_floor_from_being_raised() -> None:
    wheels = native(LINUX, WINDOWS, "macosx_14_0_arm64")
    reasons = shrink(("old", native(LINUX, pythons=("cp38",))), ("x", wheels))[2]
    assert "macos-arm64-14.0 instead of macos-arm64: x has no wheel for older ones" in reasons


def test_a_grid_is_covered_where_one_target_is_on_whatever_floor() -> None:
    def covered(*found: tuple[File, ...]) -> bool:
        known = [Dependency(requirement=Requirement("x"), files=files) for files in found]
        return is_covered(GRID, known)

    assert covered(native("macosx_14_0_arm64", pythons=("cp312",)))
    assert covered(SDIST)
    assert not covered(native(LINUX, pythons=("cp311",)))
    assert not covered(native(LINUX, pythons=("cp312",)), native(MAC))


def test_scripts_whose_order_is_not_known_are_taken_by_name() -> None:
    _, reason = guess_run("app", ["a", "b"], [], by_name=True)
    assert reason.startswith("the script 'a', the first by name of 2 scripts")
