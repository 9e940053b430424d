"""A program for Windows, made here and started there by its name alone, as people type it."""

from __future__ import annotations

import base64
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.project import ProjectFolder, make_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import MakeFile
    from tests.support.index_server import IndexServer

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("plain_network")]

# The lab runs one Python file; this one unpacks programs and starts them. `python` is on PATH as
# the lab's Python; `py`, which that lacks, is a copy of it: a stand-in for Python's launcher.
DRIVER: Final = """\
folder = os.path.join(os.environ["TEMP"], "a folder")
os.makedirs(folder)
home = os.path.dirname(sys.executable)
shutil.copy(sys.executable, os.path.join(home, "py.exe"))
environ = dict(os.environ, PATH=home + os.pathsep + os.environ["PATH"])
for name, program in PROGRAMS.items():
    with open(os.path.join(folder, name), "wb") as stream:
        stream.write(base64.b64decode(program))

def run(name, *words, **env):
    path = os.path.join(folder, name)
    done = subprocess.run([path, *words], env={**environ, **env}, capture_output=True, text=True)
    return [done.returncode, done.stdout.replace(folder, "FOLDER"), done.stderr]

def kill(name):
    note = os.path.join(folder, "note")
    process = subprocess.Popen([os.path.join(folder, name), "stay", note], env=environ)
    pid = read_pid(note)
    os.remove(note)
    before = runs(pid)
    process.terminate()
    process.wait()
    return [before, wait(lambda: not runs(pid))]
"""
CODE: Final = """\
import os, sys, time
def main():
    import native
    if sys.argv[1:2] == ["stay"]:
        with open(sys.argv[2], "w") as stream:
            stream.write(str(os.getpid()))
        time.sleep(600)
    if "NOTE" in os.environ:
        with open(os.environ["NOTE"], "w") as stream:
            stream.write(os.path.basename(sys.executable))
    print(native.on, os.path.basename(sys.argv[0]), sys.argv[1:])
    sys.exit(len(sys.argv))
"""
HOSTS: Final = ("3.11", "3.12", "3.13")


@pytest.fixture
def project(index_server: IndexServer, make_wheel: MakeFile, tmp_path: Path) -> ProjectFolder:
    for tag, name in (("win_amd64", "Windows"), ("manylinux_2_17_x86_64", "Linux")):
        files = {"native.py": f"on = {name!r}\n"}
        index_server.add(make_wheel("native", tags=f"cp311-abi3-{tag}", files=files))
    return make_project(
        tmp_path,
        index_url=index_server.index_url,
        requires=["native"],
        table={},
        files={"demo.py": CODE},
    )


@pytest.fixture
def build(project: ProjectFolder, index_server: IndexServer) -> Callable[..., str]:
    """Return a function that builds the program, and returns it as base64."""

    def run(formats: list[str], **exe: Any) -> str:
        project.write(
            {
                "index-url": index_server.index_url,
                "platforms": ["linux-x86_64", "windows-x86_64"],
                "python": list(HOSTS),
                "formats": formats,
                "exe": exe,
            }
        )
        (output,) = (o for o in project.build().outputs if str(o.path).endswith(".exe"))
        return base64.b64encode((project.dist / output.path).read_bytes()).decode()

    return run


@pytest.fixture
def drive(drive_windows: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that evaluates an expression there, among what DRIVER has."""
    return partial(drive_windows, DRIVER)


@pytest.mark.parametrize("python", HOSTS)
@pytest.mark.parametrize("formats", [["exe"], ["pyz", "exe"]], ids=["pex", "pyz"])
def test_it_starts_by_its_name_finds_python_and_leaves_with_the_programs_exit_code(
    build: Callable[..., str], drive: Callable[..., Any], python: str, formats: list[str]
) -> None:
    programs = {
        "demo.exe": build(formats, python="python"),
        "by-the-launcher.exe": build(formats),
    }
    words = ["two words", 'a "quote"', "größe"]
    calls = ", ".join(f"run({name!r}), run({name!r}, *{words!r})" for name in programs)
    results = drive(f"[{calls}]", python=python, PROGRAMS=programs)
    assert [(code, stderr) for code, _, stderr in results] == [(1, ""), (4, "")] * 2
    assert [stdout.strip() for _, stdout, _ in results] == [
        f"Windows {name} {given!r}" for name in programs for given in ([], words)
    ]


@pytest.mark.parametrize("formats", [["exe"], ["pyz", "exe"]], ids=["pex", "pyz"])
def test_a_windowed_program_runs_without_a_console(
    build: Callable[..., str], drive: Callable[..., Any], formats: list[str]
) -> None:
    programs = {"demo.exe": build(formats, windowed=True, python="pythonw")}
    note = "os.path.join(folder, 'note')"
    expression = f"[[run('demo.exe', 'x', NOTE={note})[0], open({note}).read()]] * 2"
    found = drive(expression, PROGRAMS=programs)
    assert found == [[2, "pythonw.exe"]] * 2


def test_a_program_ends_with_its_start(
    build: Callable[..., str], drive: Callable[..., Any]
) -> None:
    programs = {"demo.exe": build(["exe"], python="python")}
    ran, ended = True, True
    found = drive("[kill('demo.exe'), kill('demo.exe')]", PROGRAMS=programs)
    assert found == [[ran, ended]] * 2


def test_a_file_tells_what_its_environments_take_and_removes_them(
    build: Callable[..., str], drive: Callable[..., Any]
) -> None:
    programs = {"demo.exe": build(["exe"], python="python")}
    expression = (
        "[run('demo.exe')[0]] + [run('demo.exe', *words, MULTIPLAT='cache') "
        "for words in ([], ['clean'], [])] + [run('demo.exe')[0]]"
    )
    first, shown, removed, nothing, again = drive(expression, PROGRAMS=programs)
    assert first == again == 1
    assert shown[0] == removed[0] == nothing[0] == 0
    (line, total) = shown[1].splitlines()
    assert "multiplat" in line
    assert total.endswith(" in all")
    assert removed[1].splitlines()[0] == f"removed: {line}"
    assert nothing[1].strip() == "0.0 kB in no environment"
