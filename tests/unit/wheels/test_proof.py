from __future__ import annotations

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from hatch_multiplat.base.errors import VerificationError
from hatch_multiplat.resolve.lock_file import name_renewal
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.proof import prove_selections, read_requirements
from hatch_multiplat.wheels.selection import Selection, WheelSet


@pytest.mark.parametrize(
    ("renewal", "to_do"),
    [
        (
            name_renewal("pylock.multiplat.toml"),
            "renew pylock.multiplat.toml with: hatch-multiplat lock; if",
        ),
        (name_renewal("../uv.lock"), "renew ../uv.lock with: uv lock; if"),
        ("", "if"),
    ],
)
def test_an_incomplete_set_names_the_command_that_renews_its_lock(renewal: str, to_do: str) -> None:
    required = read_requirements([Requirement("one")], requires_python=SpecifierSet(), uv_table={})
    selection = Selection(
        target=Target.parse("cp312-win_amd64"), sets=(WheelSet(from_patch=0, wheels=()),)
    )
    with pytest.raises(VerificationError) as caught:
        prove_selections([selection], {}, required, renewal=renewal)
    assert f"\nto do: {to_do} a version is meant" in str(caught.value)
