from __future__ import annotations

from typing import Any

import pytest
from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.resolve.build_context import read_policy

DEMO = canonicalize_name("demo")


@pytest.mark.parametrize(
    ("project", "user", "environ", "pip", "forbids", "flags"),
    [
        pytest.param({}, {}, {}, {}, "", [], id="nothing"),
        pytest.param(
            {"no-build": True}, {}, {}, {}, "tool.uv.no-build", ["--only-binary=:all:"], id="all"
        ),
        pytest.param({"no-build": False}, {}, {}, {}, "", [], id="not at all"),
        pytest.param(
            {"no-build-package": ["Demo"]},
            {},
            {},
            {},
            "tool.uv.no-build-package",
            ["--only-binary=demo"],
            id="by its name",
        ),
        pytest.param(
            {}, {"no-build": True}, {}, {}, "uv.toml.no-build", ["--only-binary=:all:"], id="user"
        ),
        pytest.param(
            {},
            {},
            {"PIP_ONLY_BINARY": "other,demo"},
            {},
            "PIP_ONLY_BINARY",
            ["--only-binary=demo", "--only-binary=other"],
            id="pip's variable",
        ),
        pytest.param(
            {},
            {},
            {},
            {"only-binary": ":all:"},
            "pip's only-binary",
            ["--only-binary=:all:"],
            id="pip's file",
        ),
        pytest.param(
            {}, {}, {"PIP_ONLY_BINARY": ":all:,:none:"}, {}, "", [], id="pip takes it back"
        ),
        pytest.param(
            {"no-binary-package": ["demo"]}, {}, {}, {}, "", ["--no-binary=demo"], id="no wheels"
        ),
        pytest.param(
            {"no-build": True, "no-binary-package": ["demo"]},
            {},
            {},
            {},
            "tool.uv.no-build",
            ["--only-binary=:all:"],
            id="both",
        ),
        pytest.param(
            {"no-binary": True, "no-build-package": ["demo"]},
            {},
            {},
            {},
            "tool.uv.no-build-package",
            ["--only-binary=demo", "--no-binary=:all:"],
            id="no wheels but of one",
        ),
    ],
)
def test_what_may_not_be_built(  # noqa: PLR0917 - each is a column of the table
    project: dict[str, Any],
    user: dict[str, Any],
    environ: dict[str, str],
    pip: dict[str, str],
    forbids: str,
    flags: list[str],
) -> None:
    policy = read_policy(("tool.uv", project), ("uv.toml", user), environ=environ, pip_config=pip)
    assert policy.forbids(DEMO) == forbids
    assert policy.flags() == flags


def test_a_setting_of_a_wrong_shape_is_told_with_its_place() -> None:
    with pytest.raises(ConfigError) as caught:
        read_policy(("tool.uv", {"no-build": "yes"}), environ={}, pip_config={})
    assert caught.value.problems == ("tool.uv.no-build must be a boolean or an array of strings",)


def test_what_is_no_name_is_told_and_not_passed_over() -> None:
    with pytest.raises(ConfigError) as caught:
        read_policy(environ={"UV_NO_BUILD_PACKAGE": "one,two"}, pip_config={})
    assert caught.value.problems == (
        "UV_NO_BUILD_PACKAGE: 'one,two' is not a name of a package; separate names by spaces",
    )
