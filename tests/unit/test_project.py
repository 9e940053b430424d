from __future__ import annotations

from pathlib import Path

import pytest

from hatch_multiplat.errors import ConfigError
from hatch_multiplat.project import make_project


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
