from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest
import tomlkit
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.base.errors import LockError
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.pylock import parse_lock
from hatch_multiplat.wheels.selection import (
    Outcome,
    Selection,
    Wheel,
    WheelSet,
    best_wheel,
    parse_wheel,
    select_all,
)

if TYPE_CHECKING:
    from packaging.pylock import Pylock

BASE = PurePosixPath("/project")
GLIBC = "cp312-manylinux_2_28_x86_64"
OLD_GLIBC = "cp312-manylinux2014_x86_64"
MUSL = "cp312-musllinux_1_2_x86_64"


def url(filename: str) -> str:
    return f"https://files.test/{filename}"


def package(name: str, *tags: str, version: str = "1.0", **keys: Any) -> dict[str, Any]:
    """One package of a lock, a wheel for each of the tags."""
    files = [f"{name}-{version}-{tag}.whl" for tag in tags]
    wheels = [{"url": url(file), "hashes": {"sha256": "0"}} for file in files]
    return {"name": name, "version": version, **({"wheels": wheels} if wheels else {}), **keys}


def lock(*packages: dict[str, Any], **keys: Any) -> Pylock:
    document = {"lock-version": "1.0", "created-by": "test", **keys, "packages": list(packages)}
    return parse_lock(tomlkit.dumps(document), where="pylock.toml")


def select(locked: Pylock, *words: str, **options: Any) -> Outcome:
    return select_all(locked, [Target.parse(word) for word in words], base=BASE, **options)


def taken(outcome: Outcome) -> dict[str, list[str]]:
    return {
        str(selection.target): [wheel.filename for wheel in selection.wheels]
        for selection in outcome.selections
    }


def wheel(tag: str) -> Wheel:
    return parse_wheel(f"demo-1.0-{tag}.whl", url(tag), {"sha256": "0"})


@pytest.mark.parametrize(
    ("target", "tags", "best"),
    [
        pytest.param(
            GLIBC,
            ["py3-none-any", "cp312-cp312-manylinux2014_x86_64"],
            "cp312-cp312-manylinux2014_x86_64",
            id="native before pure",
        ),
        pytest.param(
            GLIBC,
            ["cp38-abi3-manylinux_2_28_x86_64", "cp312-cp312-manylinux2014_x86_64"],
            "cp312-cp312-manylinux2014_x86_64",
            id="its own ABI before abi3 whatever the floor",
        ),
        pytest.param(
            GLIBC,
            ["cp38-abi3-manylinux2014_x86_64", "cp311-abi3-manylinux2014_x86_64"],
            "cp311-abi3-manylinux2014_x86_64",
            id="the newer abi3",
        ),
        pytest.param(
            GLIBC,
            ["cp312-cp312-manylinux_2_17_x86_64", "cp312-cp312-manylinux_2_27_x86_64"],
            "cp312-cp312-manylinux_2_27_x86_64",
            id="the highest floor that fits",
        ),
        pytest.param(
            OLD_GLIBC,
            ["cp312-cp312-manylinux_2_28_x86_64", "cp312-cp312-manylinux_2_12_x86_64"],
            "cp312-cp312-manylinux_2_12_x86_64",
            id="no floor above its own",
        ),
        pytest.param(
            OLD_GLIBC,
            ["cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64"],
            "cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64",
            id="legacy tag",
        ),
        pytest.param(
            MUSL,
            ["cp312-cp312-manylinux_2_17_x86_64", "cp312-cp312-musllinux_1_1_x86_64"],
            "cp312-cp312-musllinux_1_1_x86_64",
            id="musl takes musl",
        ),
        pytest.param(GLIBC, ["cp312-cp312-musllinux_1_1_x86_64"], None, id="glibc does not"),
        pytest.param(
            "cp312-macosx_13_0_arm64",
            ["cp312-cp312-macosx_10_9_universal2", "cp312-cp312-macosx_11_0_arm64"],
            "cp312-cp312-macosx_11_0_arm64",
            id="arm64 before universal2",
        ),
        pytest.param(
            "cp312-macosx_13_0_arm64",
            ["cp312-cp312-macosx_10_9_universal2", "cp312-cp312-macosx_10_9_x86_64"],
            "cp312-cp312-macosx_10_9_universal2",
            id="universal2",
        ),
        pytest.param(
            "cp314t-win_amd64",
            ["cp314-cp314-win_amd64", "cp38-abi3-win_amd64"],
            None,
            id="a free-threaded build takes neither",
        ),
        pytest.param(
            "cp314t-win_amd64",
            ["cp314-cp314-win_amd64", "cp314-cp314t-win_amd64"],
            "cp314-cp314t-win_amd64",
            id="but its own",
        ),
        pytest.param(
            "pp311-manylinux_2_28_x86_64",
            ["cp311-cp311-manylinux2014_x86_64", "pp311-pypy311_pp73-manylinux2014_x86_64"],
            "pp311-pypy311_pp73-manylinux2014_x86_64",
            id="PyPy",
        ),
        pytest.param(
            "pp311-manylinux_2_28_x86_64", ["cp38-abi3-manylinux2014_x86_64"], None, id="no abi3"
        ),
        pytest.param(
            "cp36-manylinux2014_x86_64",
            ["cp36-cp36m-manylinux1_x86_64", "py2.py3-none-any"],
            "cp36-cp36m-manylinux1_x86_64",
            id="the m of old ABIs",
        ),
        pytest.param("cp312-win_amd64", [], None, id="none"),
    ],
)
@pytest.mark.parametrize("turn", [1, -1], ids=["", "reversed"])
def test_the_wheel_whose_tag_ranks_best_is_taken(
    target: str, tags: list[str], best: str | None, turn: int
) -> None:
    found = best_wheel([wheel(tag) for tag in tags][::turn], Target.parse(target))

    assert (found and found.filename) == (best and f"demo-1.0-{best}.whl")


