"""The build frontends as a user meets them: an installed plugin, and ordinary build commands."""

from __future__ import annotations

import hashlib
import tarfile
from typing import TYPE_CHECKING

import pytest
import uv

from tests.support.index_server import IndexServer
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.conftest import Desk, Machine

EXECUTABLE = "frontend-1.0.pex"

pytestmark = [pytest.mark.network, pytest.mark.slow]

PYPROJECT = """\
[build-system]
requires = ["hatchling", "hatch-multiplat"]
build-backend = "hatchling.build"

[project]
name = "frontend"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["greeting"]

[project.scripts]
frontend = "frontend:main"

[tool.hatch.build.targets.sdist]
only-include = ["frontend.py"]

[tool.hatch.build.hooks.multiplat]

[tool.multiplat]
platforms = ["linux-x86_64", "macos-arm64", "windows-x86_64", "platforms/host.json"]
python = ["3.11", "3.12", "3.13"]
index-url = "INDEX"
"""
HOST = """\
{"compatible_tags": ["cp311-cp311-manylinux_2_31_x86_64", "py3-none-any"],
 "marker_environment": {"sys_platform": "linux"}}
"""


@pytest.fixture(scope="module")
def index() -> Iterator[IndexServer]:
    with IndexServer() as server:
        yield server


@pytest.fixture
def desk(machine: Machine, index: IndexServer, tmp_path: Path) -> Desk:
    files = {
        "pyproject.toml": PYPROJECT.replace("INDEX", index.index_url),
        "platforms/host.json": HOST,
        "frontend.py": "def main():\n    import greeting\n    print('in')\n",
    }
    index.add(make_wheel(tmp_path / "wheels", "greeting"))
    return machine.make_desk(tmp_path / "frontend", files)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_every_frontend_leaves_the_same_bytes(desk: Desk) -> None:
    python = desk.python
    frontends: dict[str, tuple[str | Path, ...]] = {
        "build, isolated": (python, "-m", "build"),
        "build": (python, "-m", "build", "--no-isolation"),
        "build, wheel alone": (python, "-m", "build", "--no-isolation", "--wheel"),
        "uv build": (uv.find_uv_bin(), "build"),
        "hatch build": (desk.tool("hatch"), "build"),
        "hatch build -t": (desk.tool("hatch"), "build", "-t", "multiplat"),
        "command line": (python, "-m", "hatch_multiplat", "build"),
    }
    digests = {}
    for name, command in frontends.items():
        printed = desk.run(*command)
        assert EXECUTABLE in printed, f"{name}: {printed}"
        digests[name] = digest(desk.dist / EXECUTABLE)
        (desk.dist / EXECUTABLE).unlink()
    (wheel,) = desk.dist.glob("*.whl")
    command = (python, "-m", "hatch_multiplat", "build", "--quiet", "--wheel", wheel)
    assert desk.run(*command, "-o", desk.project / "elsewhere") == ""
    digests["wheel by path"] = digest(desk.project / "elsewhere" / EXECUTABLE)
    assert len(set(digests.values())) == 1, digests
    printed = desk.run(python, desk.project / "elsewhere" / EXECUTABLE)
    assert printed == "in\n"


def test_an_ordinary_build_leaves_three_files(desk: Desk) -> None:
    desk.run(desk.python, "-m", "build", "--no-isolation")
    left = sorted(path.name for path in desk.dist.iterdir())
    assert left == ["frontend-1.0-py3-none-any.whl", EXECUTABLE, "frontend-1.0.tar.gz"]


@pytest.mark.parametrize("targets", [["sdist", "wheel"], ["wheel", "sdist"]])
def test_an_ordinary_build_leaves_checksums_of_all_that_it_made(
    desk: Desk, targets: list[str]
) -> None:
    """Whichever of sdist and wheel is built first; and an sdist built anew has its line renewed."""
    path = desk.project / "pyproject.toml"
    path.write_text(path.read_text("utf-8") + "checksums = true\n", "utf-8")
    desk.run(desk.tool("hatch"), "build", *(word for name in targets for word in ("-t", name)))
    made = ["frontend-1.0-py3-none-any.whl", EXECUTABLE, "frontend-1.0.tar.gz"]
    assert read_sums(desk.dist) == {name: digest(desk.dist / name) for name in made}
    (desk.project / "frontend.py").write_text("changed = True\n", "utf-8")
    desk.run(desk.python, "-m", "build", "-n", "--sdist")
    assert read_sums(desk.dist) == {name: digest(desk.dist / name) for name in made}


def read_sums(folder: Path) -> dict[str, str]:
    lines = (folder / "SHA256SUMS").read_text("utf-8").splitlines()
    return {name: value for value, name in (line.split("  ") for line in lines)}


