"""Virtual environments for the scripts here, on a machine with no more than Python, pip and git.

They lie in `.venvs/`, which git ignores; delete that folder to start afresh.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
VENVS = ROOT / ".venvs"

# A person's pip settings count (index, proxy, certificates), but for these:
# they would send packages elsewhere, or forbid to fetch virtualenv.
PIP_SETTINGS = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_NO_INPUT": "1"}


def run(*words: str | Path, extra_env: Mapping[str, str] | None = None) -> None:
    """Print a command, run it in the project's folder, and exit as it did if it fails."""
    command = [str(word) for word in words]
    print("$", shlex.join(command), flush=True)
    environ = {**os.environ, **PIP_SETTINGS, **(extra_env or {})}
    if code := subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode:
        sys.exit(code)


def capture(
    command: str | Sequence[str | Path], *, cwd: Path = ROOT, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command, a list or a line for a shell, and gather in `stdout` all that it prints."""
    return subprocess.run(
        command if isinstance(command, str) else [str(word) for word in command],
        shell=isinstance(command, str),
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
        **{"input": "", **options},
    )


def make_environment(name: str, *requirements: str) -> Path:
    """Return the Python of `.venvs/NAME` with `requirements` (words for pip install) in it.

    It is made once, and again when the requirements, pyproject.toml or this Python change.
    """
    if sys.version_info < (3, 11):  # noqa: UP036 -- the one place that an older Python reaches
        sys.exit(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}.")
    folder = VENVS / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "made-from"
    pyproject = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    made_from = "\n".join([sys.version, sys.executable, str(ROOT), *requirements, pyproject])
    if stamp.is_file() and stamp.read_text("utf-8") == made_from:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    uv = sys.executable if importlib.util.find_spec("uv") else None
    if uv:  # as in the environment of the tests
        run(uv, "-m", "uv", "venv", "--quiet", "--seed", "--python", sys.executable, folder)
    else:
        create_environment(folder)
    if not uv and "--group" in requirements:
        # Groups want pip 25.1, and for a hundred packages uv takes a fifth of pip's time.
        run(python, "-m", "pip", "install", "--quiet", "--upgrade", "pip>=25.1", "uv>=0.9")
        uv = str(python)
    by_uv = [
        uv or python,
        "-m",
        "uv",
        "pip",
        "install",
        "--quiet",
        "--python",
        python,
        *requirements,
    ]
    if not uv or capture(by_uv).returncode:  # such as where only pip's settings name the index
        run(python, "-m", "pip", "install", "--quiet", *requirements)
    stamp.write_text(made_from, "utf-8")
    return python


def create_environment(folder: Path) -> None:
    """Create an environment by venv, or where Python comes without it (Debian), by virtualenv."""
    command = [sys.executable, "-m", "venv", str(folder)]
    print("$", shlex.join(command), flush=True)
    if subprocess.run(command, capture_output=True, check=False).returncode == 0:
        return
    print("This Python has no working venv module; fetching virtualenv instead.", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    tools = VENVS / "virtualenv"
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--upgrade")
    run(*pip, "--target", tools, "virtualenv")
    run(sys.executable, "-m", "virtualenv", "--quiet", folder, extra_env={"PYTHONPATH": str(tools)})
