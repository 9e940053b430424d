"""Fixtures for tests that do what a person does: the README's commands, and other machines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import uv

from tests.support.caches import make_cache
from tests.support.commands import make_venv, run_command

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkout:
    """A copy of this project's files in a git repository of its own, with one commit."""

    root: Path
    head: str

    def run_script(self, name: str, *words: str, python: str = sys.executable) -> str:
        """Run `python3 scripts/NAME`, which has to succeed; returns what it printed."""
        return run_command(python, f"scripts/{name}", *words, cwd=self.root)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Return a fresh checkout, in a folder whose name has a space in it."""
    root = tmp_path_factory.mktemp("a checkout") / "hatch multiplat"
    made = shutil.ignore_patterns(".git", ".venvs", "dist", "site", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, root, ignore=made)
    return Checkout(root=root, head=commit_all(root))


def commit_all(folder: Path) -> str:
    """Make `folder` a git repository with one commit of Ada's; returns the commit's name."""

    def git(*words: str) -> str:
        person = ("-c", "user.name=Ada Example", "-c", "user.email=ada@example.org")
        return run_command("git", *person, *words, cwd=folder)

    git("init", "--quiet", "--initial-branch=main")
    git("add", "--all")
    git("commit", "--quiet", "--message", "Count [bold]things[/bold]: größer")
    return git("rev-parse", "HEAD").strip()


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """A Python with build tools and the plugin, and a folder with the plugin's wheel."""

    python: Path
    wheels: Path

    def tool(self, name: str) -> Path:
        """Return the path of a program that is installed for this Python."""
        return self.python.with_name(name)

    def environ(self, folder: Path) -> dict[str, str]:
        """Return the variables of a person on this machine whose caches are in `folder`.

        hatch-multiplat comes from this checkout, its own dependencies from the network.
        """
        return {
            **os.environ,
            "PATH": f"{self.python.parent}{os.pathsep}{os.environ['PATH']}",
            "PIP_FIND_LINKS": self.wheels.as_uri(),
            "UV_FIND_LINKS": str(self.wheels),
            "HATCH_MULTIPLAT_CACHE": make_cache(folder / "store"),
            "HATCH_DATA_DIR": str(folder / "hatch"),
        }

    def make_desk(self, project: Path, files: Mapping[str, str]) -> Desk:
        """Return a terminal in a new project with these files; caches are beside it."""
        for path, text in files.items():
            (project / path).parent.mkdir(parents=True, exist_ok=True)
            (project / path).write_text(text, "utf-8")
        return Desk(machine=self, project=project, environ=self.environ(project.parent))


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """A fresh project on such a machine, and a terminal in its folder."""

    machine: Machine
    project: Path
    environ: dict[str, str]

    @property
    def python(self) -> Path:
        return self.machine.python

    @property
    def dist(self) -> Path:
        return self.project / "dist"

    @property
    def cached(self) -> list[str]:
        """What builds have put into the cache, but for what pex makes for all projects alike."""
        folder = Path(self.environ["HATCH_MULTIPLAT_CACHE"])
        return sorted(path.name for path in folder.glob("*") if path.name != "pex")

    def run(self, *words: str | Path, code: int = 0, **environ: str) -> str:
        return run_command(*words, cwd=self.project, environ=self.environ | environ, code=code)

    def tool(self, name: str) -> Path:
        return self.machine.tool(name)


@pytest.fixture(scope="session")
def plugin_wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the plugin's wheel, which is in no index."""
    folder = tmp_path_factory.mktemp("wheels")
    run_command(uv.find_uv_bin(), "build", "-q", "--wheel", "-o", folder, ROOT, cwd=folder)
    return folder


@pytest.fixture(scope="session")
def machine(plugin_wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Return a machine on which somebody has installed build tools and the plugin."""
    folder = tmp_path_factory.mktemp("machine")
    (wheel,) = plugin_wheels.glob("*.whl")
    command = f"hatch-multiplat[cli] @ {wheel.as_uri()}"
    programs = make_venv(folder / "venv", command, "build", "hatch", "hatchling", "pip")
    return Machine(python=programs / f"python{'.exe' * (os.name == 'nt')}", wheels=plugin_wheels)


@pytest.fixture(scope="session")
def find_python() -> Callable[[str], str]:
    """Return a function from a minor, as "3.12", to a Python of it; skips where there is none."""

    def find(minor: str) -> str:
        pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
        candidates = [
            *(str(path) for path in sorted(pyenv.glob(f"versions/{minor}.*/bin/python"))),
            *filter(None, [shutil.which(f"python{minor}"), sys.executable]),
        ]
        for candidate in candidates:
            says = subprocess.run(
                [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
                check=False,
                capture_output=True,
                text=True,
            )
            if says.stdout.strip() == minor:
                return candidate
        pytest.skip(f"there is no Python {minor} on this machine")

    return find


@pytest.fixture(scope="session")
def run_in_lab() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs a file on another platform, by the program of CONTRIBUTING.md."""
    lab = os.environ.get("HATCH_MULTIPLAT_LAB")
    if not lab:
        pytest.skip("HATCH_MULTIPLAT_LAB does not name a lab; see CONTRIBUTING.md")

    def run(platform: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        command = [lab, "run", platform, *map(str, words)]
        return subprocess.run(
            command, check=False, capture_output=True, text=True, encoding="utf-8"
        )

    return run


# What programs for tests on Windows begin with.
PROCESSES: Final = """\
import base64, ctypes, glob, json, msvcrt, os, shutil, struct, subprocess, sys, threading, time

kernel = ctypes.windll.kernel32

def runs(pid):
    handle = kernel.OpenProcess(0x100000, False, pid)
    if not handle:
        return False
    running = kernel.WaitForSingleObject(handle, 0) == 0x102
    kernel.CloseHandle(handle)
    return running

def wait(question):
    for _ in range(300):
        if question():
            return True
        time.sleep(0.1)
    return False

def read_pid(path):
    assert wait(lambda: os.path.exists(path) and os.path.getsize(path))
    with open(path) as stream:
        return int(stream.read())
"""


@pytest.fixture
def drive_windows(
    run_in_lab: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> Callable[..., Any]:
    """Return a function that evaluates an expression on Windows, after some code.

    The code has what PROCESSES has, and the names that are given.
    """

    def run(code: str, expression: str, *, python: str = "3.12", **names: object) -> Any:
        given = "".join(f"{name} = {value!r}\n" for name, value in names.items())
        driver = tmp_path / "driver.py"
        text = f"{PROCESSES}{given}{code}\nprint(json.dumps({expression}))\n"
        driver.write_text(text, "utf-8")
        done = run_in_lab(f"win-py{python.replace('.', '')}", driver)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.strip().splitlines()[-1])

    return run
