"""Requires-Python of the program and of its dependencies, from the build to the start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from hatch_multiplat.base.errors import ConfigError, CoverageError
from hatch_multiplat.executable.reader import read_executable
from hatch_multiplat.frontends.cli import main
from hatch_multiplat.inspection.verification import executable_selections, prove_executable
from hatch_multiplat.resolve.resolver import MAX_ROUNDS
from tests.support.caches import make_cache
from tests.support.project import make_project
from tests.support.wheels import write_backend

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeFile
    from tests.support.index_server import IndexServer
    from tests.support.project import ProjectFolder

pytestmark = pytest.mark.usefixtures("plain_network", "uv_cache")

MAJOR, MINOR, PATCH = sys.version_info[:3]
HERE = f"{MAJOR}.{MINOR}"
TABLE = {"platforms": ["linux-x86_64"], "python": ["3.11", "3.12"]}

Make = Any


@pytest.fixture
def make(index_server: IndexServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    monkeypatch.setenv("HATCH_MULTIPLAT_CACHE", make_cache(tmp_path / "cache"))
    monkeypatch.setenv("UV_DEFAULT_INDEX", index_server.index_url)

    def make(table: dict[str, Any] = TABLE, **wheel: Any) -> ProjectFolder:
        url = index_server.index_url
        return make_project(tmp_path, index_url=url, table=table, **wheel)

    return make


def run(file: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PATH": "/nowhere"}
    return subprocess.run(
        [sys.executable, file], capture_output=True, text=True, env=environ, check=False
    )


def test_a_python_that_only_the_wheel_leaves_out_is_an_error_that_names_the_key(make: Make) -> None:
    with pytest.raises(ConfigError) as caught:
        make(requires_python=">=3.10,<3.12").build()
    assert "\n".join(caught.value.problems) == (
        "tool.multiplat.python[1]: Python 3.12 is not allowed by the Requires-Python of demo 1.0, "
        "'<3.12,>=3.10'; change one of them"
    )


def test_without_the_key_the_wheel_says_which_pythons(make: Make) -> None:
    table = {"platforms": ["linux-x86_64", "windows-x86_64"]}
    report = make(table, requires_python=">=3.10,<3.13").build()
    assert sorted({target.python.tag for target in report.targets}) == ["cp311", "cp312"]
    with pytest.raises(ConfigError, match=r"the Requires-Python of demo 1\.0, '<3\.9' allows no"):
        make(table, requires_python="<3.9").build()


def test_commands_that_have_to_build_the_wheel_to_know_ask_for_its_pythons(
    make: Make, index_server: IndexServer
) -> None:
    index_server.add_wheel("pure")
    table = {"platforms": ["linux-x86_64"], "index-url": index_server.index_url}
    project = make(table, requires_python=">=3.12,<3.13", requires=["pure"])
    project.write(
        table,
        project={"dynamic": ["dependencies", "requires-python"]},
        **{"build-system": write_backend(project.root, project.wheel)},
    )
    found = CliRunner().invoke(main, ["check", str(project.root), "--json"])
    assert found.exit_code == 0, found.output
    (target,) = json.loads(found.stdout)["targets"]
    assert target["name"] == "cp312-manylinux_2_28_x86_64"
    found = CliRunner().invoke(main, ["check", str(project.root), "--python", "3.13"])
    assert found.exit_code == ConfigError.exit_code
    assert "--python: Python 3.13 is not allowed" in found.stderr


def test_a_dependency_whose_newest_version_refuses_a_python_steps_back_there(
    make: Make, index_server: IndexServer
) -> None:
    """uv passes over upper bounds: only the wheel, once it is here, tells of it."""
    index_server.add_wheel("old", "1.0")
    index_server.add_wheel("old", "1.1", requires_python=">=3.8")
    index_server.add_wheel("old", "1.2", requires_python=">=3.8,<3.12")
    index_server.add_wheel("old", "1.3", requires_python=">=3.8,<3.12")
    project = make(requires=["old"])
    built = read_executable(project.dist / project.build().path.rpartition("/")[2])
    assert "Stepping back for versions for this Python: old 1.3 -> 1.1 (1 target)" in project.said
    versions = {
        str(selection.target).partition("-")[0]: str(wheel.version)
        for selection in executable_selections(built)
        for wheel in selection.wheels
        if wheel.name == "old"
    }
    assert versions == {"cp311": "1.3", "cp312": "1.1"}
    assert prove_executable(built, executable_selections(built)) == ()


def test_a_folder_of_wheels_says_nothing_of_pythons_and_each_version_is_tried(
    make: Make, make_wheel: MakeFile, tmp_path: Path
) -> None:
    """However many these are: the limit is for rounds that settle what the names tell."""
    refusing = range(1, MAX_ROUNDS + 2)
    wheels = [make_wheel("old", "1.0")]
    wheels += [make_wheel("old", f"1.{n}", requires_python="<3.12") for n in refusing]
    folder = tmp_path / "wheelhouse"
    folder.mkdir()
    for wheel in wheels:
        wheel.rename(folder / wheel.name)
    project = make({**TABLE, "find-links": [str(folder)]}, requires=["old"])
    project.build()
    assert [line for line in project.said if line.startswith("Stepping")] == [
        f"Stepping back for versions for this Python: old 1.{n} -> 1.{n - 1} (1 target)"
        for n in reversed(refusing)
    ]


def test_a_dependency_that_refuses_a_python_in_all_versions_is_an_error(
    make: Make, index_server: IndexServer
) -> None:
    index_server.add_wheel("old", requires_python=">=3.8,<3.12")
    project = make(requires=["old"])
    with pytest.raises(CoverageError) as caught:
        project.build()
    message = " ".join(str(caught.value).split())
    assert "old 1.0: it requires Python '<3.12,>=3.8', which leaves out 3.12; if that" in message
    assert "correct it in dependency-metadata of [tool.uv] on linux-x86_64" in message
    assert not project.dist.exists()

    entry = {"name": "old", "version": "1.0", "requires-python": ">=3.8"}
    project.write(
        {"index-url": index_server.index_url, **TABLE},
        tool={"uv": {"dependency-metadata": [entry]}},
    )
    built = read_executable(project.dist / project.build().path.rpartition("/")[2])
    assert prove_executable(built, executable_selections(built)) == ()


def test_a_version_that_refuses_a_python_is_not_locked_but_by_the_users_word(
    make: Make, index_server: IndexServer
) -> None:
    index_server.add_wheel("old", requires_python=">=3.8,<3.12")
    project = make(requires=["old"])
    project.write({"index-url": index_server.index_url, **TABLE}, project={"dependencies": ["old"]})
    locked = CliRunner().invoke(main, ["lock", str(project.root)])
    assert locked.exit_code == 4, locked.output
    assert "old 1.0: it requires Python '<3.12,>=3.8', which leaves out 3.12" in locked.output
    assert "on linux-x86_64 (3.12)" in locked.output
    assert "cp311" not in locked.output
    entry = {"name": "old", "version": "1.0", "requires-dist": []}
    uv = {"dependency-metadata": [entry]}
    project.write(
        {"index-url": index_server.index_url, **TABLE},
        project={"dependencies": ["old"]},
        tool={"uv": uv},
    )
    locked = CliRunner().invoke(main, ["lock", str(project.root)])
    assert locked.exit_code == 0, locked.output
    assert project.build().lock


def test_verify_finds_a_python_that_a_file_should_not_be_for(
    make: Make, index_server: IndexServer
) -> None:
    """Its table and its wheels are from a build that heeded no Requires-Python."""
    index_server.add_wheel("old", requires_python=">=3.8,<3.12")
    project = make(requires=["old"])
    entry = {"name": "old", "version": "1.0"}
    project.write(
        {"index-url": index_server.index_url, **TABLE},
        tool={"uv": {"dependency-metadata": [entry]}},
    )
    built = read_executable(project.dist / project.build().path.rpartition("/")[2])
    assert built.table is not None
    before = replace(built, table=replace(built.table, metadata=()))
    (fault,) = prove_executable(before, executable_selections(before))
    assert (fault.kind, fault.name, str(fault.target)) == (
        "python",
        "old",
        "cp312-manylinux_2_28_x86_64",
    )


@pytest.mark.parametrize("layout", ["zipapp", "packed"])
@pytest.mark.parametrize(
    ("program", "dependency", "starts"),
    [
        pytest.param(f">={HERE}.{PATCH}", "", True, id="from this patch release on"),
        pytest.param(f">={HERE}.{PATCH + 1}", "", False, id="from the next one on"),
        pytest.param("", f"!={HERE}.{PATCH}", False, id="a dependency leaves this one out"),
        pytest.param(f"=={HERE}.{PATCH}", f"!={HERE}.{PATCH + 1}", True, id="just this one"),
        pytest.param(f"=={HERE}.{PATCH + 1}", "", False, id="just the next one"),
    ],
)
def test_a_patch_release_that_is_left_out_does_not_start(
    make: Make,
    index_server: IndexServer,
    *,
    program: str,
    dependency: str,
    starts: object,
    layout: str,
) -> None:
    index_server.add_wheel("some", requires_python=dependency or None)
    project = make(
        {"platforms": ["linux-x86_64"], "python": [HERE], "layout": layout},
        requires=["some"],
        requires_python=program or None,
    )
    report = project.build()
    found = run(report.path if layout == "zipapp" else f"{report.path}/__main__.py")
    if starts:
        assert found.stdout == "demo ran\n", found.stderr
    else:
        assert found.returncode != 0
        assert f"this file needs Python {HERE} (" in found.stderr
        assert f"; this is {HERE}.{PATCH}." in found.stderr
    built = read_executable(project.dist / report.path.rpartition("/")[2])
    assert prove_executable(built, executable_selections(built)) == ()


def test_the_wheel_of_another_project_is_an_error(
    make: Make, make_wheel: MakeFile, tmp_path: Path
) -> None:
    project = make()
    project.wheel = make_wheel("upper")
    with pytest.raises(ConfigError) as caught:
        project.build()
    assert caught.value.problems == ("upper-1.0-py3-none-any.whl is a wheel of upper, not of demo",)
    path = project.root / "pyproject.toml"
    text = path.read_text("utf-8")
    path.write_text(text.replace('name = "demo"\n', "").replace('version = "1.0"\n', ""), "utf-8")
    assert project.build().path.endswith("upper-1.0.pex")


def test_a_module_that_no_wheel_has_is_an_error(make: Make) -> None:
    project = make({**TABLE, "entry-point": "dmeo:main"})
    with pytest.raises(ConfigError) as caught:
        project.build()
    (problem,) = caught.value.problems
    assert problem == (
        "tool.multiplat.entry-point: no wheel has a module 'dmeo'; "
        "correct the name, or add the package that has it"
    )
