from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement

from hatch_multiplat.base.errors import ConfigError, ExecutableError
from hatch_multiplat.base.urls import Credentials
from hatch_multiplat.resolve.project import (
    added_requirements,
    make_project,
    open_project,
    read_wheel,
    static_metadata,
    without_credentials,
)


@pytest.mark.parametrize("name", ["multiplatt", "multi-plat", "hatch-multiplat"])
def test_a_table_of_nearly_the_right_name_is_pointed_at(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_project(Path("demo"), {"tool": {"ruff": {}, name: {}}})
    assert str(caught.value) == (
        "tool.multiplat: no such table in pyproject.toml; "
        f"there is [tool.{name}], did you mean [tool.multiplat]?"
    )


@pytest.mark.parametrize("tool", [{}, {"poetry": {}, "multitool": {}}, {"multiplat": 1}])
def test_where_no_name_is_near_a_command_adds_the_table(tool: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="add one with: hatch-multiplat init"):
        make_project(Path("demo"), {"tool": tool})


@pytest.mark.parametrize(
    ("groups", "messages"),
    [
        pytest.param(
            {"dev-tools": ["ruff", "bad req !!", {"x": 1}]},
            [
                (
                    "[dependency-groups] 'dev-tools': 'bad req !!' is not a requirement: "
                    "Expected semicolon (after name with no version specifier) or end"
                ),
                "[dependency-groups] 'dev-tools': Invalid dependency group item: {'x': 1}",
            ],
            id="two entries",
        ),
        pytest.param(
            {"dev-tools": [{"include-group": "nope"}]},
            ["[dependency-groups] 'dev-tools': Dependency group 'nope' not found"],
            id="no such group",
        ),
    ],
)
def test_every_mistake_in_a_dependency_group_is_told(
    groups: dict[str, object], messages: list[str]
) -> None:
    table = {"platforms": ["linux-x86_64"], "dependency-groups": ["dev-tools"]}
    project = make_project(
        Path("demo"), {"dependency-groups": groups, "tool": {"multiplat": table}}
    )
    with pytest.raises(ConfigError) as caught:
        added_requirements(project)
    assert list(caught.value.problems) == messages


def test_every_requirement_that_is_none_is_told_with_its_place() -> None:
    project = {
        "name": "demo",
        "dependencies": ["rich", "lxml>>5"],
        "optional-dependencies": {"fast": ["!"]},
    }
    table = {"multiplat": {"platforms": ["linux-x86_64"], "python": ["3.12"]}}
    with pytest.raises(ConfigError) as caught:
        static_metadata(make_project(Path("demo"), {"project": project, "tool": table}))
    assert caught.value.problems == (
        (
            "project.dependencies[1]: 'lxml>>5' is not a requirement: "
            "Expected semicolon (after name with no version specifier) or end"
        ),
        (
            "project.optional-dependencies.fast[0]: '!' is not a requirement: "
            "Expected package name at the start of dependency specifier"
        ),
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("demo.whl", b"", "{path}: Invalid wheel filename (wrong number of parts): 'demo'"),
        (
            "demo-1.0-py3-none-any.whl",
            None,
            "{path} cannot be read as a wheel: No such file or directory; correct the path",
        ),
        (
            "demo-1.0-py3-none-any.whl",
            b"text",
            (
                "demo-1.0-py3-none-any.whl cannot be installed: it cannot be read: "
                "File is not a zip file; build it anew"
            ),
        ),
    ],
)
def test_the_projects_own_wheel_is_one(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ExecutableError) as caught:
        read_wheel(path)
    assert str(caught.value).startswith(message.format(path=path))


def test_a_login_that_a_wheel_requires_is_written_as_urls_have_it() -> None:
    requirement = Requirement("lib @ https://ada:s/3cret@files.test/lib-1.0-py3-none-any.whl")
    with pytest.raises(ConfigError) as caught:
        without_credentials(requirement, Credentials())
    assert str(caught.value).startswith("lib: ")
    assert "percent-encoded" in str(caught.value)
    assert "3cret" not in str(caught.value)


def test_a_byte_order_mark_is_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"\xef\xbb\xbf[project]\n")
    with pytest.raises(ConfigError, match="it begins with a byte order mark; save it as UTF-8"):
        open_project(tmp_path)
