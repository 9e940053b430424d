from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from packaging.specifiers import SpecifierSet
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.index.index_page import IndexFile
from hatch_multiplat.index.wheel_cache import WheelCacheError
from hatch_multiplat.resolve.pages import (
    has_native_wheel,
    is_shadowed_version,
    shadowed_by,
    step_back,
    visible_files,
    write_index,
)
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.selection import MissingWheel, wheel_fits

if TYPE_CHECKING:
    from pathlib import Path


TARGET = Target.parse("cp311-manylinux2014_x86_64")
FITS = "cp311-cp311-manylinux2014_x86_64"
NEWER = "cp311-cp311-manylinux_2_28_x86_64"
SDIST = ""


def file(version: str, tag: str, *, python: str | None = None, yanked: bool = False) -> IndexFile:
    return IndexFile(
        filename="",
        url="",
        version=Version(version),
        tags=parse_tag(tag) if tag else frozenset(),
        requires_python=SpecifierSet(python) if python else None,
        yanked=yanked,
    )


def missing_wheel(version: str | None) -> MissingWheel:
    return MissingWheel(
        name=canonicalize_name("demo"),
        version=Version(version) if version else None,
        target=TARGET,
        kind="floor",
        reason="floor too old",
    )


@pytest.mark.parametrize(
    ("locked", "files", "newest", "versions"),
    [
        pytest.param(
            "3.0",
            [file("3.0", NEWER), file("2.0", FITS), file("1.0", FITS)],
            "2.0",
            "!=3.0",
            id="the newest version with a wheel",
        ),
        pytest.param(
            "4.0",
            [file("4.0", NEWER), file("3.0", FITS), file("2.0", NEWER), file("1.0", FITS)],
            "3.0",
            "!=4.0,!=2.0",
            id="versions without one are named",
        ),
        pytest.param(
            "2.0",
            [file("2.0", NEWER), file("1.5", SDIST), file("1.0", FITS), file("1.0", SDIST)],
            "1.0",
            "!=2.0,!=1.5",
            id="an sdist alone is no wheel",
        ),
        pytest.param(
            "2.0",
            [file("2.0", NEWER), file("1.5", FITS, yanked=True), file("1.0", FITS)],
            "1.0",
            "!=2.0",
            id="yanked",
        ),
        pytest.param(
            "2.0",
            [file("2.0", NEWER), file("1.5", FITS, yanked=True), file("1.2", NEWER, yanked=True)],
            None,
            None,
            id="only yanked ones",
        ),
        pytest.param(
            "2.0",
            [file("2.0", NEWER), file("2.0b1", FITS), file("1.5rc1", NEWER), file("1.0", FITS)],
            "1.0",
            "!=2.0",
            id="pre-releases neither count nor are named",
        ),
        pytest.param(
            "2.0",
            [file("2.0", NEWER), file("1.0b1", FITS)],
            "1.0b1",
            "!=2.0",
            id="only a pre-release",
        ),
        pytest.param(
            "2.0b3",
            [file("2.0b3", NEWER), file("2.0b2", FITS), file("2.0b1", NEWER), file("1.0", FITS)],
            "2.0b2",
            "!=2.0b3,!=2.0b1",
            id="pre-releases count where one is locked",
        ),
        pytest.param(
            "2.0",
            [
                file("2.0", NEWER),
                file("1.5", FITS, python=">=3.12"),
                file("1.2", FITS, python=">=3.11.4"),
            ],
            "1.2",
            "!=2.0,!=1.5",
            id="requires-python",
        ),
        pytest.param(
            "2.0+cu121",
            [file("2.0+cu121", NEWER), file("2.0+cpu", FITS), file("2.0", NEWER)],
            "2.0+cpu",
            "!=2.0+cu121",
            id="local versions",
        ),
        pytest.param(
            "2.0",
            [file("2.0", NEWER), file("1.0", FITS), file("1.0+cpu", NEWER)],
            "1.0",
            "!=2.0,!=1.0+cpu",
            id="a local version newer than the one that fits",
        ),
        pytest.param(
            "2.0",
            [file("2.0", NEWER), file("2.1", FITS)],
            "2.1",
            None,
            id="newest but not allowed",
        ),
        pytest.param(
            "2.0",
            [file("2.0", NEWER), file("2.1", FITS), file("1.0", FITS)],
            "1.0",
            "!=2.0",
            id="allowed before newest",
        ),
        pytest.param("2.0", [file("2.0", NEWER), file("1.0", NEWER)], None, None, id="none at all"),
        pytest.param("2.0", [], None, None, id="no files"),
        pytest.param(None, [file("1.0", FITS)], "1.0", None, id="no locked version"),
    ],
)
def test_where_to_step_back_to(
    locked: str | None, files: list[IndexFile], newest: str | None, versions: str | None
) -> None:
    back = step_back(missing_wheel(locked), files)

    assert back.newest == (Version(newest) if newest else None)
    assert back.versions == (SpecifierSet(versions) if versions else None)


