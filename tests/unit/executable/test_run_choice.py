from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.config.config import Config
from hatch_multiplat.config.run import Command, Run
from hatch_multiplat.executable.run_choice import (
    check_modules,
    choose_run,
    describe_interpreter,
    script_warnings,
)
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.selection import Selection, WheelSet, parse_wheel
from hatch_multiplat.wheels.wheel_file import open_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Literal

    from tests.conftest import MakeFile

LINUX = "cp312-manylinux_2_28_x86_64"
WINDOWS = "cp312-win_amd64"


def check(
    contents: Mapping[str, Sequence[str]],
    *,
    run: Run | None = None,
    executables: Mapping[str, Run] | None = None,
    inherit_path: Literal["false", "fallback", "prefer"] = "false",
    only: Mapping[str, str] | None = None,
    scripts: Mapping[str, str] | None = None,
) -> list[str]:
    """Check wheels with these members; `only` maps a wheel to the one target that takes it.

    Returns the wheels that were read, in order.
    """
    targets = (Target.parse(LINUX), Target.parse(WINDOWS))
    named = {name: f"{name}-1.0-py3-none-any.whl" for name in contents}
    selections = tuple(
        Selection(
            target=target,
            sets=(
                WheelSet(
                    from_patch=0,
                    wheels=tuple(
                        parse_wheel(file, f"https://files.test/{file}", {"sha256": "0" * 64})
                        for name, file in named.items()
                        if (only or {}).get(name, str(target)) == str(target)
                    ),
                ),
            ),
        )
        for target in targets
    )
    config = Config(
        targets=targets,
        run=run,
        executables=tuple(
            (name, Command(run=value)) for name, value in (executables or {}).items()
        ),
        inherit_path=inherit_path,
    )
    read: list[str] = []

    def members(filename: str) -> Sequence[str]:
        read.append(filename.partition("-")[0])
        return contents[read[-1]]

    chosen = run or Run(kind="interpreter")
    check_modules(config, chosen, selections, scripts=scripts or {}, members=members)
    return read


def module(value: str) -> Run:
    return Run(kind="module", value=value)


def entry_point(value: str) -> Run:
    return Run(kind="entry-point", value=value)


@pytest.mark.parametrize(
    ("run", "members"),
    [
        pytest.param(module("pkg.mod"), ["pkg/__init__.py", "pkg/mod.py"], id="module"),
        pytest.param(module("pkg"), ["pkg/__init__.py", "pkg/__main__.py"], id="package"),
        pytest.param(module("pkg"), ["pkg/__main__.pyc"], id="namespace package"),
        pytest.param(module("pkg"), ["a1.pth", "src/pkg/__main__.py"], id="a .pth file"),
        pytest.param(module("http.server"), [], id="standard library"),
        pytest.param(entry_point("pkg:main"), ["pkg/__init__.py"], id="function of a package"),
        pytest.param(entry_point("pkg.fast:main"), ["pkg/fast.abi3.so"], id="extension"),
        pytest.param(entry_point("fast:main"), ["fast.cp312-win_amd64.pyd"], id="top level"),
    ],
)
def test_what_a_wheel_has_can_be_started(run: Run, members: Sequence[str]) -> None:
    check({"demo": members}, run=run)


