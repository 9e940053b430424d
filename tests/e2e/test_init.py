"""A fresh project, `init`, an ordinary build, and the executable run: in both forms of the hook."""

from __future__ import annotations

import os
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uv

from tests.support.commands import run_command
from tests.support.index_server import IndexServer
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
ENABLE = "HATCH_BUILD_HOOK_ENABLE_MULTIPLAT"
EXECUTABLE = "fresh-1.0.pex"
WHEEL, SDIST = "fresh-1.0-py3-none-any.whl", "fresh-1.0.tar.gz"
PLATFORMS = ("manylinux_2_17_x86_64", "macosx_11_0_arm64", "win_amd64")

pytestmark = [pytest.mark.network, pytest.mark.slow]

# The index on loopback has what the program needs; hatchling comes from the usual one.
PYPROJECT = """\
[build-system]
requires = ["hatchling"]  # and nothing else, yet
build-backend = "hatchling.build"

[project]
name = "fresh"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["greeting", "native"]

[project.scripts]
fresh = "fresh:main"

[tool.hatch.build.targets.sdist]
only-include = ["fresh.py"]

[[tool.uv.index]]
name = "loopback"
url = "INDEX"
"""
PROGRAM = """\
def main():
    import greeting, native
    print("fresh", greeting.__version__, native.__version__)
"""


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A machine with build tools, and a fresh project on it."""

    python: Path
    project: Path
    environ: dict[str, str]

    def run(self, *words: str | Path, **environ: str) -> str:
        return run_command(*words, cwd=self.project, environ=self.environ | environ)

    def init(self, *words: str) -> str:
        return self.run(self.python.with_name("hatch-multiplat"), "init", *words)

    def left(self) -> list[str]:
        """Return what is in dist/, and empty it."""
        paths = sorted((self.project / "dist").glob("[!.]*"))
        for path in paths:
            path.unlink()
        return [path.name for path in paths]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexServer]:
    folder = tmp_path_factory.mktemp("index")
    with IndexServer() as server:
        server.add(make_wheel(folder, "greeting", "2.0"))
        for python in ("cp311", "cp312", "cp313"):
            for platform in PLATFORMS:
                server.add(
                    make_wheel(folder, "native", "3.0", tags=f"{python}-{python}-{platform}")
                )
        yield server


@pytest.fixture
def desk(machine: tuple[Path, Path], index: IndexServer, tmp_path: Path) -> Desk:
    python, wheels = machine
    project = tmp_path / "fresh"
    project.mkdir()
    (project / "pyproject.toml").write_text(PYPROJECT.replace("INDEX", index.index_url), "utf-8")
    (project / "fresh.py").write_text(PROGRAM, "utf-8")
    return Desk(
        python=python,
        project=project,
        environ={
            **os.environ,
            # hatch-multiplat comes from this checkout, its own dependencies from the network.
            "PIP_FIND_LINKS": wheels.as_uri(),
            "UV_FIND_LINKS": str(wheels),
            "HATCH_MULTIPLAT_CACHE": str(tmp_path / "store"),
            "HATCH_DATA_DIR": str(tmp_path / "hatch"),
        },
    )


def test_a_fresh_project_is_built_and_runs(desk: Desk) -> None:
    said = desk.init()
    assert "without linux-aarch64: native has no wheel for it" in said
    text = (desk.project / "pyproject.toml").read_text("utf-8")
    assert tomllib.loads(text)["tool"]["multiplat"] == {
        "platforms": ["linux-x86_64", "macos-arm64", "windows-x86_64"],
        "python": ["3.11", "3.12", "3.13"],
    }
    assert "9 targets" in desk.run(desk.python, "-m", "build")
    executable = desk.project / "dist" / EXECUTABLE
    if sys.platform == "linux":
        assert desk.run(desk.python, executable) == "fresh 2.0 3.0\n"
    assert desk.left() == [WHEEL, EXECUTABLE, SDIST]


FRONTENDS = {
    "build": ["{python}", "-m", "build"],
    "uv": ["{uv}", "build"],
    "hatch": ["{hatch}", "build"],
}


@pytest.mark.parametrize("frontend", sorted(FRONTENDS))
def test_on_request_the_executable_is_built_where_the_variable_is_set(
    desk: Desk, frontend: str
) -> None:
    desk.init("--on-request")
    tools = {"python": desk.python, "uv": uv.find_uv_bin(), "hatch": desk.python.with_name("hatch")}
    command = [word.format(**tools) for word in FRONTENDS[frontend]]
    desk.run(*command)
    assert desk.left() == [WHEEL, SDIST]
    desk.run(*command, **{ENABLE: "true"})
    executable = desk.project / "dist" / EXECUTABLE
    if sys.platform == "linux":
        assert desk.run(desk.python, executable) == "fresh 2.0 3.0\n"
    assert desk.left() == [WHEEL, EXECUTABLE, SDIST]


@pytest.mark.parametrize("form", ["default", "on request"])
def test_who_installs_the_sdist_downloads_the_plugin_in_the_default_form_alone(
    desk: Desk, form: str
) -> None:
    desk.init(*(["--on-request"] if form == "on request" else []))
    desk.run(desk.python, "-m", "build", "--sdist", **{ENABLE: "true"})
    install = ["-m", "pip", "install", "-v", "--no-deps", "--force-reinstall", "--no-cache-dir"]
    printed = desk.run(desk.python, *install, desk.project / "dist" / SDIST)
    assert "Successfully installed fresh-1.0" in printed
    downloads = "hatch_multiplat" in printed or "hatch-multiplat" in printed
    assert downloads is (form == "default"), printed
