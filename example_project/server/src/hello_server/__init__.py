"""A web application that says where it runs from."""

from __future__ import annotations

import os

import setproctitle


def greet() -> bytes:
    """Return what every request gets: the greeting, this process's title, and the executable."""
    greeting = os.environ.get("GREETING", "Hello")
    file = os.environ.get("PEX", "no executable")
    return f"{greeting}\n{setproctitle.getproctitle()}\n{file}\n".encode()
