"""Whatever happens to a first run, the next one is right, and nothing half-made is left."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from hatch_multiplat.executable.table import StartOptions
from hatch_multiplat.runtime.cache import UNUSED_FOR
from tests.startup.conftest import DEMO, PYTHONS, Bench
from tests.support.app import host_target
from tests.support.wheels import make_wheel

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs /bin/sh")


@pytest.fixture
def bench(each_bench: Bench) -> Bench:
    """All here holds for files with wheels and for files without."""
    return each_bench


def in_namespace(script: str) -> list[str | Path]:
    """A command that may mount what it likes, seen by itself alone."""
    command = ["unshare", "--user", "--map-root-user", "--mount", "/bin/sh", "-ec", script]
    try:
        probe = [*command[:-1], "mount -t tmpfs tmpfs /mnt"]
        works = subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except OSError:
        works = False
    if not works:
        pytest.skip("this system lets nobody mount")
    return list(command)


def heavy_demo(bench: Bench, name: str = "heavy") -> Path:
    """An executable whose first run has many files to write."""
    files = {f"pack/m{i}.py": f"X = {i}\n" * 50 for i in range(400)}
    folder = bench.folder / "wheels"
    wheels = [
        make_wheel(folder, "demo", files={"demo.py": DEMO}, scripts={"demo": "demo:main"}),
        make_wheel(folder, "pack", files={"pack/__init__.py": "", **files}),
    ]
    return bench.demo(name, wheels=wheels, targets=[host_target(m, (0, 1)) for m in PYTHONS])


def test_fifty_first_runs_at_once(bench: Bench) -> None:
    app = heavy_demo(bench)
    processes = [
        subprocess.Popen([app, "eval", "6 * 7"], env=bench.env(), stdout=subprocess.PIPE, text=True)
        for _ in range(50)
    ]
    assert {process.communicate(timeout=60)[0] for process in processes} == {"42\n"}
    assert [process.returncode for process in processes] == [0] * 50
    assert len(bench.setups()) == 1
    assert bench.leftovers() == []


def test_where_files_cannot_be_locked_the_work_is_done_twice_but_right(bench: Bench) -> None:
    app = heavy_demo(bench)
    block = bench.folder / "block"
    block.mkdir()
    (block / "sitecustomize.py").write_text("import sys\nsys.modules['fcntl'] = None\n")
    processes = [
        subprocess.Popen(
            [bench.python, app, "eval", "6 * 7"],
            env=bench.env(PYTHONPATH=str(block)),
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    assert [process.communicate(timeout=60)[0] for process in processes] == ["42\n"] * 4
    assert len(bench.setups()) == 1
    assert bench.leftovers() == []


# The whole attack is 500 kills: HATCH_MULTIPLAT_ATTACK=whole.
KILLS = 500 if os.environ.get("HATCH_MULTIPLAT_ATTACK") == "whole" else 16


def test_killed_at_any_moment_the_next_run_is_right(bench: Bench) -> None:
    app = heavy_demo(bench)
    begin = time.monotonic()
    bench.run([app, "exit", "0"])
    whole = time.monotonic() - begin
    killed = 0
    for step in range(KILLS):
        shutil.rmtree(bench.cache)
        process = subprocess.Popen([app, "exit", "0"], env=bench.env(), start_new_session=True)
        time.sleep(whole * step / (KILLS - 1))
        os.killpg(process.pid, signal.SIGKILL)
        if process.wait() == -signal.SIGKILL:
            killed += 1
        else:  # The first run was a slow one: the moments lie within a shorter time.
            whole *= 0.8
        assert bench.evaluate(app, "len(__import__('os').listdir(__import__('pack').__path__[0]))")
        count = len(list(bench.setups()[0].glob("venv/lib/python3*/site-packages/pack/m*.py")))
        assert count == 400
        assert len(bench.setups()) == 1
        assert bench.leftovers() == []
    assert killed > KILLS // 2


def test_a_full_disk_is_said_and_nothing_is_left(bench: Bench) -> None:
    app = heavy_demo(bench)
    script = (
        f'mount -t tmpfs -o size=400k tmpfs "$HOME"; export TMPDIR="$HOME"; '
        f"code=0; '{app}' exit 0 || code=$?; find \"$HOME\" -name 'm*.py' | wc -l; exit $code"
    )
    result = bench.run(in_namespace(script), code=1)
    assert "heavy" not in result.stderr
    assert result.stderr.startswith("demo: cannot store its files in ")
    assert "No space left on device" in result.stderr
    assert result.stdout.strip() == "0"


def test_a_full_disk_falls_back_to_the_temporary_folder(bench: Bench) -> None:
    app = heavy_demo(bench)
    other = bench.folder / "tmp"
    other.mkdir()
    script = f"mount -t tmpfs -o size=400k tmpfs \"$HOME\"; exec '{app}' eval sys.prefix"
    result = bench.run(in_namespace(script), env={"TMPDIR": str(other)})
    assert result.stdout.startswith(str(other))


@pytest.mark.parametrize("how", ["read-only", "no home", "a file"])
def test_without_a_writable_home_a_private_temporary_folder_serves(bench: Bench, how: str) -> None:
    app = bench.demo()
    other = bench.folder / "tmp"
    other.mkdir()
    env: dict[str, str | None] = {"TMPDIR": str(other)}
    command: list[str | Path] = [app, "eval", "sys.prefix"]
    if how == "read-only":
        script = f"mount -t tmpfs -o ro tmpfs \"$HOME\"; exec '{app}' eval sys.prefix"
        command = in_namespace(script)
    else:
        env["HOME"] = "/dev/null/home" if how == "a file" else "/nonexistent/home"
        if how == "no home" and os.geteuid() == 0:
            env["HOME"] = "/proc/nonexistent"
    for _ in range(2):
        setup = bench.run(command, env=env).stdout.strip()
        assert setup.startswith(str(other))
    (root,) = other.iterdir()
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert len(list(root.glob("*/*/used"))) == 1


def test_a_temporary_folder_that_is_not_ours_alone_is_not_trusted(bench: Bench) -> None:
    app = bench.demo()
    other = bench.folder / "tmp"
    other.mkdir()
    (other / f"multiplat-{os.geteuid()}").mkdir(mode=0o777)
    (other / f"multiplat-{os.geteuid()}").chmod(0o777)
    env = {"HOME": "/dev/null/home", "TMPDIR": str(other)}
    assert bench.run([app], env=env, code=1).stderr == (
        "demo: cannot store its files in /dev/null/home/.cache/multiplat (no permission to write) "
        f"or {other}/multiplat-{os.geteuid()} (others can write to it, or it is not this user's); "
        "set PEX_ROOT to a folder of yours that has room\n"
    )


def test_a_cache_that_forbids_execution_is_passed_over(bench: Bench) -> None:
    app = bench.demo()
    other = bench.folder / "tmp"
    other.mkdir()
    script = f"mount -t tmpfs -o noexec tmpfs \"$HOME\"; exec '{app}' eval sys.prefix"
    shown = bench.run(in_namespace(script), env={"TMPDIR": str(other)}).stdout
    assert shown.startswith(str(other))


def test_if_every_folder_forbids_execution_pure_python_still_runs(bench: Bench) -> None:
    app = bench.demo()
    script = (
        'mount -t tmpfs -o noexec tmpfs "$HOME"; export TMPDIR="$HOME"; '
        f"'{app}' eval 1; '{app}' eval 2; '{bench.python}' '{app}' eval sys.prefix"
    )
    lines = bench.run(in_namespace(script)).stdout.splitlines()
    assert lines[:2] == ["1", "2"]
    assert lines[2].startswith(str(bench.cache))


def test_where_no_link_can_be_made_the_base_interpreter_runs_it(bench: Bench) -> None:
    app = bench.demo()
    block = bench.folder / "block"
    block.mkdir()
    (block / "sitecustomize.py").write_text(
        "import os\ndef symlink(*a, **k):\n    raise OSError(1, 'no links here')\n"
        "os.symlink = symlink\n"
    )
    env = {"PYTHONPATH": str(block)}
    assert bench.run([bench.python, app, "eval", "sys.executable"], env=env).stdout == (
        f"{bench.python}\n"
    )
    code = (
        "import multiprocessing, subprocess, sys, demo\n"
        "with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "    print(pool.map(demo.double, [1]))\n"
        "sys.exit(subprocess.call([sys.executable, '-c', 'import demo']))"
    )
    for command in ([app], [app], [bench.python, app]):
        assert bench.run([*command, "exec", code]).stdout == "[2]\n"


@pytest.mark.parametrize("how", ["false", "fallback", "prefer"])
def test_the_base_interpreter_orders_inherited_paths_too(bench: Bench, how: str) -> None:
    """Where no link can be made, PYTHONPATH leads children to the packages, in the same order."""
    app = bench.demo(options=StartOptions(inherit_path=how))  # type: ignore[arg-type]
    block = bench.folder / "block"
    block.mkdir()
    (block / "sitecustomize.py").write_text(
        "import os\ndef symlink(*a, **k):\n    raise OSError(1, 'no links here')\n"
        "os.symlink = symlink\n"
    )
    (block / "demo.py").write_text("main = lambda: print('outer')\ndouble = lambda x: 'outer'\n")
    env = {"PYTHONPATH": str(block)}
    bench.run([bench.python, app, "exit", "0"], env=env, code=None)
    code = (
        "import subprocess, sys\nsys.stdout.flush()\n"
        "subprocess.call([sys.executable, '-c', 'import demo; print(demo.double(1))'])"
    )
    for command in ([app], [bench.python, app]):
        shown = bench.run([*command, "exec", code], env=env).stdout
        assert shown == ("outer\n" if how == "prefer" else "2\n")


def test_folders_are_for_their_owner_only(bench: Bench) -> None:
    bench.run([bench.demo(), "exit", "0"])
    for path in (bench.cache, *bench.cache.iterdir(), *bench.setups()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def own_python(bench: Bench, minor: tuple[int, int]) -> Path:
    """Put a Python of this minor at one fixed path, as a package manager replaces it."""
    folder = bench.folder / "own"
    real = Path(PYTHONS[minor])
    name = f"python{minor[0]}.{minor[1]}"
    if not (real.parent.parent / "lib" / name / "os.py").exists():
        pytest.skip("this Python cannot be moved")
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    (folder / "lib").mkdir(exist_ok=True)
    library = folder / "lib" / name
    if not library.is_symlink():
        library.symlink_to(real.parent.parent / "lib" / name)
    path = folder / "bin" / "python3"
    path.unlink(missing_ok=True)
    shutil.copy(real, path)
    return path


def test_after_an_upgrade_of_the_interpreter_the_setup_is_made_anew(bench: Bench) -> None:
    pyenv = [m for m in PYTHONS if ".pyenv" in PYTHONS[m]]
    if len(pyenv) < 2:
        pytest.skip("needs two Pythons that can be moved")
    app = bench.demo()
    link = bench.folder / "bin" / "python3"
    link.unlink()
    link.symlink_to(bench.folder / "own" / "bin" / "python3")
    for minor in (pyenv[-1], pyenv[-2], pyenv[-1]):
        python = own_python(bench, minor)
        for command in ([app], [app], [python, app], [python, app]):
            assert tuple(bench.report(command)["version"][:2]) == minor
    assert len(bench.setups()) == 2


def test_after_its_interpreter_is_removed_another_one_serves(bench: Bench) -> None:
    pyenv = [m for m in PYTHONS if ".pyenv" in PYTHONS[m]]
    if len(pyenv) < 2:
        pytest.skip("needs two Pythons that can be moved")
    app = bench.demo()
    python = own_python(bench, pyenv[-2])
    for command in ([python, app], [app]):
        bench.report(command)
    python.unlink()
    assert bench.report([app])["version"][:2] == list(
        map(int, bench.evaluate(app, "'%d %d' % sys.version_info[:2]").split())
    )


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9, 0.999])
def test_a_file_cut_short_says_so(bench: Bench, keep: float) -> None:
    app = heavy_demo(bench)
    data = app.read_bytes()
    app.write_bytes(data[: int(len(data) * keep)])
    assert "damaged or incomplete, download it again" in bench.run([app], code=1).stderr
    direct = bench.run([bench.python, app], code=1).stderr
    # Where the cut leaves the end of a wheel, Python takes the file for that wheel.
    damaged = "damaged-file--download-it-again"
    assert damaged in direct or "can't find '__main__' module" in direct
    assert not bench.cache.exists()


def test_a_file_of_a_few_bytes_is_no_program(any_bench: Bench) -> None:
    """Python takes it for a script; as long as that is an empty one, nobody can tell."""
    app = any_bench.demo()
    data = app.read_bytes()
    silent = []
    for size in [*range(60), 80, 127, 128, 129, 200, 400]:
        app.write_bytes(data[:size])
        result = any_bench.run([any_bench.python, app], code=None)
        if result.returncode == 0:
            silent.append(size)
        elif size >= len(b"#!/bin/sh\n#coding:damaged-file"):
            assert "damaged-file" in result.stderr
    # "#!/bin/sh", a line's end, "#coding:", all of which are comments.
    assert silent == list(range(19))


def test_a_wheel_that_cannot_be_read_is_not_taken_for_a_folder_that_cannot_be_written(
    bench: Bench,
) -> None:
    folder = bench.folder / "loose"
    with zipfile.ZipFile(bench.demo(pyz=False)) as archive:
        archive.extractall(folder)
    (wheel,) = (folder / ".deps").iterdir()
    wheel.unlink()
    result = bench.run([bench.python, folder], code=1)
    assert result.stderr == f"demo: cannot read {wheel}: No such file or directory\n"
    assert bench.setups() == []
    assert bench.leftovers() == []


def test_an_altered_wheel_stops_the_run(bench: Bench) -> None:
    app = heavy_demo(bench)
    data = bytearray(app.read_bytes())
    name, after = ("blocks/linux", 1500) if bench.pyz else (".deps/pack", 5000)
    data[data.index(name.encode()) + after] ^= 1
    app.write_bytes(bytes(data))
    for command in ([app], [bench.python, app]):
        result = bench.run(command, code=1)
        assert result.stderr.startswith("demo: this file is damaged, download it again (")
        assert result.stderr.count("\n") == 1
    assert bench.setups() == []
    assert [path for path in bench.cache.rglob("*") if path.is_file()] == []


def test_a_wheel_that_would_leave_its_folder_stops_the_run(bench: Bench) -> None:
    wheel = make_wheel(
        bench.folder / "wheels", "demo", files={"demo.py": DEMO, "../../../../../evil.py": "x"}
    )
    app = bench.demo(wheels=[wheel], run={"module": "demo"})
    result = bench.run([app], code=1)
    assert (
        "demo-1.0-py3-none-any.whl cannot be used: '../../../../../evil.py' leads" in result.stderr
    )
    assert list(bench.folder.rglob("evil.py")) == []
    assert bench.setups() == []
    assert bench.leftovers() == []


def age(setup: Path) -> None:
    then = time.time() - UNUSED_FOR - 3600
    os.utime(setup / "used", (then, then))


def test_setups_unused_for_ninety_days_go_when_a_new_one_is_made(bench: Bench) -> None:
    bench.run([bench.demo("old", version="1"), "exit", "0"])
    bench.run([bench.demo("kept", version="2"), "exit", "0"])
    old, kept = sorted(bench.setups(), key=lambda path: path.stat().st_mtime)
    age(old)
    bench.run([bench.folder / "kept", "exit", "0"])
    assert bench.setups() == sorted([old, kept])
    bench.run([bench.demo("new", version="3"), "exit", "0"])
    assert not old.exists()
    assert len(bench.setups()) == 2
    bench.run([bench.folder / "old", "exit", "0"])


def test_what_is_left_of_a_file_goes_when_its_setups_are_long_gone(bench: Bench) -> None:
    bench.run([bench.demo("old", version="1"), "exit", "0"])
    (old,) = bench.setups()
    shutil.rmtree(old)
    bench.run([bench.demo("new", version="2"), "exit", "0"])
    assert old.parent.exists()
    then = time.time() - UNUSED_FOR - 3600
    os.utime(old.parent, (then, then))
    bench.run([bench.demo("newer", version="3"), "exit", "0"])
    assert not old.parent.exists()
    assert len(bench.setups()) == 2


def test_a_setup_that_is_used_again_counts_as_used(bench: Bench) -> None:
    app = bench.demo()
    bench.run([app, "exit", "0"])
    (setup,) = bench.setups()
    age(setup)
    bench.run([app, "exit", "0"])
    assert time.time() - (setup / "used").stat().st_mtime < 3600


def test_a_setup_that_is_running_stays(bench: Bench) -> None:
    app = bench.demo()
    code = "import sys; print('up', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [app, "exec", code], env=bench.env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        (setup,) = bench.setups()
        age(setup)
        bench.run([bench.demo("new", version="3"), "exit", "0"])
        assert setup.exists()
        process.communicate()
    assert process.returncode == 0


def test_a_long_first_run_says_so_in_one_line_on_a_terminal(bench: Bench) -> None:
    app = bench.demo()
    bench.run([app, "exit", "0"])
    (setup,) = bench.setups()
    shutil.rmtree(setup)
    master, slave = os.openpty()
    with Path(f"{setup}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen([app, "exit", "0"], env=bench.env(), stderr=slave)
        os.close(slave)
        shown = os.read(master, 1000)
    assert process.wait(20) == 0
    os.close(master)
    assert shown == b"demo: preparing its first run on this machine...\r\n"


def test_an_interrupted_first_run_ends_by_the_signal_and_without_a_word(bench: Bench) -> None:
    app = bench.demo()
    bench.run([app, "exit", "0"])
    (setup,) = bench.setups()
    shutil.rmtree(setup)
    with Path(f"{setup}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen(
            [bench.python, app, "exit", "0"], env=bench.env(), stderr=subprocess.PIPE
        )
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20)[1] == b""
    assert process.returncode == -signal.SIGINT
    assert bench.leftovers() == []


def test_a_setup_that_was_deleted_by_hand_is_made_again(bench: Bench) -> None:
    app = bench.demo()
    for command in ([app], [bench.python, app], [app]):
        bench.report(command)
        for setup in bench.setups():
            shutil.rmtree(setup)
    shutil.rmtree(bench.cache)
    bench.report([app])


def test_pex_root_and_runtime_root_and_xdg(bench: Bench) -> None:
    places = {"PEX_ROOT": bench.folder / "root", "XDG_CACHE_HOME": bench.folder / "xdg"}
    app = bench.demo()
    for name, place in places.items():
        for command in ([app], [app], [bench.python, app]):
            shown = bench.run([*command, "eval", "sys.prefix"], env={name: str(place)}).stdout
            assert shown.startswith(str(place / "multiplat"))
    app = bench.demo("rooted", options=StartOptions(runtime_root="~/own root"))
    for command in ([app], [app], [bench.python, app]):
        shown = bench.run([*command, "eval", "sys.prefix"]).stdout
        assert shown.startswith(str(bench.home / "own root"))
    assert not bench.cache.exists()
