"""A set-up that has lost files is mended; each start finds the folder that set-ups belong in."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.executable.table import StartOptions
from hatch_multiplat.runtime import cache, run
from tests.startup.conftest import DEMO
from tests.startup.test_faults import in_namespace
from tests.startup.test_shells import straight
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from tests.startup.conftest import Bench

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs /bin/sh")
as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away"
)


def packed(bench: Bench) -> Path:
    """An executable whose program imports a package."""
    wheel = make_wheel(
        bench.folder / "wheels",
        "demo",
        files={"demo.py": f"import pack.deep\n{DEMO}", "pack/__init__.py": "", "pack/deep.py": ""},
        scripts={"demo": "demo:main"},
    )
    return bench.demo(wheels=[wheel])


@pytest.mark.parametrize("way", ["file", "python"])
@pytest.mark.parametrize(
    "lost",
    [
        *(
            "used",
            "files",
            "venv/pyvenv.cfg",
            "code/*/__init__.py",
            "code",
            "venv/bin",
            "venv/bin/python",
        ),
        *("app", "app/demo", "venv/lib", "venv/lib app", "venv/lib/python*/site-packages"),
        *("venv/lib/*/*/pack", "venv", "*"),
    ],
)
def test_what_a_setup_has_lost_comes_back(bench: Bench, lost: str, way: str) -> None:
    app = packed(bench)
    command: list[object] = [app] if way == "file" else [bench.python, app]
    bench.run([*command, "exit", "0"])
    (setup,) = bench.setups()
    whole = {path.relative_to(setup) for path in setup.rglob("*")}
    for pattern in lost.split():
        for path in setup.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    for _ in range(2):
        assert bench.run([*command, "eval", "sys.prefix"]).stdout.strip() == str(setup / "venv")
    assert {path.relative_to(setup) for path in setup.rglob("*")} >= {
        path for path in whole if "__pycache__" not in path.parts
    }
    assert bench.setups() == [setup]
    assert bench.leftovers() == []
    if way == "file":
        straight(bench, app)
        bench.run([app, "exit", "3"], code=3)


def test_a_single_file_deep_inside_comes_back_within_a_day(bench: Bench) -> None:
    """As those remove them who clean a temporary folder of what is old."""
    app = packed(bench)
    bench.run([app, "exit", "0"])
    (setup,) = bench.setups()
    (deep,) = setup.glob("venv/lib/*/*/pack/deep.py")
    bench.run([app, "exit", "0"])
    deep.unlink()
    yesterday = time.time() - 86401
    os.utime(deep.parent.parent, (yesterday, yesterday))
    assert "pack.deep" in bench.run([app, "exit", "0"], code=1).stderr
    os.utime(setup / "used", (yesterday, yesterday))
    bench.run([app, "exit", "0"])
    assert deep.exists()


def test_whoever_cleans_by_age_finds_no_old_file_in_a_setup_that_is_used(bench: Bench) -> None:
    app = packed(bench)
    bench.run([app, "exit", "0"])
    (setup,) = bench.setups()
    old = time.time() - 20 * 86400
    files = [path for path in setup.rglob("*") if path.is_file() and not path.is_symlink()]
    files = [path for path in files if "__pycache__" not in path.parts and path.name != "files"]
    for path in files:
        os.utime(path, (old, old))
    bench.run([app, "exit", "0"])
    # The time of change is left, which compiled modules are compared with.
    assert {path.name for path in files if path.stat().st_mtime > old + 1} == {"used"}
    assert [path for path in files if path.stat().st_atime < time.time() - 60] == []


def test_a_setup_is_looked_through_once_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, library = tmp_path / "used", tmp_path / "library"
    library.mkdir()
    used.touch()
    looks: list[str] = []

    def has_all_files(root: str) -> bool:
        looks.append(root)
        return True

    monkeypatch.setattr(run, "has_all_files", has_all_files)
    for days in (0, 0.9, 1.1, -1.1):
        then = time.time() - days * 86400
        os.utime(used, (then, then))
        os.utime(library, (1, 1))
        for _ in range(2):
            assert run.look_after(str(used), str(library))
    assert looks == [str(tmp_path)] * 2
    (library / "new").touch()
    assert run.look_after(str(used), str(library))
    assert len(looks) == 3
    library.joinpath("new").unlink()
    library.rmdir()
    assert not run.look_after(str(used), str(library))


def test_a_setup_that_is_removed_while_it_is_looked_through_is_not_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, library = tmp_path / "used", tmp_path / "library"
    library.mkdir()
    used.touch()
    os.utime(used, (1, 1))

    def has_all_files(_root: str) -> bool:
        used.unlink()
        return True

    monkeypatch.setattr(run, "has_all_files", has_all_files)
    assert not run.look_after(str(used), str(library))


@pytest.mark.skipif(os.name == "nt", reason="Windows lets few users make links")
def test_lost_links_come_back_too(tmp_path: Path) -> None:
    """Also one to a folder, as a wheel may have it: without it the environment is never whole."""
    lost, made = tmp_path / "lost", tmp_path / "made"
    for root in (lost, made):
        (root / "demo" / "data").mkdir(parents=True)
        for name in ("files", "used", "demo/data/d"):
            (root / name).touch()
    (made / "demo" / "folder").symlink_to("data")
    (made / "demo" / "file").symlink_to("data/d")
    names = cache.list_tree(str(made))
    cache.mend(str(made), str(lost))
    assert cache.list_tree(str(lost)) == names
    assert (lost / "demo" / "folder").readlink() == Path("data")


def test_a_lost_file_comes_back_whatever_its_name(tmp_path: Path) -> None:
    """Also one that is called as the environment's own list of files is."""
    lost, made = tmp_path / "lost", tmp_path / "made"
    for root in (lost, made):
        root.mkdir()
        for name in ("files", "used"):
            (root / name).touch()
    (made / "demo").mkdir()
    (made / "demo" / "files").write_text("data", "utf-8")
    cache.mend(str(made), str(lost))
    assert (lost / "demo" / "files").read_text("utf-8") == "data"
    assert not (made / "files").exists()


