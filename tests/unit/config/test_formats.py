# Messages stand here as they are printed.
# ruff: noqa: E501
from __future__ import annotations

import tomllib

import pytest

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.config.config import Config, ProjectFacts, parse_config
from hatch_multiplat.config.formats import (
    ScieOptions,
    ZipOptions,
    chosen,
    exe_platforms,
    scie_platform,
    scie_targets,
)
from hatch_multiplat.targets.platforms import Platform
from hatch_multiplat.targets.target import Target
from hatch_multiplat.targets.target_list import Host

START = 'platforms = ["linux-x86_64", "windows-x86_64"]\npython = ["3.12", "3.13"]\n'


def parse(text: str) -> Config:
    def nothing(path: str) -> str:
        raise FileNotFoundError(path)

    host = Host(read_text=nothing, current=lambda: Target.parse("cp312-win_amd64"))
    return parse_config(tomllib.loads(text), project=ProjectFacts(name="demo"), host=host)


def targets(*words: str) -> list[Target]:
    return [Target.parse(word) for word in words]


def test_a_pex_in_one_file_is_what_is_made_unless_asked_otherwise() -> None:
    config = parse(START)
    assert config.formats == ("pex",)
    assert config.layout == "zipapp"
    assert config == Config(
        targets=config.targets, platforms=config.platforms, pythons=config.pythons
    )


def test_formats_come_once_and_in_their_own_order() -> None:
    config = parse(START + 'formats = ["zip", "pex", "wheelhouse", "zip"]')
    assert config.formats == ("pex", "wheelhouse", "zip")


def test_options_are_read_from_the_table_of_their_format() -> None:
    config = parse(
        START
        + """
layout = "packed"
formats = ["zip", "scie"]
zip = { targets = ["*linux*"], prefix = "/python/" }
[scie]
style = "lazy"
science = "tools/science"
assets-url = "https://mirror.example.org/scie"
args = ["--scie-pbs-stripped"]
"""
    )
    assert config.layout == "packed"
    assert config.zip == ZipOptions(targets=("*linux*",), prefix="python")
    assert config.scie == ScieOptions(
        style="lazy",
        science="tools/science",
        assets_url="https://mirror.example.org/scie",
        args=("--scie-pbs-stripped",),
    )


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        pytest.param(
            'formats = ["pex", "wheelhous"]',
            [
                "tool.multiplat.formats[1] must be one of 'pex', 'pyz', 'wheelhouse', 'wheelhouse-zip', 'zip', 'exe', 'scie' (got 'wheelhous')"
            ],
            id="unknown format",
        ),
        pytest.param("formats = []", ["tool.multiplat.formats must not be empty"], id="none"),
        pytest.param(
            'formats = "zip"',
            ["tool.multiplat.formats must be an array of strings (got str)"],
            id="no array",
        ),
        pytest.param(
            'layout = "flat"',
            ["tool.multiplat.layout must be one of 'zipapp', 'packed', 'loose' (got 'flat')"],
            id="unknown layout",
        ),
        pytest.param(
            'zip = { prefix = "../x", target = [] }\nwheelhouse = 1\nexe = { python = "C:\\\\py.exe", windowed = "no" }\nscie = { style = "slow", science = "", args = ["--scie-only", "--layout", "--scie-pbs-stripped"] }',
            [
                "tool.multiplat.wheelhouse must be a table (got int)",
                "tool.multiplat.zip: unknown key 'target'; did you mean 'targets'?",
                "tool.multiplat.zip.prefix: '../x' is not a folder such as 'python'",
                "tool.multiplat.exe.python: 'C:\\\\py.exe' is not a command that is looked for on PATH, such as 'py', 'py -3.12' or 'python'",
                "tool.multiplat.exe.windowed must be true or false (got str)",
                "tool.multiplat.scie.style must be one of 'lazy', 'eager' (got 'slow')",
                "tool.multiplat.scie.science must not be empty",
                "tool.multiplat.scie.args[0]: '--scie-only' cannot be used here; take pex's --scie-... options, except those that the build decides",
                "tool.multiplat.scie.args[1]: '--layout' cannot be used here; take pex's --scie-... options, except those that the build decides",
            ],
            id="options",
        ),
        pytest.param(
            'zip = { targets = ["*linux*", "*macos*"] }',
            [
                "tool.multiplat.zip.targets[1]: no target is called '*macos*'; there are: cp312-manylinux_2_28_x86_64, cp313-manylinux_2_28_x86_64, cp312-win_amd64, cp313-win_amd64"
            ],
            id="pattern for nothing",
        ),
    ],
)
def test_mistakes(text: str, problems: list[str]) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(START + text)
    assert list(raised.value.problems) == problems


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            'platforms = ["linux-x86_64"]\npython = ["3.12"]\nformats = ["exe"]',
            "tool.multiplat.formats: 'exe' needs a Windows platform in 'platforms'",
            id="exe",
        ),
        pytest.param(
            'platforms = ["linux-i686"]\npython = ["3.12"]\nformats = ["scie"]',
            "tool.multiplat.formats: 'scie' has no Python to bring along for any of these targets; it takes CPython 3.8 or newer, and no linux-i686 or windows-i686",
            id="scie",
        ),
    ],
)
def test_a_format_that_no_target_can_have_is_a_mistake(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(text)
    assert list(raised.value.problems) == [problem]


def test_patterns_choose_targets_and_no_pattern_chooses_all() -> None:
    found = targets("cp312-manylinux_2_28_x86_64", "cp313-win_amd64")
    assert chosen(found, ()) == tuple(found)
    assert chosen(found, ("cp313-*", "*linux*")) == tuple(found)
    assert chosen(found, ("cp313-*",)) == (found[1],)


def test_windows_platforms_come_once() -> None:
    found = targets("cp312-win_amd64", "cp313-win_amd64", "cp312-win_arm64", "cp312-win32")
    labels = [str(platform) for platform in exe_platforms(found)]
    assert labels == ["windows-x86_64", "windows-arm64", "windows-i686"]


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("linux-x86_64", "linux-x86_64"),
        ("linux-aarch64-musl", "musl-linux-aarch64"),
        ("linux-ppc64le", "linux-powerpc64"),
        ("macos-arm64", "macos-aarch64"),
        ("windows-arm64", "windows-aarch64"),
        ("windows-i686", None),
        ("linux-armv7l-musl", None),
    ],
)
def test_platforms_have_names_of_pex(word: str, name: str | None) -> None:
    assert scie_platform(Platform.parse(word)) == name


def test_a_scie_takes_the_newest_cpython_with_the_gil_on_the_lowest_floor() -> None:
    found = targets(
        "cp312-manylinux_2_28_x86_64",
        "cp313-manylinux_2_28_x86_64",
        "cp313-manylinux_2_17_x86_64",
        "cp314t-manylinux_2_17_x86_64",
        "pp311-manylinux_2_17_x86_64",
        "cp37-win_amd64",
    )
    assert {name: str(target) for name, target in scie_targets(found, ScieOptions()).items()} == {
        "linux-x86_64": "cp313-manylinux_2_17_x86_64"
    }
    options = ScieOptions(targets=("cp314t-*",))
    assert [str(target) for target in scie_targets(found, options).values()] == [
        "cp314t-manylinux_2_17_x86_64"
    ]
