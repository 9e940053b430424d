"""Under Windows' Python without a console no other Python opens one: with the system replaced."""

from __future__ import annotations

import ctypes
import os
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from hatch_multiplat.runtime import enter, launch, windows

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def pythons(tmp_path: Path) -> Path:
    """A folder with both Pythons of Windows."""
    for name in ("python.exe", "pythonw.exe", "python3.13t.exe", "pythonw3.13t.exe"):
        (tmp_path / name).write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("running", "asked", "started"),
    [
        ("pythonw.exe", "python.exe", "pythonw.exe"),
        ("pythonw.exe", "pythonw.exe", "pythonw.exe"),
        ("pythonw3.13t.exe", "python3.13t.exe", "pythonw3.13t.exe"),
        ("pythonw.exe", "python3.12.exe", "python3.12.exe"),
        ("python.exe", "python.exe", "python.exe"),
    ],
)
def test_the_next_python_has_no_console_either(
    monkeypatch: pytest.MonkeyPatch, pythons: Path, running: str, asked: str, started: str
) -> None:
    calls: list[list[str]] = []

    def become(arguments: list[str]) -> None:
        calls.append(arguments)
        sys.exit(7)

    record = (str(pythons), "base", str(pythons / asked))
    monkeypatch.setenv("_MULTIPLAT_FILE", "")
    monkeypatch.setattr(sys, "argv", ["app.exe", "x"])
    monkeypatch.setattr(windows, "become", become)
    monkeypatch.setattr(sys, "executable", str(pythons / running))
    with monkeypatch.context() as context:
        context.setattr(os, "name", "nt")
        with pytest.raises(SystemExit) as ended:
            enter.become([str(pythons / asked), "app.exe", "x"])
        with pytest.raises(SystemExit) as entered:
            enter.enter({"commands": ["app"], "inherit_path": "prefer"}, record, "app.exe")
    assert ended.value.code == entered.value.code == 7
    assert [arguments[0] for arguments in calls] == [str(pythons / started)] * 2


def test_both_pythons_share_a_set_up(monkeypatch: pytest.MonkeyPatch, pythons: Path) -> None:
    bases = []
    for name in ("pythonw.exe", "python.exe"):
        monkeypatch.setattr(sys, "_base_executable", str(pythons / name))
        with monkeypatch.context() as context:
            context.setattr(os, "name", "nt")
            bases.append(enter.find_interpreter())
    assert bases == [str(pythons / "python.exe")] * 2


def test_without_a_console_a_window_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    library = SimpleNamespace(
        user32=SimpleNamespace(MessageBoxW=lambda *words: shown.append(words))
    )
    monkeypatch.setattr(ctypes, "windll", library, raising=False)
    monkeypatch.setattr(sys, "stderr", None)
    start = launch.Launch.__new__(launch.Launch)
    start.name = "demo"
    with pytest.raises(SystemExit) as ended:
        start.fail("this file is damaged", 3)
    assert ended.value.code == 3
    assert shown == [(None, "this file is damaged", "demo", 0x10)]
    monkeypatch.delattr(ctypes, "windll")
    launch.show_message("demo", "nobody can see it")
