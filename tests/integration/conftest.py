"""Fixtures for what talks to servers: a store of the test's own, and a session that never waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.index.http_client import make_session
from hatch_multiplat.index.wheel_cache import WheelCache

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import requests


@pytest.fixture
def wheel_cache(tmp_path: Path) -> WheelCache:
    return WheelCache(tmp_path / "store")


@pytest.fixture
def session(plain_network: None) -> Iterator[requests.Session]:
    with make_session({}, backoff=0) as session:
        yield session
