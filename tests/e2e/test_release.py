"""A release of this project: its own executable, made by its own hook, builds another project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uv

from tests.e2e.conftest import commit_all
from tests.support.commands import run_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Checkout

pytestmark = [pytest.mark.network, pytest.mark.slow]


@pytest.fixture(scope="module")
def release(checkout: Checkout) -> Path:
    """Return the folder that scripts/release.py leaves."""
    printed = checkout.run_script("release.py")
    assert "32 targets: cp311, cp312, cp313, cp314 on" in printed
    assert "hatch-multiplat, version " in printed.splitlines()[-1]
    return checkout.root / "dist"


def test_a_release_is_the_sdist_the_wheel_and_the_executable(release: Path) -> None:
    assert {path.suffix for path in release.iterdir()} == {".pex", ".whl", ".gz"}
    (sdist,) = release.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        files = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "scripts/release.py"} <= files


@pytest.mark.skipif(sys.platform == "win32", reason="starts the file by its first line")
def test_the_executable_builds_the_example_project_and_the_result_runs(
    release: Path, tmp_path: Path, find_python: Callable[[str], str]
) -> None:
    """On a machine with a Python and nothing else: uv and pex are the executable's own."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "python3").symlink_to(find_python("3.12"))
    project = tmp_path / "example"
    example = Path(__file__).resolve().parents[2] / "example_project"
    shutil.copytree(example, project, ignore=shutil.ignore_patterns("dist"))
    head = commit_all(project)
    environ = os.environ | {
        "HOME": str(tmp_path / "home"),
        "PATH": f"{tools}{os.pathsep}/usr/bin{os.pathsep}/bin",
        # The example requires the plugin for building, which is in no index yet.
        "UV_FIND_LINKS": str(release),
    }

    def run(*words: str | Path) -> str:
        return run_command(*words, cwd=project, environ=environ)

    printed = run(release / "hatch-multiplat.pex", "build", ".")
    assert "15 targets" in printed
    assert head in run(project / "dist" / "git-inspect-1.0.0.pex", project)


def test_an_ordinary_build_needs_no_plugin(checkout: Checkout, tmp_path: Path) -> None:
    """Else nobody could install the plugin from its sdist: what it needed would be itself."""
    build = [uv.find_uv_bin(), "build", "--wheel", "--out-dir", str(tmp_path), str(checkout.root)]
    subprocess.run(build, check=True, capture_output=True)
    assert [path.suffix for path in tmp_path.iterdir() if path.suffix] == [".whl"]
