"""Tables and locks with anything in them: each is taken or refused, none a traceback."""

from __future__ import annotations

import datetime as dt
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from hatch_multiplat.base.errors import MultiplatError
from hatch_multiplat.index.local_files import paths_for_sdist
from hatch_multiplat.index.progress import Progress
from hatch_multiplat.resolve.build_context import Invocation, open_context
from hatch_multiplat.resolve.lock_file import check_fresh, read_lock
from hatch_multiplat.resolve.project import make_project, static_metadata
from hatch_multiplat.resolve.question import make_question
from hatch_multiplat.wheels.selection import select_all

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONG = {"<digits>": "9" * 5000, "<long>": "x" * 5000, "<deep>": "x/" * 3000}
"""Stands for what would be too long to be shown when a test fails."""
NASTY = (
    *("", " ", "\0", "a\0b", "\x1b[31m", "a\nb", "\u202e", "\u00e9", ".", "..", "../..", "/", "~"),
    *("http://[::1", "http://a:b", "https://", "file:", "file:///\0", "file://host/x", "ftp://a/b"),
    *("https://a.test/<long>", "<long>", "<deep>", "<digits>", "1.<digits>"),
    *("demo==<digits>", ">=<digits>", "a @ http://[::1", "a @ file:///\0", "a[", "a ; b", "a>=1,"),
    *("cp312", "3.12", "3.<digits>", "linux-x86_64", "linux-x86_64-glibc2.<digits>", "current"),
    *("manylinux_2_<digits>_x86_64", "macos-arm64-", "COM1", "nul.txt", "a:b", "a|b", "{version}"),
    *("${HOME}", "{", "%", "https://ann:pw@[", "https://ann:p/w@a.test", "git+https://a.test/r@v"),
)
values = st.recursive(
    st.sampled_from(NASTY)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.booleans()
    | st.just(dt.date(2026, 1, 2)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["url", "name", "path", "a", "\0"]), inner, max_size=3)
    ),
    max_leaves=4,
)
TABLE: dict[str, Any] = {
    "project": {
        "name": "demo",
        "version": "1.0",
        "requires-python": ">=3.11",
        "dependencies": ["rich"],
        "optional-dependencies": {"web": ["flask"]},
        "scripts": {"demo": "demo:main"},
    },
    "dependency-groups": {"dev": ["pytest", {"include-group": "more"}], "more": ["rich"]},
    "tool": {
        "multiplat": {
            "platforms": ["linux-x86_64", "macos-arm64"],
            "python": ["3.12"],
            "script": "demo",
            "output": "{name}-{version}.pex",
            "output-dir": "out",
            "extras": ["web"],
            "dependency-groups": ["dev"],
            "requirements": ["flask"],
            "constraints": ["rich<99", "rich[abi3]"],
            "exclude": ["*-macosx*"],
            "index-url": "https://a.test/simple",
            "extra-index-urls": ["https://b.test/simple"],
            "find-links": ["wheels"],
            "lock": "pylock.toml",
            "formats": ["pex"],
            "layout": "zipapp",
            "runtime-root": "~/.demo",
            "inject-args": ["--x"],
            "inject-env": {"A": "b"},
            "pex-args": ["--no-strip-pex-env"],
            "checksums": True,
            "sbom": False,
        },
        "uv": {
            "index": [{"name": "ours", "url": "https://c.test/simple"}],
            "index-url": "https://d.test/simple",
            "extra-index-url": ["https://e.test/simple"],
            "find-links": ["more"],
            "sources": {"rich": {"index": "ours"}},
            "constraint-dependencies": ["rich<99"],
            "override-dependencies": ["rich<98"],
            "dependency-metadata": [{"name": "rich", "version": "1"}],
            "workspace": {"members": ["packages/*"]},
        },
    },
}
LOCK: dict[str, Any] = {
    "lock-version": "1.0",
    "created-by": "x",
    "requires-python": ">=3.11",
    "environments": ["sys_platform == 'linux'"],
    "packages": [
        {
            "name": "rich",
            "version": "1.0",
            "marker": "python_version > '3'",
            "requires-python": ">=3.8",
            "wheels": [
                {
                    "name": "rich-1.0-py3-none-any.whl",
                    "url": "https://a.test/rich-1.0-py3-none-any.whl",
                    "size": 5,
                    "hashes": {"sha256": "0" * 64},
                }
            ],
            "sdist": {
                "name": "rich-1.0.tar.gz",
                "url": "https://a.test/rich-1.0.tar.gz",
                "hashes": {"sha256": "0" * 64},
            },
        },
        {"name": "flask", "version": "1.0", "directory": {"path": "flask"}},
        {
            "name": "werkzeug",
            "archive": {"url": "https://a.test/w-1.0.tar.gz", "hashes": {"sha256": "1" * 64}},
        },
        {"name": "git", "vcs": {"type": "git", "url": "https://a.test/r", "commit-id": "1"}},
    ],
}


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values in a table, its own excepted."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, item in items:
        found.append((*path, key))
        if isinstance(item, dict | list):
            found += paths_in(item, (*path, key))
    return found


