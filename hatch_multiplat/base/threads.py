"""Run work in several threads, so that Ctrl-C ends it at any moment."""

from __future__ import annotations

import threading
import time
from collections import deque
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")

_WAIT: Final = 0.2
"""Seconds until the waiting thread looks for a signal again.

Windows delivers Ctrl-C only between two waits; on other systems a signal that comes just before a
wait does not end it.
"""


def run_in_threads(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    jobs: int = 8,
    *,
    deadline: float | None = None,
) -> Iterator[tuple[Item, Result | Exception]]:
    """Start at once; return an iterator of each item with what the function returned or raised.

    They come in the order in which they are done. The iterator raises TimeoutError when
    `time.monotonic()` passes the deadline; whatever is still running is left alone. The threads
    are daemons, unlike those of an executor: after Ctrl-C nobody waits for a server that does
    not answer.
    """
    waiting = deque(items)
    outcomes: SimpleQueue[tuple[Item, Result | Exception]] = SimpleQueue()

    def work() -> None:
        while True:
            try:
                item = waiting.popleft()
            except IndexError:
                return
            try:
                outcomes.put((item, function(item)))
            except Exception as error:  # noqa: BLE001 - the thread that asked raises it again
                outcomes.put((item, error))

    def collect() -> Iterator[tuple[Item, Result | Exception]]:
        try:
            for _ in items:
                yield _wait(outcomes, deadline)
        finally:
            waiting.clear()

    for _ in range(min(jobs, len(items))):
        threading.Thread(target=work, daemon=True).start()
    return collect()


def map_in_threads(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    jobs: int = 8,
    *,
    deadline: float | None = None,
) -> list[Result]:
    """Return what the function returns for each item, in their order.

    Raises at once what the first call to fail has raised, and TimeoutError as `run_in_threads`.
    """
    results: dict[int, Result] = {}
    places = range(len(items))
    for place, outcome in run_in_threads(
        lambda place: function(items[place]), places, jobs, deadline=deadline
    ):
        if isinstance(outcome, Exception):
            raise outcome
        results[place] = outcome
    return [results[place] for place in places]


def _wait(outcomes: SimpleQueue[Result], deadline: float | None) -> Result:
    while True:
        left = _WAIT if deadline is None else min(_WAIT, deadline - time.monotonic())
        try:
            return outcomes.get(timeout=max(left, 0))
        except Empty:
            if left <= 0:
                raise TimeoutError from None
