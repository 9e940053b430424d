"""Another local user's files are neither run nor read, whatever they are named and linked like."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.executable.table import StartOptions
from tests.attack.conftest import ATTACKER, PLANTED, VICTIM, as_user, needs_users
from tests.startup.conftest import DEMO
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from tests.startup.conftest import Bench

pytestmark = [pytest.mark.skipif(sys.platform == "win32", reason="users of POSIX"), needs_users]

WAYS = ("file", "python")


def start(bench: Bench, app: Path, way: str, env: dict[str, str], uid: int = VICTIM) -> str:
    """What the application prints when a user starts it; its first word is where it runs."""
    command: list[object] = [app] if way == "file" else [bench.python, app]
    words = (
        as_user(uid, [*command, "eval", "sys.prefix"]) if uid else [*command, "eval", "sys.prefix"]
    )
    result = bench.run(words, env=env)
    assert PLANTED not in result.stdout + result.stderr
    return result.stdout.strip()


def make_home(bench: Bench, name: str, uid: int, mode: int = 0o755) -> Path:
    home = bench.folder / name
    home.mkdir()
    os.chown(home, uid, uid)
    home.chmod(mode)
    return home


def poison(root: Path) -> None:
    """Make whatever starts in a cache print that it was planted."""
    for script in root.glob("*/*/app/*"):
        script.write_text(f"#!/bin/sh\necho '{PLANTED}'\n")


def give(root: Path, uid: int) -> None:
    for path in (root, *root.rglob("*")):
        os.chown(path, uid, uid, follow_symlinks=False)


def plant(bench: Bench, app: Path, root: Path, owner: int) -> None:
    """Put at `root` what a start would make there, with another program in it."""
    made = bench.folder / "made"
    env = {"PEX_ROOT": str(made)}
    bench.run([app, "exit", "0"], env=env)
    poison(made / "multiplat")
    shutil.copytree(made / "multiplat", root, symlinks=True)
    give(root, owner)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("owner", [ATTACKER, 0])
@pytest.mark.parametrize("kind", ["named", "xdg", "home", "shared"])
def test_a_cache_of_another_user_is_not_used(bench: Bench, kind: str, owner: int, way: str) -> None:
    """Nor one of root's, but where the user named it and its folders are root's up to the top."""
    app = bench.demo()
    shared = bench.folder / "sticky"
    shared.mkdir()
    shared.chmod(0o1777)
    home = make_home(bench, "victim", VICTIM)
    env = {"HOME": str(home), "TMPDIR": str(shared)}
    root = {
        "named": shared / "multiplat",
        "xdg": shared / "multiplat",
        "home": home / ".cache" / "multiplat",
        "shared": shared / f"multiplat-{VICTIM}",
    }[kind]
    if kind == "named":
        env["PEX_ROOT"] = str(shared)
    elif kind == "xdg":
        env["XDG_CACHE_HOME"] = str(shared)
    elif kind == "shared":
        env["HOME"] = "/nonexistent"
    root.parent.mkdir(parents=True, exist_ok=True)
    plant(bench, app, root, owner)
    if kind == "shared":
        command: list[object] = [app] if way == "file" else [bench.python, app]
        result = bench.run(as_user(VICTIM, [*command, "exit", "0"]), env=env, code=1)
        assert PLANTED not in result.stdout + result.stderr
        assert "cannot store its files" in result.stderr
    else:
        assert not start(bench, app, way, env).startswith(f"{root}/")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("part", ["", "ID", "ID/from", "ID/KEY", "ID/KEY/app", "ID/KEY/venv"])
def test_a_link_is_not_followed(bench: Bench, part: str, way: str) -> None:
    """Each part of the way to an environment, as a link to a folder of the user's own."""
    app = bench.demo()
    home = make_home(bench, "victim", VICTIM)
    env = {"HOME": str(home), "TMPDIR": str(bench.folder)}
    prefix = Path(start(bench, app, way, env))
    key = prefix.parent
    names = {"ID": key.parent.name, "KEY": key.name}
    path = home / ".cache" / "multiplat"
    for name in filter(None, part.split("/")):
        path /= names.get(name, name)
    moved = home / "moved"
    path.rename(moved)
    path.symlink_to(moved)
    os.chown(path, VICTIM, VICTIM, follow_symlinks=False)
    poison_at = [moved, *moved.rglob("*")]
    for file in poison_at:
        if file.name == "demo" and file.parent.name == "app" and file.is_file():
            file.write_text(f"#!/bin/sh\necho '{PLANTED}'\n")
    command: list[object] = [app] if way == "file" else [bench.python, app]
    result = bench.run(as_user(VICTIM, [*command, "exit", "0"]), env=env, code=None)
    assert PLANTED not in result.stdout + result.stderr


