"""One file, several commands: its name chooses among the project's scripts, unconfigured."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.project import make_project

if TYPE_CHECKING:
    from tests.support.index_server import IndexServer

pytestmark = [
    pytest.mark.usefixtures("uv_cache", "plain_network"),
    pytest.mark.skipif(sys.platform == "win32", reason="runs /bin/sh"),
]

# Called with `children`, it starts its sibling as a user of an installed project would.
CODE = """
import json, os, subprocess, sys

def tell(name):
    if sys.argv[1:] == ["children"]:
        subprocess.run(["demo-log", "from", name], check=True)
        return
    print(json.dumps([name, os.path.basename(sys.argv[0]), sys.argv[1:], os.environ.get("WORD")]))

def main(): tell("main")
def log(): tell("log")
def show(): tell("show")
"""
SCRIPTS = {"demo": "demo:main", "demo-log": "demo:log", "demo.show": "demo:show"}


@pytest.fixture
def app(tmp_path: Path, index_server: IndexServer) -> Path:
    """A project with three scripts, one of which the table configures."""
    project = make_project(
        tmp_path,
        index_url=index_server.index_url,
        table={
            "platforms": ["current"],
            "inject-args": ["--main"],
            "executables": {"demo.show": {"inject-env": {"WORD": "given"}}},
        },
        files={"demo.py": CODE},
        scripts=SCRIPTS,
    )
    return Path(project.build().path)


def run(*command: str | Path, home: Path) -> list[object]:
    """What the command says that it is: its name, its arguments, the variable WORD."""
    environ = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])}
    done = subprocess.run(
        command, env={**environ, "HOME": str(home)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    name, _, *rest = json.loads(done.stdout)
    return [name, *rest]


# The name that the file goes by, what then runs, and what the variable WORD is.
NAMES = (
    ("demo-1.0.pex", "main", None),
    ("demo", "main", None),
    ("else", "main", None),
    ("demo-log", "log", None),
    ("demo-log.pex", "log", None),
    ("demo-log.exe", "log", None),
    ("demo-log.cmd", "log", None),
    ("demo.show", "show", "given"),
    ("demo.show.pyz", "show", "given"),
)


@pytest.mark.parametrize("kind", ["link", "copy"])
def test_the_name_chooses(app: Path, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for called, runs, word in NAMES:
        file = folder / called
        if kind == "link":
            file.symlink_to(app)
        else:
            shutil.copy(app, file)
        expected = [runs, ["--main", "x"] if runs == "main" else ["x"], word]
        for command in ([file], [Path(sys.executable), file]):
            assert run(*command, "x", home=tmp_path / "home") == expected, called


def test_the_other_commands_are_on_the_path_of_each(app: Path, tmp_path: Path) -> None:
    link = tmp_path / "demo.show"
    link.symlink_to(app)
    assert run(link, "children", home=tmp_path / "home") == ["log", ["from", "show"], "given"]


def test_a_script_named_like_the_project_when_the_file_runs_another(
    tmp_path: Path, index_server: IndexServer
) -> None:
    """The project's name is a script's like any other; every unknown name is the main command."""
    project = make_project(
        tmp_path,
        index_url=index_server.index_url,
        table={"platforms": ["current"], "script": "demo-log"},
        files={"demo.py": CODE},
        scripts=SCRIPTS,
    )
    app = Path(project.build().path)
    for name, runs in {"demo": "main", "demo-log": "log", "other": "log"}.items():
        link = tmp_path / name
        if name != "demo":
            link.symlink_to(app)
        else:
            link = tmp_path / "bin" / name
            link.parent.mkdir()
            link.symlink_to(app)
        for _ in range(2):
            for command in ([link], [Path(sys.executable), link]):
                assert run(*command, home=tmp_path / "home") == [runs, [], None]
