from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console

from hatch_multiplat.index.progress import (
    BarProgress,
    LineProgress,
    NoProgress,
    make_progress,
)

if TYPE_CHECKING:
    import pytest


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_lines_tell_the_beginning_the_end_and_signs_of_life() -> None:
    clock, lines = Clock(), list[str]()
    progress = LineProgress(lines.append, clock=clock)
    progress.begin(files=2, size=4_100_000)
    progress.advance(1_000_000)
    clock.now += 16
    progress.advance(1_000_000)
    progress.finish_file()
    progress.advance(2_000_000)
    progress.grow(200_000)
    clock.now += 16
    progress.advance(300_000)
    progress.finish_file()
    progress.end()
    assert lines == [
        "Fetching 2 files (4.1 MB)",
        "Fetching: 0 of 2 files, 2.0 MB of 4.1 MB",
        "Fetching: 1 of 2 files, 4.3 MB of 4.3 MB",
        "Fetched 2 files, 4.3 MB, in 32.0 s",
    ]


def test_lines_say_how_far_a_failed_download_came() -> None:
    lines = list[str]()
    progress = LineProgress(lines.append, clock=Clock())
    progress.begin(files=1, size=0)
    progress.advance(812)
    progress.advance(-812)
    progress.end()
    assert lines == ["Fetching 1 file", "Fetched 0 of 1 file, 0 B, in 0.0 s"]


def test_a_bar_counts_files_and_bytes_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = io.StringIO()
    progress = BarProgress(
        Console(file=stream, force_terminal=True, legacy_windows=False, width=100)
    )
    progress.begin(files=2, size=0)
    progress.grow(2_000_000)
    progress.advance(1_500_000)
    progress.advance(-500_000)
    progress.finish_file()
    progress.end()
    assert "Fetching 1/2" in stream.getvalue()
    assert "1.0/2.0 MB" in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[2K")  # the line is cleared


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_for_terminals_and_lines_for_everything_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(make_progress(Terminal()), BarProgress)
    assert isinstance(make_progress(io.StringIO()), LineProgress)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(make_progress(Terminal()), LineProgress)
    monkeypatch.setenv("TERM", "xterm")
    for stream in (Terminal(), io.StringIO()):
        assert isinstance(make_progress(stream, quiet=True), NoProgress)
