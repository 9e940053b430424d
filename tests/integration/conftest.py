"""Fixtures for what talks to servers: a wheel cache, and an HTTP client that never waits."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING

import pytest
import requests

from hatch_multiplat.base.urls import Credentials
from hatch_multiplat.index.http_client import HttpClient
from hatch_multiplat.index.wheel_cache import WheelCache

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@pytest.fixture
def wheel_cache(tmp_path: Path) -> WheelCache:
    return WheelCache(tmp_path / "store")


@pytest.fixture(scope="session")
def pex_resolves() -> None:
    """Skip where pex cannot resolve: from Python 3.12 on it loads a pip from PyPI first."""
    if sys.version_info < (3, 12):
        return
    with requests.Session() as session:
        session.trust_env = False  # Nor does that pip go by any settings.
        try:
            session.get("https://pypi.org/simple/pip/", timeout=10).raise_for_status()
        except requests.RequestException as error:
            pytest.skip(f"pex loads a pip from PyPI for this Python, and cannot: {error}")


@pytest.fixture
def client(plain_network: None) -> Iterator[HttpClient]:
    with HttpClient(Credentials(), backoff=0, environ=os.environ) as client:
        yield client


class Keyring:
    """A `keyring` on PATH: `answers` are by the ends of its arguments, to all others it fails."""

    def __init__(self, folder: Path) -> None:
        self._program = folder / "keyring"
        self._asked = folder / "asked"

    def answer(self, answers: Mapping[str, str]) -> None:
        cases = "".join(
            f"  *{shlex.quote(words)}) printf %s {shlex.quote(said)} ;;\n"
            for words, said in answers.items()
        )
        self._program.write_text(
            f'#!/bin/sh\necho "$@" >> {shlex.quote(str(self._asked))}\ncase "$*" in\n{cases}'
            '  *) echo "no password, s3cret or other" >&2; exit 1 ;;\nesac\n',
            "utf-8",
        )
        self._program.chmod(0o755)

    @property
    def asked(self) -> list[str]:
        return self._asked.read_text("utf-8").splitlines() if self._asked.exists() else []


@pytest.fixture
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keyring:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return Keyring(folder)
