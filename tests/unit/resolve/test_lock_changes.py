from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packaging.pylock import Pylock
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from hatch_multiplat.resolve.lock_changes import (
    describe_changes,
    find_stale,
    lock_inputs,
    locked_python,
    same_packages,
)
from hatch_multiplat.resolve.question import Question
from hatch_multiplat.targets.target import Target
from tests.support.tool_settings import UV_SETTINGS

TARGETS = [
    Target.parse("cp311-manylinux_2_28_x86_64"),
    Target.parse("cp311-musllinux_1_2_x86_64"),
    Target.parse("cp311-win_amd64"),
]


def lock_of(*packages: tuple[str, str, str] | tuple[str, str]) -> Pylock:
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


ON_LINUX = "sys_platform == 'linux'"
ON_WINDOWS = "sys_platform == 'win32'"


def test_a_member_without_a_version_has_none_in_its_line() -> None:
    member = Pylock.from_dict(
        {
            "lock-version": "1.0",
            "created-by": "test",
            "packages": [{"name": "a", "directory": {"path": "a"}}],
        }
    )
    assert describe_changes(None, member) == ["added a"]
    assert describe_changes(member, lock_of()) == ["removed a"]
    assert describe_changes(member, lock_of(("a", "1"))) == ["updated a without a version -> 1"]


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        pytest.param(None, lock_of(("a", "1")), ["added a 1"], id="first lock"),
        pytest.param(lock_of(("a", "1")), lock_of(("a", "1")), [], id="nothing"),
        pytest.param(lock_of(("a", "1")), lock_of(), ["removed a 1"], id="removed"),
        pytest.param(lock_of(("a", "1")), lock_of(("a", "2")), ["updated a 1 -> 2"], id="updated"),
        pytest.param(
            lock_of(("a", "1")),
            lock_of(("a", "1", ON_LINUX), ("a", "2", ON_WINDOWS)),
            ["updated a 1 -> 1, 2"],
            id="forked",
        ),
        pytest.param(
            lock_of(("a", "9", ON_LINUX), ("a", "10", ON_WINDOWS)),
            lock_of(("a", "9")),
            ["updated a 9, 10 -> 9"],
            id="versions in their own order",
        ),
        pytest.param(
            lock_of(("a", "1")),
            lock_of(("a", "1", ON_LINUX)),
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
        pytest.param(lock_of(("a", "1")), lock_of(("a", "1")), True, id="equal"),
        pytest.param(
            lock_of(("a", "1", "sys_platform != 'darwin'")),
            lock_of(("a", "1")),
            True,
            id="the same in other words",
        ),
        pytest.param(lock_of(("a", "1")), lock_of(("a", "1", ON_WINDOWS)), False, id="marker"),
        pytest.param(lock_of(("a", "1")), lock_of(("a", "2")), False, id="version"),
        pytest.param(
            lock_of(("a", "1", "python_full_version < '3.11.2'")),
            lock_of(("a", "1", "python_full_version < '3.11.3'")),
            False,
            id="patch release",
        ),
        pytest.param(
            lock_of(("a", "1", "platform_version != 'multiplat:linux-x86_64-musl'")),
            lock_of(("a", "1")),
            False,
            id="label",
        ),
    ],
)
def test_locks_are_the_same_if_every_target_has_the_same_packages(
    before: Pylock, after: Pylock, *, same: bool
) -> None:
    assert same_packages(before, after, TARGETS) is same


LINUX = Target.parse("cp311-manylinux_2_28_x86_64")
MUSL = Target.parse("cp311-musllinux_1_2_x86_64")
WINDOWS = Target.parse("cp312-win_amd64")


def asked(*requirements: str, constraints: tuple[str, ...] = (), **values: Any) -> Question:
    rest = {
        "targets": (LINUX, WINDOWS),
        "requires_python": SpecifierSet(),
        "uv_table": {},
        **values,
    }
    return Question(
        requirements=tuple(map(Requirement, requirements)),
        constraints=tuple(map(Requirement, constraints)),
        project_dir=Path("/project"),
        **rest,
    )