FOLDERS = ("app", "bin", "code", "code/_multiplat", "venv", "venv/bin", "venv/lib")
LIBRARY = "ID/KEY/venv/lib/PYTHON"
OPEN = ("", "ID", "ID/from", "ID/KEY", *(f"ID/KEY/{name}" for name in FOLDERS), LIBRARY)


@pytest.mark.parametrize(
    ("part", "way"),
    # That the folder of packages itself is open, a shell cannot see.
    [*((part, way) for part in OPEN for way in WAYS), (LIBRARY + "/site-packages", "python")],
)
def test_what_another_user_has_put_into_an_open_folder_is_not_run(
    bench: Bench, part: str, way: str
) -> None:
    """The other user replaces whatever is in a folder that the user has opened to all."""
    app = bench.demo()
    home = make_home(bench, "victim", VICTIM)
    (bench.folder / "tmp").mkdir()
    (bench.folder / "tmp").chmod(0o1777)
    env = {"HOME": str(home), "TMPDIR": str(bench.folder / "tmp")}
    root = home / ".cache" / "multiplat"
    key = Path(start(bench, app, way, env)).parent
    (python,) = (key / "venv" / "lib").iterdir()
    names = {"ID": key.parent.name, "KEY": key.name, "PYTHON": python.name}
    path = root.joinpath(*(names.get(name, name) for name in part.split("/") if name))
    kept = bench.folder / "kept"
    shutil.copytree(path, kept, symlinks=True)
    for script in (*kept.rglob("*.py"), *kept.rglob("app/*"), *kept.rglob("demo")):
        if not script.is_dir():
            script.write_text(f"#!{bench.python}\nprint('{PLANTED}')\n")
    for cached in kept.rglob("*.pyc"):
        cached.unlink()
    for library in kept.rglob("site-packages"):
        (library / "evil.pth").write_text(f"import os; os.write(1, b'{PLANTED}')\n")
    for config in kept.rglob("pyvenv.cfg"):
        config.write_text("include-system-site-packages = true\nhome = /usr/bin\n")
    give(kept, ATTACKER)
    for item in path.iterdir():
        shutil.rmtree(item) if item.is_dir() and not item.is_symlink() else item.unlink()
        shutil.move(kept / item.name, item)
    path.chmod(0o777)
    for _ in range(2):
        where = bench.folder / "tmp" if part != "ID/from" else home
        assert start(bench, app, way, env).startswith(f"{where}/")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757])
def test_a_cache_that_others_can_write_to_is_not_used_and_said_so_once(
    bench: Bench, mode: int, way: str
) -> None:
    app = bench.demo()
    home = make_home(bench, "victim", VICTIM)
    root = home / ".cache" / "multiplat"
    root.mkdir(parents=True)
    root.chmod(mode)
    give(home, VICTIM)
    (bench.folder / "tmp").mkdir()
    (bench.folder / "tmp").chmod(0o1777)
    env = {"HOME": str(home), "TMPDIR": str(bench.folder / "tmp")}
    command: list[object] = [app] if way == "file" else [bench.python, app]
    said = []
    for _ in range(3):
        result = bench.run(as_user(VICTIM, [*command, "eval", "sys.prefix"]), env=env)
        assert result.stdout.startswith(str(bench.folder / "tmp"))
        said.append(result.stderr)
    assert said == [
        f"demo: {root} is not used: others can write to it, or it is not this user's\n",
        "",
        "",
    ]


