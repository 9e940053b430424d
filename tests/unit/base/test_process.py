from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from hatch_multiplat.base.errors import ToolError
from hatch_multiplat.base.process import MAX_COMMAND, Finished, explain_failure, run_tool

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What subprocess.run is called with; it answers with the code 3 and some output."""
    made: list[dict[str, Any]] = []

    def run(words: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        made.append({"words": words, **options})
        return subprocess.CompletedProcess(
            words, 3, "from https://me:secret@own.test/x\n", "no https://me:secret@own.test/y\n"
        )

    monkeypatch.setattr(subprocess, "run", run)
    return made


def finished(*, stdout: str = "", stderr: str = "") -> Finished:
    return Finished(returncode=2, stdout=stdout, stderr=stderr)


def test_what_is_returned_shows_no_credentials(calls: list[dict[str, Any]], tmp_path: Path) -> None:
    found = run_tool("uv", ["uv", tmp_path / "x"], cwd=tmp_path, environ={}, check=False)

    assert found == Finished(
        returncode=3, stdout="from https://***@own.test/x\n", stderr="no https://***@own.test/y\n"
    )
    assert calls[0]["words"] == ["uv", str(tmp_path / "x")]
    assert calls[0]["stdin"] is subprocess.DEVNULL


def test_a_tool_gets_the_variables_that_it_is_given_and_none_of_this_process(
    calls: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS", "1")

    run_tool("uv", ["uv"], cwd=tmp_path, environ={"GIVEN": "2", "GONE": None}, check=False)

    assert calls[0]["env"] == {"GIVEN": "2", "COLUMNS": "100000"}


def test_a_failure_shows_what_ran_and_what_it_said(
    calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    with pytest.raises(ToolError) as caught:
        run_tool("uv", ["uv", "--index", "https://me:secret@own.test/x"], cwd=tmp_path, environ={})

    assert str(caught.value) == (
        "uv failed with exit code 3\n"
        "  ran: uv --index https://***@own.test/x\n"
        "  no https://***@own.test/y"
    )


def test_a_tool_that_cannot_be_started_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*args: object, **options: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(subprocess, "run", run)

    with pytest.raises(ToolError) as caught:
        run_tool("uv", ["/nowhere/uv"], cwd=tmp_path, environ={}, check=False)

    assert str(caught.value) == (
        "cannot start uv (/nowhere/uv): No such file or directory; is it installed?"
    )


def test_a_tool_that_does_not_end_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*args: object, **options: object) -> None:
        raise subprocess.TimeoutExpired("uv", 1.5)

    monkeypatch.setattr(subprocess, "run", run)

    with pytest.raises(ToolError, match=r"^uv did not end within 1\.5 s$"):
        run_tool("uv", ["uv"], cwd=tmp_path, environ={}, timeout=1.5)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (finished(stdout="out", stderr="one\ntwo\n"), "  one\n  two"),
        (finished(stdout="out\n", stderr=" \n"), "  out"),
        (finished(), "  (it printed nothing)"),
    ],
)
def test_the_output_of_a_failure(said: Finished, shown: str) -> None:
    assert explain_failure("pex", ["pex", "a b"], said) == (
        f"pex failed with exit code 2\n  ran: pex 'a b'\n{shown}"
    )


def test_a_long_command_is_cut() -> None:
    command = ["pex", *(f"--complete-platform=platform-{number}.json" for number in range(60))]

    line = explain_failure("pex", command, finished()).splitlines()[1]

    assert line.endswith(" ...")
    assert len(line) == len("  ran: ") + MAX_COMMAND + len(" ...")
