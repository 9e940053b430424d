from __future__ import annotations

from pathlib import Path

import pytest

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.resolve.project import added_requirements, make_project, open_project


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


def test_a_byte_order_mark_is_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"\xef\xbb\xbf[project]\n")
    with pytest.raises(ConfigError, match="it begins with a byte order mark; save it as UTF-8"):
        open_project(tmp_path)
