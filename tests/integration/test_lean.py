"""What a build asks its frontend for, and that asking takes hatchling alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement

from hatch_multiplat.frontends.plugin import is_installed_from, list_requirements, read_project
from tests.support.commands import call, run_command
from tests.support.project import make_project

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.index_server import IndexServer

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
    "optional-dependencies"
]
PYPROJECT = """\
[build-system]
requires = ["hatchling", "hatch-multiplat"]
build-backend = "hatchling.build"
[project]
name = "demo"
version = "1.0"
[tool.hatch.build.hooks.multiplat]
[tool.multiplat]
platforms = ["linux-x86_64"]
python = ["3.12"]
"""
# What hatchling brings is all that there is when it asks.
ALONE = """\
import importlib.abc, json, os, sys
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Refuse())
from hatchling import build
print(json.dumps({call}))
"""
NAMES = {"click", "distlib", "elftools", "filelock", "pex", "platformdirs", "requests"}
NAMES |= {"tomlkit", "uv", "urllib3", "cyclonedx"}


def ask(folder: Path, call: str = "build.get_requires_for_build_wheel()", **environ: str) -> Any:
    """Ask hatchling as a frontend does, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", ALONE.format(names=NAMES, call=call)],
        cwd=folder,
        env={**os.environ, "HATCH_MULTIPLAT_CACHE": str(folder.parent / "cache"), **environ},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def names(requirements: list[str]) -> set[str]:
    return {Requirement(text).name for text in requirements}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write_project(table: str = "", *, text: str = PYPROJECT) -> Path:
        folder = tmp_path / "demo"
        (folder / "demo").mkdir(parents=True, exist_ok=True)
        (folder / "demo" / "__init__.py").touch()
        (folder / "pyproject.toml").write_text(text + table, "utf-8")
        return folder

    return write_project


def test_the_distribution_requires_what_hatchling_brings(write: Callable[..., Path]) -> None:
    required = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert names(required["dependencies"]) == {"hatchling", "packaging"}
    assert "hatch-multiplat[build]" in EXTRAS["cli"]


def test_a_wheel_needs_all_of_the_extra_but_what_its_table_does_not_use(
    write: Callable[..., Path],
) -> None:
    assert set(ask(write())) == {text for text in EXTRAS["build"] if "distlib" not in text}
    # Programs of console scripts are distlib's, in an ordinary executable too.
    windows = write(text=PYPROJECT.replace("linux-x86_64", "windows-x86_64"))
    assert set(ask(windows)) == set(EXTRAS["build"])
    assert names(ask(write("sbom = true\n"))) >= {"cyclonedx-python-lib", "uv"}


@pytest.mark.parametrize(
    "environ",
    [
        {"PIP_BUILD_TRACKER": "/tmp/tracker"},
        {"HATCH_MULTIPLAT": "0"},
        {"HATCH_BUILD_NO_HOOKS": "1"},
    ],
)
def test_nothing_is_needed_where_no_executable_is_made(
    write: Callable[..., Path], environ: dict[str, str]
) -> None:
    assert ask(write(), **environ) == []


def test_nothing_is_needed_for_the_sdist_nor_where_the_hook_is_off(
    write: Callable[..., Path],
) -> None:
    assert ask(write(), "build.get_requires_for_build_sdist()") == []
    off = PYPROJECT.replace("hooks.multiplat]", "hooks.multiplat]\nenable-by-default = false")
    assert ask(write(text=off)) == []
    assert ask(write(text=off), HATCH_BUILD_HOOK_ENABLE_MULTIPLAT="true")


@pytest.mark.parametrize("table", ["nonsense = 1\n", "exclude = 3\n", 'lock = ""\n'])
def test_a_bad_table_needs_everything_and_is_told_by_the_build(
    write: Callable[..., Path], table: str
) -> None:
    assert set(ask(write(table))) == set(EXTRAS["build"])


