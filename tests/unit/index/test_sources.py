from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

import pytest
from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.base.urls import Credentials, redact, redact_text
from hatch_multiplat.index.locations import absolute_location, flatten_table
from hatch_multiplat.index.sources import (
    PYPI,
    Sources,
    choose_sources,
)
from hatch_multiplat.index.user_settings import says_yes

if TYPE_CHECKING:
    from collections.abc import Mapping

OWN = "https://own.test/simple"
OTHER = "https://other.test/simple"
THIRD = "https://third.test/simple"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()


def choose(
    settings: Settings | None = None,
    *,
    uv: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    user: Mapping[str, Any] | None = None,
    pip: Mapping[str, str] | None = None,
) -> Sources:
    credentials = Credentials()
    return choose_sources(
        settings or Settings(),
        uv_table=credentials.take_all(flatten_table(uv or {}), "tool.uv", []),
        environ=environ or {},
        project_dir=PurePosixPath("/project"),
        cwd=PurePosixPath("/here"),
        user_table=user or {},
        pip_config=pip or {},
        credentials=credentials,
    )


def test_an_index_has_no_query() -> None:
    with pytest.raises(ConfigError) as caught:
        choose(uv={"index-url": f"{OWN}?token=s3cret"})
    assert str(caught.value) == (
        "index-url of the project's settings for uv: an index is asked without a query; "
        "give its token as the user or the password"
    )


def test_without_a_word_anywhere_it_is_pypi() -> None:
    assert choose() == Sources(index_url=PYPI)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("1", "true", "T", "Yes", "y", "ON"), True),
        (("0", "false", "F", "No", "n", "OFF", ""), False),
    ],
)
def test_variables_say_yes_and_no_in_the_words_of_uv(
    words: tuple[str, ...], *, answer: bool
) -> None:
    assert {says_yes({"UV_OFFLINE": word}, "UV_OFFLINE") for word in words} == {answer}
    assert not says_yes({}, "UV_OFFLINE")


@pytest.mark.parametrize("word", ["x", "2", "offline"])
def test_a_variable_that_says_neither_is_a_mistake(word: str) -> None:
    with pytest.raises(ConfigError) as caught:
        choose(environ={"UV_NO_CONFIG": word})
    expected = f"UV_NO_CONFIG: {word!r} is neither yes nor no; give 1 or 0"
    assert caught.value.problems == (expected,)
    with pytest.raises(ConfigError, match="PIP_NO_INDEX or pip's no-index: "):
        choose(environ={"PIP_NO_INDEX": word})


