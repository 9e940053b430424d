"""A fresh project, `init`, an ordinary build, and the executable run: in both forms of the hook."""

from __future__ import annotations

import sys
import tomllib
from typing import TYPE_CHECKING, Any, Final

import pytest
import uv

from tests.support.index_server import IndexServer
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.conftest import Desk, Machine

ENABLED: Final[dict[str, Any]] = {"HATCH_BUILD_HOOK_ENABLE_MULTIPLAT": "true"}
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


def init(desk: Desk, *words: str) -> str:
    return desk.run(desk.tool("hatch-multiplat"), "init", *words)


def take_left(desk: Desk) -> list[str]:
    """Return what is in dist/, and empty it."""
    paths = sorted(desk.dist.glob("[!.]*"))
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
def desk(machine: Machine, index: IndexServer, tmp_path: Path) -> Desk:
    pyproject = PYPROJECT.replace("INDEX", index.index_url)
    files = {"pyproject.toml": pyproject, "fresh.py": PROGRAM}
    return machine.make_desk(tmp_path / "fresh", files)


def test_a_fresh_project_is_built_and_runs(desk: Desk) -> None:
    said = init(desk)
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
    assert take_left(desk) == [WHEEL, EXECUTABLE, SDIST]


FRONTENDS = {
    "build": ["{python}", "-m", "build"],
    "uv": ["{uv}", "build"],
    "hatch": ["{hatch}", "build"],
}


@pytest.mark.parametrize("frontend", sorted(FRONTENDS))
def test_on_request_the_executable_is_built_where_the_variable_is_set(
    desk: Desk, frontend: str
) -> None:
    init(desk, "--on-request")
    tools = {"python": desk.python, "uv": uv.find_uv_bin(), "hatch": desk.tool("hatch")}
    command = [word.format(**tools) for word in FRONTENDS[frontend]]
    desk.run(*command)
    assert take_left(desk) == [WHEEL, SDIST]
    desk.run(*command, **ENABLED)
    executable = desk.project / "dist" / EXECUTABLE
    if sys.platform == "linux":
        assert desk.run(desk.python, executable) == "fresh 2.0 3.0\n"
    assert take_left(desk) == [WHEEL, EXECUTABLE, SDIST]


@pytest.mark.parametrize("form", ["default", "on request"])
def test_who_installs_the_sdist_downloads_the_plugin_in_the_default_form_alone(
    desk: Desk, form: str
) -> None:
    init(desk, *(["--on-request"] if form == "on request" else []))
    desk.run(desk.python, "-m", "build", "--sdist", **ENABLED)
    install = ["-m", "pip", "install", "-v", "--no-deps", "--force-reinstall", "--no-cache-dir"]
    printed = desk.run(desk.python, *install, desk.project / "dist" / SDIST)
    assert "Successfully installed fresh-1.0" in printed
    downloads = "hatch_multiplat" in printed or "hatch-multiplat" in printed
    assert downloads is (form == "default"), printed