@pytest.mark.parametrize(
    ("tag", "python", "target", "fits"),
    [
        pytest.param(FITS, None, "cp311-manylinux2014_x86_64", True, id="exact"),
        pytest.param("py3-none-any", None, "cp311-manylinux2014_x86_64", True, id="pure"),
        pytest.param(NEWER, None, "cp311-manylinux2014_x86_64", False, id="newer floor"),
        pytest.param(SDIST, None, "cp311-manylinux2014_x86_64", False, id="sdist"),
        pytest.param(FITS, ">=3.12", "cp311-manylinux2014_x86_64", False, id="newer Python"),
        pytest.param(FITS, ">=3.11.4", "cp311-manylinux2014_x86_64", True, id="some release"),
        pytest.param(FITS, ">=3.11.4", "cp3.11.3-manylinux2014_x86_64", False, id="pinned, older"),
        pytest.param(FITS, ">=3.11.4", "cp3.11.4-manylinux2014_x86_64", True, id="pinned"),
    ],
)
def test_which_files_a_target_can_install(
    tag: str, python: str | None, target: str, *, fits: bool
) -> None:
    assert wheel_fits(file("1.0", tag, python=python), Target.parse(target)) is fits


@pytest.mark.parametrize(
    ("files", "native"),
    [
        pytest.param([file("1.0", FITS)], True, id="own platform"),
        pytest.param([file("1.0", "py3-none-any")], False, id="pure only"),
        pytest.param([file("1.0", "cp311-cp311-win_amd64")], False, id="another platform"),
        pytest.param([file("1.0", FITS, yanked=True)], False, id="yanked"),
        pytest.param([file("1.0", SDIST)], False, id="sdist"),
        pytest.param([file("1.0a1", FITS), file("2.0", SDIST)], False, id="a pre-release's"),
    ],
)
def test_whether_some_version_has_a_native_wheel(files: list[IndexFile], *, native: bool) -> None:
    assert has_native_wheel(missing_wheel("2.0"), files) is native


def test_a_locked_pre_release_makes_the_wheels_of_others_count() -> None:
    assert has_native_wheel(missing_wheel("2.0rc1"), [file("1.0a1", FITS)])


