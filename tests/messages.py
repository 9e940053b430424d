"""A plugin for pytest that records each error of ours that a test makes: see scripts/messages.py.

It writes a line of JSON for each, to the file that the variable names.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from hatch_multiplat.base import errors

if TYPE_CHECKING:
    from collections.abc import Generator

VARIABLE: Final = "HATCH_MULTIPLAT_MESSAGES"
ROOT: Final = Path(errors.__file__).resolve().parents[1]


_running: list[str] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Function) -> Generator[None]:
    """Remember which test runs, unless its inputs are of chance."""
    if not getattr(item.obj, "is_hypothesis_test", False):
        _running.append(item.nodeid)
    try:
        return (yield)
    finally:
        _running.clear()


def pytest_configure() -> None:
    path = Path(os.environ[VARIABLE])  # Tests take such variables away.
    original = errors.MultiplatError.__init__

    def record(self: errors.MultiplatError, *args: Any, **options: Any) -> None:
        original(self, *args, **options)
        site = _find_site()
        if site and _running:
            found = {
                "kind": type(self).__name__,
                "exit_code": self.exit_code,
                "message": self.head,
                "site": site,
                "test": _running[-1],
            }
            with path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(found) + "\n")

    errors.MultiplatError.__init__ = record  # type: ignore[method-assign]


def _find_site() -> str:
    """Return the module and the function that make an error, the classes of errors apart."""
    frame = sys._getframe(2)
    while frame.f_code.co_filename == errors.__file__:
        assert frame.f_back is not None
        frame = frame.f_back
    path = Path(frame.f_code.co_filename)
    if not path.is_relative_to(ROOT):
        return ""
    return f"{path.relative_to(ROOT).as_posix()}:{frame.f_code.co_name}"
