from __future__ import annotations

import json
import platform as host_platform
import sys
import sysconfig
from pathlib import Path
from typing import Any

import packaging.tags
import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.tags import Tag, parse_tag

from hatch_multiplat.targets.platforms import Platform
from hatch_multiplat.targets.python import CPYTHONS, TargetError
from hatch_multiplat.targets.target import MARKER_VARIABLES, Target, is_pex_platform
from tests.unit.targets.test_platforms import platforms
from tests.unit.targets.test_python import PYTHONS, pythons

RECORDED = sorted((Path(__file__).parents[2] / "data/platforms").glob("*.json"))


def targets(*, pinned: bool = True) -> st.SearchStrategy[Target]:
    return st.builds(
        lambda python, platform: Target(python=python, platform=platform),
        pythons(pinned=pinned),
        platforms(),
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("cp312-manylinux_2_28_x86_64", "cp312-manylinux_2_28_x86_64"),
        ("3.12-linux-x86_64", "cp312-manylinux_2_28_x86_64"),
        ("3.14t-macos-arm64", "cp314t-macosx_13_0_arm64"),
        ("cp36-manylinux2014_x86_64", "cp36-manylinux_2_17_x86_64"),
        ("pp311-win_amd64", "pp311-win_amd64"),
        ("pypy311_pp80-musllinux_1_2_x86_64", "pypy311_pp80-musllinux_1_2_x86_64"),
        ("3.8.10-macosx_11_0_x86_64", "cp3.8.10-macosx_11_0_x86_64"),
    ],
)
def test_a_python_and_a_platform_are_a_target(text: str, name: str) -> None:
    assert str(Target.parse(text)) == name
    assert Target.parse(text).name is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("manylinux2014_x86_64-cp-39-cp39", "cp39-manylinux_2_17_x86_64"),
        ("macosx_11_0_x86_64-cp-3.8.10-cp38", "cp3.8.10-macosx_11_0_x86_64"),
        ("manylinux_2_28_aarch64-cp-310-cp310", "cp310-manylinux_2_28_aarch64"),
        ("manylinux_2_28_aarch64-cp-3.10-cp310", "cp310-manylinux_2_28_aarch64"),
        ("manylinux2014_x86_64-cp-37-cp37m", "cp37-manylinux_2_17_x86_64"),
        ("manylinux2014_x86_64-cp-37-m", "cp37-manylinux_2_17_x86_64"),
        ("macosx-10.13-x86_64-cp-36-cp36m", "cp36-macosx_10_13_x86_64"),
        ("linux-x86_64-cp-312-cp312", "cp312-manylinux_2_28_x86_64"),
        ("win_amd64-cp-313-cp313t", "cp313t-win_amd64"),
        ("win_amd64-cp-313-t", "cp313t-win_amd64"),
        ("win_amd64-cp-3.13.1-cp313t", "cp3.13.1t-win_amd64"),
        ("macosx_11_0_arm64-pp-311-pypy311_pp73", "pp311-macosx_11_0_arm64"),
        ("macosx_11_0_arm64-pp-311-pypy311_pp80", "pypy311_pp80-macosx_11_0_arm64"),
        ("macosx_11_0_arm64-pp-3.11.13-pypy311_pp73", "pp3.11.13-macosx_11_0_arm64"),
    ],
)
def test_pex_abbreviated_platforms_are_targets(text: str, name: str) -> None:
    assert is_pex_platform(text)
    assert str(Target.parse(text)) == name


@pytest.mark.parametrize("text", ["linux-x86_64", "manylinux2014_x86_64", "cp312-win_amd64", ""])
def test_other_words_do_not_look_like_pex_platforms(text: str) -> None:
    assert not is_pex_platform(text)


@given(targets())
def test_a_target_is_read_back_from_its_name(target: Target) -> None:
    assert Target.parse(str(target)) == target


@given(targets(pinned=False))
def test_a_target_is_read_back_from_its_pex_platform(target: Target) -> None:
    python = target.python
    text = f"{target.platform.tag}-{python.interpreter[:2]}-{python.interpreter[2:]}-{python.abi}"

    assert Target.parse(text) == target


