"""Workspaces of uv on disk."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.index.project_settings import find_workspace, read_settings, read_sources

if TYPE_CHECKING:
    from pathlib import Path

ROOT = """\
[project]
name = "root-project"
[tool.uv.workspace]
members = ["packages/*"]
exclude = ["packages/old"]
[tool.uv.sources]
shared = { path = "vendor/shared" }
helper = { path = "vendor/helper" }
"""


def write(folder: Path, text: str) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(text, "utf-8")
    return tomllib.loads(text)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    write(tmp_path, ROOT)
    write(tmp_path / "packages" / "help", '[project]\nname = "The_Helper"\n')
    write(tmp_path / "packages" / "old", '[project]\nname = "old"\n')
    (tmp_path / "packages" / "broken").mkdir()
    (tmp_path / "packages" / "broken" / "pyproject.toml").write_text("[project\n", "utf-8")
    return tmp_path


def sources(folder: Path, text: str) -> dict[str, Any]:
    return read_sources(
        folder, write(folder, f'[project]\nname = "app"\n[tool.uv.sources]\n{text}')
    )


def test_members_have_their_paths_and_the_roots_sources_count(workspace: Path) -> None:
    found = sources(
        workspace / "packages" / "app",
        "the-helper = { workspace = true }\n"
        "root-project = [{ workspace = true, marker = \"os_name == 'nt'\" }, { path = 'x' }]\n"
        "helper = { git = 'https://git.test/helper' }\n",
    )
    assert found == {
        "the-helper": {"path": "../help"},
        "root-project": [{"marker": "os_name == 'nt'", "path": "../.."}, {"path": "x"}],
        "helper": {"git": "https://git.test/helper"},
        "shared": {"path": "../../vendor/shared"},
    }


def test_a_root_is_a_member_of_its_own_workspace(workspace: Path) -> None:
    text = f"{ROOT}the-helper = {{ workspace = true }}\n"
    assert read_sources(workspace, write(workspace, text)) == {
        "shared": {"path": "vendor/shared"},
        "helper": {"path": "vendor/helper"},
        "the-helper": {"path": "packages/help"},
    }


def test_a_member_whose_name_cannot_be_read_is_none(workspace: Path) -> None:
    write(workspace / "packages" / "odd", "project = 3\n")
    write(workspace / "packages" / "odder", "[project]\nname = 3\n")
    found = sources(workspace / "packages" / "app", "the-helper = { workspace = true }\n")
    assert found["the-helper"] == {"path": "../help"}


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        pytest.param("/packages/*", "is absolute; write it from that file's folder", id="absolute"),
        pytest.param("", "is not a pattern for folders: ", id="empty"),
    ],
)
@pytest.mark.parametrize("key", ["members", "exclude"])
def test_a_pattern_that_finds_no_folder_ever_is_named(
    tmp_path: Path, key: str, pattern: str, message: str
) -> None:
    text = f"[tool.uv.workspace]\n{key} = ['good', '{pattern}']\n"
    with pytest.raises(ConfigError) as raised:
        read_sources(tmp_path, write(tmp_path, text))
    (problem,) = raised.value.problems
    path = tmp_path / "pyproject.toml"
    assert problem.startswith(f"{path}: tool.uv.workspace.{key}[1]: '{pattern}' {message}")


@pytest.mark.parametrize("name", ["old", "nobody"])
def test_what_is_no_member_is_not_looked_for_on_an_index(workspace: Path, name: str) -> None:
    with pytest.raises(ConfigError) as raised:
        sources(workspace / "packages" / "app", f"{name} = {{ workspace = true }}\n")
    assert raised.value.problems == (f"tool.uv.sources.{name}: the workspace has no such member",)


def test_without_a_workspace_sources_stay_as_they_are(tmp_path: Path) -> None:
    assert sources(tmp_path / "app", "one = { path = '../one', editable = true }\n") == {
        "one": {"path": "../one", "editable": True}
    }
    assert read_sources(tmp_path / "plain", write(tmp_path / "plain", "")) == {}
    with pytest.raises(ConfigError):
        sources(tmp_path / "app", "one = { workspace = true }\n")


def test_a_member_in_an_sdist_is_told_where_to_build_it(tmp_path: Path) -> None:
    (tmp_path / "PKG-INFO").touch()
    with pytest.raises(ConfigError, match="from the repository: python -m build --wheel"):
        sources(tmp_path, "the-helper = { workspace = true }\n")


def test_the_workspace_above_a_project_is_found(workspace: Path) -> None:
    member = workspace / "packages" / "help"
    pyproject = tomllib.loads((member / "pyproject.toml").read_text("utf-8"))
    assert find_workspace(member, pyproject) == workspace.resolve()
    assert find_workspace(workspace, tomllib.loads(ROOT)) is None


def test_the_roots_folders_of_packages_are_the_roots_wherever_they_are_named(
    workspace: Path,
) -> None:
    table = """
[tool.uv]
index = [{ name = "own", url = "index" }]
[tool.uv.pip]
find-links = ["wheels", "https://own.test/"]
"""
    write(workspace, ROOT + table)
    member = workspace / "packages" / "help"
    settings = read_settings(member, {"project": {"name": "The_Helper"}})
    assert settings["index"] == [{"name": "own", "url": (workspace / "index").as_uri()}]
    assert settings["pip"] == {"find-links": [(workspace / "wheels").as_uri(), "https://own.test/"]}
