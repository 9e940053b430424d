"""Fixtures for what talks to servers: a wheel cache, and an HTTP client that never waits."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
import requests

from hatch_multiplat.base.urls import Credentials
from hatch_multiplat.index.http_client import HttpClient
from hatch_multiplat.index.wheel_cache import WheelCache

if TYPE_CHECKING:
    from collections.abc import Iterator
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
