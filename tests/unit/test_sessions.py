"""What `scripts/sessions.py --check` lets pass, and what it does not."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
RECORDED = {path.stem: path.read_text("utf-8") for path in ROOT.glob("docs/sessions/*.txt")}


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    return importlib.import_module("sessions")


def test_what_is_recorded_is_as_recorded(
    sessions: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sessions.compare(RECORDED) == 0
    assert capsys.readouterr().out.startswith("as recorded: build, check, ")


@pytest.mark.parametrize(
    ("name", "text", "other"),
    [
        ("build", "56.2 MB, in 0.4 s", "1.2 GB, in 100.1 s"),
        (
            "build",
            "Fetching 35 files (56.2 MB)\n",
            "Fetching 35 files (56.2 MB)\nFetching: 3 of 35 files, 1 MB of 2\n",
        ),
        ("build", "hatchling==1.33.0", "hatchling==2.0"),
        ("build", "1 run, 2.2 s", "1 run, 61.0 s"),
        ("split", "pex  18.2 MB", "pex  9 kB"),
        ("inspect", "in the file   alone", "in the file  alone"),
        ("inspect", "pex 2.105.2", "pex 2.200"),
        ("gaps", "pandas 3.1.1 has one: allow", "pandas 3.2 has one: allow"),
        ("run", "f2664deb92687b0fc7b56075fcbf7f1d37fb2d1e", "0" * 40),
        ("info", "* cp311-many", "  cp311-many"),
        ("info", "CPython 3.11.7, linux (glibc 2.36)", "CPython 3.13.1, linux (glibc 2.41)"),
        ("info", "fits cp311-many", "fits cp313-many"),
        ("info", "b9d67689b5e99c87/649f3c4d", "0/1"),
        ("verify", "proven, run\n", "proven\n"),
        ("verify", ", 3 run with --version", ", none run"),
    ],
)
def test_sizes_times_versions_of_tools_and_the_machine_may_differ(
    sessions: ModuleType, name: str, text: str, other: str
) -> None:
    assert text in RECORDED[name]
    assert sessions.compare(RECORDED | {name: RECORDED[name].replace(text, other)}) == 0


def test_on_a_machine_without_a_fitting_python_nothing_is_run(sessions: ModuleType) -> None:
    text, count = re.subn(r"  ran in .*\n    git-.*\n", "", RECORDED["verify"])
    assert count
    assert sessions.compare(RECORDED | {"verify": text}) == 0


@pytest.mark.parametrize(
    ("name", "text", "other"),
    [
        ("build", "36 wheels", "37 wheels"),
        ("build", "Building wheel from sdist", "Building wheel from the sdist"),
        ("check", "cffi     2.1.1", "cffi     2.1.2"),
        ("gaps", "(has cp312)", "(has cp313)"),
        ("info", "  cp312-win_amd64 (8 wheels)\n", ""),
        ("run", "Ada Example", "Eve Example"),
        ("verify", "15 of 15", "14 of 15"),
        ("mistakes", "did you mean 'script'", "did you mean 'scripts'"),
        ("what-if", "for lack of cffi", "for lack of it"),
    ],
)
def test_anything_else_is_shown_as_a_diff(
    sessions: ModuleType, capsys: pytest.CaptureFixture[str], *, name: str, text: str, other: str
) -> None:
    assert text in RECORDED[name]
    said = sessions.compare(RECORDED | {name: RECORDED[name].replace(text, other)})
    assert said.startswith(f"not as recorded: {name}; ")
    assert f"--- docs/sessions/{name}.txt" in capsys.readouterr().out


def test_a_session_too_many_or_too_few_is_named(sessions: ModuleType) -> None:
    fewer = {name: text for name, text in RECORDED.items() if name != "venv"}
    assert sessions.compare(fewer).startswith("not as recorded: venv; ")
    assert sessions.compare(RECORDED | {"new": ""}).startswith("not as recorded: new; ")


def test_the_versions_are_those_of_the_sessions(sessions: ModuleType) -> None:
    versions = sessions.recorded_versions()
    assert {"cffi", "pygit2", "rich", "uvloop", "pandas"} <= set(versions)
    text = (ROOT / "example_project" / "pyproject.toml").read_text("utf-8")
    before, header, table = sessions.pin(text, versions)
    assert before.endswith("]\n\n")
    assert f'"cffi=={versions["cffi"]}"' in before
    assert "".join(sessions.pin(text, {})) == text
    assert (header, table) == ("[tool.multiplat]\n", text.partition("[tool.multiplat]\n")[2])
