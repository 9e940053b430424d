"""Each target gets exactly its own locked wheels; the file can tell and prepare by itself."""

from __future__ import annotations

import stat
import subprocess
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.executable.table import TableCommand
from hatch_multiplat.runtime import match
from tests.startup.conftest import ANY, DEMO, PYTHONS, Bench, find_python, make_bench
from tests.support.app import host_target
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs /bin/sh")

PYDANTIC = (
    "from pydantic_core import VERSION as CORE\nVERSION = {0!r}\nassert CORE == {1!r}, CORE\n"
)


def test_platforms_locked_to_different_versions_in_one_file(tmp_path: Path) -> None:
    """A pure-Python package that pins a native one, at two versions: each Python has its pair."""
    if len(PYTHONS) < 2:
        pytest.skip("needs two Pythons")
    pairs = {
        minor: ("2.10", "2.27.2") if i % 2 else ("2.14", "2.50.4")
        for i, minor in enumerate(PYTHONS)
    }
    folder = tmp_path / "wheels"
    wheels, targets = [], []
    for minor, (version, core) in pairs.items():
        tag = f"cp{minor[0]}{minor[1]}"
        pure = make_wheel(
            folder,
            "pydantic",
            version,
            requires=[f"pydantic-core=={core}"],
            files={"pydantic.py": PYDANTIC.format(version, core)},
        )
        native = make_wheel(
            folder,
            "pydantic_core",
            core,
            tags=f"{tag}-{tag}-manylinux_2_17_x86_64",
            files={"pydantic_core.py": f"VERSION = {core!r}\nTAG = {tag!r}\n"},
        )
        for wheel in (pure, native):
            if wheel not in wheels:
                wheels.append(wheel)
        targets.append(host_target(minor, (wheels.index(pure), wheels.index(native))))
    code = "import pydantic, pydantic_core; print(pydantic.VERSION, pydantic_core.TAG)"
    for minor, (version, _) in pairs.items():
        place = tmp_path / f"{minor[1]}"
        place.mkdir()
        bench = make_bench(place, PYTHONS[minor])
        app = bench.demo(wheels=wheels, targets=targets, run={})
        for command in ([app], [app], [bench.python, app]):
            shown = bench.run([*command, "-c", code]).stdout
            assert shown == f"{version} cp{minor[0]}{minor[1]}\n"
        code_names = "import os, pydantic as p; print(len(os.listdir(os.path.dirname(p.__file__))))"
        assert bench.run([app, "-c", code_names]).returncode == 0
        (setup,) = bench.setups()
        assert len(list(setup.glob("venv/lib/*/site-packages/*.dist-info"))) == 2


def test_the_set_for_this_patch_release(bench: Bench) -> None:
    """A dependency for early patch releases is there for them, and not for later ones."""
    patch = int(bench.run([bench.python, "-c", "import sys; print(sys.version_info[2])"]).stdout)
    folder = bench.folder / "wheels"
    wheels = [
        make_wheel(folder, "demo", files={"demo.py": DEMO}, scripts={"demo": "demo:main"}),
        make_wheel(folder, "async_timeout"),
    ]
    code = "__import__('importlib.util').util.find_spec('async_timeout') is not None"
    for number, sets, there in (
        (1, ((0, (0, 1)), (patch + 1, (0,))), "True"),
        (2, ((0, (0,)), (patch + 1, (0, 1))), "False"),
        (3, ((0, (0,)), (patch, (0, 1))), "True"),
    ):
        app = bench.demo(f"app{number}", wheels=wheels, targets=[host_target(ANY, sets=sets)])
        assert bench.evaluate(app, code) == there


def test_two_targets_that_fit_the_first_wins(bench: Bench) -> None:
    folder = bench.folder / "wheels"
    wheels = [
        make_wheel(folder, "demo", str(n), files={"demo.py": DEMO, "n.py": f"N = {n}"})
        for n in (1, 2)
    ]
    targets = [host_target(ANY, (1,)), host_target(ANY, (0,))]
    app = bench.demo(wheels=wheels, targets=targets, run={"entry_point": "demo:main"})
    assert bench.evaluate(app, "__import__('n').N") == "2"


def test_info(bench: Bench) -> None:
    other = host_target((3, 99))
    app = bench.demo(targets=[other, host_target(ANY)])
    for _ in range(2):
        lines = bench.run([app, "ignored"], env={"MULTIPLAT": "info"}).stdout.splitlines()
        assert lines[0] == "demo 1.0"
        assert f"* cp3{ANY[1]}-here (1 wheel)" in lines
        assert "  cp399-here (1 wheel)" in lines
        needed = lines[lines.index("its wheels need:") + 1]
        assert needed.startswith(match.describe_targets([asdict(other)])[0].rpartition(":")[0])
        assert needed.endswith(f": Python 3.99, 3.{ANY[1]}")
        assert any(line.startswith("this machine: CPython 3.") for line in lines)
        assert any(line.startswith(f"fits cp3{ANY[1]}-here: ") for line in lines)
        made = "set up at" if bench.setups() else "will be set up at"
        assert any(line.startswith(f"{made} {bench.cache}") for line in lines)
        bench.run([app, "exit", "0"])


