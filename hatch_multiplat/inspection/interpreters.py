"""The Pythons of this machine: their paths, and each one in the table's words."""

from __future__ import annotations

import functools
import json
import os
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hatch_multiplat.base.errors import ToolError
from hatch_multiplat.base.process import run_tool
from hatch_multiplat.base.threads import map_in_threads
from hatch_multiplat.runtime.match import Machine

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PROBE_SECONDS: Final = 20.0
_JOBS: Final = 4
_NAME: Final = re.compile(r"(python[23]?(\.\d+)?t?|pypy3?(\.\d+)?)(\.exe)?", re.IGNORECASE)
_COMMON: Final = (
    "/usr/bin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
    "/opt/local/bin",
    "/opt/python/*/bin",
    "/Library/Frameworks/Python.framework/Versions/*/bin",
    "~/.local/bin",
    "~/.local/share/uv/python/*/bin",
    "~/Library/Application Support/uv/python/*/bin",
    "~/.asdf/installs/python/*/bin",
    "~/.local/share/mise/installs/python/*/bin",
)
_COMMON_WINDOWS: Final = (
    "~/AppData/Local/Programs/Python/Python*",
    "~/AppData/Roaming/uv/python/*",
    "C:/Program Files/Python*",
    "C:/Python*",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Interpreter:
    """A Python on this machine, as start-up sees it."""

    path: Path
    machine: Machine


def find_interpreters(environ: Mapping[str, str]) -> tuple[Interpreter, ...]:
    """Return every Python found: on PATH, pyenv's, uv's, and in the usual places.

    Each is started once to ask what it is; one that cannot say so (older than 3.6, broken, none
    at all) is left out. The same Python under two names counts once.
    """
    paths = _find_paths(environ)
    machines = map_in_threads(lambda path: _probe(path, environ), paths, _JOBS)
    return tuple(
        Interpreter(path=path, machine=machine)
        for path, machine in zip(paths, machines, strict=True)
        if machine is not None
    )


def _find_paths(environ: Mapping[str, str]) -> list[Path]:
    found: dict[Path, Path] = {}
    for folder in _folders(environ):
        try:
            # The longest name first: python3.12 says more than python.
            paths = sorted(folder.iterdir(), key=lambda path: (-len(path.name), path.name))
        except OSError:
            continue
        for path in paths:
            if _NAME.fullmatch(path.name) and _is_program(path):
                # Start-up goes by the interpreter that a virtual environment was made from.
                is_venv = (folder.parent / "pyvenv.cfg").is_file()
                found.setdefault(path.resolve(), path.resolve() if is_venv else path)
    return list(found.values())


def _folders(environ: Mapping[str, str]) -> Iterable[Path]:
    for text in environ.get("PATH", os.defpath).split(os.pathsep):
        if text:
            yield Path(text)
    pyenv = environ.get("PYENV_ROOT") or "~/.pyenv"
    patterns = [f"{pyenv}/versions/*/bin", f"{pyenv}/pyenv-win/versions/*"]
    patterns += _COMMON_WINDOWS if os.name == "nt" else _COMMON
    for pattern in patterns:
        try:
            path = Path(pattern).expanduser()
        except RuntimeError:  # There is no home.
            continue
        yield from sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))


def _is_program(path: Path) -> bool:
    """Tell a program from a folder, and from the scripts by which pyenv and its like choose one."""
    try:
        if not path.is_file() or not os.access(path, os.X_OK):
            return False
        with path.open("rb") as stream:
            return stream.read(2) not in {b"#!", b""}
    except OSError:
        return False


def _probe(path: Path, environ: Mapping[str, str]) -> Machine | None:
    try:
        done = run_tool(
            str(path),
            [path, "-I", "-S", "-B", "-c", _probe_source()],
            cwd=path.parent,
            environ=environ,
            check=False,
            timeout=PROBE_SECONDS,
        )
        return _machine(json.loads(done.stdout))
    except (ToolError, ValueError, TypeError):
        return None


@functools.cache
def _probe_source() -> str:
    source = resources.files("hatch_multiplat").joinpath("runtime/match.py")
    ask = "import json\nprint(json.dumps(dict(read_machine()._asdict())))\n"
    return f"{source.read_text(encoding='utf-8')}\n{ask}"


def _machine(data: dict[str, Any]) -> Machine:
    """Return the Machine of its JSON, where tuples have become lists."""
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in data.items()
    }
    return Machine(**values)
