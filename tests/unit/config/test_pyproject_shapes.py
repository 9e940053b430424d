from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.config.config import known_keys
from hatch_multiplat.config.pyproject_shapes import (
    check_pyproject,
    check_uv_table,
    misplaced_options,
)
from hatch_multiplat.frontends.cli import main
from hatch_multiplat.index.project_settings import read_bindings, read_settings, read_sources
from hatch_multiplat.index.user_settings import read_user_table
from hatch_multiplat.resolve.project import make_project


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        pytest.param("project = 3", ["project must be a table (got int)"], id="no table"),
        pytest.param("tool = []", ["tool must be a table (got array)"], id="tool"),
        pytest.param("build-system = 3", ["build-system must be a table (got int)"], id="build"),
        pytest.param(
            "[project]\nname = 3\ndependencies = [5]",
            [
                "project.name must be a string (got int)",
                "project.dependencies[0] must be a string (got int)",
            ],
            id="two mistakes",
        ),
        pytest.param(
            "[project.optional-dependencies]\nfast = 'a'",
            ["project.optional-dependencies.fast must be an array (got str)"],
            id="an extra",
        ),
        pytest.param(
            "[dependency-groups]\ndev = true",
            ["dependency-groups.dev must be an array (got bool)"],
            id="a group",
        ),
        pytest.param("[tool]\nuv = 1", ["tool.uv must be a table (got int)"], id="uv"),
        pytest.param(
            "[tool.uv.sources]\na = 'b'\nc = [3]\nd = {path = 1}",
            [
                "tool.uv.sources.a must be a table (got str)",
                "tool.uv.sources.c[0] must be a table (got int)",
                "tool.uv.sources.d.path must be a string (got int)",
            ],
            id="sources",
        ),
        pytest.param(
            "[[tool.uv.index]]\nname = 1\n[[tool.uv.dependency-metadata]]\nversion = 'x'",
            [
                "tool.uv.index[0].name must be a string (got int)",
                "tool.uv.dependency-metadata[0].version: 'x' is not a version",
            ],
            id="indexes and metadata",
        ),
    ],
)
def test_every_value_of_another_shape_is_named(text: str, messages: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        check_pyproject(tomllib.loads(text))
    assert list(caught.value.problems) == messages


def test_what_the_specifications_allow_is_no_mistake() -> None:
    check_pyproject(
        tomllib.loads("""\
[project]
dynamic = ["version"]
dependencies = ["rich"]
[project.optional-dependencies]
fast = []
[dependency-groups]
dev = ["ruff", {include-group = "test"}]
[tool.uv]
find-links = "wheels"
extra-index-url = ["https://index.test/simple"]
sources = {a = {workspace = true}, b = [{index = "x", marker = "os_name == 'nt'"}]}
index = [{url = "https://index.test/simple", explicit = true}]
""")
    )


def test_a_project_is_not_made_of_other_shapes() -> None:
    pyproject = {"project": {"dynamic": 3}, "tool": {"multiplat": {"platforms": ["linux-x86_64"]}}}
    with pytest.raises(ConfigError, match=r"project\.dynamic must be an array"):
        make_project(Path("demo"), pyproject)


def test_settings_in_files_of_their_own_are_looked_at_too(tmp_path: Path) -> None:
    settings = tmp_path / "uv.toml"
    settings.write_text("index-url = 5\n", encoding="utf-8")
    message = r"uv\.toml\.index-url must be a string \(got int\)"
    with pytest.raises(ConfigError, match=message):
        read_settings(tmp_path, {})
    with pytest.raises(ConfigError, match=message):
        read_user_table({"UV_CONFIG_FILE": str(settings)})
    settings.unlink()
    (tmp_path / "pyproject.toml").write_text("[tool.uv]\nworkspace = 3\n", encoding="utf-8")
    member = tmp_path / "member"
    member.mkdir()
    with pytest.raises(ConfigError, match=r"tool\.uv\.workspace must be a table"):
        read_sources(member, {})


def test_the_folder_of_a_dependency_is_named_with_what_is_wrong_there(tmp_path: Path) -> None:
    member = tmp_path / "member"
    member.mkdir()
    path = member / "pyproject.toml"
    path.write_text("[project]\ndependencies = 3\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_bindings(tmp_path, {"member": {"path": "member"}}, {canonicalize_name("member")})
    assert caught.value.problems == (f"{path}: project.dependencies must be an array (got int)",)


@pytest.mark.parametrize(
    ("words", "text", "message"),
    [
        pytest.param(["init"], "project = 3", "project must be a table", id="init"),
        pytest.param(["verify", "pyproject.toml"], "tool = 3", "tool must be a table", id="verify"),
        pytest.param(
            ["verify", "pyproject.toml"],
            "[tool]\nmultiplat = 3",
            "tool.multiplat: no such table",
            id="our table",
        ),
    ],
)
def test_commands_that_read_one_table_alone_look_at_the_shapes_too(
    words: list[str], text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pyproject.toml").write_text(f"{text}\n", encoding="utf-8")
    result = CliRunner().invoke(main, words)
    assert message in result.output
    assert isinstance(result.exception, SystemExit)


def test_a_file_that_is_not_of_uv_at_all_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^/etc/uv/uv\.toml\.pip must be a table"):
        check_uv_table({"pip": 3}, "/etc/uv/uv.toml")


@pytest.mark.parametrize(
    ("text", "hatch_toml", "places"),
    [
        pytest.param(
            "[tool.hatch.build.hooks.multiplat]\nplatforms = []\nlayuot = 1\n[tool.multiplat]",
            "",
            [
                "tool.hatch.build.hooks.multiplat.platforms",
                "tool.hatch.build.hooks.multiplat.layuot",
            ],
            id="the hook, with our own table there as well",
        ),
        pytest.param(
            "[tool.hatch.build.targets.wheel.hooks.multiplat]\noutput = 'x'\n"
            "[tool.hatch.build.targets.multiplat]\nlock = 'x'\nexclude = ['*.txt']",
            "",
            [
                "tool.hatch.build.targets.wheel.hooks.multiplat.output",
                "tool.hatch.build.targets.multiplat.lock",
            ],
            id="build targets",
        ),
        pytest.param(
            "[tool.hatch.multiplat]\nplatforms = []",
            "",
            ["tool.hatch.multiplat"],
            id="below hatch",
        ),
        pytest.param(
            "",
            "[build.hooks.multiplat]\npython = []",
            ["hatch.toml: build.hooks.multiplat.python"],
            id="hatch.toml",
        ),
        pytest.param(
            "[tool.hatch.build.hooks.multiplat]\nenable-by-default = false\ndependencies = ['x']\n"
            "require-runtime-dependencies = true\nrequire-runtime-features = []",
            "[build]\nhooks = 3",
            [],
            id="what is Hatch's",
        ),
    ],
)
def test_options_in_a_table_of_hatch_are_sent_to_ours(
    text: str, hatch_toml: str, places: list[str]
) -> None:
    messages = [f"{place} belongs in [tool.multiplat]; move it there" for place in places]
    if places == ["tool.hatch.multiplat"]:
        messages = ["tool.hatch.multiplat is not read; did you mean [tool.multiplat]?"]
    found = misplaced_options(tomllib.loads(text), tomllib.loads(hatch_toml), known_keys())
    assert found == messages


def test_a_project_with_options_in_the_table_of_the_hook_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "hatch.toml").write_text("[build.hooks.multiplat]\nlock = 'x'\n", "utf-8")
    with pytest.raises(ConfigError, match=r"hatch\.toml: build\.hooks\.multiplat\.lock belongs"):
        make_project(tmp_path, {"tool": {"multiplat": {"platforms": ["linux-x86_64"]}}})