@pytest.mark.parametrize(
    ("settings", "uv", "environ", "expected"),
    [
        pytest.param(
            Settings(index_url=OWN),
            {"index-url": OTHER},
            {"UV_DEFAULT_INDEX": OTHER, "PIP_INDEX_URL": THIRD},
            Sources(index_url=OWN),
            id="the table before all",
        ),
        pytest.param(
            Settings(find_links=("wheels",)),
            {"extra-index-url": [OTHER]},
            {},
            Sources(find_links=("file:///project/wheels",)),
            id="the table whole",
        ),
        pytest.param(
            Settings(extra_index_urls=(OWN,)),
            {},
            {},
            Sources(extra_index_urls=(OWN,)),
            id="an extra index beside PyPI",
        ),
        pytest.param(
            None,
            {},
            {"UV_DEFAULT_INDEX": OWN, "PIP_INDEX_URL": OTHER},
            Sources(index_url=OWN),
            id="uv before pip",
        ),
        pytest.param(
            None,
            {"index-url": OTHER, "extra-index-url": [THIRD]},
            {"UV_DEFAULT_INDEX": OWN},
            Sources(index_url=OWN, extra_index_urls=(THIRD,)),
            id="uv's variable before its table, both count",
        ),
        pytest.param(
            None,
            {},
            {"UV_INDEX_URL": OWN, "UV_INDEX": OTHER, "UV_EXTRA_INDEX_URL": THIRD},
            Sources(index_url=OWN, extra_index_urls=(OTHER, THIRD)),
            id="uv's older variables",
        ),
        pytest.param(
            None,
            {
                "index": [
                    {"url": OTHER},
                    {"url": OWN, "default": True},
                    {"url": THIRD, "explicit": True},
                ]
            },
            {},
            Sources(index_url=OWN, extra_index_urls=(OTHER,)),
            id="uv's list of indexes",
        ),
        pytest.param(
            None,
            {},
            {"UV_INDEX": f"own={OWN} {OTHER}"},
            Sources(extra_index_urls=(OWN, OTHER), named=(("own", OWN),)),
            id="a name in uv's variable",
        ),
        pytest.param(
            None,
            {"index": [{"url": "index"}], "find-links": ["wheels"]},
            {"UV_FIND_LINKS": f"more wheels, {OWN},/abs"},
            Sources(
                extra_index_urls=("file:///project/index",),
                find_links=(
                    "file:///here/more%20wheels",
                    OWN,
                    "file:///abs",
                    "file:///project/wheels",
                ),
            ),
            id="paths start where they were written",
        ),
        pytest.param(
            None,
            {},
            {"PIP_INDEX_URL": OWN, "PIP_EXTRA_INDEX_URL": f"{OTHER} {THIRD}"},
            Sources(index_url=OWN, extra_index_urls=(OTHER, THIRD), strategy="unsafe-best-match"),
            id="pip, which merges its indexes",
        ),
        pytest.param(
            None,
            {},
            {"PIP_FIND_LINKS": "wheels"},
            Sources(find_links=("file:///here/wheels",)),
            id="pip's find-links",
        ),
        pytest.param(
            None, {}, {"UV_INDEX": "", "PIP_INDEX_URL": ""}, Sources(), id="empty variables"
        ),
    ],
)
def test_the_first_that_says_anything_is_taken_whole(
    settings: Settings | None, uv: dict[str, Any], environ: dict[str, str], expected: Sources
) -> None:
    assert choose(settings, uv=uv, environ=environ) == expected


NAMED = [
    {"name": "own", "url": OWN, "explicit": True, "authenticate": "always"},
    {"name": "other", "url": OTHER},
]


@pytest.mark.parametrize(
    ("bound", "system", "expected"),
    [
        pytest.param({"index": "own"}, "linux", (OWN,), id="to one"),
        pytest.param([{"index": "own"}], None, (OWN,), id="in a list"),
        pytest.param(
            {"index": "own", "marker": "sys_platform == 'linux'"}, "linux", (OWN,), id="by marker"
        ),
        pytest.param(
            {"index": "own", "marker": "sys_platform == 'linux'"},
            "win32",
            (OTHER, PYPI),
            id="not by its marker",
        ),
        pytest.param(
            [{"index": "own", "marker": "sys_platform == 'linux'"}, {"index": "other"}],
            None,
            (OWN, OTHER),
            id="all that may be",
        ),
        pytest.param({"index": "nobody"}, "linux", (OTHER, PYPI), id="an unknown name"),
        pytest.param({"index": "own", "marker": "?"}, "linux", (OTHER, PYPI), id="no marker"),
        pytest.param({"path": "../a"}, "linux", (OTHER, PYPI), id="to no index"),
    ],
)
def test_a_package_that_is_bound_to_an_index_comes_from_there(
    bound: Any, system: str | None, expected: tuple[str, ...]
) -> None:
    sources = choose(uv={"index": NAMED, "sources": {"My.Pkg": bound}})

    environment = {"sys_platform": system} if system else None
    assert sources.indexes_for(canonicalize_name("my-pkg"), environment) == expected


def test_sources_that_uv_is_to_leave_bind_nothing() -> None:
    uv = {"index": NAMED, "sources": {"a": {"index": "own"}}}

    assert choose(uv=uv, environ={"UV_NO_SOURCES": "1"}).bindings == ()