EXAMPLE = "a target is a Python and a platform, as 'cp312-manylinux_2_28_x86_64'"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("cp312", [f"unknown target 'cp312': {EXAMPLE}"]),
        ("", [f"unknown target '': {EXAMPLE}"]),
        ("cp312-win_amd65", ["unknown platform 'win_amd65'; did you mean 'win_amd64'?"]),
        (
            "py312-linux_x64",
            [
                "unknown Python 'py312'; did you mean '3.12'?",
                "unknown platform 'linux_x64'; did you mean 'linux-x86_64'?",
            ],
        ),
        (
            "linux_x86_64-cp-35-cp35m",
            [
                "unknown Python 'cp35': CPython is known from 3.6 to 3.15",
                "unknown platform 'linux_x86_64'; did you mean 'linux-x86_64'?",
            ],
        ),
        ("win_amd64-cp-37-cp37", ["unknown Python 'cp-37-cp37': the ABI of 3.7 is 'cp37m'"]),
        ("win_amd64-cp-312-cp312d", ["unknown Python 'cp-312-cp312d': the ABI of 3.12 is 'cp312'"]),
        (
            "win_amd64-cp-312-t",
            ["unknown Python 'cp-312-t': the ABI of 3.12 is 'cp312'"],
        ),
        (
            "win_amd64-pp-39-pypy39_pp80",
            ["unknown Python 'pp-39-pypy39_pp80': the ABI of 3.9 is 'pypy39_pp73'"],
        ),
        (
            "win_amd64-pp-311-pypy310_pp80",
            ["unknown Python 'pp-311-pypy310_pp80': the ABI of 3.11 is 'pypy311_pp73'"],
        ),
        ("win_amd64-cp-.-cp", ["unknown Python 'cp'"]),
    ],
)
def test_all_that_is_wrong_with_a_target_is_said(text: str, problems: list[str]) -> None:
    with pytest.raises(TargetError) as caught:
        Target.parse(text)

    assert [*caught.value.problems] == problems
    assert str(caught.value) == "\n".join(problems)


@given(st.text() | st.text("cp312-linux_x86_64.t"))
def test_any_text_is_a_target_or_a_mistake(text: str) -> None:
    try:
        target = Target.parse(text)
    except TargetError:
        return
    assert Target.parse(str(target)) == target


def read_recording(path: Path) -> dict[str, Any]:
    """Return a recording (see tests/data/platforms/record.py) as a complete platform."""
    recording = json.loads(path.read_text())
    tags = []
    for word in recording["ranked"].split():
        if word.endswith("*"):
            tags += [word[:-1] + platform for platform in recording["platforms"].split()]
        else:
            tags.append(word)
    return {"compatible_tags": tags, "marker_environment": recording["marker_environment"]}


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_tags_and_markers_are_those_of_real_interpreters(path: Path) -> None:
    said = read_recording(path)
    target = Target.parse(path.stem)
    patch = int(said["marker_environment"]["python_full_version"].split(".")[2])

    tags = [str(tag) for tag in target.tags]
    if target.python.version == (3, 6):
        tags.remove("cp36-none-any")  # The last packaging for Python 3.6 did not know it yet.
    assert tags == said["compatible_tags"]
    environment = dict(target.environment(patch))
    if target.python.implementation == "pypy":  # A release of PyPy is not known by its Python's.
        del environment["implementation_version"]
        del said["marker_environment"]["implementation_version"]
    assert environment == said["marker_environment"]


def test_recordings_cover_each_kind_of_platform_at_hand() -> None:
    recorded = [Target.parse(path.stem) for path in RECORDED]

    assert {target.python.version for target in recorded} == set(CPYTHONS)
    assert {target.platform.libc for target in recorded} == {"glibc", "musl", None}
    assert {target.platform.arch for target in recorded if target.platform.libc} == {
        *("x86_64", "aarch64", "i686", "armv7l", "ppc64le", "s390x", "riscv64")
    }
    assert {target.python.abi_flavour for target in recorded} == {"", "t", "pp73", "pp80"}


def test_only_free_threaded_pythons_take_abi3t_and_only_others_abi3() -> None:
    taken = {
        word: {tag.abi for tag in Target.parse(f"{word}-win_amd64").tags}
        for word in ("3.12", "3.13t", "3.15", "3.15t", "pp311")
    }

    assert taken == {
        "3.12": {"cp312", "abi3", "none"},
        "3.13t": {"cp313t", "abi3t", "none"},
        "3.15": {"cp315", "abi3", "none"},
        "3.15t": {"cp315t", "abi3t", "none"},
        "pp311": {"pypy311_pp73", "none"},
    }
    assert parse_tag("cp315-abi3.abi3t-win_amd64") & {*Target.parse("3.15t-win_amd64").tags}


@given(targets())
def test_tags_are_unique_and_begin_with_the_most_specific(target: Target) -> None:
    assert len(set(target.tags)) == len(target.tags)
    python, platform = target.python, target.platform
    assert target.tags[0] == Tag(python.interpreter, python.abi, platform.tag)
    assert target.tags[-1] == Tag("py30", "none", "any")


def test_tags_are_made_once() -> None:
    assert Target.parse("3.12-linux-x86_64").tags is Target.parse("cp312-linux-x86_64").tags