@pytest.mark.parametrize("way", WAYS)
def test_root_goes_by_nothing_in_the_home_of_another_user(bench: Bench, way: str) -> None:
    """As `sudo -E` starts it: with links to root's own files, too."""
    app = bench.demo()
    home = make_home(bench, "attacker", ATTACKER)
    (bench.folder / "tmp").mkdir()
    plant(bench, app, home / ".cache" / "multiplat", ATTACKER)
    os.chown(home / ".cache", ATTACKER, ATTACKER)
    env = {"HOME": str(home), "TMPDIR": str(bench.folder / "tmp")}
    assert start(bench, app, way, env, uid=0).startswith(str(bench.folder / "tmp"))
    shutil.rmtree(home / ".cache" / "multiplat")
    give(bench.folder / "made", 0)
    (home / ".cache" / "multiplat").symlink_to(bench.folder / "made" / "multiplat")
    assert start(bench, app, way, env, uid=0).startswith(str(bench.folder / "tmp"))


@pytest.mark.parametrize("way", WAYS)
def test_an_environment_that_root_made_in_an_image_serves_all(bench: Bench, way: str) -> None:
    """In a folder that the file or the user names, with nobody else's folders above."""
    image = Path(f"/opt/multiplat-attack-{way}")
    shutil.rmtree(image, ignore_errors=True)
    image.mkdir()
    try:
        app = bench.demo(options=StartOptions(runtime_root=str(image)))
        made = start(bench, app, way, {}, uid=0)
        before = sorted(image.rglob("*"))
        home = make_home(bench, "victim", VICTIM)
        assert start(bench, app, way, {"HOME": str(home)}) == made
        assert sorted(image.rglob("*")) == before
        assert list(home.iterdir()) == []
        image.chmod(0o777)
        assert start(bench, app, way, {"HOME": str(home), "TMPDIR": str(home)}) != made
    finally:
        shutil.rmtree(image)


@pytest.mark.parametrize("mask", [0o000, 0o002, 0o022, 0o077, 0o777])
def test_what_is_made_others_never_write(bench: Bench, mask: int) -> None:
    app = bench.demo()
    named, home = bench.folder / "named", bench.home
    for env in ({}, {"PEX_ROOT": str(named)}):
        script = f"umask {mask:04o}; exec '{app}' eval 'os.umask(0)'"
        assert bench.run(["/bin/sh", "-c", script], env=env).stdout == f"{mask}\n"
    for root, readable in ((home / ".cache", False), (named / "multiplat", mask & 0o077 != 0o077)):
        paths = [path for path in (root, *root.rglob("*")) if not path.is_symlink()]
        assert not [path for path in paths if path.stat().st_mode & 0o022]
        own = [path for path in paths if path.suffix != ".lock" and path.name != "__pycache__"]
        for path in own if readable else []:
            assert path.stat().st_mode & 0o055 in {0o044, 0o055}, path
    assert (home / ".cache").stat().st_mode & 0o777 == 0o700


def test_a_program_that_drops_its_privileges_still_imports(bench: Bench) -> None:
    files = {"demo.py": DEMO, "later.py": "print('fine')\n"}
    scripts = {"demo": "demo:main"}
    wheel = make_wheel(bench.folder / "wheels", "demo", files=files, scripts=scripts)
    app = bench.demo(wheels=[wheel])
    code = f"import os; os.setgid({VICTIM}); os.setuid({VICTIM}); import xml.dom, later"
    root = bench.folder / "served"
    assert bench.run([app, "exec", code], env={"PEX_ROOT": str(root)}).stdout == "fine\n"


def test_no_empty_folder_is_left_in_the_temporary_folder(bench: Bench) -> None:
    app = bench.demo()
    temporary = bench.folder / "tmp"
    temporary.mkdir()
    for command in ([app], [bench.python, app]):
        bench.run([*command, "exit", "0"], env={"TMPDIR": str(temporary)})
    assert list(temporary.iterdir()) == []