@pytest.mark.parametrize(
    ("uv", "user", "environ", "expected"),
    [
        pytest.param({}, {"index-url": OWN}, {}, Sources(index_url=OWN), id="the user's"),
        pytest.param(
            {"index-url": OWN, "extra-index-url": [OTHER]},
            {"index-url": THIRD, "extra-index-url": [THIRD]},
            {},
            Sources(index_url=OWN, extra_index_urls=(OTHER, THIRD)),
            id="the project's before the user's, lists joined",
        ),
        pytest.param(
            {"index-url": THIRD, "pip": {"index-url": OWN, "generate-hashes": True}},
            {},
            {},
            Sources(index_url=OWN),
            id="what is for uv pip before the rest",
        ),
        pytest.param(
            {"index": [{"name": "own", "url": OTHER}]},
            {"index": [{"name": "own", "url": THIRD}]},
            {"UV_INDEX": f"own={OWN}"},
            Sources(extra_index_urls=(OWN,), named=(("own", OWN),)),
            id="of one name the first",
        ),
        pytest.param(
            {"index": [{"name": "own", "url": OWN, "default": True}], "no-index": True},
            {},
            {"UV_NO_CONFIG": "true", "PIP_INDEX_URL": THIRD},
            Sources(index_url=THIRD, named=(("own", OWN),)),
            id="settings to be left",
        ),
        pytest.param(
            {"no-index": True, "index-strategy": "unsafe-best-match"},
            {"keyring-provider": "subprocess", "link-mode": "copy"},
            {"UV_INDEX_STRATEGY": "unsafe-first-match"},
            Sources(
                no_index=True,
                strategy="unsafe-first-match",
                keyring=True,
                user_settings={"keyring-provider": "subprocess"},
            ),
            id="no index",
        ),
    ],
)
def test_uvs_settings_count_on_all_levels(
    uv: dict[str, Any], user: dict[str, Any], environ: dict[str, str], expected: Sources
) -> None:
    assert choose(uv=uv, user=user, environ=environ) == expected


def test_pips_variables_stand_before_its_files_each_for_itself() -> None:
    pip = {"index-url": OWN, "extra-index-url": f"{OTHER}\n{THIRD}", "no-index": "off"}

    assert choose(pip=pip, environ={"PIP_INDEX_URL": THIRD}) == Sources(
        index_url=THIRD, extra_index_urls=(OTHER, THIRD), strategy="unsafe-best-match"
    )
    assert choose(pip={"no-index": "yes"}).indexes_for(canonicalize_name("a")) == ()
    assert choose(pip=pip, user={"index-url": PYPI}) == Sources()


def test_uv_is_told_the_same() -> None:
    uv = {"index": NAMED, "find-links": ["wheels"], "index-strategy": "unsafe-best-match"}

    assert choose(uv=uv, user={"native-tls": True}).uv_settings() == {
        "index": [
            {"name": "other", "url": OTHER},
            {"url": PYPI, "default": True},
            {"name": "own", "url": OWN, "authenticate": "always", "explicit": True},
        ],
        "find-links": ["file:///project/wheels"],
        "index-strategy": "unsafe-best-match",
        "native-tls": True,
    }
    assert Sources(extra_index_urls=(OWN, PYPI), no_index=True).uv_settings() == {
        "index": [{"url": OWN}, {"url": PYPI, "default": True}],
        "no-index": True,
    }


def test_folders_of_windows_are_no_urls() -> None:
    project = PureWindowsPath("C:\\project")
    found = [absolute_location(location, project) for location in ("wheels", "D:\\more", OWN)]

    assert found == ["file:///C:/project/wheels", "file:///D:/more", OWN]


@pytest.mark.parametrize(
    ("uv", "environ", "expected"),
    [
        pytest.param({}, {}, {}, id="none"),
        pytest.param(
            {},
            {"UV_DEFAULT_INDEX": "https://me:p%40ss@own.test/simple"},
            {OWN: ("me", "p@ss")},
            id="in the URL",
        ),
        pytest.param(
            {}, {"UV_INDEX": "https://token@own.test/simple"}, {OWN: ("token", "")}, id="a token"
        ),
        pytest.param(
            {},
            {"UV_INDEX": f"my-own={OWN}", "UV_INDEX_MY_OWN_USERNAME": "me"},
            {OWN: ("me", "")},
            id="a user for a named variable",
        ),
        pytest.param(
            {"index": [{"name": "own", "url": OWN}]},
            {"UV_INDEX_OWN_USERNAME": "me", "UV_INDEX_OWN_PASSWORD": "secret"},
            {OWN: ("me", "secret")},
            id="for a name in the table",
        ),
        pytest.param(
            {"index": [{"name": "own", "url": OWN, "explicit": True}]},
            {"UV_INDEX_OWN_PASSWORD": "secret"},
            {OWN: ("", "secret")},
            id="for an index that single packages come from",
        ),
        pytest.param(
            {},
            {"UV_DEFAULT_INDEX": f"own={OWN}", "UV_INDEX_OWN_USERNAME": "me"},
            {OWN: ("me", "")},
            id="for the default index",
        ),
        pytest.param(
            {"index": [{"name": "own", "url": OWN}]},
            {"UV_INDEX_OTHER_USERNAME": "me"},
            {},
            id="for another name",
        ),
    ],
)
def test_credentials_are_found(
    uv: dict[str, Any], environ: dict[str, str], expected: dict[str, tuple[str, str]]
) -> None:
    assert choose(uv=uv, environ=environ).credentials.logins == expected


