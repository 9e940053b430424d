"""Commands that tests run, and what they print."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner
from uv import find_uv_bin

from hatch_multiplat.frontends.cli import main

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from click.testing import Result


def call(*words: str | Path) -> Result:
    """Run `hatch-multiplat` with these words in this process."""
    return CliRunner().invoke(main, [str(word) for word in words])


def call_json(*words: str | Path, code: int = 0) -> Any:
    """Return what `hatch-multiplat` prints with `--json`; it has to end with `code`."""
    result = call(words[0], "--json", *words[1:])
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def check_jsonschema(*words: str | Path) -> Result:
    """Run `check-jsonschema` with these words in this process: it starts slowly."""
    # To import it takes two seconds.
    from check_jsonschema import main as command  # type: ignore[import-untyped] # noqa: PLC0415

    return CliRunner().invoke(command, [str(word) for word in words])


def make_venv(folder: Path, *packages: str) -> Path:
    """Make a virtual environment without pip; returns the folder of its programs."""
    uv, environ = find_uv_bin(), {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    where: dict[str, Any] = {"cwd": folder.parent, "environ": environ}
    run_command(uv, "venv", "--quiet", "--python", sys.executable, folder, **where)
    if packages:
        run_command(uv, "pip", "install", "--quiet", "--python", folder, *packages, **where)
    return folder / ("Scripts" if os.name == "nt" else "bin")


def run_command(
    *words: str | Path, cwd: Path, environ: Mapping[str, str] | None = None, code: int = 0
) -> str:
    """Run a command to its end, which has to be `code`; returns all that it printed.

    Without `environ` it has the variables of the test run.
    """
    done = run_process(*words, cwd=cwd, environ=environ)
    assert done.returncode == code, done.stdout
    return done.stdout


def run_process(
    *words: str | Path, cwd: Path, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command, however it ends; its `stdout` is all that it printed."""
    return subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
    )
