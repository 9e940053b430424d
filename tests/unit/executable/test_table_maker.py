from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any, Final

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.config.config import Config
from hatch_multiplat.config.run import Command, Run
from hatch_multiplat.executable.table import StartOptions, Table, TableTarget
from hatch_multiplat.executable.table_maker import make_table
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.metadata import ProjectMetadata, WheelTexts
from hatch_multiplat.wheels.proof import Requirements
from hatch_multiplat.wheels.selection import Selection, Wheel, WheelSet, parse_wheel

METADATA = ProjectMetadata(
    name="Demo.App", version=Version("1.0"), requires_python=SpecifierSet(), requires=(), extras=()
)
APP = "demo_app-1.0-py3-none-any.whl"
RICH = "rich-13.0-py3-none-any.whl"
OLD = "asynctimeout-4.0-py3-none-any.whl"
DEMANDS = Requirements(roots=())
CONTENTS = {name: (f"sha of {name}", len(name)) for name in (APP, RICH, OLD)}


def wheels(*names: str) -> tuple[Wheel, ...]:
    return tuple(parse_wheel(name, f"https://files.test/{name}", {}) for name in names)


def selection(target: str, *sets: tuple[int, tuple[str, ...]]) -> Selection:
    return Selection(
        target=Target.parse(target),
        sets=tuple(WheelSet(from_patch=patch, wheels=wheels(*names)) for patch, names in sets),
    )


TEXTS: Final[defaultdict[str, WheelTexts]] = defaultdict(WheelTexts)


def target_of(found: Selection, *, config: Config | None = None) -> TableTarget:
    table = make_table(
        metadata=METADATA,
        config=config or Config(targets=(found.target,)),
        run=Run(kind="interpreter"),
        selections=[found],
        contents=CONTENTS,
        scripts={},
        required=DEMANDS,
        texts=TEXTS,
    )
    return table.targets[0]


def test_wheels_are_named_once_and_sets_point_at_them() -> None:
    config = Config(
        targets=(),
        inject_args=("-v",),
        inject_env=(("A", "1"),),
        inherit_path="fallback",
        runtime_root="/var/cache/demo",
        include_tools=True,
        executables=(
            (
                "other",
                Command(run=Run(kind="entry-point", value="demo:main"), inject_args=("-q",)),
            ),
        ),
    )
    early, late = (APP, OLD, RICH), (APP, RICH)

    table = make_table(
        metadata=METADATA,
        config=config,
        run=Run(kind="script", value="demo"),
        selections=[
            selection("cp311-manylinux_2_28_x86_64", (0, early), (3, late)),
            selection("cp312-win_amd64", (0, late)),
        ],
        contents=CONTENTS,
        scripts={},
        required=DEMANDS,
        texts=TEXTS,
    )

    assert (table.name, table.version, table.run) == ("Demo.App", "1.0", {"script": "demo"})
    assert [(wheel.file, wheel.sha256, wheel.size) for wheel in table.wheels] == [
        (name, f"sha of {name}", len(name)) for name in (OLD, APP, RICH)
    ]
    assert {target.name: target.sets for target in table.targets} == {
        "cp311-manylinux_2_28_x86_64": ((0, (1, 0, 2)), (3, (1, 2))),
        "cp312-win_amd64": ((0, (1, 2)),),
    }
    assert table.inject_args == ("-v",)
    assert table.inject_env == {"A": "1"}
    assert table.options == StartOptions(
        inherit_path="fallback", runtime_root="/var/cache/demo", include_tools=True
    )
    assert table.executables["other"].run == {"entry_point": "demo:main"}
    assert table.executables["other"].inject_args == ("-q",)


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (Run(kind="interpreter"), {}),
        (Run(kind="module", value="demo.cli"), {"module": "demo.cli"}),
        (Run(kind="entry-point", value="demo:main"), {"entry_point": "demo:main"}),
    ],
)
def test_what_runs(run: Run, expected: dict[str, str]) -> None:
    table = make_table(
        metadata=METADATA,
        config=Config(targets=()),
        run=run,
        selections=[],
        contents={},
        scripts={},
        required=DEMANDS,
        texts=TEXTS,
    )

    assert table.run == expected


def commands(run: Run, scripts: dict[str, str], **config: Any) -> dict[str, dict[str, str]]:
    """What each other name runs."""
    table = make_table(
        metadata=METADATA,
        config=Config(targets=(), **config),
        run=run,
        selections=[],
        contents={},
        scripts=scripts,
        required=DEMANDS,
        texts=TEXTS,
    )
    return {name: dict(command.run) for name, command in table.executables.items()}


SCRIPTS = {"demo": "demo:main", "demo-log": "demo.log : main"}


def test_every_other_script_of_the_project_is_a_name() -> None:
    found = commands(Run(kind="script", value="demo"), SCRIPTS)

    assert found == {"demo-log": {"entry_point": "demo.log:main"}}


