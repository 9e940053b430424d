from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.pylock import Package
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.resolve.lock_markers import find_situations, short_marker, truths_of
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.pylock import lock_environment, marker_holds, target_label

GLIBC = "manylinux_2_28_x86_64"
MUSL = "musllinux_1_2_x86_64"
TARGETS = tuple(
    Target.parse(f"{python}-{platform}")
    for platform in (
        GLIBC,
        "manylinux_2_17_x86_64",
        MUSL,
        "manylinux_2_28_aarch64",
        "macosx_13_0_arm64",
        "win_amd64",
    )
    for python in ("cp311", "cp312", "cp313", "cp313t", "pp311")
)
LABELS = sorted({target_label(target) for target in TARGETS})

ATOMS = st.sampled_from(
    [
        "sys_platform == 'linux'",
        "sys_platform != 'win32'",
        "platform_machine == 'x86_64'",
        "platform_machine != 'arm64'",
        "os_name == 'nt'",
        "implementation_name == 'pypy'",
        "platform_python_implementation != 'PyPy'",
        "python_version < '3.12'",
        "python_full_version < '3.11.3'",
        "python_full_version >= '3.12.4'",
        "python_full_version != '3.13.1'",
        *(f"platform_version == '{label}'" for label in LABELS),
    ]
)
MARKERS = st.recursive(
    ATOMS,
    lambda inner: st.builds(
        lambda first, word, second: f"({first}) {word} ({second})",
        inner,
        st.sampled_from(["and", "or"]),
        inner,
    ),
    max_leaves=6,
)


def package(marker: str | None, version: str = "1") -> Package:
    return Package(
        name=canonicalize_name("demo"),
        version=Version(version),
        marker=Marker(marker) if marker else None,
        wheels=[],
    )


def targets_of(*words: str) -> list[Target]:
    return [Target.parse(word) for word in words]


def shorten(marker: str | None, targets: list[Target]) -> str | None:
    packages = [package(marker)]
    situations = find_situations(packages, targets)
    return short_marker(packages[0], truths_of(packages[0], situations), situations)


@given(
    MARKERS,
    st.lists(st.sampled_from(TARGETS), min_size=1, max_size=12, unique=True),
)
def test_a_short_marker_says_the_same_as_the_long_one_on_every_target(
    marker: str, targets: list[Target]
) -> None:
    assume(any(truths_of(package(marker), find_situations([package(marker)], targets))))
    short = shorten(marker, targets)
    for target in targets:
        for patch in range(16):
            environment = lock_environment(target, patch)
            long_truth = marker_holds(str(Marker(marker)), environment)
            assert (short is None or marker_holds(short, environment)) == long_truth


@given(
    st.sampled_from(LABELS),
    st.lists(st.sampled_from(TARGETS), min_size=1, max_size=12, unique=True),
)
def test_other_tools_get_one_of_two_versions_that_a_label_tells_apart(
    label: str, targets: list[Target]
) -> None:
    """They leave `platform_version` as the machine has it, which is no label."""
    split = [
        package(f"platform_version == '{label}'", "1"),
        package(f"platform_version != '{label}'", "2"),
    ]
    situations = find_situations(split, targets)
    truths = [truths_of(one, situations) for one in split]
    shorts = [
        short_marker(one, there, situations)
        for one, there in zip(split, truths, strict=True)
        if any(there)
    ]
    for target in targets:
        plain = lock_environment(target, 0) | {"platform_version": "#1 SMP Debian 6.1"}
        holding = [short for short in shorts if short is None or Marker(short).evaluate(plain)]
        assert len(holding) == 1


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        pytest.param(None, None, id="none"),
        pytest.param("python_version >= '3.8'", None, id="true everywhere"),
        pytest.param(
            "(platform_machine == 'x86_64' and sys_platform == 'linux') or "
            "(platform_machine == 'aarch64' and sys_platform == 'linux')",
            'sys_platform == "linux"',
            id="a system",
        ),
        pytest.param(
            "sys_platform == 'linux' or sys_platform == 'darwin'",
            'sys_platform != "win32"',
            id="all but one",
        ),
        pytest.param(
            "python_full_version < '3.11.3' and os_name != 'nt' or "
            "python_full_version < '3.11.3' and os_name == 'nt'",
            'python_full_version < "3.11.3"',
            id="early patch releases",
        ),
        pytest.param("python_version > '3.11'", 'python_full_version >= "3.12"', id="a minor on"),
        pytest.param(
            "python_full_version < '3.11.3' and os_name == 'nt'",
            'sys_platform == "win32" and python_full_version < "3.11.3"',
            id="early patch releases of a system",
        ),
        pytest.param(
            "platform_machine == 'x86_64' and sys_platform == 'linux' "
            "and platform_version == 'multiplat:linux-x86_64'",
            'platform_machine == "x86_64"',
            id="a label that a real marker can stand for",
        ),
        pytest.param(
            "platform_release >= '20' and python_version >= '3.8'",
            'platform_release >= "20" and python_version >= "3.8"',
            id="what cannot be known stays",
        ),
    ],
)
def test_markers_are_shortened(marker: str | None, expected: str | None) -> None:
    targets = targets_of(
        f"cp311-{GLIBC}",
        f"cp312-{GLIBC}",
        "cp311-manylinux_2_28_aarch64",
        "cp312-manylinux_2_28_aarch64",
        "cp311-macosx_13_0_arm64",
        "cp312-macosx_13_0_arm64",
        "cp311-win_amd64",
        "cp312-win_amd64",
    )
    assert shorten(marker, targets) == expected