@pytest.mark.parametrize(
    ("locked", "files", "newest", "versions"),
    [
        pytest.param(
            "2.0",
            [
                replace(file("2.0", NEWER), place=1),
                replace(file("1.0", FITS), place=1),
                replace(file("3.0", FITS), place=2),
            ],
            "1.0",
            "!=2.0",
            id="first what is older on the same index",
        ),
        pytest.param(
            "2.0",
            [
                replace(file("2.0", NEWER), place=1),
                replace(file("3.0", FITS), place=2),
                replace(file("1.0", FITS), place=2),
            ],
            "3.0",
            "!=2.0",
            id="then the newest of the next",
        ),
        pytest.param(
            "2.0",
            [
                replace(file("2.0", NEWER), place=2),
                replace(file("3.0", FITS), place=1),
                replace(file("3.5", FITS), place=2),
            ],
            "3.5",
            None,
            id="never what was passed over",
        ),
    ],
)
def test_where_indexes_have_an_order_stepping_back_goes_on_to_the_next(
    locked: str, files: list[IndexFile], newest: str, versions: str | None
) -> None:
    back = step_back(missing_wheel(locked), files, in_order=True)
    assert str(back.newest) == newest
    assert back.versions == (None if versions is None else SpecifierSet(versions))


LINUX, WINDOWS = Target.parse("cp312-manylinux_2_28_x86_64"), Target.parse("cp312-win_amd64")
FOLDER, FIRST, SECOND, THIRD = 0, 1, 2, 3


def at(place: int, version: str, target: Target | None, *, yanked: bool = False) -> IndexFile:
    """Make a wheel that fits a target, or an sdist, of an index or the folder."""
    made = file(version, f"cp312-cp312-{target.platform.tag}" if target else SDIST, yanked=yanked)
    return replace(made, place=place, index=f"index {place}")


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
        pytest.param([at(FIRST, "1", LINUX), at(FIRST, "2", LINUX)], [0, 1], id="one index alone"),
        pytest.param([at(FOLDER, "1", LINUX), at(FIRST, "1", WINDOWS)], [0, 1], id="a folder adds"),
        pytest.param(
            [at(FIRST, "1", LINUX), at(SECOND, "1", WINDOWS), at(SECOND, "2", WINDOWS)],
            [0, 2],
            id="each version by its first index",
        ),
        pytest.param(
            [at(FIRST, "1", None), at(SECOND, "1", LINUX)], [0], id="an sdist is a file, too"
        ),
        pytest.param(
            [at(FOLDER, "1", LINUX), at(FIRST, "2", LINUX), at(SECOND, "1", WINDOWS)],
            [0, 1],
            id="what a folder has counts as the first index's",
        ),
        pytest.param(
            [at(SECOND, "1", LINUX), at(THIRD, "1", WINDOWS), at(SECOND, "1", WINDOWS)],
            [0, 2],
            id="in the order of the files",
        ),
    ],
)
def test_a_version_is_what_its_first_index_has_of_it(
    files: list[IndexFile], visible: list[int]
) -> None:
    assert visible_files(files) == tuple(files[position] for position in visible)


def test_a_version_is_spread_for_the_target_whose_wheel_is_not_seen() -> None:
    files = [at(FIRST, "2", LINUX), at(SECOND, "2", WINDOWS), at(SECOND, "1", WINDOWS)]
    assert is_shadowed_version(files, WINDOWS)
    assert is_shadowed_version(files, WINDOWS, above=Version("1"))
    assert not is_shadowed_version(files, WINDOWS, above=Version("2"))
    assert not is_shadowed_version(files, LINUX)


def test_what_is_yanked_or_not_final_is_worth_no_merging() -> None:
    files = [
        at(FIRST, "2", LINUX),
        at(SECOND, "2", WINDOWS, yanked=True),
        at(FIRST, "3a1", LINUX),
        at(SECOND, "3a1", WINDOWS),
    ]
    assert not is_shadowed_version(files, WINDOWS)


def test_the_index_in_the_way_is_named_with_the_one_behind_it() -> None:
    files = [at(FIRST, "2", LINUX), at(SECOND, "2", WINDOWS), at(SECOND, "1", WINDOWS)]
    assert shadowed_by(files, Version("2"), WINDOWS) == ("index 1", "index 2")
    assert shadowed_by(files, Version("1"), WINDOWS) is None
    assert shadowed_by(files, Version("2"), LINUX) is None
    assert shadowed_by(files, Version("9"), LINUX) is None
