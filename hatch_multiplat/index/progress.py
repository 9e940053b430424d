"""Progress of downloads: a bar where there is a terminal, a few quiet lines where there is none."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, Protocol, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from hatch_multiplat.base.text import format_count, format_size

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS_BETWEEN_LINES: Final = 15.0


class ProgressSink(Protocol):
    """Hears how a download gets on; every method may be called from any thread."""

    def begin(self, *, files: int, size: int) -> None:
        """`files` are to be fetched, of which `size` bytes are known already."""

    def grow(self, size: int) -> None:
        """So many bytes more than known are to be fetched; fewer if negative."""

    def advance(self, size: int) -> None:
        """So many bytes have arrived; negative when they have to be fetched again."""

    def finish_file(self) -> None:
        """One file is whole and in the wheel cache."""

    def end(self) -> None:
        """Nothing more is to come, for better or worse."""


class NoProgress:
    """Says nothing."""

    def begin(self, *, files: int, size: int) -> None: ...
    def grow(self, size: int) -> None: ...
    def advance(self, size: int) -> None: ...
    def finish_file(self) -> None: ...
    def end(self) -> None: ...


class LineProgress:
    """Writes one line at the start, one at the end, and one now and then so that CI sees life."""

    def __init__(
        self, write: Callable[[str], object], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._lock = threading.Lock()
        self._files = self._finished = self._size = self._arrived = 0
        self._started = self._spoken = 0.0

    def begin(self, *, files: int, size: int) -> None:
        self._files, self._size = files, size
        self._finished = self._arrived = 0
        self._started = self._spoken = self._clock()
        known = f" ({format_size(size)})" if size else ""
        self._write(f"Fetching {format_count(files, 'file')}{known}")

    def grow(self, size: int) -> None:
        with self._lock:
            self._size += size

    def advance(self, size: int) -> None:
        with self._lock:
            self._arrived += size
            now = self._clock()
            if now - self._spoken >= _SECONDS_BETWEEN_LINES:
                self._spoken = now
                self._write(
                    f"Fetching: {self._finished} of {format_count(self._files, 'file')}, "
                    f"{format_size(self._arrived)} of {format_size(self._size)}"
                )

    def finish_file(self) -> None:
        with self._lock:
            self._finished += 1

    def end(self) -> None:
        of = "" if self._finished == self._files else f"{self._finished} of "
        self._write(
            f"Fetched {of}{format_count(self._files, 'file')}, {format_size(self._arrived)}, "
            f"in {self._clock() - self._started:.1f} s"
        )


class BarProgress:
    """Draws one bar for all files, which goes away when they are there."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def begin(self, *, files: int, size: int) -> None:
        self._lock = threading.Lock()
        self._files, self._finished, self._size = files, 0, size
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._task = self._progress.add_task(self._describe(), total=size or None)
        self._progress.start()

    def grow(self, size: int) -> None:
        with self._lock:
            self._size += size
            self._progress.update(self._task, total=self._size or None)

    def advance(self, size: int) -> None:
        self._progress.advance(self._task, size)

    def finish_file(self) -> None:
        with self._lock:
            self._finished += 1
            self._progress.update(self._task, description=self._describe())

    def end(self) -> None:
        self._progress.stop()

    def _describe(self) -> str:
        return f"Fetching {self._finished}/{self._files}"


def make_progress(stream: TextIO, *, quiet: bool = False) -> ProgressSink:
    """Return what suits the stream, which is stderr as a rule."""
    if quiet:
        return NoProgress()
    console = Console(file=stream)
    if console.is_terminal and not console.is_dumb_terminal:
        return BarProgress(console)
    return LineProgress(lambda line: print(line, file=stream, flush=True))
