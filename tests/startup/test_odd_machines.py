"""What machines really do: no names, no homes, odd encodings, Pythons that do not start."""

from __future__ import annotations

import fcntl
import os
import pty
import pwd
import shutil
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hatch_multiplat.executable.table import StartOptions
from hatch_multiplat.runtime import cache, launch
from tests.startup.conftest import (
    ANY,
    PYTHONS,
    Bench,
    find_python,
    make_python_without,
)
from tests.startup.test_faults import in_namespace
from tests.support.app import host_target, replace_prefix
from tests.support.wheels import make_wheel

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs /bin/sh")
as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("setpriv") is None,
    reason="only root can be another user",
)
if TYPE_CHECKING:
    from collections.abc import Sequence


# Names of a wheel's data (A 1).


def test_data_of_a_wheel_meets_nothing_of_ours(bench: Bench) -> None:
    names = ("files", "used", "base", "app", "entry.py", "code/run.py", "app/demo", "KEY.lock")
    wheel = make_wheel(
        bench.folder / "wheels",
        "demo",
        files={
            "demo.py": "import sys\ndef main():\n    print('right', sys.argv[1:])\n",
            **{f"demo-1.0.data/data/{name}": "data" for name in names if name != "app"},
        },
        scripts={"demo": "demo:main"},
    )
    app = bench.demo(wheels=[wheel])
    for command in ([app], [app], [bench.python, app]):
        assert bench.run([*command, "x"]).stdout == "right ['x']\n"
    (setup,) = bench.setups()
    for name in names:
        assert (setup / "venv" / name).exists()


# Text and bytes (B 4).


@pytest.mark.parametrize("name", ["größe", "名前", b"gr\xf6\xdfe"])
@pytest.mark.parametrize("way", ["file", "python"])
def test_a_home_that_is_not_ascii_serves_under_every_locale(
    any_bench: Bench, name: str | bytes, way: str
) -> None:
    bench = any_bench
    home = bench.folder / os.fsdecode(name)
    home.mkdir()
    app = bench.demo()
    command: list[Any] = [app] if way == "file" else [bench.python, app]
    for locale in ("C.UTF-8", "C", "de_DE.ISO-8859-1", "C.UTF-8"):
        for utf8 in (None, "0"):
            env: dict[str, str | None] = {"HOME": str(home), "LC_ALL": locale, "PYTHONUTF8": utf8}
            shown = bench.run([*command, "eval", "ascii(os.fsencode(sys.prefix))"], env=env)
            assert eval(eval(repr(shown.stdout.strip()))).startswith(os.fsencode(home))
    assert len(list(home.glob(".cache/multiplat/*/*/used"))) == 1


# No name, no PATH (B 6).


@pytest.mark.parametrize("name", ["name", "bash", "/nonexistent/python", "", "python9"])
@pytest.mark.skipif(not Path("/proc/self/exe").exists(), reason="needs /proc")
def test_a_python_that_was_called_otherwise_is_found(bench: Bench, name: str) -> None:
    app = bench.demo()
    python = os.path.realpath(bench.python)
    for _ in range(2):
        shown = bench.run(
            ["/bin/bash", "-c", f"exec -a '{name}' '{python}' '{app}' eval 'sys.version_info[:2]'"]
        )
        assert shown.stdout.strip() == str(
            tuple(map(int, bench.evaluate(app, "'%d %d' % sys.version_info[:2]").split()))
        )
    (setup,) = bench.setups()
    assert f"home = {Path(python).parent}\n" in (setup / "venv" / "pyvenv.cfg").read_text()


