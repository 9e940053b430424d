from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from hatch_multiplat.resolve.question import (
    lowest_python,
    solver_environments,
    stage_pyproject,
)
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.pylock import lock_environment
from tests.unit.targets.test_platforms import platforms
from tests.unit.targets.test_python import pythons

if TYPE_CHECKING:
    from hatch_multiplat.resolve.question import Steps

GLIBC = "manylinux_2_28_x86_64"
MUSL = "musllinux_1_2_x86_64"
ON_LINUX = (
    "sys_platform == 'linux' and platform_machine == 'x86_64' and implementation_name == 'cpython'"
)


def targets(*words: str) -> tuple[Target, ...]:
    return tuple(Target.parse(word) for word in words)


def step(*for_targets: Target, versions: str = "<=1.6", name: str = "pygit2") -> Steps:
    return {(canonicalize_name(name), target): SpecifierSet(versions) for target in for_targets}


def markers(all_targets: tuple[Target, ...]) -> list[str]:
    return [environment.marker for environment in solver_environments(all_targets)]


def office(name: str = "office") -> Target:
    """A 32-bit Python on 64-bit Windows, as its complete-platform file tells of it."""
    data = Target.parse("cp312-win32").to_complete_platform(label="", patch=3)
    data["marker_environment"]["platform_machine"] = "AMD64"
    return Target.from_complete_platform(data, name=name)


def test_a_32_bit_python_on_a_64_bit_system_is_of_both_machines() -> None:
    """uv keeps the wheels of the machines that an environment names, and of no others."""
    on_windows = "sys_platform == 'win32' and "
    rest = "implementation_name == 'cpython' and python_full_version >= '3.12' and "
    machines = " or ".join(f"platform_machine == '{one}'" for one in ("AMD64", "ARM64", "x86"))
    end = "python_full_version < '3.13'"
    each = [f"{on_windows}({machines}) and {rest}{end}"]
    assert markers((office(),)) == each
    others = targets("cp312-win32", "cp312-win_amd64", "cp312-win_arm64")
    assert markers((*others, office())) == each
    assert markers(others) == each
    assert markers(others[1:]) == [
        f"{on_windows}platform_machine == 'AMD64' and {rest}{end}",
        f"{on_windows}platform_machine == 'ARM64' and {rest}{end}",
    ]


def test_minors_that_follow_each_other_share_an_environment() -> None:
    found = targets(f"cp311-{GLIBC}", f"cp312-{GLIBC}", f"cp313-{GLIBC}")

    assert markers(found) == [
        f"{ON_LINUX} and python_full_version >= '3.11' and python_full_version < '3.14'"
    ]


def test_the_order_of_targets_does_not_matter_to_the_runs() -> None:
    found = targets(f"cp313-{GLIBC}", f"cp39-{GLIBC}", f"cp310-{GLIBC}")

    assert markers(found) == [
        f"{ON_LINUX} and python_full_version >= '3.13' and python_full_version < '3.14'",
        f"{ON_LINUX} and python_full_version >= '3.9' and python_full_version < '3.11'",
    ]


def test_targets_that_no_marker_tells_apart_share_an_environment() -> None:
    found = targets(f"cp312-{GLIBC}", f"cp312-{MUSL}", "cp312-manylinux2014_x86_64")

    (environment,) = solver_environments(found)

    assert environment.targets == found
    assert "platform_version" not in environment.marker


def test_a_constraint_on_one_of_them_tells_them_apart_by_their_labels() -> None:
    found = targets(f"cp312-{GLIBC}", f"cp312-{MUSL}")

    environments = solver_environments(found, step(found[0]))

    assert [(one.targets, len(one.constraints)) for one in environments] == [
        ((found[1],), 0),
        ((found[0],), 1),
    ]
    assert environments[0].marker.endswith("platform_version == 'multiplat:linux-x86_64-musl'")
    assert environments[1].marker.endswith("platform_version == 'multiplat:linux-x86_64'")


def test_a_constraint_on_one_minor_splits_a_run_around_it() -> None:
    found = targets(f"cp311-{GLIBC}", f"cp312-{GLIBC}", f"cp313-{GLIBC}")

    environments = solver_environments(found, step(found[1]))

    assert [one.targets for one in environments] == [(found[2],), (found[0],), (found[1],)]


def test_minors_with_the_same_constraint_stay_together() -> None:
    found = targets(f"cp311-{GLIBC}", f"cp312-{GLIBC}", f"cp313-{GLIBC}")

    environments = solver_environments(found, step(found[0], found[1]))

    assert [one.targets for one in environments] == [(found[2],), (found[0], found[1])]


def test_a_pinned_patch_release_beside_its_minor_overlaps_with_nothing() -> None:
    minor, pinned = targets(f"cp311-{GLIBC}", f"cp3.11.3-{GLIBC}")

    assert len(solver_environments([minor, pinned])) == 1
    environments = solver_environments([minor, pinned], step(pinned))
    assert [(one.marker.partition(" and python")[2], one.targets) for one in environments] == [
        ("_full_version >= '3.11' and python_full_version < '3.11.3'", (minor,)),
        ("_full_version >= '3.11.4' and python_full_version < '3.12'", (minor,)),
        ("_full_version >= '3.11.3' and python_full_version < '3.11.4'", (minor, pinned)),
    ]


