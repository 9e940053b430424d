from __future__ import annotations

import io

from hatch_multiplat.index.progress import (
    LineProgress,
    Progress,
    TerminalProgress,
    make_progress,
)


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


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_on_a_terminal_counts_files_and_bytes_and_goes_away() -> None:
    clock, stream = Clock(), Terminal()
    progress = TerminalProgress(stream, columns=60, clock=clock)
    progress.begin(files=2, size=0)
    progress.grow(2_000_000)
    clock.now += 2.0
    progress.advance(1_500_000)
    progress.advance(-500_000)
    progress.finish_file()
    progress.end()
    frames = stream.getvalue().split("\r")[1:]
    assert frames[0] == "Fetching 0/2 files, 0 B"
    assert frames[1] == "Fetching 0/2 files, 1.5 MB of 2.0 MB, 750.0 kB/s"
    assert frames[2] == "Fetching 1/2 files, 1.0 MB of 2.0 MB, 500.0 kB/s"
    assert frames[3:] == [" " * len(frames[2]), ""]


def test_a_line_fits_on_a_narrow_terminal_and_is_not_drawn_for_each_piece() -> None:
    clock, stream = Clock(), Terminal()
    progress = TerminalProgress(stream, columns=20, clock=clock)
    progress.begin(files=2, size=2_000_000)
    for _ in range(100):
        progress.advance(1_000)
    assert stream.getvalue() == "\rFetching 0/2 files,"


def test_a_changing_line_is_for_terminals_and_lines_for_everything_else() -> None:
    usual, dumb = {"TERM": "xterm"}, {"TERM": "dumb"}
    assert isinstance(make_progress(Terminal(), environ=usual), TerminalProgress)
    assert isinstance(make_progress(io.StringIO(), environ=usual), LineProgress)
    assert isinstance(make_progress(Terminal(), environ=dumb), LineProgress)
    for stream in (Terminal(), io.StringIO()):
        assert type(make_progress(stream, environ=usual, quiet=True)) is Progress