@pytest.mark.parametrize("turn", [1, -1])
def test_of_equal_wheels_the_higher_build_tag_is_taken(turn: int) -> None:
    wheels = [wheel(f"{build}py3-none-any") for build in ("", "2-", "10-", "10b-")]

    best = best_wheel(wheels[::turn], Target.parse(GLIBC))

    assert best is not None
    assert best.build == (10, "b")


def test_each_target_gets_its_own_wheels() -> None:
    locked = lock(
        package("colorama", "py3-none-any", marker="sys_platform == 'win32'"),
        package("native", "cp312-cp312-manylinux_2_17_x86_64", "cp312-cp312-win_amd64"),
    )

    assert taken(select(locked, GLIBC, "cp312-win_amd64")) == {
        GLIBC: ["native-1.0-cp312-cp312-manylinux_2_17_x86_64.whl"],
        "cp312-win_amd64": [
            "colorama-1.0-py3-none-any.whl",
            "native-1.0-cp312-cp312-win_amd64.whl",
        ],
    }


def test_a_package_that_only_early_patch_releases_need_is_in_their_set_alone() -> None:
    """redis asks for async-timeout before 3.11.3."""
    locked = lock(
        package("asynctimeout", "py3-none-any", marker="python_full_version < '3.11.3'"),
        package("redis", "py3-none-any"),
    )

    (selection,) = select(locked, "cp311-manylinux_2_28_x86_64").selections

    assert [(one.from_patch, [w.filename for w in one.wheels]) for one in selection.sets] == [
        (0, ["asynctimeout-1.0-py3-none-any.whl", "redis-1.0-py3-none-any.whl"]),
        (3, ["redis-1.0-py3-none-any.whl"]),
    ]
    assert len(selection.wheels) == 2


def test_a_boundary_at_which_nothing_changes_makes_no_set() -> None:
    locked = lock(package("demo", "py3-none-any", marker="python_full_version != '3.13.2'"))

    (selection,) = select(locked, GLIBC).selections

    assert [one.from_patch for one in selection.sets] == [0]


@pytest.mark.parametrize(
    ("target", "count"), [("cp3.11.2-win_amd64", 1), ("cp3.11.3-win_amd64", 0)]
)
def test_a_pinned_patch_release_has_one_set(target: str, count: int) -> None:
    locked = lock(package("demo", "py3-none-any", marker="python_full_version < '3.11.3'"))

    (selection,) = select(locked, target).selections

    assert len(selection.sets) == 1
    assert len(selection.wheels) == count


def test_what_cannot_be_known_ahead_is_taken_along() -> None:
    locked = lock(package("demo", "py3-none-any", marker="platform_release >= '5.4'"))

    assert taken(select(locked, GLIBC)) == {GLIBC: ["demo-1.0-py3-none-any.whl"]}


