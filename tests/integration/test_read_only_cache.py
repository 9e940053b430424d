"""A wheel cache that cannot be written, as CI mounts one: it serves what it has."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.project import make_project

if TYPE_CHECKING:
    from tests.support.index_server import IndexServer

pytestmark = pytest.mark.usefixtures("plain_network", "uv_cache")

BUILD = """
import sys
from pathlib import Path
from tests.support.project import ProjectFolder
root = Path(sys.argv[1])
environ = {"HATCH_MULTIPLAT_CACHE": str(root / "cache")}
wheel = next((root / "wheel").glob("*.whl"))
print(ProjectFolder(root=root / "demo", wheel=wheel, environ=environ).build().wheels)
"""
MOUNT = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'


def can_mount() -> bool:
    command = ["unshare", "--mount", "true"]
    return (
        shutil.which("unshare") is not None and subprocess.run(command, check=False).returncode == 0
    )


@pytest.mark.skipif(not can_mount(), reason="no mounts of one's own: not root, or a container")
def test_a_read_only_cache_serves_a_build_that_needs_nothing_new(
    index_server: IndexServer, tmp_path: Path
) -> None:
    """The project's own wheel may be new: it is used where it lies."""
    index_server.add_wheel("dep")
    table = {"platforms": ["linux-x86_64"], "python": ["3.12"]}
    project = make_project(
        tmp_path, index_url=index_server.index_url, requires=["dep"], table=table
    )
    assert project.build().wheels == 2
    shutil.rmtree(project.dist)
    make_project(
        tmp_path,
        index_url=index_server.index_url,
        requires=["dep"],
        table=table,
        files={"demo.py": "def main():\n    print('anew')\n"},
    )
    build = [sys.executable, "-c", BUILD, str(tmp_path)]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", MOUNT, "sh", str(tmp_path / "cache"), *build],
        cwd=Path(__file__).parents[2],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr
