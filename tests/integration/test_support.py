"""The wheels, sdists and the index that other tests build on are what pip and uv take for real."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import uv

from tests.support.wheels import make_wheel as build_wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import MakeFile
    from tests.support.index_server import IndexServer

pytestmark = pytest.mark.usefixtures("plain_network")


def install(tool: str, index: IndexServer, target: Path, *words: str) -> None:
    """Install by that tool from that index and nowhere else."""
    commands = {
        "pip": [sys.executable, "-m", "pip", "--isolated", "--no-cache-dir", "install"],
        "uv": [uv.find_uv_bin(), "pip", "install", "--no-cache", "--no-config"],
    }
    options = ["--index-url", index.index_url, "--target", str(target)]
    done = subprocess.run(
        [*commands[tool], *options, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def run(target: Path, *words: str) -> str:
    """Run what was installed and return what it prints."""
    return subprocess.run(
        [sys.executable, *words],
        env={**os.environ, "PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@pytest.fixture(params=["pip", "uv"])
def tool(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(
    "switches",
    [
        pytest.param({}, id="json"),
        pytest.param({"json": False}, id="html"),
        pytest.param({"json": False, "relative": True, "metadata": False}, id="plain"),
        pytest.param({"sizes": False, "hashes": ("sha512",), "etags": False}, id="odd"),
    ],
)
def test_a_wheel_with_everything_is_installed(
    *,
    switches: dict[str, object],
    tool: str,
    start_index: Callable[..., IndexServer],
    tmp_path: Path,
) -> None:
    index = start_index(**switches)
    index.add_wheel(
        "My.Tool",
        "1.2",
        requires=["helper>=1; python_version >= '3'"],
        requires_python=">=3.6",
        extras={"more": ["extra-helper"]},
        scripts={"my-tool": "my_tool:main"},
        entry_points={"some.group": {"point": "my_tool"}},
        files={
            "my_tool/__init__.py": "import helper, extra_helper\n"
            "def main(): print(helper.__version__, extra_helper.__version__)\n"
        },
        data={"scripts/hello.sh": "#!/bin/sh\necho hello\n"},
        build="3",
    )
    index.add_wheel("helper", "1.5")
    index.add_wheel("extra-helper", "2.5", blob=100)
    install(tool, index, tmp_path / "target", "my-tool[more]")
    assert run(tmp_path / "target", "-c", "import my_tool; my_tool.main()") == "1.5 2.5"
    assert (tmp_path / "target/bin/my-tool").exists()
    assert os.access(tmp_path / "target/bin/hello.sh", os.X_OK)


@pytest.mark.parametrize("extension", [".tar.gz", ".zip"])
def test_an_sdist_builds_into_its_wheel_without_a_network(
    *, extension: str, tool: str, index_server: IndexServer, make_sdist: MakeFile, tmp_path: Path
) -> None:
    sdist = make_sdist("a-b", requires=["c"], extension=extension)
    index_server.add(sdist, make_sdist("c", "0.1"))
    install(tool, index_server, tmp_path / "target", "a-b")
    printed = run(tmp_path / "target", "-c", "import a_b, c; print(a_b.__version__, c.__version__)")
    assert printed == "1.0 0.1"


def test_an_sdist_may_fail_to_build(make_sdist: MakeFile, tmp_path: Path) -> None:
    sdist = make_sdist("a", failure="no compiler here")
    done = subprocess.run(
        [uv.find_uv_bin(), "build", "--wheel", str(sdist), "--out-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "no compiler here" in done.stderr


def test_the_same_arguments_make_the_same_bytes(tmp_path: Path) -> None:
    first, second = (
        build_wheel(tmp_path / folder, "a", files={"b.py": "", "a.py": ""}, blob=3_000_000)
        for folder in ("one", "two")
    )
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size > 3_000_000
