"""How commands end that a user stops, or whose output is not taken: by processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PYPROJECT = """\
[project]
name = "demo"
version = "1.0"
requires-python = ">=3.11"
[tool.multiplat]
platforms = ["linux-x86_64", "macos-arm64", "windows-x86_64"]
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals, pipes, /dev/full")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT, "utf-8")
    return tmp_path


# Without a buffer the write fails, with one the flush.
BUFFERS = pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "hatch_multiplat", *words]


@BUFFERS
@pytest.mark.parametrize("words", [("targets",), ("targets", "--json"), ("--help",)], ids=" ".join)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_at_stdout_is_one_line(
    project: Path, words: tuple[str, ...], unbuffered: str
) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command(*words),
            cwd=project,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.stderr == (
        "error: cannot write to stdout: No space left on device; send it elsewhere\n"
    )
    assert done.returncode == 8


@BUFFERS
@pytest.mark.parametrize("words", [("targets",), ("targets", "--json")], ids=" ".join)
def test_a_reader_that_goes_away_is_no_error(
    project: Path, words: tuple[str, ...], unbuffered: str
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command(*words),
        cwd=project,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (done.stderr, done.returncode) == ("", 141)


def test_ctrl_c_while_the_commands_are_imported(project: Path, tmp_path: Path) -> None:
    """A module in the way of one of the imports stops the process there, as a user would."""
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / "click.py").write_text(
        f"import os, signal\nos.kill(os.getpid(), {int(signal.SIGINT)})\n", "utf-8"
    )
    done = subprocess.run(
        command("targets"),
        cwd=project,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(shadow), os.environ.get("PYTHONPATH", "")]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("", "\nhatch-multiplat: stopped\n")
    assert done.returncode == 130


def test_a_word_that_is_no_command_is_an_error_of_usage(project: Path) -> None:
    done = subprocess.run(
        command("nonsense"), cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "error: no command 'nonsense'" in done.stderr
