from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.pylock import Package, Pylock
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.resolve.lock_writer import (
    files_of,
    find_situations,
    render_lock,
    short_marker,
    truths_of,
)
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.pylock import lock_environment, marker_holds, target_label
from hatch_multiplat.wheels.selection import select_all

if TYPE_CHECKING:
    from collections.abc import Sequence

BASE = PurePosixPath("/staged")
LINUX = Target.parse("cp312-manylinux_2_28_x86_64")
MUSL = Target.parse("cp312-musllinux_1_2_x86_64")
WINDOWS = Target.parse("cp312-win_amd64")


def wheel(filename: str, **values: Any) -> dict[str, Any]:
    return {
        "url": f"https://files.test/{filename}",
        "hashes": {"sha256": "00"},
        "size": 7,
        **values,
    }


def make_lock(*packages: dict[str, Any]) -> Pylock:
    return Pylock.from_dict(
        {
            "lock-version": "1.0",
            "created-by": "uv",
            "packages": [{"version": "1.0", **package} for package in packages],
        }
    )


def locate(url: str) -> tuple[str, str]:
    return ("url", url) if "://" in url else ("path", url)


def render(lock: Pylock, for_targets: Sequence[Target], **inputs: Sequence[str]) -> str:
    outcome = select_all(lock, for_targets, base=BASE)
    assert not outcome.missing_wheels
    return render_lock(
        lock,
        outcome.selections,
        inputs=inputs or {"targets": [str(target) for target in for_targets]},
        requires_python=">=3.12",
        locate=locate,
    )


