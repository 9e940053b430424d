"""The Pythons of a machine, found and asked what they are."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from hatch_multiplat.inspection.interpreters import Interpreter, find_interpreters
from hatch_multiplat.runtime.match import read_machine

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="makes links to an interpreter")

PYTHON = Path(os.path.realpath(sys.executable))


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is all of PATH, for a user whose home has no Python."""
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def found_below(folder: Path, pyenv: str = "no") -> list[Interpreter]:
    """Return what is found in the folder; this machine may have more, in the usual places."""
    environ = {
        "PATH": f"{folder}{os.pathsep}{folder / 'gone'}",
        "PYENV_ROOT": str(folder / pyenv),
    }
    return [one for one in find_interpreters(environ) if one.path.is_relative_to(folder)]


def find(folder: Path) -> list[str]:
    return [found.path.name for found in found_below(folder)]


def test_an_interpreter_says_what_start_up_sees(only: Path) -> None:
    (only / "python3").symlink_to(PYTHON)
    (found,) = found_below(only)
    assert found.path == only / "python3"
    assert found.machine == read_machine()


def test_one_python_under_several_names_counts_once_by_the_longest(only: Path) -> None:
    for name in ("python", "python3", "python3.11", "python3-config", "ipython3"):
        (only / name).symlink_to(PYTHON)
    assert find(only) == ["python3.11"]


def test_what_is_no_interpreter_is_left_out(only: Path) -> None:
    (only / "python3.8").write_text("#!/bin/sh\nexec python3\n", "utf-8")
    (only / "python3.9").write_text("", "utf-8")
    (only / "python3.10").mkdir()
    (only / "pypy3").symlink_to("/bin/true")
    for path in only.iterdir():
        if path.is_file() and not path.is_symlink():
            path.chmod(0o755)
    assert find(only) == []


def test_pyenvs_versions_are_found(only: Path) -> None:
    folder = only / "root" / "versions" / "3.99.1" / "bin"
    folder.mkdir(parents=True)
    (folder / "python").symlink_to(PYTHON)
    assert [found.path for found in found_below(only, "root")] == [folder / "python"]


def test_the_python_of_a_virtual_environment_is_the_one_it_was_made_from(only: Path) -> None:
    (only.parent / "pyvenv.cfg").write_text("", "utf-8")
    (only / "python").symlink_to(PYTHON)
    assert [found.path for found in find_interpreters({"PATH": str(only)})][:1] == [PYTHON]
