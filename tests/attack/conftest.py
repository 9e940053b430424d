"""Fixtures for attacks on start-up: real users and small disks, where this machine has them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.startup.conftest import ANY, PYTHONS, Bench, make_bench

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VICTIM, ATTACKER = 23001, 23002
PLANTED: Final = "planted code ran"

needs_users = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("setpriv") is None,
    reason="only root can be several users, by setpriv",
)


def as_user(uid: int, command: Sequence[object]) -> list[object]:
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--", *command]


def can_mount() -> bool:
    """Whether a small disk can be had, in a namespace of mounts of our own."""
    script = "mount -t tmpfs -o size=64k tmpfs /mnt"
    command = ["unshare", "-m", "/bin/sh", "-c", script]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A bench that other users can come to, as they cannot to pytest's own folder.

    Root's home is closed to them too, hence the system's Python.
    """
    system = Path("/usr/bin/python3")
    with tempfile.TemporaryDirectory(prefix="attack-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield make_bench(folder, str(system) if system.exists() else PYTHONS[ANY])