def test_a_program_that_runs_while_its_setup_is_mended_does_not_notice(bench: Bench) -> None:
    app = packed(bench)
    code = "import sys; print('up', flush=True); sys.stdin.read(); import pack.deep, json; print(1)"
    with subprocess.Popen(
        [app, "exec", code],
        env=bench.env(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        (setup,) = bench.setups()
        (setup / "code" / "_multiplat" / "__init__.py").unlink()
        inode = (setup / "venv" / "pyvenv.cfg").stat().st_ino
        bench.run([app, "exit", "0"])
        assert (setup / "venv" / "pyvenv.cfg").stat().st_ino == inode
        assert process.communicate()[0] == "1\n"


def test_twenty_starts_at_once_mend_one_setup(bench: Bench) -> None:
    app = packed(bench)
    bench.run([app, "exit", "0"])
    (setup,) = bench.setups()
    shutil.rmtree(setup / "venv" / "lib")
    processes = [
        subprocess.Popen([app, "eval", "6 * 7"], env=bench.env(), stdout=subprocess.PIPE, text=True)
        for _ in range(20)
    ]
    assert {process.communicate(timeout=60)[0] for process in processes} == {"42\n"}
    assert bench.setups() == [setup]
    assert bench.leftovers() == []


def test_a_list_of_what_cannot_come_back_is_made_anew(bench: Bench) -> None:
    app = packed(bench)
    bench.run([app, "exit", "0"])
    (setup,) = bench.setups()
    names = (setup / "files").read_bytes()
    assert b"pack/deep.py" in names
    assert b"__pycache__" not in names
    (setup / "files").write_bytes(names + b"\0lib/never-there")
    (setup / "venv" / "pyvenv.cfg").unlink()
    bench.run([app, "exit", "0"])
    assert (setup / "files").read_bytes() == names


def test_a_setup_on_a_disk_that_became_read_only_still_starts(bench: Bench) -> None:
    app = bench.demo()
    bench.run([app, "exit", "0"])
    (setup,) = bench.setups()
    old = time.time() - 20 * 86400
    os.utime(setup / "used", (old, old))
    script = (
        f'mount --bind "$HOME" "$HOME"; mount -o remount,bind,ro "$HOME"; '
        f"'{app}' eval sys.prefix; '{bench.python}' '{app}' eval sys.prefix"
    )
    shown = bench.run(in_namespace(script), env={"TMPDIR": str(bench.folder)}).stdout
    assert shown.split() == [str(setup / "venv")] * 2
    assert not list(bench.folder.glob("multiplat-*"))


# Which folder?


@pytest.mark.parametrize("way", ["file", "python"])
def test_the_temporary_folder_serves_only_while_the_other_cannot(bench: Bench, way: str) -> None:
    app = bench.demo()
    command: list[object] = [app] if way == "file" else [bench.python, app]
    temporary = bench.folder / "tmp"
    temporary.mkdir()

    def place(**env: str) -> str:
        given = {"TMPDIR": str(temporary), **env}
        return bench.run([*command, "eval", "sys.prefix"], env=given).stdout

    for _ in range(2):
        for home in ("/proc/nonexistent", "/dev/null/home"):
            assert place(HOME=home).startswith(str(temporary))
    (bench.folder / "pr").mkdir()
    info = bench.run([*command[:-1], app], env={"MULTIPLAT": "info", "TMPDIR": str(temporary)})
    assert f"will be set up at {bench.cache}" in info.stdout
    assert place(PEX_ROOT=str(bench.folder / "pr")).startswith(str(bench.folder / "pr"))
    assert place(XDG_CACHE_HOME=str(bench.home / "xdg")).startswith(str(bench.home / "xdg"))
    assert place().startswith(str(bench.cache))


def test_the_temporary_folder_never_says_that_it_is_to_be_used(bench: Bench) -> None:
    """`/proc/nonexistent` seems to be of use to root until it is tried, which each start does."""
    app = bench.demo()
    temporary = bench.folder / "tmp"
    temporary.mkdir()
    env = {"TMPDIR": str(temporary), "HOME": "/proc/nonexistent"}
    for command in ([app], [bench.python, app], [app]):
        shown = bench.run([*command, "eval", "sys.prefix"], env=env).stdout
        assert shown.startswith(str(temporary))
    (record,) = temporary.glob("*/*/from" + str(Path(bench.python).resolve()))
    python = str(Path(bench.python).resolve())
    lines = record.read_text().splitlines()
    assert lines[2:4] == [python, python]
    assert lines[4].endswith("/site-packages")
    shown = bench.run([app, "eval", "sys.prefix"], env={"TMPDIR": str(temporary)}).stdout
    assert shown.startswith(str(bench.cache))


@as_root
@pytest.mark.parametrize("way", ["file", "python"])
@pytest.mark.parametrize("there", ["", ".cache", ".cache/multiplat"])
def test_root_makes_nothing_in_the_home_of_another_user(bench: Bench, there: str, way: str) -> None:
    app = bench.demo()
    command: list[object] = [app] if way == "file" else [bench.python, app]
    temporary = bench.folder / "tmp"
    temporary.mkdir()
    (bench.home / there).mkdir(parents=True, exist_ok=True)
    for path in (bench.home, *bench.home.rglob("*")):
        os.chown(path, 12345, 12345)
    before = sorted(bench.home.rglob("*"))
    for _ in range(2):
        shown = bench.run([*command, "eval", "sys.prefix"], env={"TMPDIR": str(temporary)}).stdout
        assert shown.startswith(str(temporary))
    assert sorted(bench.home.rglob("*")) == before
    info = bench.run(command, env={"MULTIPLAT": "info", "TMPDIR": str(temporary)}).stdout
    assert f"\nset up at {temporary}" in info
    # A folder that was named for it is another matter.
    chosen = bench.home / "chosen"
    shown = bench.run([*command, "eval", "sys.prefix"], env={"PEX_ROOT": str(chosen)}).stdout
    assert shown.startswith(str(chosen))


@pytest.mark.parametrize("root", ["$X/rr", "${X}/rr", "/nonexistent/$X/rr", "rr", "./rr"])
def test_a_runtime_root_that_is_not_whole_counts_as_none(bench: Bench, root: str) -> None:
    app = bench.demo(options=StartOptions(runtime_root=root))
    before = sorted(bench.folder.iterdir())
    for command in ([app], [app], [bench.python, app]):
        shown = bench.run([*command, "eval", "sys.prefix"]).stdout
        assert shown.startswith(str(bench.cache))
    assert sorted(bench.folder.iterdir()) == before


@pytest.mark.parametrize("root", ["$X/rr", "${X}/it's/$Y", "~/$Y"])
def test_the_header_finds_a_runtime_root_that_names_variables(bench: Bench, root: str) -> None:
    app = bench.demo(options=StartOptions(runtime_root=root))
    env = {"X": str(bench.folder / "a b"), "Y": "y"}
    place = os.path.expandvars(root.replace("~", str(bench.home)))
    for name, value in env.items():
        place = place.replace(f"${{{name}}}", value).replace(f"${name}", value)
    shown = bench.run([app, "eval", "sys.prefix"], env=env).stdout
    assert shown.startswith(place)
    straight(bench, app)
    assert bench.run([app, "eval", "sys.prefix"], env=env).stdout == shown


def test_a_relative_xdg_cache_home_counts_as_none(bench: Bench) -> None:
    app = bench.demo()
    env = {"XDG_CACHE_HOME": "xdg"}
    bench.run([app, "exit", "0"], env=env)
    straight(bench, app)
    assert bench.run([app, "eval", "sys.prefix"], env=env).stdout.startswith(str(bench.cache))


# Locks


@pytest.mark.parametrize(
    "failures",
    [
        [],
        [errno.EACCES, errno.EDEADLK, errno.EACCES],
        [errno.EINVAL],
        [errno.EACCES, errno.ENOSYS],
    ],
)
def test_a_lock_is_waited_for_unless_the_system_has_none(failures: list[int]) -> None:
    left = list(failures)
    held = not {errno.EINVAL, errno.ENOSYS} & set(failures)

    def attempt() -> None:
        if left:
            raise OSError(left.pop(0), "no lock")

    assert cache.wait_for_lock(attempt) == held
    assert left == []


def test_a_lock_that_is_never_given_back_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter(range(0, 100000, 100))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    monkeypatch.setattr("time.sleep", lambda _: None)

    def attempt() -> None:
        raise OSError(errno.EACCES, "another's")

    assert not cache.wait_for_lock(attempt)
    assert next(clock) <= cache.PATIENCE + 200


@pytest.mark.skipif(os.name == "nt", reason="there a file that is open is not removed")
def test_a_lock_that_was_removed_while_it_was_waited_for_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A maker that fails removes its lock; the next two have to exclude each other all the same."""
    path = tmp_path / "12345678.lock"
    real = cache.lock_file
    calls: list[int] = []

    def lock_file(handle: int, *, wait: bool) -> bool:
        calls.append(handle)
        if len(calls) == 1:
            path.unlink()
        return real(handle, wait=wait)

    monkeypatch.setattr(cache, "lock_file", lock_file)
    with cache.lock(str(path)) as held:
        assert held
        assert os.path.samestat(os.fstat(calls[-1]), path.stat())
    assert len(calls) == 2


CACHE = {"MULTIPLAT": "cache"}


def test_a_file_tells_what_its_environments_take_and_removes_them(any_bench: Bench) -> None:
    bench = any_bench
    app = bench.demo()
    # The same file may have been started without a home: what that left is found, too.
    bench = replace(bench, environ={**bench.environ, "TMPDIR": str(bench.folder)})
    assert bench.run([app], env=CACHE).stdout == "0.0 kB in no environment\n"
    assert not bench.cache.exists()
    bench.run([app])
    (setup,) = bench.setups()
    bench.run([bench.demo("other", version="2.0")])
    (other,) = (path for path in bench.setups() if path != setup)
    for name in ("mine.txt", "0123abcd/mine.txt"):
        path = setup.parent / name
        path.parent.mkdir(exist_ok=True)
        path.touch()

    size = sum(path.lstat().st_size for path in setup.rglob("*") if not path.is_dir())
    shown = f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
    line = f"{setup}  {shown}, of {os.path.realpath(bench.python)}\n"
    assert bench.run([app], env=CACHE).stdout == f"{line}{shown} in all\n"
    cleaned = bench.run([app, "clean"], env=CACHE)
    assert cleaned.stdout == f"removed: {line}{shown} in all\n"
    assert bench.setups() == [other]
    left = sorted(path.name for path in setup.parent.iterdir() if path.is_file())
    assert [name for name in left if not name.endswith(".lock")] == ["mine.txt"]
    assert (setup.parent / "0123abcd" / "mine.txt").exists()
    bench.run([app])
    assert len(bench.setups()) == 2


def test_an_environment_that_is_in_use_is_not_removed(bench: Bench) -> None:
    app = bench.demo()
    code = "import sys; print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [app, "exec", code], env=bench.env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        program.stdout.readline()
        (setup,) = bench.setups()
        cleaned = bench.run([app, "clean"], env=CACHE, code=1)
        assert cleaned.stdout.startswith(f"in use: {setup}  ")
        assert bench.setups() == [setup]
        program.communicate(b"")
    bench.run([app, "clean"], env=CACHE)
    assert not list(bench.cache.iterdir())


def test_the_cache_takes_no_other_argument(bench: Bench) -> None:
    app = bench.demo()
    bench.run([app])
    for words in (["clear"], ["clean", "all"]):
        told = bench.run([app, *words], env=CACHE, code=2)
        assert told.stderr == "demo: MULTIPLAT=cache takes one argument at most: clean\n"
    assert len(bench.setups()) == 1


@as_root
def test_a_cache_that_is_another_users_is_neither_told_nor_removed(bench: Bench) -> None:
    app = bench.demo()
    bench.run([app])
    (setup,) = bench.setups()
    for path in [bench.cache, *bench.cache.rglob("*")]:
        os.chown(path, 1234, 1234, follow_symlinks=False)
    assert bench.run([app, "clean"], env=CACHE).stdout == "0.0 kB in no environment\n"
    assert bench.setups() == [setup]