def test_a_python_that_is_replaced_while_it_starts_is_the_new_one(bench: Bench) -> None:
    """As an upgrade does it: what runs is called `python3.13 (deleted)` from then on."""
    app, real = bench.demo(), Path(os.path.realpath(bench.python))
    (bench.folder / "copy" / "bin").mkdir(parents=True)
    (bench.folder / "copy" / "lib").symlink_to(real.parent.parent / "lib")
    python = shutil.copy(real, bench.folder / "copy" / "bin" / real.name)
    code = (
        "import os, runpy, shutil, sys; shutil.copy(sys.executable, sys.executable + '.new'); "
        "os.rename(sys.executable + '.new', sys.executable); del sys.argv[0]; "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    done = bench.run([python, "-c", code, app, "eval", "sys.base_prefix"])
    assert done.stdout == f"{bench.folder / 'copy'}\n"


def test_an_empty_environment_has_the_systems_path(bench: Bench) -> None:
    app = bench.demo()
    command = [
        "env",
        "-i",
        f"TMPDIR={bench.folder}",
        bench.python,
        app,
        "eval",
        "os.environ['PATH']",
    ]
    for _ in range(2):
        parts = bench.run(command).stdout.strip().split(os.pathsep)
        assert parts[0].endswith(os.sep + "bin")
        assert parts[1:] == os.defpath.split(os.pathsep)


@pytest.mark.parametrize("path", ["", None])
def test_where_path_is_empty_or_missing_the_systems_python_is_found(
    bench: Bench, path: str | None
) -> None:
    if not Path("/usr/bin/python3").exists():
        pytest.skip("no Python of the system's")
    app = bench.demo()
    for _ in range(2):
        assert bench.run([app, "eval", "6 * 7"], env={"PATH": path}).stdout == "42\n"


def test_in_the_locale_c_the_program_sees_what_python_does_there(any_bench: Bench) -> None:
    """The Python that hands over has set LC_CTYPE by then, which is no user's (PEP 538)."""
    code = "import os, sys; print(getattr(sys.flags, 'utf8_mode', 0), os.environ.get('LC_CTYPE'))"
    bench, app = any_bench, any_bench.demo()
    for given in (None, "C.UTF-8", "POSIX"):
        env = {"LANG": None, "LC_CTYPE": given}
        right = bench.run([bench.python, "-c", code], env=env).stdout
        for command in ([app], [app], [bench.python, app]):
            assert bench.run([*command, "exec", code], env=env).stdout == right


@pytest.mark.parametrize("how", ["prepend", "append", "none"])
def test_console_scripts_are_where_path_wants_them(bench: Bench, how: Any) -> None:
    app = bench.demo(options=StartOptions(path=how))
    before = bench.env()["PATH"].split(os.pathsep)
    for command in ([app], [app], [bench.python, app]):
        shown = bench.run([*command, "eval", "os.environ['PATH']"]).stdout.strip().split(os.pathsep)
        rest = [folder for folder in shown if "multiplat" not in folder]
        assert rest == before
        own = [shown.index(folder) for folder in shown if "multiplat" in folder]
        assert own == {"prepend": [0], "append": [len(before)], "none": []}[how]


def test_the_folder_on_path_has_scripts_and_no_interpreters(bench: Bench) -> None:
    app = bench.demo()
    code = "import os, shutil; print(shutil.which('other'), shutil.which('python3'))"
    other, python = bench.run([app, "exec", code]).stdout.split()
    assert "multiplat" in other
    assert python == str(bench.folder / "bin" / "python3")
    folder = bench.evaluate(app, "os.listdir(os.environ['PATH'].split(os.pathsep)[0])")
    assert sorted(eval(folder)) == ["demo", "other"]


# No home (B 7).


@as_root
@pytest.mark.parametrize("way", ["file", "python"])
def test_without_a_home_nothing_is_written_where_one_stands(bench: Bench, way: str) -> None:
    app = bench.demo()
    here = bench.folder / "here"
    here.mkdir()
    here.chmod(0o777)
    for folder in (bench.folder, *bench.folder.parents):
        if str(folder) not in {"/", "/tmp"}:
            folder.chmod(folder.stat().st_mode | 0o055)
    python = "/usr/bin/python3"
    command: list[object] = [app] if way == "file" else [python, app]
    user = ["setpriv", "--reuid=23009", "--regid=23009", "--clear-groups", "--"]
    env = {"HOME": None, "PATH": "/usr/bin:/bin", "TMPDIR": "/nonexistent"}
    try:
        for _ in range(2):
            shown = bench.run([*user, *command, "eval", "sys.prefix"], env=env, cwd=here).stdout
            assert shown.startswith("/tmp/multiplat-23009/")
        timed = bench.run([*user, python, "-X", "importtime", app, "exit", "0"], env=env, cwd=here)
        assert "_multiplat.places" in timed.stderr
        assert "_multiplat.launch" not in timed.stderr  # a later start needs no more
    finally:
        shutil.rmtree("/tmp/multiplat-23009", ignore_errors=True)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("value", ["relative", "~", "~root", ".", ""])
@pytest.mark.parametrize("name", ["XDG_CACHE_HOME", "PEX_ROOT", "TMPDIR"])
def test_what_is_no_absolute_path_is_no_cache(bench: Bench, name: str, value: str) -> None:
    app = bench.demo()
    here = bench.folder / "here"
    here.mkdir()
    for command in ([app], [bench.python, app], [app]):
        bench.run([*command, "exit", "0"], env={name: value}, cwd=here)
    assert list(here.iterdir()) == []
    assert len(bench.setups()) == 1


@pytest.mark.parametrize("value", ["relative", "~", "~root"])
def test_a_home_that_is_no_absolute_path_is_none(bench: Bench, value: str) -> None:
    app = bench.demo()
    here, other = bench.folder / "here", bench.folder / "tmp"
    here.mkdir()
    other.mkdir()
    for command in ([app], [bench.python, app], [app]):
        env = {"HOME": value, "TMPDIR": str(other)}
        shown = bench.run([*command, "eval", "sys.prefix"], env=env, cwd=here).stdout
        assert shown.startswith(f"{other}/multiplat-")
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("value", ["", None])
def test_without_a_home_in_the_environment_the_systems_counts(
    bench: Bench, value: str | None
) -> None:
    """An empty one is none: it would lead to `/.cache`."""
    home = Path(pwd.getpwuid(0).pw_dir)
    if not (home / ".cache").is_dir():
        pytest.skip("root has no folder for caches here")
    app = bench.demo()
    setting = "unset HOME" if value is None else f"export HOME='{value}'"
    script = f"mount -t tmpfs tmpfs '{home}/.cache'; {setting}; exec \"$@\""
    for command in ([app], [bench.python, app]):
        shown = bench.run([*in_namespace(script), "sh", *command, "eval", "sys.prefix"]).stdout
        assert shown.startswith(f"{home}/.cache/multiplat/")


# Folders of others (B 8).


@as_root
def test_a_folder_of_a_group_is_used(bench: Bench) -> None:
    """As Kubernetes makes it for fsGroup: root's, and writable by a group."""
    root = bench.folder / "volume"
    root.mkdir()
    os.chown(root, 0, 23007)
    root.chmod(0o2775)
    for folder in (bench.folder, *bench.folder.parents):
        if str(folder) not in {"/", "/tmp"}:
            folder.chmod(folder.stat().st_mode | 0o055)
    app = bench.demo(options=StartOptions(runtime_root=str(root)))
    user = ["setpriv", "--reuid=23008", "--regid=23008", "--groups=23007", "--"]
    env = {"PATH": "/usr/bin:/bin", "HOME": "/"}
    for command in ([app], [app], ["/usr/bin/python3", app]):
        shown = bench.run([*user, *command, "eval", "sys.prefix"], env=env).stdout
        assert shown.startswith(f"{root}/multiplat/")
    assert not [
        p
        for p in (root / "multiplat").rglob("*")
        if not p.is_symlink() and p.stat().st_mode & 0o022
    ]


@pytest.mark.parametrize("way", ["file", "python"])
def test_a_folder_with_a_default_access_list_is_used(bench: Bench, way: str) -> None:
    """What is made below it would be a group's to write, whatever the umask is."""
    root = bench.folder / "volume"
    root.mkdir()
    entries = [(1, 7, -1), (4, 7, -1), (8, 7, 23007), (16, 7, -1), (32, 5, -1)]
    access = struct.pack("<L", 2) + b"".join(
        struct.pack("<HHl", tag, rights, number) for tag, rights, number in entries
    )
    try:
        os.setxattr(root, "system.posix_acl_default", access)
    except (AttributeError, OSError):
        pytest.skip("no access lists here")
    app = bench.demo(options=StartOptions(runtime_root=str(root)))
    command = [app] if way == "file" else [bench.python, app]
    for _ in range(2):
        done = bench.run([*command, "eval", "sys.prefix"])
        assert done.stdout.startswith(f"{root}/multiplat/")
        assert done.stderr == ""
    bench.run([*command, root / "own"], env={"MULTIPLAT": "venv"})
    made = [root / "own", root / "multiplat", *root.glob("*/**/*")]
    assert [p for p in made if not p.is_symlink() and p.stat().st_mode & 0o022] == []


# Pythons that do not start (B 9).

BROKEN: dict[str, str | bytes] = {
    "a shim without a version": "#!/bin/sh\necho 'no version is set' >&2\nexit 127\n",
    "not for this processor": b"\x7fELF\x02\x01\x01" + bytes(200),
    "not to be executed": "#!/nonexistent/interpreter\n",
    "another program": "#!/bin/sh\nexit 126\n",
    "one that crashes": "#!/bin/sh\nkill -SEGV $$\n",
    "an empty file": "",
    "a program that does nothing": "#!/bin/sh\nexit 0\n",
    "a program that answers": "#!/bin/sh\necho /bin/sh\n",
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("name", ["python3", "python3.11"])
def test_the_next_python_serves_where_the_first_does_not_start(
    bench: Bench, kind: str, name: str
) -> None:
    app = bench.demo()
    broken = bench.folder / "broken"
    broken.mkdir()
    text = BROKEN[kind]
    (broken / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    (broken / name).chmod(0o755)
    env = {"PATH": os.pathsep.join([str(broken), bench.env()["PATH"]])}
    for _ in range(3):
        result = bench.run([app, "eval", "6 * 7"], env=env)
        assert (result.stdout, result.stderr) == ("42\n", "")
    only = bench.run([app], env={"PATH": f"{broken}:/nonexistent"}, code=127)
    assert only.stderr.startswith("demo: no Python that starts found on PATH; needs Python 3.")


@pytest.mark.parametrize("kind", ["nothing", "no zlib"])
@pytest.mark.parametrize("env", [{}, {"PYTHONINSPECT": "1"}])
def test_a_search_passes_over_what_does_not_run_the_file(
    bench: Bench, kind: str, env: dict[str, str | None]
) -> None:
    """The second Python may be none; PYTHONINSPECT hides how a Python ends."""
    minors = [minor for minor in PYTHONS if (3, 8) <= minor <= ANY]
    if len(minors) < 2:
        pytest.skip("needs two Pythons")
    app = bench.demo(targets=[host_target(ANY)])
    first = bench.folder / "first"
    first.mkdir()
    name = f"python{ANY[0]}.{ANY[1]}"
    if kind == "nothing":
        (first / name).write_text("#!/bin/sh\nexit 0\n")
        (first / name).chmod(0o755)
    else:
        lacking = make_python_without("zlib", bench.folder / "no-zlib")
        (first / name).symlink_to(lacking)
    (bench.folder / "bin" / name).symlink_to(PYTHONS[ANY])
    env = {**env, "PATH": f"{first}:{bench.env()['PATH']}"}
    for command in ([PYTHONS[minors[0]], app], [app]):
        for _ in range(2):
            # Under PYTHONINSPECT a program ends as the interpreter's prompt does.
            code = None if env.get("PYTHONINSPECT") else 0
            assert bench.run([*command, "eval", "6 * 7"], env=env, code=code).stdout == "42\n"


def test_a_python_that_lacks_a_module_says_so_in_one_line(bench: Bench) -> None:
    """As Debian's minimal Python does."""
    python = make_python_without("unicodedata", bench.folder / "minimal")
    done = bench.run([python, bench.demo()], code=1)
    assert done.stderr == "demo: this Python cannot start it: No module named 'unicodedata'\n"


@pytest.mark.parametrize("way", ["header", "search", "Python 2"])
def test_apples_python_without_developer_tools_is_not_started(bench: Bench, way: str) -> None:
    """To start it opens a dialog: here it leaves a mark."""
    app = bench.demo(targets=[host_target(ANY)])
    mark, stubs, disk = (bench.folder / name for name in ("dialog", "stubs", "disk"))
    stubs.mkdir()
    disk.mkdir()
    (stubs / "xcode-select").write_text("#!/bin/sh\nexit 2\n")
    (stubs / "python3").write_text(f"#!/bin/sh\necho >>'{mark}'\nexit 1\n")
    for path in stubs.iterdir():
        path.chmod(0o755)
    starts: dict[str, object] = {
        "search": PYTHONS[min(PYTHONS)],
        "Python 2": find_python((2, 7)) or find_python((3, 5)) or pytest.skip("no such Python"),
    }
    start = f"'{starts[way]}' '{app}'" if way in starts else f"'{app}'"
    layers = f"userxattr,lowerdir=/usr/bin,upperdir={disk}/upper,workdir={disk}/work"
    command = in_namespace(
        f"mount -t tmpfs tmpfs '{disk}'; cp -a '{stubs}' '{disk}/upper'; mkdir '{disk}/work'; "
        f"mount -t overlay overlay -o '{layers}' /usr/bin || exit 99; {start} eval '6 * 7'"
    )
    env: dict[str, str | None] = {"PATH": f"/usr/bin/:{bench.folder}/bin"}
    done = bench.run(command, env=env, code=None)
    if done.returncode == 99:
        pytest.skip("this system has no overlays")
    assert (done.stdout, done.stderr) == ("42\n", "")
    assert not mark.exists()


# First lines that packagers rewrite (B 10).


@pytest.mark.parametrize(
    "line", ["#!/usr/bin/sh", "#!/nix/store/abc/bin/sh", "#!/bin/bash", "#!/bin/sh -e"]
)
def test_a_rewritten_first_line_is_no_damage(bench: Bench, line: str) -> None:
    app = bench.demo()
    content = app.read_bytes()
    app.write_bytes(line.encode() + content[content.index(b"\n") :])
    for command in (["/bin/sh", app], [bench.python, app], ["/bin/sh", app]):
        assert bench.run([*command, "eval", "6 * 7"]).stdout == "42\n"


@pytest.mark.parametrize("line", ["#!/usr/bin/python3", "#!/usr/bin/env -S python3 -s"])
def test_a_first_line_of_the_projects_own_may_be_rewritten(bench: Bench, line: str) -> None:
    """Also to a shorter one: rpm takes `env` out of it."""
    app = bench.demo()
    replace_prefix(app, b"#!/usr/bin/env python3\n")
    app.write_bytes(line.encode() + app.read_bytes().removeprefix(b"#!/usr/bin/env python3"))
    for command in ([app], [bench.python, app], [app]):
        assert bench.run([*command, "eval", "6 * 7"]).stdout == "42\n"


# Threads and terminals (B 11, 15).


def test_a_notice_needs_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with launch.notice("demo"):
        pass


@pytest.mark.parametrize("wish", ["info", "verify"])
def test_nobody_reads_to_the_end(bench: Bench, wish: str) -> None:
    app = bench.demo()
    script = f"set -o pipefail; '{app}' | true; '{app}' | head -1"
    result = bench.run(["/bin/bash", "-c", script], env={"MULTIPLAT": wish}, code=None)
    assert result.stdout == "demo 1.0\n"
    assert result.stderr == ""


def test_a_terminal_without_umlauts(any_bench: Bench) -> None:
    app = any_bench.demo(version="größe")
    env = {"MULTIPLAT": "info", "PYTHONIOENCODING": "ascii"}
    shown = any_bench.run([any_bench.python, app], env=env).stdout
    assert shown.startswith("demo gr\\xf6\\xdfe\n")


@pytest.mark.parametrize("part", ["x" * 300, "/".join(["long" * 20] * 60)])
def test_a_folder_past_the_limit_is_none(bench: Bench, part: str) -> None:
    app = bench.demo()
    env = {"PEX_ROOT": f"{bench.folder}/{part}", "TMPDIR": str(bench.folder)}
    for command in ([app], [bench.python, app]):
        assert bench.run([*command, "eval", "6 * 7"], env=env).stdout == "42\n"


# Options (B 12).


def test_options_reach_the_python_that_takes_over(bench: Bench) -> None:
    minors = [minor for minor in PYTHONS if (3, 8) <= minor <= (3, 13)]
    if len(minors) < 2:
        pytest.skip("needs two Pythons")
    here, there = minors[0], minors[-1]
    app = bench.demo(targets=[host_target(there)])
    (bench.folder / "bin" / f"python{there[0]}.{there[1]}").symlink_to(PYTHONS[there])
    options = ["-I", "-O", "-X", "dev", "-W", "error::UserWarning"]
    shown = "[sys.flags.isolated, sys.flags.optimize, sys.flags.dev_mode, sys.warnoptions[-1]]"
    for _ in range(2):
        result = bench.run([PYTHONS[here], *options, app, "eval", shown])
        assert result.stdout.strip() == "[1, 1, True, 'error::UserWarning']"


@pytest.mark.parametrize("option", ["-Xgil=0", "-P"])
def test_an_option_that_the_python_that_takes_over_does_not_know_is_left_out(
    bench: Bench, option: str
) -> None:
    """A Python with a lock for all does not start with -X gil=0, nor one before 3.11 with -P."""
    here, there = ((3, 12), (3, 13)) if option == "-Xgil=0" else ((3, 12), (3, 9))
    if here not in PYTHONS or there not in PYTHONS:
        pytest.skip("needs two Pythons")
    app = bench.demo(targets=[host_target(there)])
    (bench.folder / "bin" / f"python{there[0]}.{there[1]}").symlink_to(PYTHONS[there])
    for _ in range(2):
        done = bench.run([PYTHONS[here], option, "-O", app, "eval", "sys.flags.optimize"])
        assert (done.stdout, done.stderr) == ("1\n", "")


@pytest.mark.parametrize(
    "options", [["--check-hash-based-pycs", "never"], ["-X", "dev"], ["-bb", "-q"], ["-W", ""]]
)
def test_every_option_reaches_the_environment(bench: Bench, options: list[str]) -> None:
    app = bench.demo()
    shown = (
        "(__import__('_imp').check_hash_based_pycs, sys.flags, list(filter(None, sys.warnoptions)))"
    )
    right = bench.run([bench.python, *options, "-c", f"import sys; print({shown})"]).stdout
    for _ in range(2):
        assert bench.run([bench.python, *options, app, "eval", shown]).stdout == right


RUNNER = """
import runpy, sys
sys.stderr.write('once ')
sys.argv[:] = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


@pytest.mark.parametrize("way", ["script", "module"])
def test_the_words_of_a_wrapper_are_no_options(any_bench: Bench, way: str) -> None:
    bench = any_bench
    app = bench.demo()
    (bench.folder / "runner.py").write_text(RUNNER)
    start = ["runner.py"] if way == "script" else ["-m", "runner"]
    for _ in range(2):
        result = bench.run(
            [bench.python, "-X", "dev", *start, app, "eval", "sorted(sys._xoptions)"]
        )
        assert result.stderr == "once "
        assert result.stdout.strip() == "['dev']"


# Programs that run (B 13).


def test_a_running_program_holds_the_folder(bench: Bench) -> None:
    app = bench.demo()
    with subprocess.Popen(
        [app, "exec", "print('up', flush=True); input()"],
        env=bench.env(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        (setup,) = bench.setups()
        handle = os.open(setup, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        process.communicate(b"\n")
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(handle)


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("os.closerange(3, 256)", id="a daemon that closed its files"),
        pytest.param(
            "os.execv(sys.executable, [sys.executable, '-c', 'print(1, flush=True); input()'])",
            id="an interpreter",
        ),
    ],
)
def test_what_runs_in_an_environment_keeps_it(bench: Bench, code: str) -> None:
    app = bench.demo()
    with subprocess.Popen(
        [app, "exec", f"import os, sys; {code}; print(1, flush=True); input()"],
        env=bench.env(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        (setup,) = bench.setups()
        then = time.time() - cache.UNUSED_FOR - 99
        os.utime(setup / "used", (then, then))
        bench.run([bench.demo("other", version="2"), "exit", "0"])
        assert setup.exists()
        process.communicate(b"\n")
    os.utime(setup / "used", (then, then))
    bench.run([bench.demo("third", version="3"), "exit", "0"])
    assert not setup.exists()


def test_a_python_at_a_new_path_each_time_shares_its_environment(bench: Bench) -> None:
    """As in an AppImage: what it is counts, once the former path is gone."""
    base = Path(bench.python).resolve()
    if ".pyenv" not in str(base):
        pytest.skip("needs a Python that can be moved")
    app = bench.demo()
    prefixes = []
    for number in range(3):
        mount = bench.folder / f"mount{number}"
        (mount / "bin").mkdir(parents=True)
        shutil.copy2(base, mount / "bin" / base.name)
        (mount / "lib").symlink_to(base.parent.parent / "lib")
        for _ in range(2):
            shown = bench.run(
                [mount / "bin" / base.name, app, "eval", "sys.prefix, sys.base_prefix"]
            )
            prefixes.append(eval(shown.stdout))
        shutil.rmtree(mount)
    assert len({prefix for prefix, _ in prefixes}) == 1
    assert prefixes[-1][1] == str(bench.folder / "mount2")
    assert len(bench.setups()) == 1


# Compiled modules (B 14).


@pytest.mark.parametrize("way", ["variable", "prefix", "option", "named", "venv"])
def test_what_python_may_not_write_is_compiled_when_it_is_made(bench: Bench, way: str) -> None:
    app = bench.demo()
    named = bench.folder / "named"
    at_once = way in {"variable", "prefix"}
    env: dict[str, str | None] = {"PYTHONDONTWRITEBYTECODE": "1" if at_once else None}
    if way == "prefix":
        env["PYTHONPYCACHEPREFIX"] = str(bench.folder / "elsewhere")
    command: Sequence[object] = [app, "exit", "0"]
    if way == "option":
        command = [bench.python, "-B", app, "exit", "0"]
    elif way == "named":
        env["PEX_ROOT"] = str(named)
    elif way == "venv":
        command, env["MULTIPLAT"] = [app, named], "venv"
    bench.run(command, env=env)
    root = named if way in {"named", "venv"} else bench.home
    (compiled,) = root.glob("**/site-packages/__pycache__/demo.*.pyc")
    before = compiled.read_bytes(), compiled.stat().st_mtime_ns
    if way == "venv":
        bench.run([named / "bin" / "demo", "exit", "0"])
    else:
        bench.run(command, env={**env, "PYTHONDONTWRITEBYTECODE": None})
    assert (compiled.read_bytes(), compiled.stat().st_mtime_ns) == before
    assert not list(bench.folder.glob("elsewhere/**/*.new"))


def test_a_terminal_is_told_of_nothing_else(bench: Bench) -> None:
    app = bench.demo()
    parent, child = pty.openpty()
    env = bench.env()
    with subprocess.Popen([app, "exit", "0"], env=env, stderr=child, stdout=child) as process:
        assert process.wait(60) == 0
    os.close(child)
    try:
        shown = os.read(parent, 1000)
    except OSError:
        shown = b""
    os.close(parent)
    assert shown in {b"", b"demo: preparing its first run on this machine...\r\n"}


@pytest.mark.parametrize("way", ["file", "python"])
def test_a_first_start_in_a_folder_that_is_gone(bench: Bench, way: str) -> None:
    app = bench.demo()
    script = 'mkdir "$HOME/gone" && cd "$HOME/gone" && rmdir "$HOME/gone" && exec "$@"'
    command = [app] if way == "file" else [bench.python, app]
    for _ in range(2):
        bench.run(["/bin/sh", "-c", script, "sh", *command, "exit", "0"])
    assert len(bench.setups()) == 1
