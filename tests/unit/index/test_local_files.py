"""Which files an sdist gets besides its own, and which folders of a table are missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.config.config import Config
from hatch_multiplat.index.local_files import check_find_links, paths_for_sdist
from hatch_multiplat.targets.target import Target
from hatch_multiplat.targets.target_list import PlatformEntry


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for path in (
        "wheels/lib-1.0-py3-none-any.whl",
        "wheels/other-1.0.tar.gz",
        "wheels/notes.txt",
        "wheels/Demo_App-0.9-py3-none-any.whl",
        "wheels/deeper/lib-2.0-py3-none-any.whl",
        "pylock.multiplat.toml",
        "host.json",
        "page.html",
        "../beside/lib-1.0-py3-none-any.whl",
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    return folder


def test_an_sdist_gets_the_lock_the_platforms_and_the_packages_of_find_links(project: Path) -> None:
    """Nothing of the project itself, and nothing that is no package."""
    target = Target.parse("cp312-win_amd64")
    platforms = tuple(
        PlatformEntry(meant=target, file=file) for file in ("host.json", "gone.json", None)
    )
    config = Config(targets=(), platforms=platforms, find_links=("./wheels/", "page.html"))
    assert paths_for_sdist(config, project, name="demo-app") == (
        "pylock.multiplat.toml",
        "host.json",
        str(Path("wheels/lib-1.0-py3-none-any.whl")),
        str(Path("wheels/other-1.0.tar.gz")),
        "page.html",
    )


def test_what_is_outside_or_absolute_stays_out_of_the_sdist(project: Path) -> None:
    locations = ("../beside", str(project / "wheels"), "https://own.test/wheels", "file:///wheels")
    config = Config(targets=(), lock="../pylock.toml", find_links=locations)
    assert paths_for_sdist(config, project, name="demo-app") == ()


def test_folders_that_are_not_there_are_told_all_at_once(project: Path) -> None:
    config = Config(targets=(), find_links=("nope", "wheels", "https://own.test/x", "../nowhere"))
    with pytest.raises(ConfigError) as caught:
        check_find_links(config, project)
    hint = "the path is relative to pyproject.toml"
    assert caught.value.problems == (
        f"tool.multiplat.find-links[0]: there is no 'nope'; {hint}",
        f"tool.multiplat.find-links[3]: there is no '../nowhere'; {hint}",
    )
    check_find_links(Config(targets=(), find_links=("wheels", "../beside")), project)


def test_a_build_from_an_sdist_says_why_a_folder_is_missing(project: Path) -> None:
    (project / "PKG-INFO").touch()
    with pytest.raises(ConfigError, match="the sdist has such folders only from inside"):
        check_find_links(Config(targets=(), find_links=("../nowhere",)), project)
