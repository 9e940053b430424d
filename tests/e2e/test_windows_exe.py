"""A program for Windows, made here and started there by its name alone, as people type it."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.project import ProjectFolder, make_project

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import MakeFile
    from tests.support.index_server import IndexServer

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("plain_network")]

# The lab runs one Python file; this one unpacks the program and starts it. `python` is on PATH as
# the lab's Python; `py`, which that lacks, is a copy of it: a stand-in for Python's launcher.
DRIVER: Final = """\
import base64, json, os, shutil, subprocess, sys
folder = os.path.join(os.environ["TEMP"], "a folder")
os.makedirs(folder)
home = os.path.dirname(sys.executable)
shutil.copy(sys.executable, os.path.join(home, "py.exe"))
environ = dict(os.environ, PATH=home + os.pathsep + os.environ["PATH"])
results = []
for name, program in PROGRAMS.items():
    path = os.path.join(folder, name)
    with open(path, "wb") as stream:
        stream.write(base64.b64decode(program))
    for words in COMMANDS:
        done = subprocess.run([path] + words, env=environ, capture_output=True, text=True)
        results.append([done.returncode, done.stdout, done.stderr])
print(json.dumps(results))
"""


@pytest.fixture
def project(index_server: IndexServer, make_wheel: MakeFile, tmp_path: Path) -> ProjectFolder:
    index_server.add(
        make_wheel("native", tags="cp312-cp312-win_amd64", files={"native.py": "on = 'Windows'\n"}),
        make_wheel(
            "native",
            tags="cp312-cp312-manylinux_2_17_x86_64",
            files={"native.py": "on = 'Linux'\n"},
        ),
    )
    return make_project(
        tmp_path,
        index_url=index_server.index_url,
        requires=["native"],
        table={},
        files={
            "demo.py": (
                "import os, sys\n"
                "def main():\n"
                "    import native\n"
                "    print(native.on, os.path.basename(sys.argv[0]), sys.argv[1:])\n"
                "    sys.exit(len(sys.argv))\n"
            )
        },
    )


def build(project: ProjectFolder, index_url: str, **exe: Any) -> str:
    """Build the program and return it as base64."""
    project.write(
        {
            "index-url": index_url,
            "platforms": ["linux-x86_64", "windows-x86_64"],
            "python": ["3.12"],
            "formats": ["exe"],
            "exe": exe,
        }
    )
    (output,) = project.build().outputs
    return base64.b64encode((project.dist / output.path).read_bytes()).decode()


def test_it_starts_by_its_name_finds_python_and_leaves_with_the_programs_exit_code(
    project: ProjectFolder,
    index_server: IndexServer,
    tmp_path: Path,
    run_in_lab: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    programs = {
        "demo.exe": build(project, index_server.index_url, python="python"),
        "by-the-launcher.exe": build(project, index_server.index_url),
    }
    commands = [[], ["two words", 'a "quote"', "größe"]]
    driver = tmp_path / "driver.py"
    driver.write_text(f"PROGRAMS = {programs!r}\nCOMMANDS = {commands!r}\n{DRIVER}", "utf-8")
    done = run_in_lab("win-py312", driver)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout.strip().splitlines()[-1])
    assert [(code, stderr) for code, _, stderr in results] == [(1, ""), (4, "")] * 2
    assert [stdout.strip() for _, stdout, _ in results] == [
        "Windows demo.exe []",
        f"Windows demo.exe {commands[1]!r}",
        "Windows by-the-launcher.exe []",
        f"Windows by-the-launcher.exe {commands[1]!r}",
    ]
