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


_made: list[tuple[errors.MultiplatError, str]] = []
"""The errors that the test which runs has made, each with its place in the sources."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Function) -> Generator[None]:
    """Write down what a test has made, unless its inputs are of chance."""
    _made.clear()
    try:
        return (yield)
    finally:
        if not getattr(item.obj, "is_hypothesis_test", False):
            # Tests take such variables away.
            with PATH.open("a", encoding="utf-8") as stream:
                for error, site in _made:
                    found = {
                        "kind": type(error).__name__,
                        "exit_code": error.exit_code,
                        "message": error.head,
                        "site": site,
                        "test": item.nodeid,
                        "ends": _ends(error),
                    }
                    stream.write(json.dumps(found) + "\n")
        _made.clear()


PATH: Final = Path(os.environ[VARIABLE])


def pytest_configure() -> None:
    original = errors.MultiplatError.__init__

    def record(self: errors.MultiplatError, *args: Any, **options: Any) -> None:
        original(self, *args, **options)
        if site := _find_site():
            _made.append((self, site))

    errors.MultiplatError.__init__ = record  # type: ignore[method-assign]


def _ends(error: errors.MultiplatError) -> bool:
    """Tell whether an error has left our code, or what ends a command: nothing else caught it.

    An exception knows the frames that it went through, the outermost first.
    """
    if error.__traceback__ is None:
        return False
    path = Path(error.__traceback__.tb_frame.f_code.co_filename)
    return not path.is_relative_to(ROOT) or path.is_relative_to(ROOT / "frontends")


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
