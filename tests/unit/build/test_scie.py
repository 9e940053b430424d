from __future__ import annotations

from pathlib import Path

import pytest

from hatch_multiplat.base.errors import ConfigError, FetchError
from hatch_multiplat.build.scie import check_places, scie_arguments, settle_options
from hatch_multiplat.config.formats import ScieOptions
from hatch_multiplat.targets.target import Target

PROJECT = Path("/project").resolve()


def settle(options: ScieOptions, *, offline: bool = False, **environ: str) -> ScieOptions:
    return settle_options(options, environ=environ, project_dir=PROJECT, offline=offline)


def test_a_path_starts_from_the_project_and_a_url_is_left_alone() -> None:
    assert settle(ScieOptions(science="tools/science")).science == str(
        PROJECT / "tools" / "science"
    )
    url = "https://mirror.example.org/science"
    assert settle(ScieOptions(science=url)).science == url


def test_the_environment_goes_before_the_table() -> None:
    options = settle(
        ScieOptions(science="tools/science", assets_url="https://a.example.org"),
        HATCH_MULTIPLAT_SCIENCE="/opt/science",
        HATCH_MULTIPLAT_SCIE_ASSETS_URL="https://b.example.org",
    )
    assert options.science == str(Path("/opt/science").resolve())
    assert options.assets_url == "https://b.example.org"


@pytest.mark.parametrize(
    "options",
    [
        ScieOptions(),
        ScieOptions(science="tools/science"),
        ScieOptions(science="https://a.example.org/science", assets_url="file:///mirror"),
    ],
)
def test_offline_everything_has_to_be_here(options: ScieOptions) -> None:
    with pytest.raises(FetchError, match="cannot be made offline"):
        settle(options, offline=True)
    local = ScieOptions(science="tools/science", assets_url="file:///mirror")
    assert settle(local, offline=True).assets_url == "file:///mirror"


def test_options_become_flags_of_pex() -> None:
    options = ScieOptions(style="lazy", science="/s", assets_url="https://m", args=("--x",))
    target = Target.parse("cp312-manylinux_2_28_x86_64")
    assert scie_arguments(options, platform="linux-x86_64", target=target) == [
        *("--style", "lazy", "--scie-only", "--scie-platform", "linux-x86_64"),
        *("--scie-name-style", "platform-file-suffix", "--scie-python-version", "3.12"),
        *("--scie-science-binary", "/s", "--scie-assets-base-url", "https://m", "--x"),
    ]


def test_a_pinned_patch_release_is_the_one_that_is_brought_along() -> None:
    target = Target.parse("manylinux2014_x86_64-cp-3.12.4-cp312")
    words = scie_arguments(ScieOptions(), platform="linux-x86_64", target=target)
    assert words[words.index("--scie-python-version") + 1] == "3.12.4"


@pytest.mark.parametrize(
    ("table", "environ", "where", "place"),
    [
        pytest.param(
            {"science": "gone/science"},
            {},
            "tool.multiplat.scie.science",
            PROJECT / "gone" / "science",
            id="the table",
        ),
        pytest.param(
            {"science": "gone/science"},
            {"HATCH_MULTIPLAT_SCIENCE": "/nowhere/tool"},
            "HATCH_MULTIPLAT_SCIENCE",
            Path("/nowhere/tool").resolve(),
            id="the variable",
        ),
        pytest.param(
            {"assets_url": "file:///nowhere/mirror"},
            {},
            "tool.multiplat.scie.assets-url",
            Path("/nowhere/mirror"),
            id="a folder",
        ),
    ],
)
def test_a_path_that_leads_nowhere_is_told_at_its_key(
    table: dict[str, str], environ: dict[str, str], where: str, place: Path
) -> None:
    options = ScieOptions(**table)  # type: ignore[arg-type]
    with pytest.raises(ConfigError) as caught:
        check_places(settle(options, offline=False, **environ), in_table=options)
    expected = f"{where}: there is no {place}; correct the path, or take it out"
    assert str(caught.value) == expected


def test_what_is_elsewhere_is_not_looked_for() -> None:
    options = ScieOptions(science="https://mirror.example.org/science")
    check_places(options, in_table=options)
    check_places(ScieOptions(), in_table=ScieOptions())