def test_nothing_is_asked_of_the_build_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("the build machine was asked")

    # A floor that no other test has, so that nothing comes from a cache.
    texts = ["linux-x86_64-glibc2.91", "linux-i686-musl1.91", "macos-arm64-91.0", "win32"]
    with monkeypatch.context() as patched:
        for module, name in [
            (packaging.tags, "platform_tags"),
            (packaging.tags, "interpreter_name"),
            (packaging.tags, "interpreter_version"),
            (packaging.tags, "_get_config_var"),
            (sysconfig, "get_config_var"),
            (sysconfig, "get_platform"),
            (host_platform, "machine"),
            (host_platform, "system"),
            (host_platform, "mac_ver"),
            (host_platform, "libc_ver"),
        ]:
            patched.setattr(module, name, refuse)
        patched.setattr(sys, "platform", "none")
        for text in texts:
            for python in PYTHONS:
                target = Target(python=python, platform=Platform.parse(text))
                assert target.tags
                assert target.environment(1)


@given(targets(), st.integers(0, 99))
def test_an_environment_has_all_variables(target: Target, patch: int) -> None:
    environment = target.environment(None if target.python.patch is not None else patch)

    assert tuple(sorted(environment)) == MARKER_VARIABLES
    assert len(MARKER_VARIABLES) == 11
    assert all(isinstance(value, str) for value in environment.values())


def test_an_environment_is_that_of_one_patch_release() -> None:
    target = Target.parse("3.11-windows-x86_64")

    assert target.environment(7) == {
        "implementation_name": "cpython",
        "implementation_version": "3.11.7",
        "os_name": "nt",
        "platform_machine": "AMD64",
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Windows",
        "platform_version": "",
        "python_full_version": "3.11.7",
        "python_version": "3.11",
        "sys_platform": "win32",
    }
    assert target.environment()["python_full_version"] == "3.11.0"
    assert target.python.patch is None


def test_pypy_has_its_own_version_as_implementation_version() -> None:
    environment = Target.parse("pp311-linux-x86_64").environment(13)

    assert environment["implementation_name"] == "pypy"
    assert environment["implementation_version"] == "7.3.23"
    assert environment["platform_python_implementation"] == "PyPy"
    assert environment["python_full_version"] == "3.11.13"


def test_a_pinned_patch_release_is_the_only_one() -> None:
    target = Target.parse("macosx_11_0_x86_64-cp-3.8.10-cp38")

    assert target.python.patch is not None
    assert target.environment()["python_full_version"] == "3.8.10"
    assert target.environment(10) == target.environment()
    with pytest.raises(
        TargetError, match=r"^cp3\.8\.10-macosx_11_0_x86_64 is patch release 10 only, not 9$"
    ):
        target.environment(9)


def test_a_complete_platform_for_pex() -> None:
    target = Target.parse("3.11-windows-arm64")

    data = json.loads(json.dumps(target.to_complete_platform(label="a label", patch=4)))

    assert data["compatible_tags"] == [str(tag) for tag in target.tags]
    assert data["marker_environment"] == {**target.environment(4), "platform_version": "a label"}
    assert [*data["marker_environment"]] == [*MARKER_VARIABLES]


HOST = {
    "path": "/usr/bin/python3.11",
    "compatible_tags": [
        "cp311-cp311-linux_x86_64",
        "cp311-cp311-manylinux_2_36_x86_64",
        "cp311-cp311-manylinux_2_35_x86_64",
        "cp311-none-any",
        "py3-none-any",
    ],
    "marker_environment": {
        "implementation_name": "cpython",
        "implementation_version": "3.11.2",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_release": "6.1.0-18-amd64",
        "platform_system": "Linux",
        "platform_version": "#1 SMP Debian",
        "python_full_version": "3.11.2",
        "python_version": "3.11",
        "sys_platform": "linux",
    },
}


def host(**changes: Any) -> dict[str, Any]:
    """Return HOST with other marker variables, or other tags."""
    tags = changes.pop("compatible_tags", HOST["compatible_tags"])
    environment = {**HOST["marker_environment"], **changes}  # type: ignore[dict-item]
    return {"compatible_tags": tags, "marker_environment": environment}


def test_a_complete_platform_is_taken_as_it_is() -> None:
    target = Target.from_complete_platform(HOST, name="host")

    assert str(target) == target.name == "host"
    assert [str(tag) for tag in target.tags] == HOST["compatible_tags"]
    assert target.environment() == HOST["marker_environment"]
    assert str(target.python) == "3.11"
    assert str(target.platform) == "linux-x86_64-glibc2.36"