def test_two_versions_of_which_each_target_gets_one() -> None:
    new = "platform_version == 'multiplat:linux-x86_64'"
    old = "platform_version == 'multiplat:linux-x86_64-glibc2.17'"
    locked = lock(
        package("demo", "py3-none-any", version="1.0", marker=old),
        package("demo", "py3-none-any", version="2.0", marker=new),
    )

    found = select(locked, GLIBC, OLD_GLIBC)

    assert [selection.wheels[0].version for selection in found.selections] == [
        Version("2.0"),
        Version("1.0"),
    ]


def test_a_lock_with_two_versions_for_one_target_is_refused() -> None:
    locked = lock(
        package("demo", "py3-none-any", version="1.0"),
        package("demo", "py3-none-any", version="2.0", marker="sys_platform == 'linux'"),
    )

    with pytest.raises(LockError) as caught:
        select(locked, "cp312-win_amd64", GLIBC)

    assert str(caught.value) == (
        f"the lock has demo 1.0 and 2.0 for {GLIBC}; "
        "their markers must exclude each other, write the lock anew"
    )


@pytest.mark.parametrize(
    ("keys", "outside"),
    [
        pytest.param({"requires-python": ">=3.12.4"}, [], id="part of the minor"),
        pytest.param({"requires-python": ">=3.13"}, [GLIBC, "cp312-win_amd64"], id="Python"),
        pytest.param({"environments": ["sys_platform == 'linux'"]}, ["cp312-win_amd64"], id="one"),
        pytest.param(
            {"environments": ["sys_platform == 'linux'", "python_full_version > '3.12.4'"]},
            [],
            id="some patch release",
        ),
        pytest.param(
            {
                "requires-python": ">=3.12.4",
                "environments": ["python_full_version < '3.12.4'"],
            },
            [GLIBC, "cp312-win_amd64"],
            id="two bounds that exclude each other",
        ),
    ],
)
def test_a_lock_that_was_not_made_for_a_target_is_refused(
    keys: dict[str, Any], outside: list[str]
) -> None:
    locked = lock(package("demo", "py3-none-any"), **keys)
    if not outside:
        assert len(select(locked, GLIBC, "cp312-win_amd64").selections) == 2
        return

    with pytest.raises(LockError) as caught:
        select(locked, GLIBC, "cp312-win_amd64")

    assert str(caught.value) == (
        f"the lock is not made for {', '.join(outside)} (its requires-python or environments "
        "leave them out); write the lock anew, or leave these targets out by 'exclude'"
    )


def test_a_target_with_gaps_gets_no_selection_and_every_gap() -> None:
    locked = lock(
        package("one", "cp311-cp311-win_amd64"),
        package("three", "py3-none-any"),
        package("two", "cp312-cp312-win_arm64"),
    )

    found = select(locked, "cp312-win_amd64", "cp312-win_arm64")

    assert found.selections == ()
    assert [
        (missing_wheel.name, str(missing_wheel.target), missing_wheel.kind)
        for missing_wheel in found.missing_wheels
    ] == [
        ("one", "cp312-win_amd64", "python"),
        ("two", "cp312-win_amd64", "platform"),
        ("one", "cp312-win_arm64", "platform"),
    ]
    assert found.missing_wheels[0].reason == "no wheel for this Python (has cp311)"
    assert found.sources == ()


SDIST = {"url": url("demo-1.0.tar.gz"), "hashes": {"sha256": "0"}, "size": 3}


@pytest.mark.parametrize(
    ("keys", "kind", "reason", "source"),
    [
        pytest.param(
            {"sdist": SDIST},
            "sdist",
            "sdist only",
            ("sdist", "demo-1.0.tar.gz", SDIST["url"]),
            id="sdist",
        ),
        pytest.param(
            {"archive": {"url": url("demo-1.0.zip?token=1"), "hashes": {"sha256": "0"}}},
            "sdist",
            "sdist only",
            ("sdist", "demo-1.0.zip", url("demo-1.0.zip?token=1")),
            id="archive",
        ),
        pytest.param(
            {"directory": {"path": "vendor/demo"}},
            "source",
            "no wheel, only a source tree",
            ("directory", "", "file:///project/vendor/demo"),
            id="directory",
        ),
        pytest.param(
            {"vcs": {"type": "git", "url": "https://git.test/demo", "commit-id": "0" * 40}},
            "source",
            "no wheel, only a source tree",
            ("vcs", "", "https://git.test/demo"),
            id="version control",
        ),
    ],
)
def test_a_package_with_only_a_source_is_reported_for_every_target(
    keys: dict[str, Any], kind: str, reason: str, source: tuple[str, str, str]
) -> None:
    found = select(lock(package("demo", **keys)), GLIBC, "cp312-win_amd64")

    assert [
        (missing_wheel.kind, missing_wheel.reason) for missing_wheel in found.missing_wheels
    ] == [(kind, reason)] * 2
    (one,) = found.sources
    assert (one.kind, one.filename, one.url) == source


