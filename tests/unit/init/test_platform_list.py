"""Names added to `platforms` and `python` and removed from them, and every way that goes wrong."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import pytest
from packaging.specifiers import SpecifierSet

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.init.platform_list import Names, Vocabulary, add_names, remove_names
from hatch_multiplat.targets.target import Target
from hatch_multiplat.targets.target_list import Host

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = """\
[tool.multiplat]
platforms = [
  "linux-x86_64",  # servers
  "macosx_13_0_arm64",
  # "windows-arm64",
]
python = ["3.12", "3.13"]
"""


def read_text(path: str) -> str:
    if path != "host.json":
        raise FileNotFoundError(2, "No such file or directory")
    target = Target.parse("cp312-manylinux_2_40_x86_64")
    return json.dumps(target.to_complete_platform(label="", patch=1))


VOCABULARY = Vocabulary(
    host=Host(read_text=read_text, current=lambda: Target.parse("cp312-win_amd64")),
    requires_python=SpecifierSet(">=3.11"),
)


def add(*names: str, python: tuple[str, ...] = (), text: str = TEXT) -> str:
    return add_names(text, Names(platforms=names, pythons=python), VOCABULARY).text


def remove(*names: str, python: tuple[str, ...] = (), text: str = TEXT) -> str:
    return remove_names(text, Names(platforms=names, pythons=python), VOCABULARY).text


def test_names_are_added_behind_the_last_and_every_comment_stays() -> None:
    text = add("windows-x86_64", "host.json", "current", python=("3.14t",))
    assert text == (
        TEXT.replace(
            "_arm64", '_arm64",\n  "windows-x86_64",\n  "host.json",\n  "current', 1
        ).replace('"3.13"', '"3.13", "3.14t"')
    )


def test_a_name_is_removed_in_whatever_spelling_it_is_listed() -> None:
    assert remove("macos-arm64", python=("cp312",)) == (
        TEXT.replace('  "macosx_13_0_arm64",\n', "").replace('"3.12", ', "")
    )
    assert remove("linux-x86_64") == TEXT.replace('  "linux-x86_64",  # servers\n', "")


def test_what_is_added_can_be_removed_again() -> None:
    assert remove("windows-arm64", text=add("windows-arm64")) == TEXT


def test_a_name_that_means_nothing_can_be_removed() -> None:
    text = TEXT.replace("linux-x86_64", "linux_x64")
    assert remove("linux_x64", text=text) == TEXT.replace('  "linux-x86_64",  # servers\n', "")


def test_without_the_key_pythons_begin_from_those_that_it_stands_for() -> None:
    text = '[tool.multiplat]\nplatforms = ["linux-x86_64"]\nlock = "l"\n'
    added = tomllib.loads(add(python=("3.14t",), text=text))["tool"]["multiplat"]
    assert added["python"] == ["3.11", "3.12", "3.13", "3.14", "3.15", "3.14t"]
    removed = remove(python=("3.11", "3.15"), text=text)
    assert removed == text.replace("lock", 'python = ["3.12", "3.13", "3.14"]\nlock')


def test_what_is_listed_already_is_said_and_not_listed_again() -> None:
    names = Names(
        platforms=("linux-x86_64", "macos-arm64", "windows-arm64", "win_arm64"), pythons=("cp312",)
    )
    edited = add_names(TEXT, names, VOCABULARY)
    assert edited.text == add("windows-arm64")
    assert edited.notes == (
        "'linux-x86_64' is in tool.multiplat.platforms already",
        (
            "'macos-arm64' is in tool.multiplat.platforms already as 'macosx_13_0_arm64', "
            "which is the same"
        ),
        "'win_arm64' is in tool.multiplat.platforms already as 'windows-arm64', which is the same",
        "'cp312' is in tool.multiplat.python already as '3.12', which is the same",
    )
    again = add_names(edited.text, names, VOCABULARY)
    assert again.text == edited.text
    assert len(again.notes) == 5


def test_a_platform_that_is_not_listed_is_said_and_nothing_is_removed() -> None:
    names = Names(platforms=("windows-arm64", "linux-x86_64"), pythons=("3.14",))
    edited = remove_names(TEXT, names, VOCABULARY)
    assert edited.text == remove("linux-x86_64")
    assert edited.notes == (
        "'windows-arm64' is not in tool.multiplat.platforms",
        "'3.14' is not in tool.multiplat.python",
    )
    text = '[tool.multiplat]\nplatforms = ["linux-x86_64"]\n'
    assert remove_names(text, Names(platforms=("win32",)), VOCABULARY).text == text


MISTAKES: list[tuple[Callable[[], str], list[str]]] = [
    (
        lambda: add("linux_x64", "linux-arm64", "no.json", python=("3.31", "3.10")),
        [
            "unknown platform 'linux_x64'; did you mean 'linux-x86_64'?",
            "unknown platform 'linux-arm64'; did you mean 'linux-aarch64'?",
            (
                "cannot read the complete-platform file 'no.json': No such file or directory; "
                "the path is relative to pyproject.toml"
            ),
            "unknown Python '3.31': CPython is known from 3.6 to 3.15",
            ("Python 3.10 is not admitted by project.requires-python '>=3.11'; change one of them"),
        ],
    ),
    (
        lambda: remove("linux-x64", "plan9", "windows-arm64", python=("3.41",)),
        [
            "'linux-x64' is not in tool.multiplat.platforms; did you mean 'linux-x86_64'?",
            ("'plan9' is not in tool.multiplat.platforms; it has: linux-x86_64, macosx_13_0_arm64"),
            "'3.41' is not in tool.multiplat.python; did you mean '3.13'?",
        ],
    ),
    (
        lambda: remove("linux-x86_64", "macos-arm64", python=("3.12", "3.13")),
        [
            "tool.multiplat.platforms would be empty; add what is to stay first",
            "tool.multiplat.python would be empty; add what is to stay first",
        ],
    ),
    (
        lambda: add("linux-x86_64", text="[project]\nname = 'x'\n"),
        ["tool.multiplat.platforms is missing; add it with: hatch-multiplat init"],
    ),
    (
        lambda: add("x", text="[tool.multiplat]\nplatforms = 'x'\npython = [3.12]\n"),
        [
            "tool.multiplat.platforms must be an array of strings",
            "tool.multiplat.python must be an array of strings",
        ],
    ),
]


@pytest.mark.parametrize(("attempt", "problems"), MISTAKES)
def test_all_mistakes_are_shown_at_once(attempt: Callable[[], str], problems: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        attempt()
    assert list(caught.value.problems) == problems
