"""`hatch-multiplat build` where it differs from the other doors: the wheel aside, and its words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from hatch_multiplat.base.errors import CoverageError, ToolError
from hatch_multiplat.frontends.cli import main
from tests.support.caches import make_cache
from tests.support.project import make_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeFile
    from tests.support.index_server import IndexServer
    from tests.support.project import ProjectFolder

pytestmark = pytest.mark.usefixtures("plain_network", "uv_cache")


@pytest.fixture
def project(
    index_server: IndexServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ProjectFolder:
    monkeypatch.setenv("HATCH_MULTIPLAT_CACHE", make_cache(tmp_path / "cache"))
    monkeypatch.setenv("UV_DEFAULT_INDEX", index_server.index_url)
    index_server.add_wheel("pure")
    table = {"platforms": ["linux-x86_64"], "python": ["3.12"]}
    url = index_server.index_url
    project = make_project(tmp_path, index_url=url, requires=["pure"], table=table)
    project.wheel.rename(project.root / project.wheel.name)
    return project


def build(project: ProjectFolder, *words: str) -> tuple[int, str]:
    """Run the command; returns its exit code, and what it said to people."""
    result = CliRunner().invoke(main, ["build", str(project.root), *words])
    return result.exit_code, result.stderr


@pytest.mark.parametrize("words", [(), ("--quiet",), ("--json",)])
def test_only_a_build_that_is_not_quiet_tells_of_what_it_fetches(
    project: ProjectFolder, words: tuple[str, ...]
) -> None:
    wheel = project.root / project.wheel.name
    code, said = build(project, "--wheel", str(wheel), *words)
    assert (code, "Fetching 1 file" in said) == (0, not words), said
    assert not (words and said)


def test_a_build_requirement_that_is_nowhere_is_an_error_that_says_where_to_put_it(
    project: ProjectFolder,
) -> None:
    path = project.root / "pyproject.toml"
    system = '[build-system]\nrequires = ["nowhere"]\nbuild-backend = "nowhere"\n'
    path.write_text(system + path.read_text("utf-8"), "utf-8")
    code, said = build(project)
    assert code == ToolError.exit_code
    assert "nowhere was not found" in said
    assert "set UV_FIND_LINKS to a folder with the missing packages" in said
    assert "hatch-multiplat build --wheel FILE" in said


def test_a_backend_that_fails_has_no_hint_about_what_it_requires(project: ProjectFolder) -> None:
    path = project.root / "pyproject.toml"
    system = '[build-system]\nrequires = []\nbuild-backend = "broken"\nbackend-path = ["."]\n'
    path.write_text(system + path.read_text("utf-8"), "utf-8")
    (project.root / "broken.py").write_text("raise RuntimeError('out of order')\n", "utf-8")
    code, said = build(project)
    assert code == ToolError.exit_code
    assert "out of order" in said
    assert "UV_FIND_LINKS" not in said


def test_gaps_are_printed_as_json_each_by_itself(
    project: ProjectFolder, index_server: IndexServer, make_wheel: MakeFile
) -> None:
    index_server.remove(make_wheel("pure"))
    index_server.add_native("pure", "2.0", "win_amd64")
    wheel = project.root / project.wheel.name
    command = ["build", str(project.root), "--wheel", str(wheel), "--json"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == CoverageError.exit_code
    found = json.loads(result.stdout)
    assert found["error"]["exit_code"] == CoverageError.exit_code
    (package,) = found["packages"]
    assert [(package["name"], missing_wheel["target"]) for missing_wheel in package["gaps"]] == [
        ("pure", "cp312-manylinux_2_28_x86_64")
    ]