@pytest.mark.parametrize(
    ("words", "label", "expected"),
    [
        pytest.param(
            (f"cp312-{GLIBC}", f"cp312-{MUSL}"),
            "multiplat:linux-x86_64",
            'platform_version != "multiplat:linux-x86_64-musl"',
            id="glibc is the wider",
        ),
        pytest.param(
            (f"cp312-{GLIBC}", f"cp312-{MUSL}"),
            "multiplat:linux-x86_64-musl",
            'platform_version == "multiplat:linux-x86_64-musl"',
            id="musl by its label",
        ),
        pytest.param(
            (f"cp312-{GLIBC}", "cp312-manylinux_2_17_x86_64"),
            "multiplat:linux-x86_64-glibc2.17",
            'platform_version != "multiplat:linux-x86_64"',
            id="the lower floor is the wider",
        ),
        pytest.param(
            (f"cp312-{GLIBC}", f"cp312-{MUSL}", "cp312-win_amd64"),
            "multiplat:linux-x86_64",
            'sys_platform == "linux" and platform_version != "multiplat:linux-x86_64-musl"',
            id="beside another system",
        ),
    ],
)
def test_labels_stay_where_no_real_marker_tells_targets_apart(
    words: tuple[str, ...], label: str, expected: str
) -> None:
    assert shorten(f"platform_version == '{label}'", targets_of(*words)) == expected


def test_a_marker_that_no_short_form_fits_names_every_family() -> None:
    """Different Pythons on different systems: nothing shorter than the whole truth is true."""
    wanted = {
        ("linux", "x86_64"): "3.11.5",
        ("linux", "aarch64"): "3.12.7",
        ("darwin", "arm64"): "3.13.2",
    }
    marker = " or ".join(
        f"(sys_platform == '{system}' and platform_machine == '{machine}' "
        f"and python_full_version < '{version}')"
        for (system, machine), version in wanted.items()
    )
    targets = [target for target in TARGETS if target.platform.libc != "musl"]
    short = shorten(marker, targets)
    assert short is not None
    for target in targets:
        for patch in (0, 2, 5, 7, 9):
            environment = lock_environment(target, patch)
            assert marker_holds(short, environment) == marker_holds(
                str(Marker(marker)), environment
            )


def test_every_target_is_a_situation_with_its_label_and_without() -> None:
    targets = targets_of(f"cp312-{GLIBC}", f"cp312-{MUSL}")
    situations = find_situations([package("python_full_version < '3.12.4'")], targets)
    seen = [(s.environment["platform_version"], s.asked["platform_version"]) for s in situations]
    glibc, musl = "multiplat:linux-x86_64", "multiplat:linux-x86_64-musl"
    assert len(seen) == 6
    assert seen.count((glibc, glibc)) == 2
    assert seen.count((musl, musl)) == 2
    assert seen.count(("", glibc)) == 2
