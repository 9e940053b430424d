"""Fixtures for tests of every kind: wheels to measure, and an index server on loopback."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import pytest
from hypothesis import HealthCheck, settings

from tests.support.caches import share_skeletons
from tests.support.index_server import IndexServer
from tests.support.wheels import make_sdist as build_sdist
from tests.support.wheels import make_wheel as build_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

# How long an example takes says how busy the machine is, and no test may fail by that.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# A shell without job control starts what runs in the background with SIGINT ignored, and so would
# be every program that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Before the processes of the run are started, which inherit it.
share_skeletons()

# As on most machines: what a test starts a second time is compiled by then.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# What pip installs for one build is compiled when it is imported, which most of it never is.
os.environ.setdefault("PIP_COMPILE", "0")


ORDER: Final = ("unit", "e2e", "peers", "integration", "attack", "startup")
"""The folders as they are run: what fails fast, then the files that take longest."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin early with what takes minutes, so that at the end no process waits for another."""
    folders = {name: place for place, name in enumerate(ORDER)}
    root = Path(__file__).parent
    items.sort(key=lambda item: folders.get(item.path.relative_to(root).parts[0], 0))


class MakeFile(Protocol):
    """`make_wheel` and `make_sdist`, writing into a folder of the test's own."""

    def __call__(self, name: str, version: str = "1.0", **options: Any) -> Path: ...


@pytest.fixture
def make_wheel(tmp_path: Path) -> MakeFile:
    """Return `support.wheels.make_wheel` for the test's own folder; takes its keywords."""
    return lambda name, version="1.0", **options: build_wheel(
        tmp_path / "built", name, version, **options
    )


@pytest.fixture
def make_sdist(tmp_path: Path) -> MakeFile:
    """Return `support.wheels.make_sdist` for the test's own folder; takes its keywords."""
    return lambda name, version="1.0", **options: build_sdist(
        tmp_path / "built", name, version, **options
    )


@pytest.fixture
def start_index() -> Iterator[Callable[..., IndexServer]]:
    """Return a function that starts an IndexServer with the given switches."""
    with ExitStack() as stack:
        yield lambda **switches: stack.enter_context(IndexServer(**switches))


@pytest.fixture
def index_server(start_index: Callable[..., IndexServer]) -> IndexServer:
    """Return a running index without files and without faults."""
    return start_index()


@pytest.fixture
def plain_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take away what this machine says about proxies, certificates, credentials and indexes."""
    take_network_away(monkeypatch, tmp_path)


def take_network_away(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Leave no proxy, certificate, credential or index of this machine's; `folder` has none."""
    patch.setenv("XDG_CONFIG_HOME", str(folder / "no-config"))
    patch.setenv("XDG_CONFIG_DIRS", str(folder / "no-config"))
    for name in os.environ:
        if name.lower().endswith("_proxy") or name.startswith(("UV_", "PIP_", "HATCH_MULTIPLAT")):
            patch.delenv(name)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        patch.delenv(name, raising=False)
    patch.setenv("NETRC", str(folder / "no-netrc"))
    patch.setenv("PIP_CONFIG_FILE", os.devnull)


@pytest.fixture(scope="module")
def module_patch() -> Iterator[pytest.MonkeyPatch]:
    """Return a monkeypatch that lasts for all tests of a file."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def module_index(
    module_patch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[IndexServer]:
    """Return an index for all tests of a file, which know of no other and share uv's cache."""
    take_network_away(module_patch, tmp_path_factory.mktemp("network"))
    module_patch.setenv("UV_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "uv-cache"))
    with IndexServer() as index:
        yield index


@pytest.fixture
def uv_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Give uv a cache of this run's own, which all tests share: what it knows of Pythons costs."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "uv-cache"))
