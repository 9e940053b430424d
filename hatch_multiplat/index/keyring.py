"""Passwords from the `keyring` command, asked as uv and pip ask it."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from hatch_multiplat.base.errors import ToolError
from hatch_multiplat.base.process import run_tool

_PATIENCE: Final = 120.0
"""Seconds to wait for an answer: a person may have to unlock something first."""


def ask_keyring(url: str, user: str) -> tuple[str, str] | None:
    """Return user and password for a URL, or else for its host; None if there are none.

    Without a `user` the keyring is asked for that as well, which takes version 25.2 of it. A
    command that is not there, or fails, has no password: the server then says what is missing.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    for service in (url, f"{host}:{parts.port}" if parts.port else host):
        words = ["keyring", "get", service, *([user] if user else ["--mode", "creds"])]
        try:
            done = run_tool("keyring", words, cwd=Path.cwd(), check=False, timeout=_PATIENCE)
        except ToolError:
            return None
        lines = done.stdout.splitlines()
        if done.returncode == 0 and user and lines:
            return user, lines[0]
        if done.returncode == 0 and len(lines) > 1:
            return lines[0], lines[1]
    return None
