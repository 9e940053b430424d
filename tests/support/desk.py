"""A small project and a terminal in its folder, for tests that do what a page tells people to."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import tomlkit

from tests.support.caches import make_home
from tests.support.page import Shell

MINOR: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
TAG: Final = f"cp{sys.version_info.major}{sys.version_info.minor}"
EXECUTABLE: Final = "git-inspect-1.0.0.pex"
WHEEL: Final = "git_inspect-1.0.0-py3-none-any.whl"
SDIST: Final = "git_inspect-1.0.0.tar.gz"

PYPROJECT: Final = """\
[build-system]
requires = ["hatchling", "hatch-multiplat"]
build-backend = "hatchling.build"

[project]
name = "git-inspect"
version = "1.0.0"
requires-python = ">=3.11"

[project.scripts]
git-inspect = "git_inspect.cli:main"

[tool.hatch.build.hooks.multiplat]

[tool.multiplat]
platforms = ["current"]
"""
_CLI: Final = """\
import sys


def main() -> None:
    print("git-inspect 1.0.0" if "--version" in sys.argv else "it ran")
"""
_LOG: Final = """\
import sys


def main() -> None:
    print("the log", sys.argv[1:])
"""


def make_desk(folder: Path, **environ: str) -> Shell:
    """Write the project `git-inspect` and return a shell in its folder.

    What a page says of Python 3.12 is done with the one that runs the tests; builds take what is
    installed here. `environ` is in force beside this process's own environment.
    """
    root = folder / "git-inspect"
    package = root / "git_inspect"
    package.mkdir(parents=True)
    for name, text in (("__init__", ""), ("cli", _CLI), ("log", _LOG)):
        (package / f"{name}.py").write_text(text, "utf-8")
    (root / "pyproject.toml").write_text(PYPROJECT, "utf-8")
    tools = folder / "tools"
    tools.mkdir()
    home = make_home(folder)
    return Shell(
        cwd=root,
        environ={**home, "PATH": f"{tools}{os.pathsep}{home['PATH']}", **environ},
        replace={"-m build": "-m build --no-isolation", '"3.12"': f'"{MINOR}"', "cp312": TAG},
    )


def write_table(shell: Shell, *tables: str | dict[str, Any]) -> None:
    """Write the project's `pyproject.toml` anew, with what is in these tables put over it."""
    document = tomllib.loads(PYPROJECT)
    for table in tables:
        given = tomllib.loads(shell.here(table)) if isinstance(table, str) else table
        _put_over(document, given)
    (shell.cwd / "pyproject.toml").write_text(tomlkit.dumps(document), "utf-8")


def _put_over(document: dict[str, Any], table: dict[str, Any]) -> None:
    for key, value in table.items():
        if isinstance(value, dict) and isinstance(document.get(key), dict):
            _put_over(document[key], value)
        else:
            document[key] = value


def write_tool(shell: Shell, name: str, printed: str = "") -> Path:
    """Put a stand-in for a program on PATH: it prints this, and writes its arguments to a file.

    Returns that file, which has a line for each argument.
    """
    tools = Path(shell.environ["PATH"].partition(os.pathsep)[0])
    noted = tools / f"{name}.txt"
    tool = tools / name
    tool.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" >'{noted}'\necho '{printed}'\n", "utf-8")
    tool.chmod(0o755)
    return noted
