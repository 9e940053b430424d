from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from packaging.tags import Tag, parse_tag
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.index.wheel_cache import WheelCacheError
from hatch_multiplat.resolve.pages import (
    is_shadowed_version,
    shadowed_by,
    visible_files,
    write_index,
)
from hatch_multiplat.targets.target import Target

if TYPE_CHECKING:
    from pathlib import Path

    from packaging.specifiers import SpecifierSet

LINUX, WINDOWS = Target.parse("cp312-manylinux_2_28_x86_64"), Target.parse("cp312-win_amd64")
FOLDER, FIRST, SECOND, THIRD = 0, 1, 2, 3


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    version: Version
    tags: frozenset[Tag]
    place: int
    requires_python: SpecifierSet | None = None
    yanked: bool = False

    @property
    def index(self) -> str:
        return f"index {self.place}"


def file(version: str, place: int, target: Target | None, *, yanked: bool = False) -> File:
    """Make a wheel that fits a target, or an sdist."""
    tags = parse_tag(f"cp312-cp312-{target.platform.tag}") if target else frozenset[Tag]()
    return File(version=Version(version), tags=tags, place=place, yanked=yanked)


def test_an_index_is_written_into_a_cache_only(tmp_path: Path) -> None:
    place = tmp_path / "cache"
    place.touch()
    with pytest.raises(WheelCacheError) as caught:
        write_index(place, canonicalize_name("demo"), [])
    assert str(caught.value) == (
        f"cannot write to the wheel cache {place}: the file {place} is in the way; remove it, "
        "or name another folder in HATCH_MULTIPLAT_CACHE"
    )


@pytest.mark.parametrize(
    ("files", "visible"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param(
            [file("1", FIRST, LINUX), file("2", FIRST, LINUX)], [0, 1], id="one index alone"
        ),
        pytest.param(
            [file("1", FOLDER, LINUX), file("1", FIRST, WINDOWS)], [0, 1], id="a folder adds"
        ),
        pytest.param(
            [file("1", FIRST, LINUX), file("1", SECOND, WINDOWS), file("2", SECOND, WINDOWS)],
            [0, 2],
            id="each version by its first index",
        ),
        pytest.param(
            [file("1", FIRST, None), file("1", SECOND, LINUX)], [0], id="an sdist is a file, too"
        ),
        pytest.param(
            [file("1", FOLDER, LINUX), file("2", FIRST, LINUX), file("1", SECOND, WINDOWS)],
            [0, 1],
            id="what a folder has counts as the first index's",
        ),
        pytest.param(
            [file("1", SECOND, LINUX), file("1", THIRD, WINDOWS), file("1", SECOND, WINDOWS)],
            [0, 2],
            id="in the order of the files",
        ),
    ],
)
def test_a_version_is_what_its_first_index_has_of_it(files: list[File], visible: list[int]) -> None:
    assert visible_files(files) == tuple(files[position] for position in visible)


def test_a_version_is_spread_for_the_target_whose_wheel_is_not_seen() -> None:
    files = [file("2", FIRST, LINUX), file("2", SECOND, WINDOWS), file("1", SECOND, WINDOWS)]
    assert is_shadowed_version(files, WINDOWS)
    assert is_shadowed_version(files, WINDOWS, above=Version("1"))
    assert not is_shadowed_version(files, WINDOWS, above=Version("2"))
    assert not is_shadowed_version(files, LINUX)


def test_what_is_yanked_or_not_final_is_worth_no_merging() -> None:
    files = [
        file("2", FIRST, LINUX),
        file("2", SECOND, WINDOWS, yanked=True),
        file("3a1", FIRST, LINUX),
        file("3a1", SECOND, WINDOWS),
    ]
    assert not is_shadowed_version(files, WINDOWS)


def test_the_index_in_the_way_is_named_with_the_one_behind_it() -> None:
    files = [file("2", FIRST, LINUX), file("2", SECOND, WINDOWS), file("1", SECOND, WINDOWS)]
    assert shadowed_by(files, Version("2"), WINDOWS) == ("index 1", "index 2")
    assert shadowed_by(files, Version("1"), WINDOWS) is None
    assert shadowed_by(files, Version("2"), LINUX) is None
    assert shadowed_by(files, Version("9"), LINUX) is None
