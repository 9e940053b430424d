"""TAB in the real shells, set up as the reference says."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no terminals of this kind")

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "command-line.md"
TABLE = """\
[tool.multiplat]
platforms = ["linux-x86_64", "windows-x86_64"]
python = ["3.12", "3.13"]
"""
# What completes is the command itself; what is typed in the end goes to a file.
COMMAND = """\
#!/bin/sh
[ -n "$_HATCH_MULTIPLAT_COMPLETE" ] && exec "{python}" -m hatch_multiplat "$@"
for word; do printf '%s\\n' "$word"; done > "{typed}.new"
mv "{typed}.new" "{typed}"
"""
START = {"bash": "--norc --noprofile -i", "zsh": "-f -i", "fish": "-i"}


def read_lines() -> dict[str, str]:
    """Return what the reference says to put into each shell's start-up file."""
    rows = re.findall(r"^\| (\w+) \| `[^`]+` \| `(.*)` \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    return {shell.lower(): line.replace("\\|", "|") for shell, line in rows}


@pytest.mark.parametrize(
    ("begun", "whole"),
    [
        ("verif", ["verify"]),
        ("check --platform linux-ppc64le-m", ["check", "--platform", "linux-ppc64le-musl"]),
        ("init --python pypy", ["init", "--python", "pypy311_pp80"]),
        ("targets --target cp313-w", ["targets", "--target", "cp313-win_amd64"]),
        ("inspect other.p", ["inspect", "other.pex"]),
        ("cache pr", ["cache", "prune"]),
        ("lock --upgrade-p", ["lock", "--upgrade-package"]),
    ],
    ids=lambda value: value.split()[0] if isinstance(value, str) else "",
)
@pytest.mark.parametrize("shell", list(START))
def test_a_shell_completes(tmp_path: Path, shell: str, begun: str, whole: list[str]) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    import pty  # noqa: PLC0415 - Windows has none

    commands, typed = tmp_path / "bin", tmp_path / "typed"
    commands.mkdir()
    command = commands / "hatch-multiplat"
    command.write_text(COMMAND.format(python=sys.executable, typed=typed), "utf-8")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "demo"\n{TABLE}', "utf-8")
    (tmp_path / "other.pex").touch()
    start = read_lines()[shell]
    if shell == "zsh":
        start = f"autoload -Uz compinit; compinit -u -D; {start}"
    environ = {
        **os.environ,
        "HOME": str(tmp_path),
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "TERM": "xterm",
    }
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.execvpe(shell, [shell, *START[shell].split()], environ)
    try:
        os.write(terminal, f"{start}\n".encode())
        os.write(terminal, f"hatch-multiplat {begun}\t\n".encode())
        shown = read_until(terminal, typed)
    finally:
        os.close(terminal)
        os.waitpid(child, 0)
    assert typed.exists(), shown
    assert typed.read_text("utf-8").splitlines() == whole, shown


def read_until(terminal: int, file: Path, seconds: float = 60) -> str:
    """Read what a terminal shows until a file is there; returns it."""
    import select  # noqa: PLC0415 - Windows has another one

    shown = b""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not file.exists():
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                shown += os.read(terminal, 4096)
            except OSError:
                break
    return shown.decode("utf-8", "replace")
