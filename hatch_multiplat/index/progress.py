"""Progress of downloads: a line that changes on a terminal, a few quiet lines elsewhere."""

from __future__ import annotations

import shutil
import threading
import time
from typing import TYPE_CHECKING, Final, TextIO

from hatch_multiplat.base.text import format_count, format_size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SECONDS_BETWEEN_LINES: Final = 15.0
_SECONDS_BETWEEN_FRAMES: Final = 0.1


class Progress:
    """Counts the files and bytes of a download, from any thread, and prints nothing."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._files = self._finished = self._size = self._arrived = 0
        self._started = self._spoken = 0.0

    def begin(self, *, files: int, size: int) -> None:
        """`files` files are to be downloaded, of which `size` bytes are known already."""
        self._files, self._size = files, size
        self._finished = self._arrived = 0
        self._started = self._spoken = self._clock()

    def grow(self, size: int) -> None:
        """The number of bytes to download grows by this; it shrinks if negative."""
        with self._lock:
            self._size += size

    def advance(self, size: int) -> None:
        """This number of bytes has arrived; negative if they have to be downloaded again."""
        with self._lock:
            self._arrived += size

    def finish_file(self) -> None:
        """One file is complete and in the wheel cache."""
        with self._lock:
            self._finished += 1

    def end(self) -> None:
        """The downloads have ended, well or not."""


class LineProgress(Progress):
    """Prints one line at the start, one at the end, and one now and then for CI."""

    def __init__(
        self, write: Callable[[str], object], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(clock=clock)
        self._write = write

    def begin(self, *, files: int, size: int) -> None:
        super().begin(files=files, size=size)
        known = f" ({format_size(size)})" if size else ""
        self._write(f"Fetching {format_count(files, 'file')}{known}")

    def advance(self, size: int) -> None:
        with self._lock:
            super().advance(size)
            now = self._clock()
            if now - self._spoken >= _SECONDS_BETWEEN_LINES:
                self._spoken = now
                self._write(
                    f"Fetching: {self._finished} of {format_count(self._files, 'file')}, "
                    f"{format_size(self._arrived)} of {format_size(self._size)}"
                )

    def end(self) -> None:
        of = "" if self._finished == self._files else f"{self._finished} of "
        self._write(
            f"Fetched {of}{format_count(self._files, 'file')}, {format_size(self._arrived)}, "
            f"in {self._clock() - self._started:.1f} s"
        )


class TerminalProgress(Progress):
    """Rewrites one line for all files, and removes it at the end."""

    def __init__(
        self, stream: TextIO, *, columns: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(clock=clock)
        self._stream = stream
        self._columns = columns
        self._shown = 0

    def begin(self, *, files: int, size: int) -> None:
        super().begin(files=files, size=size)
        self._draw()

    def advance(self, size: int) -> None:
        with self._lock:
            super().advance(size)
            if self._clock() - self._spoken >= _SECONDS_BETWEEN_FRAMES:
                self._draw()

    def finish_file(self) -> None:
        with self._lock:
            super().finish_file()
            self._draw()

    def end(self) -> None:
        self._write("")

    def _draw(self) -> None:
        self._spoken = self._clock()
        seconds = self._spoken - self._started
        arrived = format_size(self._arrived)
        if self._size:
            arrived = f"{arrived} of {format_size(self._size)}"
        speed = f", {format_size(int(self._arrived / seconds))}/s" if seconds >= 1 else ""
        self._write(f"Fetching {self._finished}/{self._files} files, {arrived}{speed}")

    def _write(self, line: str) -> None:
        line = line[: self._columns - 1]  # One that is too long would go on in the next.
        self._stream.write(f"\r{line.ljust(self._shown)}" + ("" if line else "\r"))
        self._stream.flush()
        self._shown = len(line)


def make_progress(stream: TextIO, *, environ: Mapping[str, str], quiet: bool = False) -> Progress:
    """Return the right kind of progress for the stream, usually stderr."""
    if quiet:
        return Progress()
    if stream.isatty() and environ.get("TERM", "") not in {"dumb", "unknown"}:
        return TerminalProgress(stream, columns=shutil.get_terminal_size().columns)
    return LineProgress(lambda line: print(line, file=stream, flush=True))