def test_info_where_nothing_fits(bench: Bench) -> None:
    app = bench.demo(targets=[host_target((3, 99))])
    shown = bench.run([app], env={"MULTIPLAT": "info"}).stdout
    assert "fits no target" in shown
    assert bench.setups() == []


def test_an_unknown_wish(bench: Bench) -> None:
    result = bench.run([bench.demo()], env={"MULTIPLAT": "x"}, code=2)
    assert result.stderr == "demo: MULTIPLAT=x is unknown; use info, verify, venv or cache\n"


def test_an_empty_wish_is_none(bench: Bench) -> None:
    for _ in range(2):
        assert bench.report([bench.demo(), "x"], env={"MULTIPLAT": ""})["argv"][1:] == ["x"]


def test_venv(any_bench: Bench) -> None:
    bench = any_bench
    other = TableCommand(run={"script": "other"}, inject_env={"DEMO_OTHER": "yes"})
    app = bench.demo(inject_args=("eval",), executables={"other": other})
    folder = bench.folder / "opt" / "app"
    result = bench.run([app, folder], env={"MULTIPLAT": "venv"})
    assert (result.stdout, result.stderr) == ("", "")
    app.unlink()
    assert bench.run([folder / "bin" / "demo", "6 * 7"]).stdout == "42\n"
    assert bench.run([folder / "bin" / "other", "x"]).stdout == "other ['x'] yes\n"
    seen = bench.run([folder / "bin" / "python", "-c", "import demo, sys; print(sys.prefix)"])
    assert seen.stdout == f"{folder}\n"
    prefix = bench.run([folder / "bin" / "demo", "sys.argv[0], sys.prefix"]).stdout
    assert prefix == f"{(str(folder / 'bin' / 'demo'), str(folder))}\n"
    assert not bench.cache.exists()
    assert sorted(path.name for path in folder.iterdir()) in (
        [".multiplat", "bin", "lib", "pyvenv.cfg"],
        [".multiplat", "bin", "lib", "lib64", "pyvenv.cfg"],
    )
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize("mask", [0o000, 0o002, 0o022, 0o077])
def test_a_folder_that_it_leaves_others_never_write(bench: Bench, mask: int) -> None:
    """Others may read what the umask lets them."""
    folder = bench.folder / "opt" / "app"
    script = f"umask {mask:04o}; exec '{bench.demo()}' '{folder}'"
    bench.run(["/bin/sh", "-c", script], env={"MULTIPLAT": "venv"})
    for path in (folder, *folder.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        allowed = 0o755 if path.is_dir() or mode & 0o100 else 0o644
        assert path.is_symlink() or mode == allowed & ~mask, path


def test_venv_in_an_empty_folder(bench: Bench) -> None:
    folder = bench.folder / "app"
    folder.mkdir()
    bench.run([bench.demo(), folder], env={"MULTIPLAT": "venv"})
    bench.run([folder / "bin" / "demo", "exit", "4"], code=4)


@pytest.mark.parametrize("case", ["full", "file", "none", "two", "unwritable"])
def test_venv_refused(bench: Bench, case: str) -> None:
    app, folder = bench.demo(), bench.folder / "app"
    arguments: list[str | Path] = [folder]
    code, message = 2, ""
    if case == "full":
        folder.mkdir()
        (folder / "x").write_text("")
        message = f"{folder} is not empty"
    elif case == "file":
        folder.write_text("")
        message = f"{folder} is no folder"
    elif case == "unwritable":
        arguments, code = ["/proc/app"], 1
        message = "cannot write /proc/app"
    else:
        arguments = [] if case == "none" else [folder, folder]
        message = "MULTIPLAT=venv takes one argument, the folder to make"
    result = bench.run([app, *arguments], env={"MULTIPLAT": "venv"}, code=code)
    assert result.stderr.startswith(f"demo: {message}")


def test_python_2_and_3_5_hand_over_or_say_what_they_lack(bench: Bench) -> None:
    old = find_python((2, 7)) or find_python((3, 5))
    if old is None:
        pytest.skip("no such old Python here")
    app = bench.demo()
    assert bench.report([old, app, "x"])["argv"] == [str(app), "x"]
    result = bench.run([old, app], env={"PATH": "/nonexistent"}, code=1)
    assert result.stderr.startswith("demo: needs Python 3.6, 3.7")
    assert "; this is Python " in result.stderr


def test_first_run_needs_no_module_that_bare_systems_lack(bench: Bench) -> None:
    """`venv`, `ensurepip`, `pip`, `ctypes`, `ssl` and `distutils` may be missing."""
    block = bench.folder / "block"
    block.mkdir()
    names = ("venv", "ensurepip", "pip", "ctypes", "ssl", "distutils", "setuptools", "lzma", "bz2")
    (block / "sitecustomize.py").write_text(
        f"import sys\nfor n in {names}:\n    sys.modules[n] = None\n"
    )
    app = bench.demo()
    subprocess.run(
        [bench.python, app, "exit", "0"], env=bench.env(PYTHONPATH=str(block)), check=True
    )
