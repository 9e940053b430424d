"""The only subprocess call: it logs each command, and shows its output if it fails."""

from __future__ import annotations

import shlex
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hatch_multiplat.base.errors import ToolError
from hatch_multiplat.base.log import LOG
from hatch_multiplat.base.own_requirements import not_installed
from hatch_multiplat.base.urls import redact_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


_WIDE: Final = "100000"
"""The width of the terminal that tools are told of, in columns."""

MAX_COMMAND: Final = 600
"""The length, in characters, at which a shown command is cut."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """A tool that has ended: its exit code and what it wrote, credentials in URLs replaced."""

    returncode: int
    stdout: str
    stderr: str


def find_uv() -> str:
    """Return the path of uv's program. Raises ToolError if uv is not installed here."""
    try:
        import uv  # noqa: PLC0415 - a build by a lock may have none

        return uv.find_uv_bin()
    except (ImportError, FileNotFoundError) as error:
        raise not_installed("uv") from error


def run_tool(
    name: str,
    command: Sequence[str | Path],
    *,
    cwd: Path,
    environ: Mapping[str, str | None],
    check: bool = True,
    timeout: float | None = None,
    late: str = "",
) -> Finished:
    """Run a tool to its end and return what it said.

    `name` is what messages call the tool; `environ` has all variables that it gets, but for those
    that are None. With `check`, a non-zero exit raises ToolError with the command and
    its output; a tool that cannot be started, or does not end within `timeout` seconds, always
    does: `late` says what to do then. Credentials in URLs are replaced in everything returned.
    """
    words = [str(word) for word in command]
    # Tools that know a width break their lines, also within what is looked for in them.
    variables = {**environ, "COLUMNS": _WIDE}
    LOG.debug("run %s", redact_text(shlex.join(words)))
    started = time.monotonic()
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env={name: value for name, value in variables.items() if value is not None},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{name} did not end within {timeout:g} s{late and '; ' + late}") from error
    except OSError as error:
        raise ToolError(
            f"cannot start {name} ({words[0]}): {error.strerror or error}; is it installed?"
        ) from error
    LOG.debug("%s ended with %d after %.2f s", name, done.returncode, time.monotonic() - started)
    finished = Finished(
        returncode=done.returncode,
        stdout=redact_text(done.stdout),
        stderr=redact_text(done.stderr),
    )
    if check and finished.returncode != 0:
        raise ToolError(explain_failure(name, words, finished))
    return finished


def explain_failure(name: str, command: Sequence[str], finished: Finished) -> str:
    """Return the message for a tool that failed: the command, its exit code and its output."""
    output = (finished.stderr.strip() or finished.stdout.strip()) or "(it printed nothing)"
    ran = redact_text(shlex.join(command))
    if len(ran) > MAX_COMMAND:
        ran = ran[:MAX_COMMAND] + " ..."
    return f"{name} failed with exit code {finished.returncode}\n  ran: {ran}\n" + "\n".join(
        f"  {line}" for line in output.splitlines()
    )
