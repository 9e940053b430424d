from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, parse_tag
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.resolve.step_back import has_native_wheel, step_back
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.selection import MissingWheel, wheel_fits

TARGET = Target.parse("cp311-manylinux2014_x86_64")
FITS = "cp311-cp311-manylinux2014_x86_64"
NEWER = "cp311-cp311-manylinux_2_28_x86_64"
SDIST = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    version: Version
    tags: frozenset[Tag]
    requires_python: SpecifierSet | None = None
    yanked: bool | str = False
    place: int = 0
    index: str = ""


def file(version: str, tag: str, *, python: str | None = None, yanked: bool | str = False) -> File:
    return File(
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
            [file("2.0", NEWER), file("1.5", FITS, yanked="broken"), file("1.0", FITS)],
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
    locked: str | None, files: list[File], newest: str | None, versions: str | None
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
def test_whether_some_version_has_a_native_wheel(files: list[File], *, native: bool) -> None:
    assert has_native_wheel(missing_wheel("2.0"), files) is native


def test_a_locked_pre_release_makes_the_wheels_of_others_count() -> None:
    assert has_native_wheel(missing_wheel("2.0rc1"), [file("1.0a1", FITS)])


def at(place: int, found: File) -> File:
    return replace(found, place=place)


@pytest.mark.parametrize(
    ("locked", "files", "newest", "versions"),
    [
        pytest.param(
            "2.0",
            [at(1, file("2.0", NEWER)), at(1, file("1.0", FITS)), at(2, file("3.0", FITS))],
            "1.0",
            "!=2.0",
            id="first what is older on the same index",
        ),
        pytest.param(
            "2.0",
            [at(1, file("2.0", NEWER)), at(2, file("3.0", FITS)), at(2, file("1.0", FITS))],
            "3.0",
            "!=2.0",
            id="then the newest of the next",
        ),
        pytest.param(
            "2.0",
            [at(2, file("2.0", NEWER)), at(1, file("3.0", FITS)), at(2, file("3.5", FITS))],
            "3.5",
            None,
            id="never what was passed over",
        ),
    ],
)
def test_where_indexes_have_an_order_stepping_back_goes_on_to_the_next(
    locked: str, files: list[File], newest: str, versions: str | None
) -> None:
    back = step_back(missing_wheel(locked), files, in_order=True)
    assert str(back.newest) == newest
    assert back.versions == (None if versions is None else SpecifierSet(versions))