def replaced(table: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a table with another value at a path, if the path is still there."""
    copied = _copy(table)
    place = copied
    for key in path[:-1]:
        try:
            place = place[key]
        except (KeyError, IndexError, TypeError):
            return copied
    if isinstance(place, dict) or (
        isinstance(place, list) and isinstance(path[-1], int) and path[-1] < len(place)
    ):
        place[path[-1]] = value
    return copied


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def changes_of(table: dict[str, Any]) -> st.SearchStrategy[list[tuple[tuple[Any, ...], Any]]]:
    change = st.tuples(st.sampled_from(paths_in(table)), values)
    return st.lists(change, min_size=1, max_size=2)


def apply(table: dict[str, Any], changes: list[tuple[tuple[Any, ...], Any]]) -> dict[str, Any]:
    for path, value in changes:
        table = replaced(table, path, lengthen(value))
    return table


def lengthen(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: lengthen(item) for key, item in value.items()}
    if isinstance(value, list):
        return [lengthen(item) for item in value]
    if isinstance(value, str):
        for word, long in LONG.items():
            value = value.replace(word, long)
    return value


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    for name in ("wheels", "more"):
        (folder / name).mkdir()
    return folder


@contextmanager
def refusals() -> Iterator[None]:
    """Take errors for people for what they are: a message that nothing in it can spoil."""
    try:
        yield
    except MultiplatError as error:
        message = str(error)
        if not message.strip() or re.search(r"[\x00-\x08\x0b-\x1f\x7f]", message):
            pytest.fail(f"a bad message: {message!r}")


def prepare(folder: Path, table: dict[str, Any]) -> tuple[Any, Any]:
    """Go as far with a project as one can without uv and the network."""
    project = make_project(folder, table)
    environ = {"HATCH_MULTIPLAT_CACHE": str(folder / "cache"), "HOME": str(folder)}
    context = Invocation(progress=Progress(), say=lambda _: None, environ=environ)
    market = open_context(project, context)
    paths_for_sdist(project.config, folder, name="demo")
    metadata = static_metadata(project)
    if metadata is None:
        return project, None
    return project, make_question(project, metadata, market)


@settings(max_examples=150)
@given(changes=changes_of(TABLE))
def test_a_table_is_taken_or_refused(
    folder: Path, changes: list[tuple[tuple[Any, ...], Any]]
) -> None:
    table = apply(TABLE, changes)
    with refusals():
        prepare(folder, table)


@settings(max_examples=150)
@given(changes=changes_of(LOCK))
def test_a_lock_is_taken_or_refused(
    folder: Path, changes: list[tuple[tuple[Any, ...], Any]]
) -> None:
    lock = apply(LOCK, changes)
    try:
        text = tomlkit.dumps(lock)
    except (ValueError, TypeError):  # What is no TOML is no lock.
        return
    (folder / "pylock.toml").write_text(text, "utf-8")
    with refusals():
        project, question = prepare(folder, TABLE)
        locked = read_lock(project, {})
        assert locked is not None
        select_all(locked.lock, project.config.targets, base=locked.base)
        check_fresh(locked, question)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("project", "requires-python"), ">=<digits>"),
        (("tool", "multiplat", "find-links", 0), "<long>"),
        (("tool", "multiplat", "index-url"), "http://[::1"),
        (("tool", "multiplat", "lock"), "<deep>"),
        (("tool", "multiplat", "output-dir"), "a\0b"),
        (("tool", "uv", "dependency-metadata", 0, "version"), "<digits>"),
        (("tool", "uv", "workspace", "members", 0), "."),
        (("tool", "uv", "workspace", "members", 0), "<deep>"),
    ],
)
def test_what_once_was_a_traceback_is_refused(
    folder: Path, path: tuple[Any, ...], value: str
) -> None:
    with refusals():
        prepare(folder, apply(TABLE, [(path, value)]))
