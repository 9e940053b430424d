"""Programs that are run: what they get, and what is told of them."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.base.errors import ToolError
from hatch_multiplat.base.process import Finished, run_tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FAILING = """
import sys
print("from https://me:secret@own.test/x" + sys.stdin.read())
print("no https://me:secret@own.test/y", file=sys.stderr)
sys.exit(3)
"""


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    """A program that prints addresses, and whatever is sent to it, and fails."""
    path = tmp_path / "failing.py"
    path.write_text(FAILING, "utf-8")
    return path


@pytest.fixture
def typed(tmp_path: Path) -> Iterator[None]:
    """Let something wait on this process's standard input."""
    (tmp_path / "typed").write_text("typed", "utf-8")
    kept = os.dup(0)
    with (tmp_path / "typed").open("rb") as stream:
        os.dup2(stream.fileno(), 0)
    yield
    os.dup2(kept, 0)
    os.close(kept)


@pytest.mark.usefixtures("typed")
def test_what_is_returned_shows_no_credentials(failing: Path, tmp_path: Path) -> None:
    found = run_tool("uv", [sys.executable, failing], cwd=tmp_path, environ={}, check=False)

    assert found == Finished(
        returncode=3, stdout="from https://***@own.test/x\n", stderr="no https://***@own.test/y\n"
    )


def test_a_tool_gets_the_variables_that_it_is_given_and_none_of_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = shutil.which("env")
    if program is None:
        pytest.skip("no program here prints its variables")
    monkeypatch.setenv("OURS", "1")

    seen = run_tool("uv", [program], cwd=tmp_path, environ={"GIVEN": "2", "GONE": None})

    assert set(seen.stdout.splitlines()) == {"GIVEN=2", "COLUMNS=100000"}


def test_a_failure_shows_what_ran_and_what_it_said(failing: Path, tmp_path: Path) -> None:
    command: list[str | Path] = [sys.executable, failing, "--index", "https://me:secret@own.test/x"]

    with pytest.raises(ToolError) as caught:
        run_tool("uv", command, cwd=tmp_path, environ={})

    assert str(caught.value) == (
        "uv failed with exit code 3\n"
        f"  ran: {sys.executable} {failing} --index https://***@own.test/x\n"
        "  no https://***@own.test/y"
    )


def test_a_tool_that_cannot_be_started_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolError) as caught:
        run_tool("uv", ["/nowhere/uv"], cwd=tmp_path, environ={}, check=False)

    assert str(caught.value) == (
        "cannot start uv (/nowhere/uv): No such file or directory; is it installed?"
    )


def test_a_tool_that_does_not_end_is_named(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]

    with pytest.raises(ToolError, match=r"^uv did not end within 0\.1 s$"):
        run_tool("uv", command, cwd=tmp_path, environ={}, timeout=0.1)
