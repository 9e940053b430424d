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
TAGS = {
    "fits": "cp311-cp311-manylinux2014_x86_64",
    "newer": "cp311-cp311-manylinux_2_28_x86_64",
    "windows": "cp311-cp311-win_amd64",
    "pure": "py3-none-any",
    "sdist": "",
}


def file(version: str, tag: str, *, python: str | None = None, yanked: bool = False) -> IndexFile:
    return IndexFile(
        filename="",
        url="",
        version=Version(version),
        tags=parse_tag(tag) if tag else frozenset(),
        requires_python=SpecifierSet(python) if python else None,
        yanked=yanked,
    )


def listed(text: str) -> list[IndexFile]:
    """Make files of what is said of each: version, a word of TAGS, and what else there is to say.

    That is `yanked`, a Requires-Python, and the number of the index behind an `@`.
    """
    found = []
    for line in text.split(", ") if text else ():
        version, word, *more = line.split()
        python = next((word for word in more if word.startswith(">=")), None)
        made = file(version, TAGS[word], python=python, yanked="yanked" in more)
        place = next((int(word[1:]) for word in more if word.startswith("@")), made.place)
        found.append(replace(made, place=place))
    return found


def missing_wheel(version: str | None) -> MissingWheel:
    return MissingWheel(
        name=canonicalize_name("demo"),
        version=Version(version) if version else None,
        target=TARGET,
        kind="floor",
        reason="floor too old",
    )


# Locked; what the index has; the version stepped back to; what uv is told.
STEPS: dict[str, tuple[str | None, str, str | None, str | None]] = {
    "the newest version with a wheel": ("3.0", "3.0 newer, 2.0 fits, 1.0 fits", "2.0", "!=3.0"),
    "versions without one are named": (
        "4.0",
        "4.0 newer, 3.0 fits, 2.0 newer, 1.0 fits",
        "3.0",
        "!=4.0,!=2.0",
    ),
    "an sdist alone is no wheel": (
        "2.0",
        "2.0 newer, 1.5 sdist, 1.0 fits, 1.0 sdist",
        "1.0",
        "!=2.0,!=1.5",
    ),
    "yanked": ("2.0", "2.0 newer, 1.5 fits yanked, 1.0 fits", "1.0", "!=2.0"),
    "only yanked ones": ("2.0", "2.0 newer, 1.5 fits yanked, 1.2 newer yanked", None, None),
    "pre-releases neither count nor are named": (
        "2.0",
        "2.0 newer, 2.0b1 fits, 1.5rc1 newer, 1.0 fits",
        "1.0",
        "!=2.0",
    ),
    "only a pre-release": ("2.0", "2.0 newer, 1.0b1 fits", "1.0b1", "!=2.0"),
    "pre-releases count where one is locked": (
        "2.0b3",
        "2.0b3 newer, 2.0b2 fits, 2.0b1 newer, 1.0 fits",
        "2.0b2",
        "!=2.0b3,!=2.0b1",
    ),
    "requires-python": (
        "2.0",
        "2.0 newer, 1.5 fits >=3.12, 1.2 fits >=3.11.4",
        "1.2",
        "!=2.0,!=1.5",
    ),
    "local versions": (
        "2.0+cu121",
        "2.0+cu121 newer, 2.0+cpu fits, 2.0 newer",
        "2.0+cpu",
        "!=2.0+cu121",
    ),
    "a local version newer than the one that fits": (
        "2.0",
        "2.0 newer, 1.0 fits, 1.0+cpu newer",
        "1.0",
        "!=2.0,!=1.0+cpu",
    ),
    "newest but not allowed": ("2.0", "2.0 newer, 2.1 fits", "2.1", None),
    "allowed before newest": ("2.0", "2.0 newer, 2.1 fits, 1.0 fits", "1.0", "!=2.0"),
    "none at all": ("2.0", "2.0 newer, 1.0 newer", None, None),
    "no files": ("2.0", "", None, None),
    "no locked version": (None, "1.0 fits", "1.0", None),
}