@given(data=st.data())
def test_every_target_is_in_exactly_one_environment(data: st.DataObject) -> None:
    """At each patch release, and with the label that selection asks by."""
    few = st.lists(st.builds(Target, python=pythons(), platform=platforms()), max_size=2)
    minors = st.sampled_from(["cp311", "cp3.11.3", "cp312", "cp314", "cp314t", "pp311"])
    alike = st.lists(
        st.builds(
            lambda python, tag: Target.parse(f"{python}-{tag}"),
            minors,
            st.sampled_from([GLIBC, MUSL, "manylinux2014_x86_64", "win_amd64"]),
        ),
        min_size=1,
        max_size=6,
    )
    mixed = st.lists(
        st.sampled_from([office(), office("other"), *targets("cp312-win32", "cp311-win_amd64")]),
        max_size=3,
    )
    found = tuple(dict.fromkeys(data.draw(alike) + data.draw(few) + data.draw(mixed)))
    constrained = data.draw(st.lists(st.sampled_from(found), max_size=3))
    steps = {**step(*constrained[::2], name="p0"), **step(*constrained[1::2], name="p1")}

    environments = solver_environments(found, steps)

    for target in found:
        pinned = target.python.patch
        for patch in [pinned] if pinned is not None else [0, 2, 3, 4, 99]:
            values = lock_environment(target, patch)
            fitting = [one for one in environments if Marker(one.marker).evaluate(values)]
            assert len(fitting) == 1, (str(target), patch)
            assert target in fitting[0].targets
            own = {(name, versions) for (name, on), versions in steps.items() if on == target}
            assert own <= fitting[0].constraints


def stage(
    found: tuple[Target, ...], steps: Steps | None = None, **options: object
) -> dict[str, object]:
    values: dict[str, object] = {
        "requirements": [Requirement("rich>=13; sys_platform != 'win32'")],
        "constraints": [Requirement("urllib3<3")],
        "environments": solver_environments(found, steps),
        "requires_python": ">=3.12",
        "uv_table": {},
        "restricted": True,
    } | options
    return tomllib.loads(stage_pyproject(**values))  # type: ignore[arg-type]


def test_the_staged_project_has_what_uv_needs() -> None:
    found = targets(f"cp312-{GLIBC}")
    marker = f"{ON_LINUX} and python_full_version >= '3.12' and python_full_version < '3.13'"

    assert stage(found, step(found[0], versions="!=1.7,<=1.8")) == {
        "project": {
            "name": "multiplat-staged-project",
            "version": "0",
            "requires-python": ">=3.12",
            "dependencies": ['rich>=13; sys_platform != "win32"'],
        },
        "tool": {
            "uv": {
                "constraint-dependencies": ["urllib3<3", f"pygit2!=1.7,<=1.8 ; {marker}"],
                "environments": [marker],
                "required-environments": [marker],
            }
        },
    }


def test_unconfined_uv_is_told_nothing_of_the_targets() -> None:
    staged = stage(targets(f"cp312-{GLIBC}"), restricted=False)

    assert staged["tool"] == {"uv": {"constraint-dependencies": ["urllib3<3"]}}


def test_of_the_projects_uv_table_goes_along_what_says_where_from_and_what() -> None:
    uv_table = {
        "constraint-dependencies": ["idna<4"],
        "index": [{"name": "own", "url": "https://own.test/simple"}],
        "dev-dependencies": ["pytest"],
        "environments": ["sys_platform == 'darwin'"],
    }

    staged = stage(targets(f"cp312-{GLIBC}"), uv_table=uv_table, restricted=False)

    assert staged["tool"] == {
        "uv": {
            "index": [{"name": "own", "url": "https://own.test/simple"}],
            "constraint-dependencies": ["idna<4", "urllib3<3"],
        }
    }


@pytest.mark.parametrize(
    ("words", "requires_python", "expected"),
    [
        pytest.param(["cp312", "cp311"], "", "3.11", id="lowest minor"),
        pytest.param(["cp39", "cp310"], "", "3.9", id="numbers, not text"),
        pytest.param(["cp311"], ">=3.11.4", "3.11.4", id="requires-python within the minor"),
        pytest.param(["cp311"], ">=3.12", "3.11", id="requires-python above it"),
        pytest.param(["cp3.8.10"], "", "3.8.10", id="pinned patch release"),
        pytest.param(["cp3.8.10", "cp3.8.5"], "", "3.8.5", id="the lower of two"),
        pytest.param(["cp3.8.10", "cp38"], "", "3.8", id="pinned beside its minor"),
    ],
)
def test_the_lowest_python_is_what_uv_starts_from(
    words: list[str], requires_python: str, expected: str
) -> None:
    found = targets(*(f"{word}-{GLIBC}" for word in words))

    assert lowest_python(found, SpecifierSet(requires_python)) == expected
