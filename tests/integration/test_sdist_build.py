"""`python -m build`: the wheel, and the executable after it, come from the unpacked sdist."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest
import uv

from tests.support.caches import make_cache
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.index_server import IndexServer

PYPROJECT = """\
[build-system]
requires = ["hatchling", "hatch-multiplat"]
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["helper"]

[project.scripts]
demo = "demo:main"

[tool.hatch.build.hooks.multiplat]

[tool.multiplat]
platforms = ["linux-x86_64", "windows-x86_64"]
python = ["3.12"]
index-url = "INDEX"
find-links = ["LOCATION"]
"""

pytestmark = pytest.mark.usefixtures("plain_network")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose dependency lies in a folder of its own, which git does not track."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "demo.py").write_text("def main():\n    print('ran')\n", "utf-8")
    (folder / ".gitignore").write_text("*.whl\n", "utf-8")
    make_wheel(folder / "wheels", "helper")
    make_wheel(tmp_path / "beside", "helper")
    return folder


BUILD = (sys.executable, "-m", "build", "--no-isolation")
UV_BUILD = (uv.find_uv_bin(), "build", "--no-build-isolation", "--python", sys.executable)


def build(
    project: Path,
    index: IndexServer,
    location: str,
    *,
    command: tuple[str, ...] = BUILD,
    table: str = "",
) -> subprocess.CompletedProcess[str]:
    text = PYPROJECT.replace("LOCATION", location).replace("INDEX", index.index_url) + table
    (project / "pyproject.toml").write_text(text, "utf-8")
    return subprocess.run(
        command,
        cwd=project,
        env={
            "PWD": str(project),
            "PATH": os.environ["PATH"],
            "HOME": str(project.parent / "home"),
            "HATCH_MULTIPLAT_CACHE": make_cache(project.parent / "store"),
            "UV_CACHE_DIR": str(project.parent / "uv-cache"),
            "PIP_CONFIG_FILE": os.devnull,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize("location", ["wheels", "ABSOLUTE"])
def test_the_wheels_that_a_table_names_are_there(
    project: Path, index_server: IndexServer, location: str
) -> None:
    """Those inside of the project go into the sdist; an absolute folder stays where it is."""
    outside = project.parent / "beside"
    done = build(project, index_server, location.replace("ABSOLUTE", outside.as_posix()))
    assert done.returncode == 0, done.stdout
    with tarfile.open(project / "dist" / "demo-1.0.tar.gz") as archive:
        names = [name for name in archive.getnames() if name.endswith(".whl")]
    wheels = ["demo-1.0/wheels/helper-1.0-py3-none-any.whl"]
    assert names == (wheels if location == "wheels" else [])
    assert (project / "dist" / "demo-1.0.pex").is_file()


def test_a_folder_that_no_sdist_can_have_is_named(project: Path, index_server: IndexServer) -> None:
    done = build(project, index_server, "../beside")
    assert done.returncode != 0
    expected = "tool.multiplat.find-links[0]: there is no '../beside'; the sdist has such folders"
    assert expected in done.stdout


@pytest.mark.parametrize("command", [BUILD, UV_BUILD], ids=["build", "uv build"])
def test_a_relative_output_dir_starts_from_the_project_and_not_from_its_copy(
    project: Path, index_server: IndexServer, command: tuple[str, ...]
) -> None:
    done = build(project, index_server, "wheels", command=command, table='output-dir = "bin"\n')
    assert done.returncode == 0, done.stdout
    assert [path.name for path in (project / "bin").iterdir()] == ["demo-1.0.pex"]
    assert sorted(path.suffix for path in (project / "dist").glob("demo*")) == [".gz", ".whl"]


def test_an_executable_whose_project_is_not_found_lies_beside_the_wheel(
    project: Path, index_server: IndexServer
) -> None:
    done = build(project, index_server, "wheels", table='output-dir = "bin"\n')
    assert done.returncode == 0, done.stdout
    sdist = (project / "dist" / "demo-1.0.tar.gz").rename(project.parent / "demo-1.0.tar.gz")
    shutil.rmtree(project / "bin")
    (project / "pyproject.toml").write_text("", "utf-8")
    out = project.parent / "out"
    done = subprocess.run(
        [*UV_BUILD, "--wheel", "--out-dir", out, sdist],
        cwd=project,
        env={**os.environ, "PWD": str(project), "UV_CACHE_DIR": str(project.parent / "uv-cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "the executable goes beside the wheel" in done.stdout
    assert (out / "demo-1.0.pex").is_file()
