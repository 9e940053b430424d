from __future__ import annotations

import pytest
from packaging.pylock import Pylock

from hatch_multiplat.resolve.lock_changes import describe_changes, same_packages
from hatch_multiplat.targets.target import Target

TARGETS = [
    Target.parse("cp311-manylinux_2_28_x86_64"),
    Target.parse("cp311-musllinux_1_2_x86_64"),
    Target.parse("cp311-win_amd64"),
]


def make_lock(*packages: tuple[str, str, str] | tuple[str, str]) -> Pylock:
    """Make a lock of packages with a name, a version and, maybe, a marker."""
    return Pylock.from_dict(
        {
            "lock-version": "1.0",
            "created-by": "test",
            "packages": [
                {
                    "name": name,
                    "version": version,
                    **({"marker": marker[0]} if marker else {}),
                    "wheels": [
                        {
                            "url": f"https://files.test/{name}-{version}-py3-none-any.whl",
                            "hashes": {"sha256": "00"},
                        }
                    ],
                }
                for name, version, *marker in packages
            ],
        }
    )


LINUX = "sys_platform == 'linux'"
WIN = "sys_platform == 'win32'"


def test_a_member_without_a_version_has_none_in_its_line() -> None:
    member = Pylock.from_dict(
        {
            "lock-version": "1.0",
            "created-by": "test",
            "packages": [{"name": "a", "directory": {"path": "a"}}],
        }
    )
    assert describe_changes(None, member) == ["added a"]
    assert describe_changes(member, make_lock()) == ["removed a"]
    assert describe_changes(member, make_lock(("a", "1"))) == ["updated a without a version -> 1"]


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        pytest.param(None, make_lock(("a", "1")), ["added a 1"], id="first lock"),
        pytest.param(make_lock(("a", "1")), make_lock(("a", "1")), [], id="nothing"),
        pytest.param(make_lock(("a", "1")), make_lock(), ["removed a 1"], id="removed"),
        pytest.param(
            make_lock(("a", "1")), make_lock(("a", "2")), ["updated a 1 -> 2"], id="updated"
        ),
        pytest.param(
            make_lock(("a", "1")),
            make_lock(("a", "1", LINUX), ("a", "2", WIN)),
            ["updated a 1 -> 1, 2"],
            id="forked",
        ),
        pytest.param(
            make_lock(("a", "9", LINUX), ("a", "10", WIN)),
            make_lock(("a", "9")),
            ["updated a 9, 10 -> 9"],
            id="versions in their own order",
        ),
        pytest.param(
            make_lock(("a", "1")),
            make_lock(("a", "1", LINUX)),
            ["changed a 1: other files or markers"],
            id="marker",
        ),
    ],
)
def test_each_package_that_changed_has_a_line(
    before: Pylock | None, after: Pylock, lines: list[str]
) -> None:
    assert describe_changes(before, after) == lines


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        pytest.param(make_lock(("a", "1")), make_lock(("a", "1")), True, id="equal"),
        pytest.param(
            make_lock(("a", "1", "sys_platform != 'darwin'")),
            make_lock(("a", "1")),
            True,
            id="the same in other words",
        ),
        pytest.param(make_lock(("a", "1")), make_lock(("a", "1", WIN)), False, id="marker"),
        pytest.param(make_lock(("a", "1")), make_lock(("a", "2")), False, id="version"),
        pytest.param(
            make_lock(("a", "1", "python_full_version < '3.11.2'")),
            make_lock(("a", "1", "python_full_version < '3.11.3'")),
            False,
            id="patch release",
        ),
        pytest.param(
            make_lock(("a", "1", "platform_version != 'multiplat:linux-x86_64-musl'")),
            make_lock(("a", "1")),
            False,
            id="label",
        ),
    ],
)
def test_locks_are_the_same_if_every_target_has_the_same_packages(
    before: Pylock, after: Pylock, *, same: bool
) -> None:
    assert same_packages(before, after, TARGETS) is same
