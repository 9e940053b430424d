"""The variables that uv's own source lists, each of which has a place in our tables."""

from __future__ import annotations

import re

import pytest

from tests.peers.sdists import read_sdist
from tests.support.tool_settings import UV_VARIABLES, UV_VARIABLES_WITHOUT_CONCERN

pytestmark = [pytest.mark.network, pytest.mark.slow]


def test_every_variable_of_uv_is_in_a_table() -> None:
    (source,) = read_sdist("uv", r"uv-static/src/env_vars\.rs$").values()
    found = re.findall(
        r"((?:^ +(?:///|#\[).*\n)+) +pub const (UV_[A-Z0-9_]+): ", source, re.MULTILINE
    )
    public = {name for above, name in found if "attr_hidden" not in above}
    assert len(public) > 120
    assert public - UV_VARIABLES.keys() - UV_VARIABLES_WITHOUT_CONCERN == set()
