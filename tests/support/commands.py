"""Commands that tests run, and what they print."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def run_command(
    *words: str | Path, cwd: Path, environ: Mapping[str, str] | None = None, code: int = 0
) -> str:
    """Run a command to its end, which has to be `code`; returns all that it printed.

    Without `environ` it has the variables of the test run.
    """
    done = subprocess.run(
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
    assert done.returncode == code, done.stdout
    return done.stdout
