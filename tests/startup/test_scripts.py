"""What a script is decides how it is started; what wheels hold never gets in start-up's way."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.executable.table import TableCommand
from tests.startup.conftest import DEMO, MINORS, make_bench
from tests.support.app import host_target
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from tests.startup.conftest import Bench

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="scripts of POSIX")

SHELL = '#!/bin/sh\necho "shell $PEX_FOR_TEST $1"; exit 3\n'


def tools(bench: Bench, **scripts: str | bytes) -> Path:
    """A wheel `tools` with scripts that are files."""
    data = {f"scripts/{name}": content for name, content in scripts.items()}
    return make_wheel(bench.folder / "wheels", "tools", files={"tools.py": ""}, data=data)


def test_a_shell_script_is_executed(any_bench: Bench) -> None:
    app = any_bench.demo(wheels=[tools(any_bench, run=SHELL)], run={"script": "run"})
    for _ in range(2):
        for command in ([app], [any_bench.python, app]):
            done = any_bench.run([*command, "a b"], code=3)
            assert (done.stdout, done.stderr) == ("shell  a b\n", "")


def test_a_program_is_executed_with_arguments_and_variables(bench: Bench) -> None:
    program = Path(shutil.which("env") or "/usr/bin/env").read_bytes()
    app = bench.demo(
        wheels=[tools(bench, show=program)],
        run={"script": "show"},
        inject_env={"SAID": "by the table"},
        inject_args=("FIRST=1",),
    )
    shown = bench.run([app, "LAST=2"]).stdout.splitlines()
    assert {"SAID=by the table", "FIRST=1", "LAST=2", f"PEX={app}"} <= set(shown)


@pytest.mark.parametrize("folder", ["plain", "with space", "größe"])
def test_a_python_script_runs_in_this_process(tmp_path: Path, bench: Bench, folder: str) -> None:
    """Also where its first lines are those of a shell, as the path of Python wants it."""
    (tmp_path / folder).mkdir()
    other = make_bench(tmp_path / folder, bench.python)
    script = (
        "#!python\nimport os, sys\nprint(os.getpid() == int(os.environ['PID']), sys.argv[1:])\n"
    )
    app = other.demo(wheels=[tools(other, go=script)], run={"script": "go"})
    assert other.run(["sh", "-c", f"PID=$$ exec '{app}' x"]).stdout == "True ['x']\n"


def test_a_program_of_another_system_is_told_in_one_line(bench: Bench) -> None:
    app = bench.demo(wheels=[tools(bench, tool=b"MZ\x90\0")], run={"script": "tool"})
    done = bench.run([app], code=1)
    assert done.stderr == "demo: its script is a program for Windows, which cannot run here\n"


def test_a_program_that_cannot_be_executed_is_told_in_one_line(bench: Bench) -> None:
    app = bench.demo(wheels=[tools(bench, tool="#!/no/such/interpreter\n")], run={"script": "tool"})
    done = bench.run([app], code=1)
    assert done.stderr.startswith("demo: cannot run /")
    assert done.stderr.endswith("/tool: No such file or directory\n")
    assert done.stderr.count("\n") == 1


def test_of_two_wheels_with_a_script_the_one_that_is_installed_last_counts(bench: Bench) -> None:
    wheels = [
        make_wheel(
            bench.folder / "wheels",
            name,
            files={f"{name}.py": f"def main():\n    print('{name}')\n", "shared.py": f"# {name}\n"},
            scripts={"tool": f"{name}:main"},
        )
        for name in ("first", "second")
    ]
    for order in ((0, 1), (1, 0)):
        name = ("first", "second")[order[-1]]
        app = bench.demo(
            f"app{name}",
            wheels=wheels,
            targets=[host_target(minor, order) for minor in MINORS],
            run={"script": "tool"},
        )
        assert bench.run([app]).stdout == f"{name}\n"
        found = bench.run([app], env={"MULTIPLAT": "info"}).stdout.splitlines()[-1]
        library = next(Path(found.split(" at ")[1]).rglob("shared.py"))
        assert library.read_text() == f"# {name}\n"


def test_a_venv_keeps_the_scripts_that_our_own_replace(bench: Bench) -> None:
    """A program that is a script of the wheel, by the very name that starts it in a venv."""
    data = {
        "scripts/demo": "#!python\nimport sys\nprint('demo', *sys.argv[1:])\n",
        "scripts/shell": "#!/bin/sh\necho shell $*\n",
    }
    wheel = make_wheel(bench.folder / "wheels", "demo", files={"demo.py": ""}, data=data)
    app = bench.demo(
        wheels=[wheel],
        run={"script": "demo"},
        inject_args=("x",),
        executables={
            "again": TableCommand(run={"script": "demo"}),
            "shell": TableCommand(run={"script": "shell"}),
        },
    )
    target = bench.folder / "own"
    bench.run([app, target], env={"MULTIPLAT": "venv"})
    for name, printed in {"demo": "demo x y", "again": "demo y", "shell": "shell y"}.items():
        assert bench.run([target / "bin" / name, "y"]).stdout == f"{printed}\n"


OURS = ["files", "used", "app", "run", "entry.py", "table.json", "code/_multiplat/run.py", "venv/x"]


def test_data_that_is_named_like_what_we_keep_is_only_data(bench: Bench) -> None:
    """What start-up keeps lies beside the environment, where no wheel reaches."""
    data = {f"data/{name}": f"data of {name}" for name in OURS}
    wheel = make_wheel(
        bench.folder / "wheels",
        "demo",
        files={"demo.py": DEMO},
        scripts={"demo": "demo:main"},
        data=data,
    )
    app = bench.demo(wheels=[wheel])
    for _ in range(2):
        prefix = Path(bench.report([app])["prefix"])
        for name in OURS:
            assert (prefix / name).read_text() == f"data of {name}"
    assert len(bench.setups()) == 1
    target = bench.folder / "own"
    bench.run([app, target], env={"MULTIPLAT": "venv"})
    assert (target / "files").read_text() == "data of files"
    assert bench.report([target / "bin" / "demo"])["prefix"] == os.fspath(target)


@pytest.mark.parametrize("name", ["bin/python3", "pyvenv.cfg", "bin/python"])
def test_data_in_place_of_the_interpreter_is_refused(bench: Bench, name: str) -> None:
    wheel = make_wheel(
        bench.folder / "wheels", "demo", files={"demo.py": DEMO}, data={f"data/{name}": "#!/bin/sh"}
    )
    app = bench.demo(wheels=[wheel], run={"module": "demo"})
    done = bench.run([app], code=1)
    assert done.stderr == (
        f"demo: demo-1.0-py3-none-any.whl cannot be used: 'demo-1.0.data/data/{name}' would "
        "replace the interpreter of the environment\n"
    )
    assert bench.setups() == []
