"""Fixtures for what talks to servers: a wheel cache, and an HTTP client that never waits."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.base.urls import Credentials
from hatch_multiplat.index.http_client import HttpClient
from hatch_multiplat.index.wheel_cache import WheelCache

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def wheel_cache(tmp_path: Path) -> WheelCache:
    return WheelCache(tmp_path / "store")


@pytest.fixture
def client(plain_network: None) -> Iterator[HttpClient]:
    with HttpClient(Credentials(), backoff=0, environ=os.environ) as client:
        yield client
