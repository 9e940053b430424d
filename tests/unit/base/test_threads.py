"""Work in several threads: outcomes as they come, a limit in time, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from hatch_multiplat.base.threads import map_in_threads, run_in_threads


def _divide(number: int) -> float:
    return 12 / number


def test_each_item_comes_with_what_the_function_returned_or_raised() -> None:
    outcomes = dict(run_in_threads(_divide, [1, 0, 3], 2))
    assert (outcomes[1], outcomes[3]) == (12, 4)
    assert isinstance(outcomes[0], ZeroDivisionError)


def test_results_are_in_the_order_of_their_items() -> None:
    second_is_done = threading.Event()

    def work(number: int) -> int:
        if number == 1:
            second_is_done.wait(60)
        else:
            second_is_done.set()
        return 10 * number

    assert map_in_threads(work, [1, 2], 2) == [10, 20]
    assert map_in_threads(work, [], 2) == []


def test_the_first_to_fail_is_raised_and_nobody_waits_for_the_others() -> None:
    go_on = threading.Event()
    done = []

    def work(number: int) -> None:
        if number == 1:
            go_on.wait(60)
        done.append(_divide(number))

    with pytest.raises(ZeroDivisionError):
        map_in_threads(work, [1, 0, 0, 0], 2)
    assert done == []
    go_on.set()


def test_nothing_to_do_is_done_at_once() -> None:
    assert list(run_in_threads(_divide, [], 4)) == []


def test_the_work_starts_before_anybody_asks_for_an_outcome() -> None:
    started = threading.Event()
    outcomes = run_in_threads(lambda _: started.set(), ["only"], 1)
    assert started.wait(5)
    assert list(outcomes) == [("only", None)]


def test_what_is_not_done_in_time_is_left_alone() -> None:
    go_on = threading.Event()
    with pytest.raises(TimeoutError):
        list(run_in_threads(lambda _: go_on.wait(60), ["slow"], 1, deadline=time.monotonic() + 0.1))
    go_on.set()


@pytest.mark.skipif(os.name == "nt", reason="Windows hands no signal to a thread")
def test_a_signal_is_seen_that_another_thread_was_handed() -> None:
    """The waiting thread is not woken by it: it has to look for itself."""
    go_on = threading.Event()

    def interrupt(_: str) -> None:
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        go_on.wait(60)

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(run_in_threads(interrupt, ["silent"], 1))
    go_on.set()
    assert time.monotonic() - started < 30
