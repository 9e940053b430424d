"""The application runs as if it had been installed: nothing of start-up shows."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.executable.table import StartOptions, TableCommand
from tests.startup.conftest import ANY, DEMO, PYTHONS, Bench
from tests.support.app import host_target, replace_prefix
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs /bin/sh")

ODD = ["", " ", "a b", "é€", "'", '"', "\\", "$HOME", "*", "-x", "--", "a\nb", "%PATH%", "\t"]


def test_first_and_later_runs_on_every_python(any_bench: Bench) -> None:
    bench, app = any_bench, any_bench.demo()
    for _ in range(2):
        for command in ([app], [bench.python, app]):
            seen = bench.report([*command, *ODD])
            assert seen["argv"] == [str(app), *ODD]
            (setup,) = bench.setups()
            assert seen["prefix"] == str(setup / "venv")
            assert seen["executable"] == str(setup / "venv" / "bin" / "python")
            assert seen["environ"]["PEX"] == str(app)
            assert seen["environ"]["PATH"].startswith(f"{setup / 'bin'}{os.pathsep}")
            assert not [name for name in seen["environ"] if "MULTIPLAT" in name]
            assert not [path for path in seen["path"] if path.endswith(("demo", "/app"))]


def test_the_environment_is_passed_on_as_it_was(bench: Bench) -> None:
    app = bench.demo()
    bench.run([app])
    given = {"_MP": "1", "IFS": ",", "name": "x", "python": "y", "ENV": "z", "A B": "c d"}
    for command in ([app], [bench.python, app]):
        seen = bench.report(command, env=given)["environ"]
        for name in ("PEX", "PATH", "PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"):
            seen.pop(name, None)
        # A shell may drop a name that no shell could have set.
        seen.setdefault("A B", "c d")
        seen["IFS"] = ","  # and sets IFS anew, as POSIX has it
        expected = {**bench.env(**given)}
        del expected["PATH"]
        assert seen == expected


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_exit_codes(bench: Bench, code: int) -> None:
    app = bench.demo()
    for command in ([app], [app], [bench.python, app]):
        bench.run([*command, "exit", str(code)], code=code)


def test_stdin_is_left_alone(bench: Bench) -> None:
    app = bench.demo()
    for command in ([app], [app], [bench.python, app], ["/bin/sh", app]):
        assert bench.report(command, input="line 1\nline 2\n")["stdin"] == "line 1\nline 2\n"


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_reach_the_application_itself(bench: Bench, signum: signal.Signals) -> None:
    app = bench.demo()
    code = (
        f"import signal, sys, time; signal.signal({int(signum)}, lambda *a: sys.exit(42)); "
        "print('up', flush=True); time.sleep(30)"
    )
    for command in ([app], [app], [bench.python, app]):
        process = subprocess.Popen(
            [*command, "exec", code], env=bench.env(), stdout=subprocess.PIPE, text=True
        )
        with process:
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
            process.send_signal(signum)
            assert process.wait(10) == 42


def test_death_by_a_signal_is_seen_as_such(bench: Bench) -> None:
    app = bench.demo()
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    for command in ([app], [bench.python, app]):
        bench.run([*command, "exec", code], code=-signal.SIGKILL)


def test_the_current_folder_stays(bench: Bench, tmp_path: Path) -> None:
    app = bench.demo()
    other = tmp_path / "else where"
    other.mkdir()
    for command in ([app], [app], [bench.python, app]):
        assert bench.report(command, cwd=other)["cwd"] == str(other)


def test_a_relative_path_a_link_and_odd_folders(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "a b é 'c'"
    folder.mkdir()
    app = bench.demo(output=folder / "my app")
    link = tmp_path / "link"
    link.symlink_to(app)
    for _ in range(2):
        for start in ("./my app", "../a b é 'c'/my app", str(link), str(app)):
            for command in ([start], [bench.python, start], ["/bin/sh", start]):
                seen = bench.report(command, cwd=folder)
                assert seen["argv"] == [start]
                assert seen["environ"]["PEX"] == str(app)


def test_a_home_with_spaces_and_quotes(bench: Bench, tmp_path: Path) -> None:
    home = tmp_path / "ho me 'é' \"x\""
    app = bench.demo()
    for _ in range(2):
        for command in ([app], [bench.python, app]):
            seen = bench.report(command, env={"HOME": str(home)})
            assert seen["prefix"].startswith(str(home))
    code = "import subprocess; subprocess.run(['other', 'x'], check=True)"
    shown = bench.run([app, "exec", code], env={"HOME": str(home)}).stdout
    assert shown == "other ['x'] None\n"


def test_flags_given_to_python(any_bench: Bench) -> None:
    bench, app = any_bench, any_bench.demo()
    flags = ["-X", "dev", "-W", "error::UserWarning", "-OO", "-Xfoo=bar"]
    for _ in range(2):
        seen = bench.report([bench.python, *flags, app, "-X", "y"])
        assert seen["argv"] == [str(app), "-X", "y"]
        assert seen["optimize"] == 2
        assert seen["xoptions"]["dev"] is True
        assert seen["xoptions"]["foo"] == "bar"
        assert "error::UserWarning" in seen["warnoptions"]


# Whatever an option of Python can be seen by; -S is seen, and made up for, by start-up.
SEEN = (
    "[(n, getattr(sys.flags, n)) for n in dir(sys.flags) if n[0] != '_' and n[:2] != 'n_' "
    "and not callable(getattr(sys.flags, n)) and n != 'safe_path'], sys.warnoptions, "
    "sorted(sys._xoptions.items()), type(sys.stdout.buffer).__name__, "
    "getattr(sys.flags, 'safe_path', None)"
)
FLAGS = [
    *("-E", "-I", "-s", "-S", "-P", "-b", "-bb", "-d", "-q", "-u", "-v", "-vv", "-B", "-O", "-OO"),
    *("-X dev", "-X foo=bar -X importtime", "-W error", "-X utf8", "-W once -W error::UserWarning"),
    *("-X dev -W ignore -b", "-Es -u -O", "-bb -W error::BytesWarning -W ignore"),
]


@pytest.mark.parametrize("flags", FLAGS)
def test_each_flag_given_to_python_reaches_the_program(
    started: tuple[Bench, Path], flags: str, tmp_path: Path
) -> None:
    bench, app = started
    words = flags.split()
    given = bench.run([bench.python, *words, "-c", f"import sys; print(({SEEN}))"], code=None)
    if given.returncode:
        pytest.skip("this Python has no such option")
    # A start that finds an environment and no record of it, then a later one.
    for record in bench.cache.glob("*/from"):
        shutil.rmtree(record)
    # And one that makes the environment, by one Python: each would take half of all the time.
    fresh = [{"HOME": str(tmp_path)}] if bench.python == PYTHONS[ANY] else []
    for env in ({}, {}, *fresh):
        assert bench.run([bench.python, *words, app, "eval", SEEN], env=env).stdout == given.stdout


def test_what_variables_of_python_do_is_left_to_them(any_bench: Bench) -> None:
    """So that the program starts without options, and `ps` has its name."""
    bench, app = any_bench, any_bench.demo()
    env = {
        "PYTHONUNBUFFERED": "1",
        "PYTHONOPTIMIZE": "2",
        "PYTHONDONTWRITEBYTECODE": "x",
        "PYTHONNOUSERSITE": "1",
        "PYTHONWARNINGS": "ignore,error::UserWarning",
    }
    command = "open('/proc/self/cmdline').read().split(chr(0))[1:]"
    for _ in range(2):
        shown = bench.run([bench.python, app, "eval", command], env=env).stdout
        assert shown.strip() == repr([str(bench.setups()[0] / "app" / "demo"), "eval", command, ""])
        seen = bench.report([bench.python, app], env=env)
        assert (seen["optimize"], seen["warnoptions"]) == (2, ["ignore", "error::UserWarning"])


@pytest.mark.parametrize("minor", [(3, 8), (3, 12)])
def test_flags_reach_another_python_as_far_as_it_knows_them(
    bench: Bench, minor: tuple[int, int]
) -> None:
    """Python 3.11 brought -P, which is an error for those before it."""
    if minor not in PYTHONS or minor == ANY or ANY < (3, 11):
        pytest.skip("needs two Pythons")
    app = bench.demo(targets=[host_target(minor)])
    (bench.folder / "bin" / f"python3.{minor[1]}").symlink_to(PYTHONS[minor])
    code = "sys.version_info[:2], sys.flags.optimize, getattr(sys.flags, 'safe_path', None)"
    for _ in range(2):
        seen = bench.run([bench.python, "-P", "-O", app, "eval", code]).stdout
        assert seen == f"{(minor, 1, True if minor >= (3, 11) else None)}\n"


def test_flags_reach_an_interpreter_too(any_bench: Bench) -> None:
    bench, app = any_bench, any_bench.demo(run={})
    for _ in range(2):
        words = [bench.python, "-u", "-O", "-W", "error", "-X", "a=b", app]
        code = f"import sys; print({SEEN})"
        expected = bench.run([*words[:-1], "-c", code]).stdout
        assert bench.run([*words, "-c", code]).stdout == expected


def test_pythonpath_and_the_user_site_are_shut_out(bench: Bench, tmp_path: Path) -> None:
    evil = tmp_path / "evil"
    evil.mkdir()
    for name in ("sitecustomize", "usercustomize", "demo"):
        (evil / f"{name}.py").write_text("raise SystemExit('evil')")
    app = bench.demo()
    site = f"lib/python{'.'.join(map(str, bench.report([app])['version'][:2]))}/site-packages"
    user = tmp_path / "user" / site
    user.mkdir(parents=True)
    (user / "usercustomize.py").write_text("raise SystemExit('evil user')")
    env = {"PYTHONPATH": str(evil), "PYTHONUSERBASE": str(tmp_path / "user")}
    for command in ([app], [app]):
        seen = bench.report(command, env=env)
        assert str(evil) not in seen["path"]
        assert str(user) not in seen["path"]
        assert "PYTHONPATH" not in seen["environ"]
    # The children of the application, too.
    code = "import subprocess, sys; print(subprocess.call([sys.executable, '-c', 'import demo']))"
    assert bench.run([app, "exec", code], env=env).stdout == "0\n"


def test_other_variables_of_python_count(bench: Bench) -> None:
    app = bench.demo()
    env = {"PYTHONWARNINGS": "error::UserWarning", "PYTHONOPTIMIZE": "1", "PYTHONUNBUFFERED": "1"}
    for command in ([app], [app], [bench.python, app]):
        seen = bench.report(command, env=env)
        assert seen["warnoptions"] == ["error::UserWarning"]
        assert seen["optimize"] == 1


def test_pythonhome_of_the_outer_python_does_not_reach_the_setup(bench: Bench) -> None:
    app = bench.demo()
    home = bench.evaluate(app, "sys.base_prefix")
    for command in ([app], [bench.python, app]):
        seen = bench.report(command, env={"PYTHONHOME": home})
        assert seen["prefix"] == str(bench.setups()[0] / "venv")


def test_console_scripts_are_on_path(bench: Bench) -> None:
    app = bench.demo()
    code = "import subprocess; subprocess.run(['other', 'a b'], check=True)"
    assert bench.run([app, "exec", code]).stdout == "other ['a b'] None\n"


def test_multiprocessing_and_subprocesses(any_bench: Bench) -> None:
    bench, app = any_bench, any_bench.demo()
    code = (
        "import multiprocessing, subprocess, sys, demo\n"
        "for method in ('spawn', 'fork', 'forkserver'):\n"
        "    with multiprocessing.get_context(method).Pool(2) as pool:\n"
        "        print(pool.map(demo.double, [1, 2]))\n"
        "code = 'import demo, sys; print(demo.double(4), sys.prefix)'\n"
        "print(subprocess.check_output([sys.executable, '-c', code]).decode().strip())\n"
        "print(subprocess.check_output([sys.executable, '-m', 'demo']).decode() == '')"
    )
    wanted = ["[2, 4]"] * 3
    for command in ([app], [bench.python, app]):
        lines = bench.run([*command, "exec", code]).stdout.splitlines()
        assert lines == [*wanted, f"8 {bench.setups()[0] / 'venv'}", "True"]


def test_a_program_that_starts_itself_again(any_bench: Bench) -> None:
    bench, app = any_bench, any_bench.demo()
    code = "import os, sys; os.execv({0}, {1} + sys.argv[:1] + ['eval', '6 * 7'])"
    for python, before in (("sys.executable", "[sys.executable]"), ("sys.argv[0]", "[]")):
        for command in ([app], [bench.python, app]):
            again = code.format(python, before)
            assert bench.run([*command, "exec", again]).stdout == "42\n"
    assert len(bench.setups()) == 1


def test_a_module_runs_as_main(bench: Bench) -> None:
    wheel = make_wheel(
        bench.folder / "wheels",
        "tool",
        files={
            "tool/__init__.py": "",
            "tool/__main__.py": "import sys; print(__name__, __spec__.name, sys.argv[1:])",
        },
    )
    app = bench.demo("tool-app", wheels=[wheel], run={"module": "tool"})
    assert bench.run([app, "x"]).stdout == "__main__ tool.__main__ ['x']\n"


def test_an_entry_point_may_be_an_attribute_of_a_class(bench: Bench) -> None:
    wheel = make_wheel(
        bench.folder / "wheels",
        "tool",
        files={"tool.py": "class A:\n    @staticmethod\n    def run():\n        return 5\n"},
    )
    app = bench.demo("tool-app", wheels=[wheel], run={"entry_point": "tool:A.run"})
    bench.run([app], code=5)


def test_a_script_of_the_wheels_data(bench: Bench) -> None:
    wheel = make_wheel(
        bench.folder / "wheels",
        "tool",
        data={"scripts/tool.py": "#!python\nimport sys\nprint(__name__, sys.argv[1:])\n"},
    )
    app = bench.demo("tool-app", wheels=[wheel], run={"script": "tool.py"})
    assert bench.run([app, "x"]).stdout == "__main__ ['x']\n"


def test_without_anything_to_run_it_is_an_interpreter(any_bench: Bench) -> None:
    bench, app = any_bench, any_bench.demo(run={})
    script = bench.folder / "script.py"
    script.write_text("import demo, sys\nprint(__name__, demo.double(3), sys.argv)")
    for start in ([app], [bench.python, app]):
        shown = bench.run([*start, "-c", "import demo, sys; print(sys.argv)", "x"]).stdout
        assert shown == "['-c', 'x']\n"
        assert bench.run([*start, script, "y"]).stdout == f"__main__ 6 {[str(script), 'y']}\n"
        assert bench.run([*start, "-m", "json.tool"], input="[1]").stdout.split() == ["[", "1", "]"]
        assert bench.run([*start, "-"], input="import demo; print(demo.double(1))").stdout == "2\n"


def test_injected_arguments_and_variables(bench: Bench) -> None:
    app = bench.demo(
        inject_args=("--home", "{pex.env[HOME]}", "{pex.env.HOME}/a b", "<{pex.env.NONE}>", "{{}}"),
        inject_env={"DEMO_A": "1", "DEMO_B": "2"},
    )
    for command in ([app], [bench.python, app]):
        seen = bench.report([*command, "x"], env={"DEMO_B": "user's"})
        home = str(bench.home)
        assert seen["argv"][1:] == ["--home", home, f"{home}/a b", "<>", "{}", "x"]
        assert (seen["environ"]["DEMO_A"], seen["environ"]["DEMO_B"]) == ("1", "user's")


def test_a_program_that_starts_itself_anew_has_injected_arguments_once(any_bench: Bench) -> None:
    """With the whole of `sys.argv`, as servers and reloaders do; others get them as ever."""
    bench, app = any_bench, any_bench.demo(inject_args=("exec", "{pex.env.CODE}", "x y"))
    again = (
        "import os, subprocess, sys\n"
        "os.environ['CODE'] = 'another'\n"
        "print(len(sys.argv), sys.argv[3:], flush=True)\n"
        "if os.environ.pop('FIRST', None):\n    {}"
    )
    for start in (
        "os.execv(sys.argv[0], sys.argv)",
        "os.execv(sys.executable, [sys.executable] + sys.argv)",
        "subprocess.check_call([sys.executable] + sys.argv)",
        "os.fork() or os.fork() or os.execv(sys.argv[0], sys.argv); os.wait()",
    ):
        for command in ([app], [bench.python, app]):
            env = {"FIRST": "1", "CODE": again.format(start)}
            lines = bench.run([*command, "a", "b c"], env=env, code=None).stdout.splitlines()
            assert len(lines) > 1
            assert set(lines) == {"6 ['x y', 'a', 'b c']"}
    other = (
        "import os, subprocess, sys\n"
        "print(len(sys.argv), sys.argv[3:], flush=True)\n"
        "if os.environ.pop('FIRST', None):\n"
        "    subprocess.check_call([sys.executable, sys.argv[0], 'a'])"
    )
    for command in ([app], [bench.python, app]):
        env = {"FIRST": "1", "CODE": other}
        assert bench.run([*command, "a", "b c"], env=env).stdout.splitlines() == [
            "6 ['x y', 'a', 'b c']",
            "5 ['x y', 'a']",
        ]


def test_the_name_of_the_file_chooses_among_executables(bench: Bench) -> None:
    other = TableCommand(
        run={"script": "other"}, inject_args=("-q",), inject_env={"DEMO_OTHER": "yes"}
    )
    app = bench.demo(executables={"other": other})
    link = bench.folder / "other"
    link.symlink_to(app)
    copy = bench.folder / "copy" / "other.pex"
    copy.parent.mkdir()
    copy.write_bytes(app.read_bytes())
    copy.chmod(0o755)
    for _ in range(2):
        for path in (link, copy):
            for command in ([path], [bench.python, path]):
                assert bench.run([*command, "x"]).stdout == "other ['-q', 'x'] yes\n"
    assert bench.report([app])["argv"] == [str(app)]
    assert len(bench.setups()) == 1


def test_a_script_that_this_platform_lacks_is_missed_only_where_it_is_asked_for(
    bench: Bench,
) -> None:
    lacking = TableCommand(run={"script": "elsewhere"})
    app = bench.demo(executables={"other": lacking})
    link = bench.folder / "other"
    link.symlink_to(app)
    for _ in range(2):
        for command in ([link], [bench.python, link]):
            result = bench.run([*command, "x"], code=1)
            assert result.stderr == (
                "other: no wheel for this platform and Python has a script 'elsewhere'\n"
            )
        for command in ([app], [bench.python, app]):
            assert bench.report([*command, "x"])["argv"] == [str(app), "x"]
    folder = bench.folder / "venv"
    bench.run([app, folder], env={"MULTIPLAT": "venv"})
    assert bench.report([folder / "bin" / "demo"])["prefix"] == str(folder)
    assert "has a script 'elsewhere'" in bench.run([folder / "bin" / "other"], code=1).stderr


def test_where_the_main_script_is_missing_the_others_run(bench: Bench) -> None:
    other = TableCommand(run={"script": "other"})
    app = bench.demo(run={"script": "elsewhere"}, executables={"other": other})
    link = bench.folder / "other"
    link.symlink_to(app)
    assert bench.run([link, "x"]).stdout == "other ['x'] None\n"
    assert "has a script 'elsewhere'" in bench.run([app], code=1).stderr


def test_an_executable_named_like_the_project_leaves_the_main_command(bench: Bench) -> None:
    app = bench.demo("main", executables={"demo": TableCommand(run={"script": "other"})})
    link = bench.folder / "demo"
    link.symlink_to(app)
    for _ in range(2):
        for command in ([link], [bench.python, link]):
            assert bench.run([*command, "x"]).stdout == "other ['x'] None\n"
        for command in ([app], [bench.python, app]):
            assert bench.report([*command, "x"])["argv"][1:] == ["x"]


@pytest.mark.parametrize(
    ("how", "winner"), [("false", "demo's"), ("fallback", "demo's"), ("prefer", "outer")]
)
def test_inherit_path(bench: Bench, tmp_path: Path, how: str, winner: str) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    (outer / "both.py").write_text("NAME = 'outer'")
    (outer / "only_outer.py").write_text("")
    wheel = make_wheel(
        bench.folder / "wheels",
        "demo",
        files={"demo.py": DEMO, "both.py": 'NAME = "demo\'s"'},
        scripts={"demo": "demo:main"},
    )
    app = bench.demo(wheels=[wheel], options=StartOptions(inherit_path=how))  # type: ignore[arg-type]
    code = (
        "import both, importlib.util\n"
        "print(both.NAME, importlib.util.find_spec('only_outer') is not None)\n"
        "import os; print(os.environ.get('PYTHONPATH'))"
    )
    for command in ([app], [app], [bench.python, app]):
        shown = bench.run([*command, "exec", code], env={"PYTHONPATH": str(outer)}).stdout
        # What the application starts inherits the variable as the application itself does.
        assert shown == f"{winner} {how != 'false'}\n{outer if how != 'false' else None}\n"


ORDER = (
    "import sys\n"
    "def place(part): return [n for n, p in enumerate(sys.path) if part in p]\n"
    "own, outer = place('multiplat'), place('outer') + place('base_site')\n"
    "print(len(own), len(outer), max(own) < min(outer), max(outer) < min(own))\n"
)


@pytest.mark.parametrize(
    "kind",
    [
        *("script", "entry point", "module", "interpreter: script", "interpreter: -c"),
        *("interpreter: -m", "interpreter: stdin", "child"),
    ],
)
@pytest.mark.parametrize("how", ["fallback", "prefer"])
def test_inherited_paths_come_after_or_before_in_every_kind_of_run(
    bench: Bench, tmp_path: Path, how: str, kind: str
) -> None:
    """PYTHONPATH, absolute and relative, the outer site-packages, and what its `.pth` names."""
    outer = tmp_path / "outer"
    outer.mkdir()
    (tmp_path / "outer_relative").mkdir()
    for place in (outer, tmp_path):
        (place / "order.py").write_text(ORDER)
    (tmp_path / "base_site").mkdir()
    (tmp_path / "user").mkdir()
    version = bench.run([bench.python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
    user = tmp_path / "user" / f"lib/python{version.stdout.strip()}/site-packages"
    user.mkdir(parents=True)
    (user / "more.pth").write_text(f"{tmp_path / 'base_site'}\n")
    wheel = make_wheel(
        bench.folder / "wheels",
        "demo",
        files={
            "demo.py": f"def main():\n    exec({ORDER!r}, {{}})\nif __name__ == '__main__': main()",
            "child.py": "import subprocess, sys\n"
            f"def main(): subprocess.check_call([sys.executable, '-c', {ORDER!r}])",
        },
        scripts={"demo": "demo:main"},
    )
    run = {
        "script": {"script": "demo"},
        "entry point": {"entry_point": "demo:main"},
        "module": {"module": "demo"},
        "child": {"entry_point": "child:main"},
    }.get(kind, {})
    interpreter: dict[str, list[object]] = {
        "interpreter: script": [tmp_path / "order.py"],
        "interpreter: -c": ["-c", ORDER],
        "interpreter: -m": ["-m", "order"],
        "interpreter: stdin": ["-"],
    }
    words = interpreter.get(kind, [])
    options = {"input": ORDER} if kind == "interpreter: stdin" else {}
    app = bench.demo(wheels=[wheel], run=run, options=StartOptions(inherit_path=how))  # type: ignore[arg-type]
    env = {
        "PYTHONPATH": os.pathsep.join([str(outer), "outer_relative"]),
        "PYTHONUSERBASE": str(tmp_path / "user"),
    }
    for command in ([app], [app], [bench.python, app]):
        shown = bench.run([*command, *words], env=env, **options).stdout  # type: ignore[arg-type]
        assert shown == f"1 3 {how == 'fallback'} {how == 'prefer'}\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_name_that_ps_shows(bench: Bench) -> None:
    app = bench.demo()
    with tempfile.TemporaryDirectory(dir="/tmp") as home:  # short: a kernel limits first lines
        for command in ([app], [app], [bench.python, app]):
            code = "print(open('/proc/self/comm').read())"
            shown = bench.run([*command, "exec", code], env={"HOME": home}).stdout
            assert shown.strip() == "demo"


def test_nothing_of_start_up_is_in_a_traceback(bench: Bench) -> None:
    app = bench.demo()
    code = (
        "import sys\nframe, files = sys._getframe(), []\n"
        "while frame: files.append(frame.f_code.co_filename); frame = frame.f_back\n"
        "print([name for name in files if not name.endswith('demo.py')])"
    )
    for command in ([app], [app], [bench.python, app]):
        shown = bench.run([*command, "exec", code]).stdout
        assert shown == f"{['demo', str(bench.setups()[0] / 'app' / 'demo')]}\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds its code by this name")
@pytest.mark.parametrize("spoil", ["gone", "another's", "empty"])
def test_it_starts_from_source_where_there_is_no_compiled_code(bench: Bench, spoil: str) -> None:
    app = bench.demo()
    bench.report([app])
    (code,) = bench.setups()[0].glob("code/*/__pycache__/__init__.*.pyc")
    if spoil == "gone":
        code.unlink()
    else:
        code.write_bytes(b"" if spoil == "empty" else b"\xff no code")
    assert bench.report([app, "x"])["argv"] == [str(app), "x"]


def test_imported_or_put_on_the_path_nothing_starts(bench: Bench) -> None:
    app = bench.demo()
    code = f"import sys; sys.path.insert(0, {str(app)!r}); import __main__; print('fine')"
    assert bench.run([bench.python, "-c", code]).stdout == "fine\n"
    assert bench.setups() == []


def test_an_executable_without_a_shell_header_runs_too(bench: Bench) -> None:
    app = bench.demo()
    plain = bench.folder / "plain"
    plain.write_bytes(app.read_bytes())
    replace_prefix(plain, b"#!/usr/bin/env python3\n")
    plain.chmod(0o755)
    for _ in range(2):
        assert bench.report([plain, "x"])["argv"] == [str(plain), "x"]


def test_started_by_runpy(bench: Bench) -> None:
    app = bench.demo()
    code = (
        "import runpy, sys; sys.argv[1:] = ['x']; "
        f"runpy.run_path({str(app)!r}, run_name='__main__')"
    )
    for _ in range(2):
        assert json.loads(bench.run([bench.python, "-c", code]).stdout)["argv"] == [str(app), "x"]


def test_an_active_virtual_environment(any_bench: Bench) -> None:
    bench, app = any_bench, any_bench.demo()
    subprocess.run([bench.python, "-m", "venv", "--without-pip", bench.folder / "v"], check=True)
    env = {"PATH": f"{bench.folder / 'v' / 'bin'}:/usr/bin:/bin"}
    for command in ([app], [bench.folder / "v" / "bin" / "python", app], [app]):
        assert bench.report(command, env=env)["prefix"] == str(bench.setups()[0] / "venv")
    assert bench.report([bench.python, app])["prefix"] == str(bench.setups()[0] / "venv")


def test_another_python_on_path_is_used_when_this_one_fits_no_target(bench: Bench) -> None:
    others = [minor for minor in PYTHONS if PYTHONS[minor] != bench.python]
    if not others:
        pytest.skip("only one Python here")
    wanted = others[-1]
    app = bench.demo(targets=[host_target(wanted)])
    name = f"python{wanted[0]}.{wanted[1]}"
    (bench.folder / "bin" / name).symlink_to(PYTHONS[wanted])
    for _ in range(3):
        for command in ([app], [bench.python, app]):
            assert tuple(bench.report([*command, "x"])["version"][:2]) == wanted
    assert len(bench.setups()) == 1


def test_where_nothing_fits_it_says_what_would(bench: Bench) -> None:
    app = bench.demo(targets=[host_target((3, 99), arch="m68k")])
    for command in ([app], [bench.python, app]):
        result = bench.run(command, code=1, env={"PATH": str(bench.folder / "bin")})
        assert result.stdout == ""
        assert "this file has nothing for this machine" in result.stderr
        assert "m68k" in result.stderr
        assert "CPython 3." in result.stderr
    assert bench.setups() == []


def test_where_only_the_python_does_not_fit_it_says_which_would(bench: Bench) -> None:
    app = bench.demo(targets=[host_target((3, 99)), host_target((2, 7))])
    version = bench.run([bench.python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
    for command in ([app], [bench.python, app]):
        result = bench.run(command, code=1, env={"PATH": str(bench.folder / "bin")})
        first, second = result.stderr.splitlines()[:2]
        here = version.stdout.strip()
        assert first == f"demo: this file needs Python 2.7 or 3.99; this is {here}."
        assert second.startswith("  this is:     CPython 3.")


def test_no_line_is_said_where_there_is_no_terminal(bench: Bench) -> None:
    app = bench.demo()
    start = time.monotonic()
    assert bench.run([app, "exit", "0"]).stderr == ""
    assert time.monotonic() - start < 30