def test_a_complete_platform_covers_the_other_patch_releases_too() -> None:
    target = Target.from_complete_platform(HOST, name="host")

    assert target.python.patch is None
    assert dict(target.environment(9)) == {
        **HOST["marker_environment"],  # type: ignore[dict-item]
        "implementation_version": "3.11.9",
        "python_full_version": "3.11.9",
    }
    assert target.to_complete_platform(label="label", patch=9) == {
        "compatible_tags": HOST["compatible_tags"],
        "marker_environment": {**target.environment(9), "platform_version": "label"},
    }


def test_variables_that_a_complete_platform_lacks_come_from_our_tables() -> None:
    data = {"compatible_tags": HOST["compatible_tags"], "marker_environment": {"os_name": None}}

    target = Target.from_complete_platform(data, name="host")

    assert target.environment(3) == Target.parse("3.11-manylinux_2_36_x86_64").environment(3)


def test_a_32_bit_python_on_a_64_bit_kernel_keeps_its_machine() -> None:
    tags = ["cp313-cp313-manylinux_2_41_i686"]
    data = host(compatible_tags=tags, python_version="3.13", python_full_version="3.13.5")

    target = Target.from_complete_platform(data, name="container")

    assert target.platform.arch == "i686"
    assert target.environment()["platform_machine"] == "x86_64"


@pytest.mark.parametrize(
    ("tags", "target"),
    [
        ("cp311-cp311-win_amd64", "cp311-win_amd64"),
        (
            "cp37-cp37m-manylinux2014_x86_64 cp37-abi3-manylinux1_x86_64",
            "cp37-manylinux2014_x86_64",
        ),
        ("cp313-cp313t-musllinux_1_2_aarch64", "cp313t-musllinux_1_2_aarch64"),
        ("cp315-abi3t-win_arm64", "cp315-win_arm64"),
        ("pp311-pypy311_pp73-macosx_14_0_arm64", "pp311-macosx_14_0_arm64"),
        ("pp311-pypy311_pp80-macosx_14_0_arm64", "pypy311_pp80-macosx_14_0_arm64"),
        ("cp39-cp39-macosx_12_0_universal2 cp39-cp39-macosx_11_0_arm64", "cp39-macosx_11_0_arm64"),
        ("py3-none-any py39-none-win32 cp39-none-win32", "cp39-win32"),
    ],
)
def test_python_and_platform_are_told_from_the_first_tag_that_has_them(
    tags: str, target: str
) -> None:
    data = {"compatible_tags": tags.split(), "marker_environment": {}}

    seen = Target.from_complete_platform(data, name="seen")

    assert Target(python=seen.python, platform=seen.platform) == Target.parse(target)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_interpreter_is_recognised(path: Path) -> None:
    seen = Target.from_complete_platform(read_recording(path), name="seen")

    assert Target(python=seen.python, platform=seen.platform) == Target.parse(path.stem)


NO_TAG = "compatible_tags has no tag of a known Python on a known platform"


@pytest.mark.parametrize(
    ("data", "problems"),
    [
        pytest.param(
            {},
            [
                "compatible_tags must be an array of strings",
                "marker_environment must be an object of strings",
            ],
            id="nothing",
        ),
        pytest.param(
            host(compatible_tags=[1]), ["compatible_tags must be an array of strings"], id="numbers"
        ),
        pytest.param(
            host(compatible_tags=["cp312-win_amd64", "cp311-cp311-win_amd64", ""]),
            [
                "compatible_tags has 'cp312-win_amd64', which is not a wheel tag",
                "compatible_tags has '', which is not a wheel tag",
            ],
            id="no tags",
        ),
        pytest.param(host(compatible_tags=[]), [NO_TAG], id="empty"),
        pytest.param(host(compatible_tags=["py3-none-any"]), [NO_TAG], id="any"),
        pytest.param(host(compatible_tags=["cp39-cp39-linux_x86_64"]), [NO_TAG], id="no floor"),
        pytest.param(host(compatible_tags=["cp35-cp35m-win32"]), [NO_TAG], id="too old"),
        pytest.param(
            host(os_nam="posix", os_name=1),
            [
                "marker_environment.os_name must be a string",
                "marker_environment has the unknown variable 'os_nam'; did you mean 'os_name'?",
            ],
            id="variables",
        ),
        pytest.param(
            host(python_version="3.12", sys_platform="win32", os_name="nt"),
            [
                "marker_environment.os_name is 'nt', but compatible_tags mean 'posix'",
                "marker_environment.python_version is '3.12', but compatible_tags mean '3.11'",
                "marker_environment.sys_platform is 'win32', but compatible_tags mean 'linux'",
            ],
            id="contradictions",
        ),
    ],
)
def test_all_that_is_wrong_with_a_complete_platform_is_said(
    data: dict[str, Any], problems: list[str]
) -> None:
    with pytest.raises(TargetError) as caught:
        Target.from_complete_platform(data, name="host")

    assert [*caught.value.problems] == problems
