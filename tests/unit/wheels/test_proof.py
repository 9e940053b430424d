"""The proof that a target's set is complete, and every way in which it is not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from hatch_multiplat.base.errors import VerificationError
from hatch_multiplat.resolve.lock_file import name_renewal
from hatch_multiplat.targets.python import EVERY, Spans
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.metadata import WheelTexts
from hatch_multiplat.wheels.proof import (
    Requirements,
    find_problems,
    find_refused_by_python,
    narrow_selections,
    prove_selections,
    read_requirements,
    render_problems,
)
from hatch_multiplat.wheels.selection import Selection, WheelSet, parse_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LINUX = Target.parse("cp312-manylinux_2_28_x86_64")
WINDOWS = Target.parse("cp312-win_amd64")
MAC = Target.parse("cp311-macosx_13_0_arm64")

Wheels = dict[str, list[str]]
"""File names (the end may be left out where it is py3-none-any) to Requires-Dist."""

APP: Wheels = {"app-1.0": ["lib>=1"], "lib-1.5": []}


def full(name: str) -> str:
    return name if name.endswith(".whl") else f"{name}-py3-none-any.whl"


def select(target: Target, *sets: tuple[int, Sequence[str]]) -> Selection:
    return Selection(
        target=target,
        sets=tuple(
            WheelSet(
                from_patch=patch,
                wheels=tuple(parse_wheel(full(name), "", {}) for name in sorted(names)),
            )
            for patch, names in sets
        ),
    )


def prove(
    wheels: Mapping[str, Sequence[str]],
    *selections: Selection,
    roots: Sequence[str] = ("app==1.0",),
    overrides: Sequence[str] = (),
    excluded: Sequence[str] = (),
    requires_python: str = "",
    metadata: Sequence[Mapping[str, Any]] = (),
    bounds: Mapping[str, str] | None = None,
) -> list[tuple[str, str]]:
    found = find_problems(
        selections or [select(LINUX, (0, list(wheels)))],
        {
            full(name): WheelTexts(
                requires=tuple(map(Requirement, texts)),
                requires_python=SpecifierSet((bounds or {}).get(name, "")),
            )
            for name, texts in wheels.items()
        },
        read_requirements(
            map(Requirement, roots),
            requires_python=SpecifierSet(requires_python),
            uv_table={
                "override-dependencies": overrides,
                "exclude-dependencies": excluded,
                "dependency-metadata": metadata,
            },
        ),
    )
    return [(fault.kind, fault.reason) for fault in found]


def test_a_set_that_has_all_it_requires_is_proven() -> None:
    assert prove(APP) == []


def test_what_a_wheel_requires_and_is_not_there_is_missing() -> None:
    assert prove({"app-1.0": ["lib>=1"]}) == [
        ("missing", "app 1.0 requires 'lib>=1'; it is missing")
    ]


def test_the_program_itself_has_to_be_there() -> None:
    assert prove({"lib-1.5": []}) == [
        ("missing", "the executable requires 'app==1.0'; it is missing")
    ]


def test_a_version_that_does_not_fit_is_named_with_who_wants_another() -> None:
    assert prove({"app-1.0": ["lib>=2"], "lib-1.5": []}) == [
        ("version", "app 1.0 requires 'lib>=2'; it is 1.5")
    ]


def test_a_locked_prerelease_fits_as_it_was_chosen_before() -> None:
    assert prove({"app-1.0": ["lib>=1"], "lib-2.0b1": []}) == []


def test_two_versions_in_one_set_are_a_fault() -> None:
    (fault,) = prove({**APP, "lib-1.6": []})
    assert fault == (
        "twice",
        "there is more than one: lib-1.5-py3-none-any.whl and lib-1.6-py3-none-any.whl",
    )


def test_a_wheel_of_another_platform_is_a_fault_where_it_lies() -> None:
    name = "lib-1.5-cp312-cp312-win_amd64.whl"
    wheels: Wheels = {"app-1.0": ["lib"], name: []}
    ((kind, reason),) = prove(
        wheels, select(LINUX, (0, list(wheels))), select(WINDOWS, (0, list(wheels)))
    )
    assert kind == "wheel"
    assert reason.startswith(f"{name} does not fit: ")


@pytest.mark.parametrize(
    ("marker", "missing"),
    [
        pytest.param("sys_platform == 'win32'", False, id="another platform's"),
        pytest.param("sys_platform == 'linux'", True, id="this platform's"),
        pytest.param("python_version < '3.12'", False, id="an older Python's"),
        pytest.param("platform_release >= '5'", True, id="cannot be known ahead"),
        pytest.param(
            "platform_release >= '5' and os_name == 'nt'", False, id="partly known, and false"
        ),
        pytest.param("extra == 'fast'", False, id="an extra that nobody asks for"),
        pytest.param("python_full_version < '3.12.4'", True, id="some patch releases'"),
        pytest.param("platform_machine > 'a'", False, id="compares what cannot be compared"),
    ],
)
def test_a_requirement_counts_where_its_marker_can_hold(marker: str, missing: bool) -> None:  # noqa: FBT001
    assert bool(prove({"app-1.0": [f"lib ; {marker}"]})) == missing


def test_a_patch_releases_own_set_is_what_counts_there() -> None:
    """The older patch releases need a backport, the newer ones do not have it."""
    wheels: Wheels = {"app-1.0": ["backport ; python_full_version < '3.12.4'"], "backport-1.0": []}
    right = select(LINUX, (0, ["app-1.0", "backport-1.0"]), (4, ["app-1.0"]))
    wrong = select(LINUX, (0, ["app-1.0", "backport-1.0"]), (3, ["app-1.0"]))
    assert prove(wheels, right) == []
    assert [kind for kind, _ in prove(wheels, wrong)] == ["missing"]


def test_a_target_of_one_patch_release_is_proven_for_that_one() -> None:
    target = Target.parse("cp3.12.7-manylinux_2_28_x86_64")
    wheels: Wheels = {"app-1.0": ["backport ; python_full_version < '3.12.4'"]}
    assert prove(wheels, select(target, (0, ["app-1.0"]))) == []


def test_patch_releases_that_the_program_does_not_admit_prove_nothing() -> None:
    wheels: Wheels = {"app-1.0": ["backport ; python_full_version < '3.12.4'"]}
    assert prove(wheels, requires_python=">=3.12.4") == []
    assert len(prove(wheels, requires_python=">=3.12.3")) == 1


def test_a_target_that_the_program_does_not_admit_at_all_is_a_fault() -> None:
    """Nothing is walked there, so that nothing else could be wrong."""
    assert prove({"app-1.0": ["missing"]}, requires_python="<3.12") == [
        ("python", "the executable requires Python '<3.12', which leaves out 3.12")
    ]


def test_a_pinned_patch_release_that_the_program_does_not_admit_is_a_fault() -> None:
    target = Target.parse("cp3.12.7-manylinux_2_28_x86_64")
    selection = select(target, (0, ["app-1.0"]))
    assert prove({"app-1.0": []}, selection, requires_python=">=3.12.7") == []
    assert prove({"app-1.0": []}, selection, requires_python=">=3.12.8") == [
        ("python", "the executable requires Python '>=3.12.8', which leaves out 3.12.7")
    ]


def test_a_wheel_whose_requires_python_keeps_the_target_out_is_a_fault() -> None:
    assert prove(APP, bounds={"lib-1.5": ">=3.8,<3.12"}) == [
        ("python", "1.5 requires Python '<3.12,>=3.8', which leaves out 3.12")
    ]
    assert prove(APP, bounds={"lib-1.5": ">=3.8,<4"}) == []


def test_patch_releases_that_a_wheel_refuses_are_named_where_the_target_is_for_them() -> None:
    bounds = {"lib-1.5": "!=3.12.0,!=3.12.3"}
    selection = select(LINUX, (0, list(APP)))
    assert prove(APP, selection, bounds=bounds) == [
        ("python", "1.5 requires Python '!=3.12.0,!=3.12.3', which leaves out 3.12.0, 3.12.3")
    ]
    narrowed = replace(selection, patches=((1, 3), (4, None)))
    assert prove(APP, narrowed, bounds=bounds) == []


def test_only_patch_releases_whose_set_has_a_wheel_are_kept_out_by_it() -> None:
    wheels: Wheels = {"app-1.0": [], "old-1.0": []}
    selection = select(LINUX, (0, list(wheels)), (4, ["app-1.0"]))
    assert prove(wheels, selection, bounds={"old-1.0": "<3.12.4"}) == []
    ((_, reason),) = prove(wheels, selection, bounds={"old-1.0": "<3.12.3"})
    assert reason.endswith("which leaves out 3.12.3")


@pytest.mark.parametrize(
    ("entry", "faulty"),
    [
        pytest.param({"name": "lib", "version": "1.5"}, False, id="says nothing of Python"),
        pytest.param({"name": "lib", "requires-python": ">=3.8"}, False, id="admits it"),
        pytest.param({"name": "lib", "requires-python": "<3.11"}, True, id="refuses it too"),
        pytest.param({"name": "lib", "version": "1.4"}, True, id="of another version"),
    ],
)
def test_a_users_word_on_the_python_of_a_package_stands_before_its_own(
    entry: dict[str, str], *, faulty: bool
) -> None:
    found = prove(APP, bounds={"lib-1.5": "<3.12"}, metadata=[entry])
    assert [kind for kind, _ in found] == ["python"] * faulty


def test_extras_bring_their_requirements_through_others_and_around_circles() -> None:
    wheels: Wheels = {
        "app-1.0": ["app[fast] ; extra == 'all'", "app[all] ; extra == 'fast'"],
        "lib-1.5": ["speed ; extra == 'c'"],
    }
    wheels["app-1.0"].append("lib[C] ; extra == 'fast'")
    assert prove(wheels) == []
    assert prove(wheels, roots=["app[all]==1.0"]) == [
        ("missing", "lib 1.5 requires 'speed; extra == \"c\"'; it is missing")
    ]


def test_an_override_takes_the_place_of_every_requirement() -> None:
    wheels: Wheels = {"app-1.0": ["lib>=2"], "lib-1.5": []}
    assert prove(wheels, overrides=["lib==1.5"]) == []
    assert prove(wheels, overrides=["lib==1.4"]) == [
        ("version", "app 1.0 requires 'lib==1.4'; it is 1.5")
    ]
    assert prove({"app-1.0": ["lib>=2"]}, overrides=["lib ; os_name == 'nt'"]) == []


def test_an_excluded_project_may_be_missing() -> None:
    assert prove({"app-1.0": ["Lib_X"]}, excluded=["lib.x"]) == []


@pytest.mark.parametrize(
    ("metadata", "faults"),
    [
        pytest.param([], ["lib"], id="the wheel's own word"),
        pytest.param([{"name": "APP"}], [], id="nothing, by name"),
        pytest.param([{"name": "app", "version": "1"}], [], id="by name and version"),
        pytest.param([{"name": "app", "version": "2.0"}], ["lib"], id="another version"),
        pytest.param(
            [{"name": "app"}, {"name": "app", "version": "1.0", "requires-dist": ["more"]}],
            ["more"],
            id="the version before the name",
        ),
        pytest.param(
            [{"name": "app", "requires-dist": ["more ; python_full_version >= '3.12.4'", "x>"]}],
            ["more"],
            id="on some patch releases",
        ),
        pytest.param([{"requires-dist": ["more"]}], ["lib"], id="of nobody"),
    ],
)
def test_what_a_user_says_that_a_package_requires_stands_before_its_own_word(
    metadata: list[dict[str, Any]], faults: list[str]
) -> None:
    found = prove({"app-1.0": ["lib"]}, metadata=metadata)
    assert [reason.split("'")[1].split(";")[0].strip() for _, reason in found] == faults


def test_a_wheel_that_tells_nothing_requires_nothing() -> None:
    selection = select(LINUX, (0, ["app-1.0"]))
    required = Requirements(roots=(Requirement("app"),))
    assert find_problems([selection], {}, required) == ()


def test_a_fault_of_every_target_is_told_once() -> None:
    faults = find_problems(
        [select(target, (0, ["app-1.0"])) for target in (LINUX, WINDOWS, MAC)],
        {
            full("app-1.0"): WheelTexts(
                requires=(Requirement("lib"), Requirement("x ; os_name == 'nt'"))
            )
        },
        Requirements(roots=(Requirement("app"),)),
    )
    assert render_problems(faults, total=3) == [
        "lib: app 1.0 requires 'lib'; it is missing",
        "  on all 3 targets",
        "x: app 1.0 requires 'x; os_name == \"nt\"'; it is missing",
        "  on cp312-win_amd64",
    ]


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
    with pytest.raises(VerificationError) as caught:
        prove_selections([select(WINDOWS, (0, []))], {}, required, renewal=renewal)
    assert f"\nto do: {to_do} a version is meant" in str(caught.value)


A, B = "a-1.0-py3-none-any.whl", "b-1.0-py3-none-any.whl"


def narrow(program: str, *, a: str = "", b: str = "", target: str = "cp312") -> Spans:
    """Narrow a target whose releases from 3.12.4 on have no wheel of `b` any more."""
    selection = select(Target.parse(f"{target}-win_amd64"), (0, [A, B]), (4, [A]))
    texts = {
        A: WheelTexts(requires_python=SpecifierSet(a)),
        B: WheelTexts(requires_python=SpecifierSet(b)),
    }
    required = Requirements(roots=(), requires_python=SpecifierSet(program))
    (narrowed,) = narrow_selections([selection], texts, required)
    assert narrowed.sets == selection.sets
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
    selection = select(Target.parse(f"{target}-win_amd64"), (0, [A]))
    texts = {A: WheelTexts(requires_python=SpecifierSet(a))}
    required = Requirements(roots=(), requires_python=SpecifierSet(program))
    missing_wheels = find_refused_by_python([selection], texts, required)
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