def test_a_wheel_built_from_the_source_closes_its_gaps() -> None:
    built = wheel("py3-none-any")
    locked = lock(package("demo", sdist=SDIST))

    found = select(locked, GLIBC, "cp312-win_amd64", built={str(SDIST["url"]): built})

    assert [selection.wheels for selection in found.selections] == [(built,), (built,)]


@pytest.mark.parametrize(
    "address",
    [
        url("demo-1.0%2Bcpu-py3-none-any.whl"),
        url("demo-1.0+cpu-py3-none-any.whl#sha256=0"),
        url("demo-1.0+cpu-py3-none-any.whl?token=1"),
    ],
)
def test_an_archive_can_be_a_wheel(address: str) -> None:
    archive = {"url": address, "hashes": {"sha256": "0"}}
    locked = lock(package("demo", archive=archive, version="1.0+cpu"))

    (selection,) = select(locked, GLIBC).selections

    assert [(w.filename, w.url) for w in selection.wheels] == [
        ("demo-1.0+cpu-py3-none-any.whl", address)
    ]


def test_an_archive_with_a_bad_wheel_name_is_a_lock_error() -> None:
    archive = {"url": url("demo.whl"), "hashes": {"sha256": "0"}}

    with pytest.raises(LockError, match=r"^the lock's archive of demo: Invalid wheel filename"):
        select(lock(package("demo", archive=archive)), GLIBC)


def test_relative_paths_start_from_the_folder_of_the_lock() -> None:
    wheels = [{"path": "wheels/demo-1.0-py3-none-any.whl", "hashes": {"sha256": "0"}}]

    (selection,) = select(lock(package("demo", wheels=wheels)), GLIBC).selections

    assert selection.wheels[0].url == "file:///project/wheels/demo-1.0-py3-none-any.whl"


def test_one_more_wheel_is_in_every_set() -> None:
    own = parse_wheel("app-1.0-py3-none-any.whl", "file:///app", {"sha256": "1"})
    other = wheel("py3-none-any")
    selection = Selection(
        target=Target.parse(GLIBC),
        sets=(WheelSet(from_patch=0, wheels=(other,)), WheelSet(from_patch=3, wheels=())),
    )

    found = selection.with_wheel(own)

    assert [one.wheels for one in found.sets] == [(own, other), (own,)]


def test_a_locked_wheel_knows_its_hash() -> None:
    found = parse_wheel(
        "Demo_App-1.0-1-py3-none-any.whl", "file:///x", {"md5": "1", "sha256": "2"}, 7
    )

    assert found.name == canonicalize_name("demo-app")
    assert found.build == (1, "")
    assert found.sha256 == "2"
    assert found.size == 7


def test_a_package_whose_requires_python_leaves_a_target_out_is_a_gap_there() -> None:
    """Another tool's lock says so; the solver passes over upper bounds."""
    locked = lock(package("lib", "py3-none-any", **{"requires-python": ">=3.8,<3.12"}))
    outcome = select(locked, GLIBC, "cp311-win_amd64")
    assert taken(outcome) == {"cp311-win_amd64": ["lib-1.0-py3-none-any.whl"]}
    (missing_wheel,) = outcome.missing_wheels
    assert (str(missing_wheel.target), missing_wheel.kind) == (GLIBC, "python")
    assert missing_wheel.reason == "it requires Python '<3.12,>=3.8', which leaves out 3.12"


def test_a_package_that_leaves_out_some_patch_releases_is_none() -> None:
    locked = lock(package("lib", "py3-none-any", **{"requires-python": ">=3.12.4"}))
    assert select(locked, GLIBC).missing_wheels == ()
    (missing_wheel,) = select(locked, "cp3.12.3-win_amd64").missing_wheels
    assert missing_wheel.reason.endswith("which leaves out 3.12.3")