def make_lock(*packages: dict[str, Any], **top: Any) -> Pylock:
    whole = [
        {
            "version": "1.0",
            "wheels": [
                {
                    "url": f"https://files.test/{one['name']}-{version}-py3-none-any.whl",
                    "hashes": {"sha256": "00"},
                }
            ],
            **one,
        }
        for one in packages
        for version in [one.get("version", "1.0")]
    ]
    return Pylock.from_dict({"lock-version": "1.0", "created-by": "pip", "packages": whole, **top})


BEFORE = asked("rich>=14", "click", constraints=("pygments<3",))


@pytest.mark.parametrize(
    ("now", "problems"),
    [
        pytest.param(BEFORE, [], id="nothing"),
        pytest.param(
            asked("click", "rich>=14.0", constraints=("pygments<3",)),
            ["requirements: 'rich>=14.0' is new", "requirements: 'rich>=14' is gone"],
            id="another version",
        ),
        pytest.param(
            asked("click", "rich>=14", constraints=("pygments<3",)), [], id="another order"
        ),
        pytest.param(
            asked("rich>=14", "click", "httpx", constraints=("pygments<3",)),
            ["requirements: 'httpx' is new"],
            id="new requirement",
        ),
        pytest.param(
            asked("rich>=14", constraints=("pygments<3",)),
            ["requirements: 'click' is gone"],
            id="removed requirement",
        ),
        pytest.param(
            asked("rich>=14", "click"), ["constraints: 'pygments<3' is gone"], id="constraint"
        ),
        pytest.param(
            replace(BEFORE, targets=(LINUX, WINDOWS, MUSL)),
            ["targets: 'cp311-musllinux_1_2_x86_64' is new"],
            id="new target",
        ),
        pytest.param(
            replace(BEFORE, targets=(LINUX,)),
            ["targets: 'cp312-win_amd64' is gone"],
            id="removed target",
        ),
        pytest.param(replace(BEFORE, targets=(WINDOWS, LINUX)), [], id="targets in another order"),
        pytest.param(
            replace(BEFORE, uv_table={"override-dependencies": ["idna<4"]}),
            ["constraints: 'override idna<4' is new"],
            id="override",
        ),
        pytest.param(
            replace(BEFORE, uv_table={"resolution": "lowest"}),
            ["settings: 'resolution = \"lowest\"' is new"],
            id="setting",
        ),
        pytest.param(replace(BEFORE, uv_table={"managed": True}), [], id="setting of no concern"),
        pytest.param(
            replace(BEFORE, uv_table={"pip": {"no-build": True, "strict": True}}),
            ["settings: 'pip.no-build = true' is new"],
            id="setting for uv pip",
        ),
        pytest.param(
            replace(BEFORE, build_sdists=False),
            ["settings: 'sdists = \"never\"' is new"],
            id="sdists",
        ),
        pytest.param(
            replace(BEFORE, requires_python=SpecifierSet(">=3.11.4")),
            ["requires-python: '>=3.11.4' is new"],
            id="requires-python",
        ),
    ],
)
def test_a_lock_of_ours_is_stale_by_what_it_was_made_from(
    now: Question, problems: list[str]
) -> None:
    lock = make_lock(**{"requires-python": locked_python(BEFORE)})
    assert find_stale(lock, now, inputs=lock_inputs(BEFORE)) == problems


WHERE_FROM = {
    *("cache-dir", "extra-index-url", "find-links", "index", "index-url", "keyring-provider"),
    *("no-index", "offline", "pip", "workspace"),
}
"""The settings of uv that count, and say where packages come from or stand in other keys."""


@pytest.mark.parametrize(
    "key", sorted({key for key, reason in UV_SETTINGS.items() if not reason} - WHERE_FROM)
)
def test_each_setting_of_uv_that_changes_the_choice_makes_a_lock_stale(key: str) -> None:
    assert lock_inputs(replace(BEFORE, uv_table={key: ["idna<4"]})) != lock_inputs(BEFORE)