def test_a_build_by_a_lock_asks_for_no_uv_nor_for_a_client_once_its_wheels_are_there(
    plain_network: None,
    uv_cache: None,
    index_server: IndexServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    index_server.add_wheel("small")
    project = make_project(
        tmp_path,
        index_url=index_server.index_url,
        requires=["small"],
        table={"platforms": ["linux-x86_64"], "python": ["3.12"]},
    )
    project.write(project.table, project={"dependencies": ["small"]})
    for name, value in project.environ.items():
        monkeypatch.setenv(name, value)

    def needed() -> set[str]:
        listed = {item.name for item in list_requirements(read_project(project.root), os.environ)}
        return listed & {"uv", "requests"}

    assert needed() == {"uv", "requests"}
    assert call("lock", project.root).exit_code == 0
    assert needed() == {"requests"}
    build = ["build", "--wheel", str(project.wheel), str(project.root)]
    assert call(*build).exit_code == 0
    assert needed() == set()

    # So it does without them; and says what it lacks if a wheel has been lost since.
    code = ALONE.partition("from hatchling")[0].format(names={"uv", "requests", "urllib3"})
    code += f"sys.argv[1:] = {build!r}\nfrom hatch_multiplat.__main__ import run; run()"
    assert run_command(sys.executable, "-c", code, cwd=tmp_path)
    (cached,) = Path(project.environ["HATCH_MULTIPLAT_CACHE"]).rglob("small-1.0-*.whl")
    cached.write_bytes(cached.read_bytes()[:-1] + b"?")
    assert needed() == {"requests"}
    said = run_command(sys.executable, "-c", code, cwd=tmp_path, code=7)
    assert said == (
        "error: the build needs requests, not installed here; "
        "install it with: pip install 'hatch-multiplat[build]'\n"
    )


def test_a_build_target_needs_the_same(write: Callable[..., Path]) -> None:
    call = (
        "__import__('hatch_multiplat.frontends.builder', fromlist=['x'])"
        ".MultiplatBuilder(os.getcwd()).config.dependencies"
    )
    folder = write()
    assert ask(folder, call) == ask(folder)


def test_an_sdist_is_built_with_hatchling_alone(write: Callable[..., Path]) -> None:
    folder = write('lock = "pylock.demo.toml"\n')
    (folder / "pylock.demo.toml").write_text("# a lock\n", "utf-8")
    sdist = ask(folder, "build.build_sdist('dist')")
    listed = subprocess.run(
        ["tar", "-tzf", folder / "dist" / sdist], capture_output=True, encoding="utf-8", check=True
    )
    assert "demo-1.0/pylock.demo.toml" in listed.stdout.split()


def test_without_isolation_what_is_missing_is_told_in_one_line(write: Callable[..., Path]) -> None:
    folder = write()
    code = (
        "from importlib import metadata\n"
        "real = metadata.version\n"
        "def version(name):\n"
        "    if name in {'uv', 'pex'}: raise metadata.PackageNotFoundError(name)\n"
        "    return real(name)\n"
        "metadata.version = version\n"
        "from hatchling import build\n"
        "build.build_wheel('dist')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "HATCH_MULTIPLAT_CACHE": str(folder.parent / "cache")},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 7
    (line,) = [line for line in (done.stdout + done.stderr).splitlines() if "needs" in line]
    assert "pex==" in line
    assert "uv>=" in line
    assert line.endswith(
        "not installed here; install it with: pip install 'hatch-multiplat[build]'"
    )


def test_the_command_tells_what_it_lacks_in_one_line(tmp_path: Path) -> None:
    code = ALONE.partition("from hatchling")[0].format(names=NAMES)
    code += "from hatch_multiplat.__main__ import run; run()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 7
    assert done.stderr == (
        "error: the command needs click, which is not installed here; "
        "install it with: pip install 'hatch-multiplat[cli]'\n"
    )


@pytest.mark.parametrize(
    ("folder", "installs"),
    [
        ("sdists-v11/path/31c1339b4f381ca1/ABCiIoof5dYUoW1c/src", True),
        ("sdists-v11/pypi/demo/1.0/Ysbc7PgRA_913aTF/src", True),
        ("sdists-v11/.tmpfBi4tG/demo-1.0", False),
        ("git-v0/checkouts/0123456789abcdef/0123456", True),
        ("builds-v0/demo", False),
    ],
)
def test_uv_unpacks_what_it_installs_elsewhere_than_what_it_builds(
    tmp_path: Path, folder: str, *, installs: bool
) -> None:
    root = tmp_path / "cache" / folder
    root.mkdir(parents=True)
    assert not is_installed_from(root)
    (tmp_path / "cache" / "CACHEDIR.TAG").touch()
    assert is_installed_from(root) is installs


def test_what_a_build_has_written_is_in_no_later_sdist(write: Callable[..., Path]) -> None:
    folder = write('output-dir = "bin"\n')
    for name in ("bin/demo-1.0.pex", "one/demo-1.0.pex", "one/demo-0.9.pex"):
        (folder / name).parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr("PEX-INFO", "{}")
    (folder / "bin" / "keep.txt").touch()
    (folder / "bin" / ".hatch-multiplat-x").mkdir()
    (folder / "bin" / ".hatch-multiplat-x" / "half").touch()
    sdist = ask(folder, "build.build_sdist('two')")
    with tarfile.open(folder / "two" / sdist) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    assert sorted(names) == ["PKG-INFO", "bin/keep.txt", "demo/__init__.py", "pyproject.toml"]
