from __future__ import annotations

import pytest
from packaging.tags import parse_tag

from hatch_multiplat.targets.tag_constraint import (
    TagConstraintError,
    admitted,
    parse_tag_constraint,
)
from hatch_multiplat.targets.target import Target

LINUX = Target.parse("cp312-manylinux_2_28_x86_64")
WINDOWS = Target.parse("cp312-win_amd64")
OLD = Target.parse("cp36-manylinux_2_17_x86_64")


@pytest.mark.parametrize(
    ("text", "words", "version"),
    [
        pytest.param(
            "cryptography[manylinux2014_x86_64, abi3]",
            {"platform": ("manylinux2014_x86_64",), "abi": ("abi3",)},
            None,
            id="platform and abi",
        ),
        pytest.param(
            "pip==1.3.1[manylinux1, cp36, x86_64]",
            {"platform": ("manylinux1",), "python": ("cp36",), "arch": ("x86_64",)},
            "pip==1.3.1",
            id="version before the bracket",
        ),
        pytest.param(
            "pip[cp36]>=1", {"python": ("cp36",)}, "pip>=1", id="version after the bracket"
        ),
        pytest.param("Pkg_A[cp36m]", {"abi": ("cp36m",)}, None, id="abi with a flag"),
        pytest.param("a[cp314t]", {"abi": ("cp314t",)}, None, id="free-threaded"),
        pytest.param("a[py3, none, any]", None, None, id="pure"),
        pytest.param(
            "a[win_amd64, macosx_11_0_arm64]",
            {"platform": ("win_amd64", "macosx_11_0_arm64")},
            None,
            id="two of one kind",
        ),
    ],
)
def test_words_are_told_apart_by_kind(
    text: str, words: dict[str, tuple[str, ...]] | None, version: str | None
) -> None:
    constraint, requirement = parse_tag_constraint(text)
    if words is not None:
        assert dict(constraint.words) == words
    assert (str(requirement) if requirement else None) == version


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a[manylinux20114]", "did you mean 'manylinux2014'?"),
        ("a[cp399]", "'cp399' is not a wheel tag"),
        ("a[standard]", "extras belong into 'requirements'"),
        ("a[cp312, standard]", "'standard' is not a wheel tag"),
        ("a[]", "the bracket is empty"),
        ("a[cp312]; sys_platform == 'linux'", "takes no marker"),
        ("a[cp312][abi3]", "is not of the form"),
        ("[cp312]", "is not a requirement with tags"),
        ("a[win_x64]", "win_x64"),
    ],
)
def test_what_no_index_could_serve_is_a_mistake(text: str, message: str) -> None:
    with pytest.raises(TagConstraintError) as raised:
        parse_tag_constraint(text)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("constraint", "wheel", "fits"),
    [
        ("a[abi3]", "cp39-abi3-manylinux_2_17_x86_64", True),
        ("a[abi3]", "cp312-cp312-manylinux_2_17_x86_64", False),
        ("a[manylinux2014]", "cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64", True),
        ("a[manylinux2014]", "cp312-cp312-manylinux_2_28_x86_64", False),
        ("a[manylinux_2_17, abi3]", "cp39-abi3-manylinux_2_17_x86_64", True),
        ("a[x86_64]", "cp312-cp312-manylinux_2_28_x86_64", True),
        ("a[x86_64]", "py3-none-any", False),
        ("a[any]", "py3-none-any", True),
        ("a[cp312, cp311]", "cp311-abi3-manylinux_2_17_x86_64", True),
    ],
)
def test_a_wheel_fits_when_it_carries_one_of_each_kind(
    constraint: str, wheel: str, *, fits: bool
) -> None:
    parsed, _ = parse_tag_constraint(constraint)
    assert admitted([parsed], "a", parse_tag(wheel), LINUX) is fits
    assert admitted([parsed], "b", parse_tag(wheel), LINUX)


def test_words_of_another_system_or_python_do_not_concern_a_target() -> None:
    parsed, _ = parse_tag_constraint("a[manylinux2014_x86_64, cp36]")
    assert parsed.concerns(OLD)
    assert not parsed.concerns(WINDOWS)
    windows_wheel = parse_tag("cp312-cp312-win_amd64")
    assert admitted([parsed], "a", windows_wheel, WINDOWS)


def test_it_prints_as_it_is_written() -> None:
    parsed, _ = parse_tag_constraint("A[x86_64, abi3]")
    assert str(parsed) == "a[abi3, x86_64]"
    assert parse_tag_constraint(str(parsed))[0] == parsed
