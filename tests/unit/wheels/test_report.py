from __future__ import annotations

import json
from dataclasses import replace
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.targets.python import TargetError
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.report import (
    Advice,
    DependencyShare,
    Report,
    marker_without,
    render_report,
    report_to_json,
    suggest_ways,
)
from hatch_multiplat.wheels.selection import MissingWheel

if TYPE_CHECKING:
    from hatch_multiplat.wheels.incompatibility import MissingKind

LINUX = Target.parse("cp312-manylinux_2_17_x86_64")
MAC = Target.parse("cp312-macosx_13_0_arm64")
WINDOWS = Target.parse("cp312-win_amd64")


def golden(text: str) -> str:
    return dedent(text).strip("\n")


def missing_wheel(
    name: str,
    target: Target,
    kind: MissingKind,
    reason: str,
    *,
    version: str | None = "1.0",
    needs: str = "",
) -> MissingWheel:
    return MissingWheel(
        name=canonicalize_name(name),
        version=Version(version) if version else None,
        target=target,
        kind=kind,
        reason=reason,
        needs=needs,
    )


def share(name: str, size: int, *versions: str) -> DependencyShare:
    return DependencyShare(name=name, versions=versions or ("1.0",), wheels=1, size=size)


def parse_target(text: str) -> Target:
    """Return a target; a word that is none is the name of a complete platform."""
    try:
        return Target.parse(text)
    except TargetError:
        return replace(LINUX, name=text)


def report(
    *targets: str,
    dependencies: tuple[DependencyShare, ...] = (),
    wheels: int = 2,
    runs: int = 1,
    lock: str | None = None,
) -> Report:
    return Report(
        path="dist/demo-1.0.pex",
        size=60_214_000,
        targets=tuple(map(parse_target, targets)),
        wheels=wheels,
        dependencies=dependencies,
        solver_runs=runs,
        lock=lock,
        seconds=2.84,
    )


def test_the_summary_of_a_build() -> None:
    shares = (
        share("pygit2", 51_500_000, "1.15.1", "1.19.0"),
        share("cffi", 3_000_000),
        share("pygments", 1_300_000),
        share("rich", 310_700),
        share("mdurl", 97_000),
        share("tiny", 800),
    )

    assert render_report(
        report("cp311-win_amd64", "cp312-win_amd64", "cp312-macosx_13_0_arm64", dependencies=shares)
    ) == golden(
        """
        dist/demo-1.0.pex  60.2 MB
          3 targets: cp311, cp312 on win_amd64, macosx_13_0_arm64
          2 wheels, solved in 1 run, 2.8 s
          not the same for all targets: pygit2 1.15.1 and 1.19.0
          heaviest: pygit2 51.5 MB, cffi 3.0 MB, pygments 1.3 MB, rich 310.7 kB, mdurl 97.0 kB
        """
    )


def test_each_phase_has_its_own_time() -> None:
    timed = replace(report("host"), phases=(("resolved", 0.61), ("fetched", 0.0)))
    assert render_report(timed).splitlines()[3] == "  resolved in 0.6 s, fetched in 0.0 s"
    assert report_to_json(timed)["phases"] == {"resolved": 0.61, "fetched": 0.0}


def test_the_summary_counts_one_as_one_and_names_the_lock() -> None:
    assert render_report(report("cp312-win_amd64", wheels=1, lock="pylock.toml")) == golden(
        """
        dist/demo-1.0.pex  60.2 MB
          1 target: cp312 on win_amd64
          1 wheel, locked by pylock.toml, 2.8 s
        """
    )


@pytest.mark.parametrize(
    ("targets", "line"),
    [
        (["host"], "1 target: host"),
        (["my-host", "cpython313-current"], "2 targets: my-host, cpython313-current"),
        (["cp314t-win_amd64", "my-host"], "2 targets: cp314t on win_amd64, my-host"),
        (
            ["cp3.8.10-win_amd64", "pypy311_pp80-win_amd64"],
            "2 targets: cp3.8.10, pypy311_pp80 on win_amd64",
        ),
    ],
)
def test_complete_platforms_go_by_their_names(targets: list[str], line: str) -> None:
    assert render_report(report(*targets)).splitlines()[1] == f"  {line}"


def test_the_report_is_json_ready() -> None:
    found = report_to_json(report("host", dependencies=(share("rich", 7),)))

    assert json.loads(json.dumps(found))["dependencies"] == [
        {"name": "rich", "versions": ["1.0"], "wheels": 1, "size": 7}
    ]


@pytest.mark.parametrize(
    ("advice", "kind", "needs", "newest", "expected"),
    [
        (Advice.LOCK, "floor", "x", "1", "write the lock anew for these targets, or OUT"),
        (
            Advice.OWN_WHEEL,
            "floor",
            "x",
            "1",
            (
                "build one for these targets too and name it in 'project-wheels', or raise the "
                "floor to 'x', or OUT"
            ),
        ),
        (Advice.PROJECT, "removed", "", "", "require a version that the index has"),
        (
            Advice.PROJECT,
            "floor",
            "linux-x86_64-glibc2.28",
            "1.5",
            (
                "demo 1.5 has one: allow that version, or raise the floor to "
                "'linux-x86_64-glibc2.28', or OUT"
            ),
        ),
        (Advice.PROJECT, "sdist", "", "1.5", "demo 1.5 has one: allow that version, or OUT"),
    ],
)
def test_what_to_do_is_what_the_user_can_change(
    advice: Advice, kind: MissingKind, needs: str, newest: str, expected: str
) -> None:
    lacking = missing_wheel("demo", LINUX, kind, "", needs=needs)
    found = suggest_ways(lacking, advice, newest=newest, without="OUT")
    assert found == expected.replace("OUT", "leave these targets out: OUT")


def test_a_floor_on_which_another_version_has_a_wheel_names_that_version() -> None:
    lacking = missing_wheel("demo", LINUX, "floor", "", needs="macos-arm64-14.0")
    lacking = replace(lacking, needs_version=Version("1.2"))
    found = suggest_ways(lacking, Advice.PROJECT)
    assert found == "raise the floor to 'macos-arm64-14.0', where demo 1.2 has one"


@pytest.mark.parametrize(
    ("lacking", "marker"),
    [
        ([WINDOWS], "sys_platform != 'win32'"),
        ([LINUX, MAC], "sys_platform == 'win32'"),
        ([LINUX, MAC, WINDOWS], ""),
        ([], "sys_platform != 'darwin'"),
    ],
)
def test_a_marker_leaves_out_whole_systems(lacking: list[Target], marker: str) -> None:
    other = Target.parse("cp313-macosx_13_0_arm64")
    targets = [LINUX, MAC, WINDOWS] if lacking else [LINUX, MAC, other, WINDOWS]
    assert marker_without(lacking or [MAC, other], targets) == marker


def test_of_a_part_of_a_system_there_is_no_marker() -> None:
    other = Target.parse("cp313-win_amd64")
    assert not marker_without([WINDOWS], [LINUX, WINDOWS, other])