def test_with_an_interpreter_to_run_every_script_is_a_name() -> None:
    assert list(commands(Run(kind="interpreter"), SCRIPTS)) == ["demo", "demo-log"]


def test_what_the_table_configures_wins_over_a_script() -> None:
    log = Command(run=Run(kind="module", value="other"))

    found = commands(
        Run(kind="script", value="demo"), SCRIPTS, executables=(("demo-log", log), ("x", log))
    )

    assert found == {"demo-log": {"module": "other"}, "x": {"module": "other"}}


@pytest.mark.parametrize("output", ["demo-log", "demo-log.pex"])
def test_the_name_that_the_build_gives_the_file_stays_with_the_main_command(output: str) -> None:
    assert commands(Run(kind="script", value="demo"), SCRIPTS, output=output) == {}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        pytest.param(
            "cp312-manylinux_2_28_x86_64",
            ("cpython", (3, 12), "", "linux", "x86_64", ("glibc", 2, 28), None, None),
            id="glibc",
        ),
        pytest.param(
            "cp314t-musllinux_1_2_aarch64",
            ("cpython", (3, 14), "t", "linux", "aarch64", ("musl", 1, 2), None, None),
            id="musl, free-threaded",
        ),
        pytest.param(
            "cp3.8.10-macosx_11_0_x86_64",
            ("cpython", (3, 8), "", "macos", "x86_64", None, (11, 0), 10),
            id="macOS, a patch release",
        ),
        pytest.param(
            "pypy311_pp80-win_amd64",
            ("pypy", (3, 11), "pp80", "windows", "x86_64", None, None, None),
            id="PyPy",
        ),
        pytest.param(
            "pp310-win_amd64",
            ("pypy", (3, 10), "pp73", "windows", "x86_64", None, None, None),
            id="PyPy's usual ABI",
        ),
    ],
)
def test_how_start_up_recognises_a_target(target: str, expected: tuple[object, ...]) -> None:
    found = target_of(selection(target, (0, (APP,))))

    assert (
        found.implementation,
        found.python,
        found.abi,
        found.system,
        found.arch,
        found.libc,
        found.macos,
        found.patch,
    ) == expected


def test_the_one_set_of_a_pinned_patch_release_is_for_release_0() -> None:
    """Start-up compares the patch release itself; the table's rule is that sets begin at 0."""
    found = target_of(selection("cp3.11.2-win_amd64", (2, (APP,))))

    assert found.sets == ((0, (0,)),)


def test_what_was_overridden_and_excluded_is_noted_but_for_urls_which_may_be_secret() -> None:
    overrides = ("rich>=13 ; sys_platform == 'win32'", "old @ https://ada:pw@files.test/old.whl")
    table = make_table(
        metadata=METADATA,
        config=Config(targets=()),
        run=Run(kind="interpreter"),
        selections=[],
        contents={},
        scripts={},
        texts=TEXTS,
        required=Requirements(
            roots=(),
            overrides=tuple(map(Requirement, overrides)),
            excluded=frozenset({canonicalize_name("b"), canonicalize_name("a")}),
            metadata={
                (canonicalize_name("b"), Version("1.0")): WheelTexts(
                    requires=(Requirement("a>=1"),)
                ),
                (canonicalize_name("b"), None): WheelTexts(),
                (canonicalize_name("c"), None): WheelTexts(
                    requires=(Requirement("old @ file:///home/ada/old.whl ; os_name == 'nt'"),)
                ),
            },
        ),
    )
    assert table.overrides == ('rich>=13; sys_platform == "win32"', "old")
    assert table.excluded == ("a", "b")
    assert table.metadata == (
        ("b", "", ()),
        ("b", "1.0", ("a>=1",)),
        ("c", "", ('old; os_name == "nt"',)),
    )


def test_what_a_complete_platform_file_says_is_noted_as_far_as_the_wheels_need_it() -> None:
    data = Target.parse("cp312-win32").to_complete_platform(label="", patch=1)
    data["marker_environment"]["platform_machine"] = "AMD64"
    found = Target.from_complete_platform(data, name="office")
    both = Selection(target=found, sets=(WheelSet(from_patch=0, wheels=wheels(APP, RICH)),))
    target = target_of(both)
    assert (target.name, target.tags) == ("office", ("py3-none-any",))
    assert dict(target.environment)["platform_machine"] == "AMD64"
    plain = target_of(selection("cp312-win32", (0, (APP,))))
    assert (plain.tags, plain.environment) == ((), ())


def test_patch_releases_are_said_where_a_target_is_not_for_all() -> None:
    found = selection("cp311-win_amd64", (0, (APP,)))
    assert "patches" not in table_target(found)
    assert table_target(replace(found, patches=((4, None),)))["patches"] == ((4, None),)


def table_target(found: Selection) -> dict[str, Any]:
    table = Table(name="demo", version="1", run={}, wheels=(), targets=(target_of(found),))
    (target,) = table.to_json()["targets"]
    return dict(target)