@pytest.mark.parametrize(
    ("run", "members", "problem"),
    [
        pytest.param(
            module("pkg.nope"),
            ["pkg/__init__.py", "pkg/nope_not.py", "pkg/nope.txt"],
            "module: no wheel has a module 'pkg.nope'; "
            "correct the name, or add the package that has it",
            id="module",
        ),
        pytest.param(
            module("pkg"),
            ["pkg/__init__.py", "pkg/sub/__main__.py"],
            "module: 'pkg' is a package without __main__.py; "
            "name a module in it, or a function by 'entry-point'",
            id="package",
        ),
        pytest.param(
            entry_point("pkg.cli:main"),
            ["pkg/__init__.py", "pkg/cli/data.json"],
            "entry-point: no wheel has a module 'pkg.cli'; "
            "correct the name, or add the package that has it",
            id="entry point",
        ),
    ],
)
def test_what_no_wheel_has_is_named(run: Run, members: Sequence[str], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check({"demo": members, "other": ["other.py"]}, run=run)
    assert caught.value.problems == (f"tool.multiplat.{problem}",)


def test_all_that_is_missing_is_said_with_the_targets_that_lack_it() -> None:
    with pytest.raises(ConfigError) as caught:
        check(
            {"demo": ["demo.py"], "native": ["native.so"]},
            run=entry_point("native:main"),
            executables={"x": module("x"), "demo": module("demo"), "y": Run(kind="script")},
            only={"native": LINUX},
        )
    to_do = "correct the name, or add the package that has it"
    assert caught.value.problems == (
        f"tool.multiplat.entry-point: no wheel has a module 'native' for {WINDOWS}; {to_do}",
        f"tool.multiplat.executables.x.module: no wheel has a module 'x'; {to_do}",
    )


SCRIPTS = {"demo": "pkg.cli:main", "other": "gone:main", "unused": "gone_too:main"}


def test_a_script_that_is_started_refers_to_a_module_that_is_there() -> None:
    """The table may name it or not; what is not started is nobody's concern."""
    run = Run(kind="script", value="demo")
    with pytest.raises(ConfigError) as caught:
        check(
            {"demo": ["pkg/__init__.py", "pkg/cil.py"]},
            run=run,
            executables={"x": Run(kind="script", value="other")},
            scripts=SCRIPTS,
        )
    to_do = "correct the name, or add the package that has it"
    assert caught.value.problems == (
        f"console script 'demo': no wheel has a module 'pkg.cli'; {to_do}",
        f"console script 'other': no wheel has a module 'gone'; {to_do}",
    )
    check({"demo": ["pkg/__init__.py", "pkg/cli.py"]}, run=run, scripts=SCRIPTS)
    check({"demo": []}, run=run, scripts=SCRIPTS, inherit_path="fallback")


@pytest.mark.parametrize(
    ("scripts", "has"),
    [
        ([], "no console script"),
        (["one", "two"], "several console scripts (one, two), none named 'demo'"),
    ],
)
def test_an_executable_that_starts_nothing_of_the_project_is_told(
    scripts: Sequence[str], has: str
) -> None:
    config = Config(targets=())
    run = choose_run(config, name="demo", own_scripts=scripts, all_scripts=scripts)
    assert describe_interpreter(config, run, name="demo", scripts=scripts) == [
        (
            f"note: the executable starts Python itself: the project has {has}; "
            'name what runs in [tool.multiplat], or say script = ""'
        )
    ]
    wanted = Config(targets=(), run=Run(kind="interpreter"))
    assert describe_interpreter(wanted, run, name="demo", scripts=scripts) == []


def test_each_wheel_is_read_once_and_only_where_a_module_is_named() -> None:
    contents = {"demo": ["demo.py"], "other": ["other.py"]}
    assert check(contents, run=module("demo")) == ["demo", "other"]
    assert check(contents, run=Run(kind="script", value="demo")) == []


def test_a_module_of_the_machines_own_python_is_not_looked_for() -> None:
    assert check({"demo": []}, run=module("numpy"), inherit_path="fallback") == []


def test_a_function_as_script_is_pointed_to_the_key_for_functions() -> None:
    config = Config(targets=(), run=Run(kind="script", value="pkg:main"))
    with pytest.raises(ConfigError, match="name a function by the key 'entry-point' instead"):
        choose_run(config, name="demo", own_scripts=["demo"], all_scripts=())


def warn(
    targets: Sequence[str], wheels: Mapping[str, Path], *, script: str = "tool", **other: str
) -> list[str]:
    """What is said of scripts where each target takes the wheel by its name, or all take "*"."""
    taken = [wheels.get(target, wheels.get("*")) for target in targets]
    selections = tuple(
        Selection(
            target=Target.parse(target),
            sets=(
                WheelSet(
                    from_patch=0, wheels=(parse_wheel(wheel.name, "https://files.test/w", {}),)
                ),
            ),
        )
        for target, wheel in zip(targets, taken, strict=True)
        if wheel is not None
    )
    files = {wheel.name: open_wheel(wheel) for wheel in taken if wheel is not None}
    commands = tuple(
        (name, Command(run=Run(kind="script", value=value))) for name, value in other.items()
    )
    config = Config(targets=tuple(item.target for item in selections), executables=commands)
    return script_warnings(config, Run(kind="script", value=script), selections, files)


def test_a_script_that_a_system_cannot_run_is_told(make_wheel: MakeFile) -> None:
    data = {"scripts/tool": "#!/bin/sh\n", "scripts/py": "#!python\n", "scripts/x.exe": b"MZ"}
    wheels = {"*": make_wheel("tools", data=data, scripts={"entry": "tools:main"})}
    assert warn([LINUX, WINDOWS], wheels) == [
        "tool.multiplat.script: 'tool' is a shell script, which cannot run on cp312-win_amd64"
    ]
    assert warn([LINUX], wheels) == []
    assert warn([LINUX, WINDOWS], wheels, script="py", again="entry") == []
    assert warn([LINUX, WINDOWS], wheels, script="x") == [
        f"tool.multiplat.script: no wheel for {LINUX} has a script 'x'"
    ]
    assert warn([LINUX, WINDOWS], wheels, script="entry", other="x.exe") == [
        (
            "tool.multiplat.executables.other.script: 'x.exe' is a program for Windows, which "
            f"cannot run on {LINUX}"
        )
    ]


def test_a_program_for_each_system_is_well(make_wheel: MakeFile) -> None:
    wheels = {
        LINUX: make_wheel(
            "ruff", tags="py3-none-manylinux_2_17_x86_64", data={"scripts/ruff": b"\x7fELF"}
        ),
        WINDOWS: make_wheel("ruff", tags="py3-none-win_amd64", data={"scripts/ruff.exe": b"MZ"}),
    }
    assert warn([LINUX, WINDOWS], wheels, script="ruff") == []
    config = Config(targets=(), run=Run(kind="script", value="ruff"))
    for known in ({"ruff"}, {"ruff.exe"}, {"ruff.py"}):
        assert choose_run(config, name="demo", own_scripts=[], all_scripts=known) == config.run
    with pytest.raises(ConfigError, match="no wheel has a console script 'ruff'"):
        choose_run(config, name="demo", own_scripts=[], all_scripts={"ruff.sh"})
