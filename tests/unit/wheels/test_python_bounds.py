from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet

from hatch_multiplat.targets.patch_spans import EVERY, Spans
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.python_bounds import find_refused_by_python, narrow_selections
from hatch_multiplat.wheels.selection import Selection, WheelSet, parse_wheel

A, B = "a-1.0-py3-none-any.whl", "b-1.0-py3-none-any.whl"


def narrow(program: str, *, a: str = "", b: str = "", target: str = "cp312") -> Spans:
    """Narrow a target whose releases from 3.12.4 on have no wheel of `b` any more."""
    wheel_a, wheel_b = parse_wheel(A, "", {}), parse_wheel(B, "", {})
    sets = (
        WheelSet(from_patch=0, wheels=(wheel_a, wheel_b)),
        WheelSet(from_patch=4, wheels=(wheel_a,)),
    )
    selection = Selection(target=Target.parse(f"{target}-win_amd64"), sets=sets)
    bounds = {A: SpecifierSet(a), B: SpecifierSet(b)}
    (narrowed,) = narrow_selections([selection], SpecifierSet(program), bounds)
    assert narrowed.sets == sets
    return narrowed.patches


@pytest.mark.parametrize(
    ("program", "a", "b", "patches"),
    [
        pytest.param(">=3.11", ">=3.8,<4", "", EVERY, id="no patch release is named"),
        pytest.param(">=3.12.4", "", "", ((4, None),), id="the program begins with one"),
        pytest.param("==3.12.4", "", "", ((4, 5),), id="the program is for one"),
        pytest.param("", "!=3.12.0,!=3.12.7", "", ((1, 7), (8, None)), id="a wheel refuses some"),
        pytest.param("", "", ">=3.12.2", ((2, None),), id="a wheel of the first releases alone"),
        pytest.param("", "", "!=3.12.6", EVERY, id="one that its releases do not take"),
        pytest.param(
            ">=3.12.2", "<3.12", "!=3.12.3", ((2, 3), (4, None)), id="a wheel refuses all"
        ),
        pytest.param(">=3.12.1", "<3.12.3", ">=3.12.2", ((2, 3),), id="two that differ"),
        pytest.param(">=3.12.1,<3.12.4", "<3.12.3", ">=3.12.3", ((1, 4),), id="two that exclude"),
        pytest.param("<3.12", "", "", EVERY, id="the program refuses all"),
    ],
)
def test_a_target_is_for_the_patch_releases_that_all_admit(
    program: str, a: str, b: str, patches: Spans
) -> None:
    assert narrow(program, a=a, b=b) == patches


def test_one_patch_release_is_no_range() -> None:
    assert narrow(">=3.12.4", target="cp3.12.7") == EVERY


def refused_by_python(program: str, *, a: str, target: str = "cp312") -> list[tuple[str, str]]:
    wheel = parse_wheel(A, "", {})
    selection = Selection(
        target=Target.parse(f"{target}-win_amd64"), sets=(WheelSet(from_patch=0, wheels=(wheel,)),)
    )
    missing_wheels = find_refused_by_python(
        [selection], SpecifierSet(program), {A: SpecifierSet(a)}
    )
    assert all(missing_wheel.target == selection.target for missing_wheel in missing_wheels)
    return [
        (missing_wheel.name, missing_wheel.reason.partition(";")[0])
        for missing_wheel in missing_wheels
    ]


def test_a_wheel_that_leaves_out_all_of_a_target_is_a_gap() -> None:
    said = "it requires Python '<3.12', which leaves out 3.12"
    assert refused_by_python("", a="<3.12") == [("a", said)]
    assert refused_by_python("", a="<3.12", target="cp311") == []


def test_a_wheel_that_leaves_out_some_patch_releases_is_none() -> None:
    assert refused_by_python("", a=">=3.12.4") == []
    assert len(refused_by_python("<3.12.4", a=">=3.12.4")) == 1


def test_what_the_program_leaves_out_is_no_matter_of_its_wheels() -> None:
    assert refused_by_python("<3.12", a="<3.12") == []
