"""A project with an extension in C: its own wheels from several machines, in one executable."""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.support.native import PLATFORM_TAGS, PYTHONS, NativeProject, make_native_project

if TYPE_CHECKING:
    from pathlib import Path

HERE = f"cp{sys.version_info.major}{sys.version_info.minor}"

pytestmark = [
    pytest.mark.usefixtures("plain_network"),
    pytest.mark.skipif(sys.platform != "linux", reason="compares the tags of Linux wheels"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler"),
    pytest.mark.skipif(HERE not in PYTHONS, reason="the example is for other Pythons"),
]


@pytest.fixture
def project(tmp_path: Path) -> NativeProject:
    return make_native_project(tmp_path)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this machine, compiled once for all tests that do not watch it being built."""
    return make_native_project(tmp_path_factory.mktemp("compiled")).build_wheel()


def own_wheels(executable: Path) -> set[str]:
    with zipfile.ZipFile(executable) as archive:
        names = {name.rpartition("/")[2] for name in archive.namelist() if ".deps/" in name}
    return {name.removeprefix("count_primes-1.0.0-").removesuffix(".whl") for name in names if name}


def here_and_others(project: NativeProject) -> set[str]:
    """The tags of a full set of wheels, that of this machine compiled here."""
    tag = f"{HERE}-{HERE}-{PLATFORM_TAGS['linux-x86_64']}"
    project.add_wheels(but=[tag])
    others = {f"{python}-{python}-{word}" for python in PYTHONS for word in PLATFORM_TAGS.values()}
    return others - {tag} | {f"{HERE}-{HERE}-linux_x86_64"}


def test_the_command_takes_the_wheels_of_the_globs_alone(
    project: NativeProject, compiled: Path
) -> None:
    expected = here_and_others(project)
    shutil.copy(compiled, project.root / "wheelhouse")
    printed = project.run("hatch-multiplat build")
    assert "Building the wheel" not in printed
    assert own_wheels(project.executable) == expected
    printed = project.run("python dist/count-primes-1.0.0.pex 100")
    assert printed.startswith("25 primes, counted by ")
    assert printed.rstrip().endswith(".so")


def test_the_command_takes_a_wheel_given_beside_those_of_the_globs(
    project: NativeProject, compiled: Path
) -> None:
    expected = here_and_others(project)
    project.run(f"hatch-multiplat build --wheel {compiled} --output-dir dist")
    assert own_wheels(project.executable) == expected


def test_the_hook_takes_the_wheel_it_follows_beside_those_of_the_globs(
    project: NativeProject,
) -> None:
    expected = here_and_others(project)
    project.run("python -m build --wheel --no-isolation")
    assert own_wheels(project.executable) == expected
    assert ".so" in project.run("python dist/count-primes-1.0.0.pex 100")


def test_a_wheel_made_for_others_goes_before_the_one_just_built_for_this_machine(
    project: NativeProject,
) -> None:
    """`linux_x86_64` promises nothing about other machines' glibc, `manylinux_2_28` does."""
    project.add_wheels()
    project.run("python -m build --wheel --no-isolation")
    assert f"{HERE}-{HERE}-linux_x86_64" not in own_wheels(project.executable)
    assert ".so" not in project.run("python dist/count-primes-1.0.0.pex 100")


def test_a_build_from_the_sdist_finds_the_wheels_by_the_variable(project: NativeProject) -> None:
    """`python -m build` builds the wheel where the sdist was unpacked, without a wheelhouse."""
    expected = here_and_others(project)
    build = "python -m build --no-isolation"
    printed = project.run(build, code=1)
    assert "14 of 15 targets cannot be covered" in printed
    assert "no wheel of this project is at wheelhouse/*.whl" in printed
    variable = {"HATCH_MULTIPLAT_PROJECT_WHEELS": str(project.root / "wheelhouse" / "*.whl")}
    project.run(build, environ=variable)
    assert own_wheels(project.executable) == expected


def test_the_targets_that_its_own_wheels_leave_are_named(project: NativeProject) -> None:
    project.add_wheels(but=[f"{python}-{python}-win" for python in PYTHONS])
    printed = project.run("hatch-multiplat build", code=4)
    assert "3 of 15 targets cannot be covered; no executable was written." in printed
    assert 'leave these targets out: exclude = ["*-win_amd64"]' in printed
    assert not project.executable.exists()


def test_check_shows_which_of_its_own_wheels_serves_which_target(project: NativeProject) -> None:
    printed = project.run("hatch-multiplat check")
    assert "The project's own wheel is not built yet for every target." in printed
    project.add_wheels(but=[f"{HERE}-{HERE}-{PLATFORM_TAGS['linux-x86_64']}", "cp312-cp312-win"])
    project.run("hatch-multiplat check --json --html coverage.html > check.json", code=4)
    found = json.loads((project.root / "check.json").read_text("utf-8"))
    (own,) = found["packages"]
    assert own["name"] == "count-primes"
    unbuilt = [cell["target"] for cell in own["wheels"] if cell["kind"] == "unbuilt"]
    assert unbuilt == [f"{HERE}-manylinux_2_28_x86_64"]
    assert [missing_wheel["target"] for missing_wheel in own["gaps"]] == ["cp312-win_amd64"]
    assert "name it in 'project-wheels'" in own["gaps"][0]["to_do"]
    served = {cell["target"]: cell["wheel"] for cell in own["wheels"] if cell["wheel"]}
    assert len(served) == 13
    assert served["cp313-win_amd64"] == "count_primes-1.0.0-cp313-cp313-win_amd64.whl"
    page = (project.root / "coverage.html").read_text("utf-8")
    assert all(wheel in page for wheel in served.values())
    printed = project.run("hatch-multiplat check --markdown", code=4)
    assert "count-primes" in printed
    assert "**PYTHON**" in printed


def test_an_old_wheel_among_them_is_an_error(project: NativeProject) -> None:
    here_and_others(project)
    text = (project.root / "pyproject.toml").read_text("utf-8")
    (project.root / "pyproject.toml").write_text(text.replace("1.0.0", "1.0.1"), "utf-8")
    printed = project.run("python -m build --wheel --no-isolation", code=1)
    assert "do not belong together: version 1.0.0 and 1.0.1" in printed


def test_checksums_cover_the_wheels_that_lie_beside_the_executable(project: NativeProject) -> None:
    project.add_wheels("dist")
    environ = {"HATCH_MULTIPLAT_PROJECT_WHEELS": "dist/*.whl"}
    project.run("hatch-multiplat build --checksums", environ=environ)
    lines = (project.root / "dist" / "SHA256SUMS").read_text("utf-8").splitlines()
    assert len(lines) == len(PYTHONS) * len(PLATFORM_TAGS) + 1
    project.run("sha256sum --check SHA256SUMS", cwd=project.root / "dist")
