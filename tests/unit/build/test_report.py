from __future__ import annotations

import json
from dataclasses import replace
from textwrap import dedent

import pytest

from hatch_multiplat.build.report import (
    DependencyShare,
    Report,
    render_report,
    report_to_json,
)
from hatch_multiplat.targets.python import TargetError
from hatch_multiplat.targets.target import Target

LINUX = Target.parse("cp312-manylinux_2_17_x86_64")
MAC = Target.parse("cp312-macosx_13_0_arm64")
WINDOWS = Target.parse("cp312-win_amd64")


def golden(text: str) -> str:
    return dedent(text).strip("\n")


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
