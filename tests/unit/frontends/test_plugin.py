from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from hatch_multiplat.base.errors import ToolError
from hatch_multiplat.frontends.plugin import check_installed


def test_what_is_missing_is_told_with_the_extra_that_brings_it() -> None:
    with pytest.raises(ToolError) as caught:
        check_installed([Requirement("pytest>=1"), Requirement("uv>=9999")])
    assert str(caught.value) == (
        "the build needs uv>=9999, not installed here; "
        "install it with: pip install 'hatch-multiplat[build]'"
    )
