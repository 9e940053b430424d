from __future__ import annotations

from hatch_multiplat.config.tool_settings import settings_without_effect
from tests.support.tool_settings import (
    PAGE,
    PIP_SETTINGS,
    PIP_WITHOUT_CONCERN,
    UV_SETTINGS,
    UV_VARIABLES,
    UV_VARIABLES_WITHOUT_CONCERN,
    UV_WITHOUT_CONCERN,
    render_page,
)


def test_a_setting_is_in_one_table() -> None:
    assert not UV_SETTINGS.keys() & UV_WITHOUT_CONCERN
    assert not UV_VARIABLES.keys() & UV_VARIABLES_WITHOUT_CONCERN
    assert not PIP_SETTINGS.keys() & PIP_WITHOUT_CONCERN


def test_what_has_no_effect_is_told_with_where_it_is_set() -> None:
    told = settings_without_effect(
        ("tool.uv.", {"no-sources": True, "index-url": "x", "pip": {"no-deps": True}}),
        ("the user's settings for uv: ", {"native-tls": True, "link-mode": "copy"}),
        environ={"UV_TORCH_BACKEND": "cpu", "PIP_PROXY": "a.test", "PIP_PRE": "0"},
        pip_config={"proxy": "b.test", "trusted-host": "a.test", "index-url": "x"},
    )
    assert [sentence.partition(" has no effect here: ")[0] for sentence in told] == [
        "tool.uv.pip.no-deps",
        "tool.uv.no-sources",
        "the user's settings for uv: native-tls",
        "UV_TORCH_BACKEND",
        "PIP_PROXY",
        "pip's trusted-host",
    ]


def test_what_counts_and_what_is_off_is_not_told() -> None:
    tables = ("tool.uv.", {"index-url": "x", "no-sources": False, "environments": ["a"]})
    told = settings_without_effect(tables, environ={"PIP_PRE": "no"}, pip_config={"pre": "false"})
    assert list(told) == []


def test_the_page_of_the_documentation_is_made_from_the_tables() -> None:
    """`python -m tests.support.tool_settings` writes it anew."""
    assert PAGE.read_text("utf-8") == render_page()