def packages_in(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads(text)["packages"]
    return found


def test_a_lock_reads_as_it_is_written() -> None:
    time = datetime(2020, 2, 2, 2, 2, 2, tzinfo=UTC)
    dated = wheel("demo-1.0-py3-none-any.whl", **{"upload-time": time})
    lock = make_lock({"name": "demo", "wheels": [dated]})
    assert render(lock, [LINUX], targets=["here"], requirements=["demo"]) == (
        'lock-version = "1.0"\n'
        "environments = [\n"
        '    \'sys_platform == "linux" and platform_machine == "x86_64" and '
        'implementation_name == "cpython" and python_full_version >= "3.12" and '
        'python_full_version < "3.13"\',\n'
        "]\n"
        'requires-python = ">=3.12"\n'
        'created-by = "hatch-multiplat"\n'
        "\n"
        "[[packages]]\n"
        'name = "demo"\n'
        'version = "1.0"\n'
        "wheels = [\n"
        '    {url = "https://files.test/demo-1.0-py3-none-any.whl", '
        "upload-time = 2020-02-02T02:02:02Z, size = 7, "
        'hashes = {sha256 = "00"}},\n'
        "]\n"
        "\n"
        "[tool.hatch-multiplat]\n"
        "targets = [\n"
        '    "here",\n'
        "]\n"
        "requirements = [\n"
        '    "demo",\n'
        "]\n"
    )


def test_only_what_some_target_takes_is_kept() -> None:
    tags = ("manylinux_2_17_x86_64", "manylinux_2_28_x86_64", "macosx_13_0_arm64", "win_amd64")
    lock = make_lock(
        {"name": "demo", "wheels": [wheel(f"demo-1.0-cp312-cp312-{tag}.whl") for tag in tags]},
        {
            "name": "apple",
            "marker": "sys_platform == 'darwin'",
            "wheels": [wheel("apple-1.0-py3-none-any.whl")],
        },
    )
    (package,) = packages_in(render(lock, [LINUX, WINDOWS]))
    assert [file["url"].rpartition("-")[2] for file in package["wheels"]] == [
        "manylinux_2_28_x86_64.whl",
        "win_amd64.whl",
    ]


def test_the_order_of_a_solver_and_of_targets_does_not_matter() -> None:
    packages = [
        {"name": name, "wheels": [wheel(f"{name}-1.0-py3-none-any.whl")]} for name in ("b", "a")
    ]
    first = render(make_lock(*packages), [LINUX, WINDOWS], targets=["x"])
    assert first == render(make_lock(*reversed(packages)), [WINDOWS, LINUX], targets=["x"])


def test_versions_for_glibc_and_for_musl_stand_side_by_side_and_other_tools_get_the_first() -> None:
    lock = make_lock(
        {
            "name": "demo",
            "version": "2.0",
            "marker": "platform_version == 'multiplat:linux-x86_64'",
            "wheels": [wheel("demo-2.0-cp312-cp312-manylinux_2_28_x86_64.whl")],
        },
        {
            "name": "demo",
            "version": "1.0",
            "marker": "platform_version == 'multiplat:linux-x86_64-musl'",
            "wheels": [wheel("demo-1.0-cp312-cp312-musllinux_1_2_x86_64.whl")],
        },
    )
    text = render(lock, [LINUX, MUSL])
    written = Pylock.from_dict(tomllib.loads(text))
    again = select_all(written, [LINUX, MUSL], base=BASE)
    assert [selection.wheels[0].filename for selection in again.selections] == [
        "demo-2.0-cp312-cp312-manylinux_2_28_x86_64.whl",
        "demo-1.0-cp312-cp312-musllinux_1_2_x86_64.whl",
    ]
    taken = written.select(environment=LINUX.environment(0), tags=list(LINUX.tags))
    assert [str(package.version) for package, _ in taken] == ["2.0"]


def test_a_package_without_wheels_keeps_its_sdist() -> None:
    lock = make_lock(
        {
            "name": "demo",
            "sdist": {"url": "https://files.test/demo-1.0.tar.gz", "hashes": {"sha256": "00"}},
        }
    )
    built = select_all(
        make_lock({"name": "demo", "wheels": [wheel("demo-1.0-py3-none-any.whl")]}),
        [LINUX],
        base=BASE,
    )
    text = render_lock(lock, built.selections, inputs={}, requires_python=">=3.12", locate=locate)
    assert packages_in(text) == [
        {
            "name": "demo",
            "version": "1.0",
            "sdist": {"url": "https://files.test/demo-1.0.tar.gz", "hashes": {"sha256": "00"}},
        }
    ]


def test_a_file_is_named_where_its_address_does_not_name_it() -> None:
    lock = make_lock(
        {
            "name": "demo",
            "version": "1.0+cpu",
            "wheels": [
                {
                    "name": "demo-1.0+cpu-py3-none-any.whl",
                    "url": "https://files.test/demo-1.0%2Bcpu-py3-none-any.whl",
                    "hashes": {"sha256": "00"},
                }
            ],
        }
    )
    (package,) = packages_in(render(lock, [LINUX]))
    assert package["wheels"][0]["name"] == "demo-1.0+cpu-py3-none-any.whl"


def test_a_folder_is_kept_by_its_path() -> None:
    lock = make_lock({"name": "demo", "directory": {"path": "../demo"}})
    taken = make_lock({"name": "demo", "wheels": [wheel("demo-1.0-py3-none-any.whl")]})
    selections = select_all(taken, [LINUX], base=BASE).selections
    text = render_lock(lock, selections, inputs={}, requires_python=">=3.12", locate=locate)
    assert packages_in(text)[0]["directory"] == {"path": "../demo"}


def test_the_files_of_a_lock_are_all_that_it_names() -> None:
    lock = make_lock(
        {
            "name": "demo",
            "sdist": {"path": "files/demo-1.0.tar.gz", "hashes": {"sha256": "01"}},
            "wheels": [wheel("demo-1.0-py3-none-any.whl")],
        },
        {"name": "folder", "directory": {"path": "../folder"}},
    )
    assert files_of(lock, locate) == {
        ("path", "files/demo-1.0.tar.gz", ("sha256", "01")),
        ("url", "https://files.test/demo-1.0-py3-none-any.whl", ("sha256", "00")),
    }


GLIBC_TAG = "manylinux_2_28_x86_64"
MUSL_TAG = "musllinux_1_2_x86_64"
TARGETS = tuple(
    Target.parse(f"{python}-{platform}")
    for platform in (
        GLIBC_TAG,
        "manylinux_2_17_x86_64",
        MUSL_TAG,
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
        f"cp311-{GLIBC_TAG}",
        f"cp312-{GLIBC_TAG}",
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
            (f"cp312-{GLIBC_TAG}", f"cp312-{MUSL_TAG}"),
            "multiplat:linux-x86_64",
            'platform_version != "multiplat:linux-x86_64-musl"',
            id="glibc is the wider",
        ),
        pytest.param(
            (f"cp312-{GLIBC_TAG}", f"cp312-{MUSL_TAG}"),
            "multiplat:linux-x86_64-musl",
            'platform_version == "multiplat:linux-x86_64-musl"',
            id="musl by its label",
        ),
        pytest.param(
            (f"cp312-{GLIBC_TAG}", "cp312-manylinux_2_17_x86_64"),
            "multiplat:linux-x86_64-glibc2.17",
            'platform_version != "multiplat:linux-x86_64"',
            id="the lower floor is the wider",
        ),
        pytest.param(
            (f"cp312-{GLIBC_TAG}", f"cp312-{MUSL_TAG}", "cp312-win_amd64"),
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
    targets = targets_of(f"cp312-{GLIBC_TAG}", f"cp312-{MUSL_TAG}")
    situations = find_situations([package("python_full_version < '3.12.4'")], targets)
    seen = [(s.environment["platform_version"], s.asked["platform_version"]) for s in situations]
    glibc, musl = "multiplat:linux-x86_64", "multiplat:linux-x86_64-musl"
    assert len(seen) == 6
    assert seen.count((glibc, glibc)) == 2
    assert seen.count((musl, musl)) == 2
    assert seen.count(("", glibc)) == 2