def test_the_sdist_has_what_a_build_from_it_needs(desk: Desk) -> None:
    """Also where the project says what goes into its sdist, and names neither file."""
    desk.run(desk.tool("hatch-multiplat"), "lock")
    desk.run(desk.python, "-m", "build", "--no-isolation", "--sdist")
    with tarfile.open(desk.dist / "frontend-1.0.tar.gz") as archive:
        names = archive.getnames()
    assert names.count("frontend-1.0/pylock.multiplat.toml") == 1
    assert names.count("frontend-1.0/platforms/host.json") == 1


def test_a_build_from_the_sdist_uses_its_lock(desk: Desk, index: IndexServer) -> None:
    desk.run(desk.tool("hatch-multiplat"), "lock")
    printed = desk.run(desk.python, "-m", "build", "--no-isolation")
    assert "locked by pylock.multiplat.toml" in printed


INSTALLS = {
    "pip": ["{python}", "-m", "pip", "install", "-q", "--no-deps", "--force-reinstall"],
    "uv": ["{uv}", "pip", "install", "-q", "-p", "{python}", "--no-deps", "--reinstall"],
}


@pytest.mark.parametrize("words", [["."], ["-e", "."], ["dist/frontend-1.0.tar.gz"]])
@pytest.mark.parametrize("installer", sorted(INSTALLS))
def test_an_installation_makes_no_executable(desk: Desk, installer: str, words: list[str]) -> None:
    if words[0].startswith("dist"):
        desk.run(desk.python, "-m", "build", "-n", "--sdist", HATCH_MULTIPLAT="0")
    command = [word.format(python=desk.python, uv=uv.find_uv_bin()) for word in INSTALLS[installer]]
    desk.run(*command, *words)
    assert desk.cached == []
    assert not list(desk.project.rglob("*.pex"))


@pytest.mark.parametrize("value", ["0", "false"])
def test_the_switch_leaves_an_ordinary_build(desk: Desk, value: str) -> None:
    desk.run(desk.python, "-m", "build", "--no-isolation", HATCH_MULTIPLAT=value)
    assert sorted(path.suffix for path in desk.dist.iterdir()) == [".gz", ".whl"]
    assert desk.cached == []


def test_a_mistake_in_the_table_ends_the_build_with_every_message_and_no_traceback(
    desk: Desk,
) -> None:
    path = desk.project / "pyproject.toml"
    text = path.read_text("utf-8")
    path.write_text(
        text.replace('"macos-arm64"', '"macos-amr64"') + 'scirpt = "frontend"\n', "utf-8"
    )
    printed = desk.run(desk.python, "-m", "build", "-n", "--wheel", code=1)
    assert "did you mean 'macos-arm64'?" in printed
    assert "unknown key 'scirpt'; did you mean 'script'?" in printed
    assert "Traceback" not in printed
    assert not list(desk.dist.iterdir())


def test_a_stale_lock_ends_the_build_before_its_wheel_is_written(desk: Desk) -> None:
    desk.run(desk.python, "-m", "hatch_multiplat", "lock", "-q")
    path = desk.project / "pyproject.toml"
    path.write_text(path.read_text("utf-8").replace('"3.13"]', '"3.13", "3.14"]'), "utf-8")
    printed = desk.run(desk.python, "-m", "build", "-n", "--wheel", code=1)
    assert "pylock.multiplat.toml is stale" in printed
    assert not list(desk.dist.iterdir())


def test_cleaning_takes_away_what_builds_of_any_version_have_left(desk: Desk) -> None:
    hatchling = (desk.python, "-m", "hatchling", "build", "-t")
    desk.run(*hatchling, "wheel", "-t", "multiplat")
    (built,) = desk.dist.glob("*.pex")
    foreign = desk.dist / "frontendteps-1.0.pex"
    for path in (foreign, built.with_name(f"{built.name.rpartition('-')[0]}-0.1.pex")):
        path.write_text("", "utf-8")
    desk.run(*hatchling, "wheel", "--clean-only")
    assert list(desk.dist.iterdir()) == [foreign]
    desk.run(*hatchling, "multiplat")
    assert sorted(desk.dist.iterdir()) == sorted([foreign, built])
    desk.run(*hatchling, "multiplat", "--clean-only")
    assert list(desk.dist.iterdir()) == [foreign]
    # Cleaning up after the hooks leaves what they are for.
    desk.run(*hatchling, "wheel", "--clean-hooks-after")
    assert built.is_file()


def test_the_command_line_tells_kinds_of_errors_apart(desk: Desk) -> None:
    command = (desk.python, "-m", "hatch_multiplat", "build", "--wheel")
    wheel = make_wheel(desk.project / "w", "frontend", requires=["nowhere-to-be-found"])
    assert "nowhere-to-be-found" in desk.run(*command, wheel, code=5)
    (desk.project / "pyproject.toml").write_text("[project]\n", "utf-8")
    assert "no such table in pyproject.toml" in desk.run(*command, wheel, code=2)
    (desk.project / "pyproject.toml").write_text("[project\n", "utf-8")
    assert "is not TOML" in desk.run(*command, wheel, code=2)