@pytest.mark.parametrize(("locked", "files", "newest", "versions"), STEPS.values(), ids=STEPS)
def test_where_to_step_back_to(
    locked: str | None, files: str, newest: str | None, versions: str | None
) -> None:
    back = step_back(missing_wheel(locked), listed(files))

    assert back.newest == (Version(newest) if newest else None)
    assert back.versions == (SpecifierSet(versions) if versions else None)


@pytest.mark.parametrize(
    ("tag", "python", "target", "fits"),
    [
        pytest.param("fits", None, "cp311-manylinux2014_x86_64", True, id="exact"),
        pytest.param("pure", None, "cp311-manylinux2014_x86_64", True, id="pure"),
        pytest.param("newer", None, "cp311-manylinux2014_x86_64", False, id="newer floor"),
        pytest.param("sdist", None, "cp311-manylinux2014_x86_64", False, id="sdist"),
        pytest.param("fits", ">=3.12", "cp311-manylinux2014_x86_64", False, id="newer Python"),
        pytest.param("fits", ">=3.11.4", "cp311-manylinux2014_x86_64", True, id="some release"),
        pytest.param(
            "fits", ">=3.11.4", "cp3.11.3-manylinux2014_x86_64", False, id="pinned, older"
        ),
        pytest.param("fits", ">=3.11.4", "cp3.11.4-manylinux2014_x86_64", True, id="pinned"),
    ],
)
def test_which_files_a_target_can_install(
    tag: str, python: str | None, target: str, *, fits: bool
) -> None:
    assert wheel_fits(file("1.0", TAGS[tag], python=python), Target.parse(target)) is fits


@pytest.mark.parametrize(
    ("files", "native"),
    [
        pytest.param("1.0 fits", True, id="own platform"),
        pytest.param("1.0 pure", False, id="pure only"),
        pytest.param("1.0 windows", False, id="another platform"),
        pytest.param("1.0 fits yanked", False, id="yanked"),
        pytest.param("1.0 sdist", False, id="sdist"),
        pytest.param("1.0a1 fits, 2.0 sdist", False, id="a pre-release's"),
    ],
)
def test_whether_some_version_has_a_native_wheel(files: str, *, native: bool) -> None:
    assert has_native_wheel(missing_wheel("2.0"), listed(files)) is native


def test_a_locked_pre_release_makes_the_wheels_of_others_count() -> None:
    assert has_native_wheel(missing_wheel("2.0rc1"), listed("1.0a1 fits"))


# Locked; what the index has; the version stepped back to; what uv is told.
STEPS_IN_ORDER: dict[str, tuple[str | None, str, str | None, str | None]] = {
    "first what is older on the same index": (
        "2.0",
        "2.0 newer @1, 1.0 fits @1, 3.0 fits @2",
        "1.0",
        "!=2.0",
    ),
    "then the newest of the next": (
        "2.0",
        "2.0 newer @1, 3.0 fits @2, 1.0 fits @2",
        "3.0",
        "!=2.0",
    ),
    "never what was passed over": ("2.0", "2.0 newer @2, 3.0 fits @1, 3.5 fits @2", "3.5", None),
}


@pytest.mark.parametrize(
    ("locked", "files", "newest", "versions"), STEPS_IN_ORDER.values(), ids=STEPS_IN_ORDER
)
def test_where_indexes_have_an_order_stepping_back_goes_on_to_the_next(
    locked: str, files: str, newest: str, versions: str | None
) -> None:
    back = step_back(missing_wheel(locked), listed(files), in_order=True)
    assert str(back.newest) == newest
    assert back.versions == (None if versions is None else SpecifierSet(versions))


LINUX, WINDOWS = Target.parse("cp312-manylinux_2_28_x86_64"), Target.parse("cp312-win_amd64")
FOLDER, FIRST, SECOND, THIRD = 0, 1, 2, 3


def at(place: int, version: str, target: Target | None, *, yanked: bool = False) -> IndexFile:
    """Make a wheel that fits a target, or an sdist, of an index or the folder."""
    made = file(version, f"cp312-cp312-{target.platform.tag}" if target else "", yanked=yanked)
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