def test_a_password_that_is_not_given_may_be_in_the_keyring() -> None:
    uv = {
        "keyring-provider": "subprocess",
        "index": [
            {"name": "own", "url": "https://me@own.test/simple"},
            {"name": "other", "url": "https://me:secret@other.test/simple"},
            {"name": "third", "url": THIRD, "authenticate": "always"},
            {"name": "fourth", "url": "https://fourth.test/simple"},
        ],
    }
    sources = choose(uv=uv, environ={"UV_INDEX_FOURTH_USERNAME": "her"})
    assert sources.keyring
    assert sources.uv_settings()["keyring-provider"] == "subprocess"
    assert sources.credentials.logins == {
        OWN: ("me", None),
        OTHER: ("me", "secret"),
        THIRD: ("", None),
        "https://fourth.test/simple": ("her", None),
    }


@pytest.mark.parametrize(
    ("uv", "environ", "pip", "expected"),
    [
        pytest.param({}, {}, {}, False, id="nobody asks"),
        pytest.param({}, {"UV_KEYRING_PROVIDER": "subprocess"}, {}, True, id="uv's variable"),
        pytest.param({}, {"PIP_KEYRING_PROVIDER": "subprocess"}, {}, True, id="pip's variable"),
        pytest.param({}, {}, {"keyring-provider": "subprocess"}, True, id="pip's file"),
        pytest.param({}, {}, {"keyring-provider": "import"}, False, id="another way of pip's"),
        pytest.param(
            {"keyring-provider": "disabled"},
            {},
            {"keyring-provider": "subprocess"},
            False,
            id="uv's word stands before pip's",
        ),
        pytest.param(
            {"keyring-provider": "subprocess"},
            {"UV_KEYRING_PROVIDER": "disabled"},
            {},
            False,
            id="the variable before the file",
        ),
    ],
)
def test_the_keyring_is_asked_where_a_setting_says_so(
    *, uv: dict[str, Any], environ: dict[str, str], pip: dict[str, str], expected: bool
) -> None:
    assert choose(uv=uv, environ=environ, pip=pip).keyring is expected


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        pytest.param(OWN, OWN, id="nothing to hide"),
        pytest.param("https://me:secret@own.test/simple", OWN, id="both"),
        pytest.param("https://token@own.test/simple", OWN, id="user only"),
        pytest.param("https://me:se@cret@own.test:8080/x", "https://own.test:8080/x", id="raw @"),
        pytest.param("git+https://me:pw@own.test/x@v1", "git+https://own.test/x@v1", id="git"),
        pytest.param("https://me:secret@[::1/simple", "https://***@[::1/simple", id="no URL"),
    ],
)
def test_a_url_is_shown_without_credentials(url: str, shown: str) -> None:
    assert redact(url) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("see https://me:secret@own.test/x ", "see https://***@own.test/x ", id="one"),
        pytest.param("'https://me:se@cret@own.test'", "'https://***@own.test'", id="raw @"),
        pytest.param(
            "http://a:b@one.test/,http://c@two.test/",
            "http://***@one.test/,http://***@two.test/",
            id="two",
        ),
        pytest.param(
            "git+https://own.test/x@v1 me@own.test",
            "git+https://own.test/x@v1 me@own.test",
            id="other uses of @",
        ),
        pytest.param("https://own.test?mail=me@x", "https://own.test?mail=me@x", id="a query"),
    ],
)
def test_text_is_shown_without_credentials(text: str, shown: str) -> None:
    assert redact_text(text) == shown