def test_a_requirement_may_be_spelt_as_another_release_of_packaging_does() -> None:
    question = asked("demo @ https://files.test/demo-1.0.tar.gz", targets=(LINUX,))
    inputs = {
        "requirements": ["demo@ https://files.test/demo-1.0.tar.gz"],
        "targets": [str(LINUX)],
    }
    lock = make_lock(**{"requires-python": ">=3.11"})
    assert find_stale(lock, question, inputs=inputs) == []


def test_what_is_recorded_has_no_credentials() -> None:
    question = asked(
        "demo @ https://ada:secret@files.test/demo-1.0.tar.gz",
        uv_table={
            "constraint-dependencies": ["other @ https://ada:secret@files.test/other-1.0.tar.gz"],
            "override-dependencies": ["third @ https://ada:secret@files.test/third-1.0.tar.gz"],
            "sources": {"fourth": {"git": "https://ada:secret@git.test/fourth"}},
        },
    )
    text = str(lock_inputs(question))
    assert "ada" not in text
    assert "secret" not in text
    assert "https://files.test/demo-1.0.tar.gz" in text


@pytest.mark.parametrize(
    ("lock", "question", "problems"),
    [
        pytest.param(make_lock({"name": "rich"}), asked("rich"), [], id="met"),
        pytest.param(make_lock({"name": "rich"}), asked("Rich[jupyter]>=1,<2"), [], id="spelling"),
        pytest.param(
            make_lock({"name": "rich"}),
            asked("rich", "click"),
            ["it lacks click, which 'click' asks for"],
            id="lacks",
        ),
        pytest.param(
            make_lock({"name": "rich"}),
            asked("rich>=2"),
            [
                "it has rich 1.0, not 'rich>=2'",
            ],
            id="another version",
        ),
        pytest.param(
            make_lock({"name": "rich", "marker": "sys_platform == 'linux'"}),
            asked("rich"),
            ["it lacks rich, which 'rich' asks for (cp312-win_amd64)"],
            id="lacks on one target",
        ),
        pytest.param(
            make_lock({"name": "rich", "marker": "sys_platform == 'linux'"}),
            asked("rich; sys_platform == 'linux'"),
            [],
            id="not asked for there",
        ),
        pytest.param(
            make_lock(),
            asked("rich; python_full_version < '3.11.3'"),
            [
                (
                    "it lacks rich, which 'rich; python_full_version < \"3.11.3\"' asks for "
                    "(cp311-manylinux_2_28_x86_64)"
                )
            ],
            id="asked for by early patch releases",
        ),
        pytest.param(
            make_lock({"name": "rich", "version": "1.0rc1"}), asked("rich"), [], id="candidate"
        ),
        pytest.param(
            make_lock({"name": "rich"}, environments=["sys_platform == 'linux'"]),
            asked("rich"),
            [
                (
                    "its environments leave out this target; name it in theirs, "
                    "or leave it out by 'exclude' (cp312-win_amd64)"
                )
            ],
            id="environments",
        ),
        pytest.param(
            make_lock({"name": "rich"}, **{"requires-python": ">=3.12"}),
            asked("rich"),
            ["it is for Python >=3.12, not 3.11 (cp311-manylinux_2_28_x86_64)"],
            id="requires-python",
        ),
        pytest.param(
            make_lock(),
            asked("rich @ https://ada:secret@files.test/rich-1.0.tar.gz", targets=(LINUX,)),
            ["it lacks rich, which 'rich @ https://files.test/rich-1.0.tar.gz' asks for"],
            id="no credentials",
        ),
    ],
)
def test_the_lock_of_another_tool_is_stale_by_requirements_that_it_does_not_meet(
    lock: Pylock, question: Question, problems: list[str]
) -> None:
    assert find_stale(lock, question, inputs={}) == problems
