"""Files that anybody may hand to inspect, verify, split and merge: never a traceback.

Bytes are changed anywhere, and values of the table and of PEX-INFO become any others, with the
digests that belong to them. `HATCH_MULTIPLAT_FUZZ=5000` tries that many of each.
"""

from __future__ import annotations

import copy
import json
import os
import random
from typing import TYPE_CHECKING, Any, Final

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hatch_multiplat.executable.pex import dump_info, with_hash
from hatch_multiplat.executable.rendering import render_header, render_members
from hatch_multiplat.executable.table import Table, TableCommand
from hatch_multiplat.executable.zip_writer import Member, write_archive
from hatch_multiplat.frontends.cli import main
from tests.support.app import host_target, table_wheel
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXAMPLES: Final = int(os.environ.get("HATCH_MULTIPLAT_FUZZ", "60"))
TABLE: Final = ".multiplat/table.json"
ODD: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 3, 2**70, -(2**70), 1.5, float("inf"), float("nan")),
    *("", ".", "..", "x/../../EVIL", "C:\\x", "a\nb", "\x00", "\x1b[2J", "\ud800", "x" * 9999),
    *("https://[::1", "demo @ https://[", "demo ; python_version < '3", "{0.__class__}"),
    *([], {}, [[]], {"a": []}, [None], [[0, [10**9]]], [[-1, [-1]]], ["\x1b]0;evil\x07"]),
)
SEED: Final = st.integers(0, 2**64)


class Contents(dict[str, bytes]):
    """Members by name, which a failure does not show whole."""

    def __repr__(self) -> str:
        return "members"


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("wheels")
    wheel = make_wheel(folder, "demo", requires=["extra ; python_version < '3'"])
    table = Table(
        name="demo",
        version="1.0",
        run={"script": "demo"},
        executables={"other": TableCommand(run={"module": "demo"}, inject_args=("x",))},
        inject_env={"WORD": "b"},
        wheels=(table_wheel(wheel),),
        targets=(host_target((3, 11)), host_target((3, 12), patches=((0, 3), (4, None)))),
        overrides=("other>1",),
        excluded=("extra",),
        metadata=(("demo", "1.0", ("extra",)),),
        pythons=(("demo", "", ">=3.8"),),
        pex={"runtime": "0" * 64, "start": "0" * 64, "version": "2.105.2"},
    )
    info = {
        "build_properties": {"pex_version": "2.105.2"},
        "distributions": {wheel.name: table_wheel(wheel).sha256},
        "requirements": ["demo==1.0"],
        "overridden": [],
        "excluded": [],
    }
    return Contents(
        {
            **render_members(table),
            ".bootstrap/pex/pex.py": b"x = 1\n" * 9,
            ".deps/": b"",
            f".deps/{wheel.name}": wheel.read_bytes(),
            ".multiplat/pex.py": b"#!python\nboot(\n    pex_hash='',\n)\n",
            "PEX-INFO": dump_info(with_hash(info)).encode(),
            "__pex__/__init__.py": b"boot(\n    pex_hash='',\n)\n",
            "header": render_header(table),
        }
    )


def write(path: Path, members: dict[str, bytes]) -> Path:
    contents = {name: data for name, data in members.items() if name != "header"}
    made = (
        Member(name=name, data=data, deflate=not name.endswith(".whl"))
        for name, data in contents.items()
    )
    write_archive(made, path, prefix=members["header"], mode=0o755)
    return path


def assert_no_traceback(path: Path) -> None:
    """Hand a file to every command that reads one; whatever it says, it says it in words."""
    folder = path.parent / "out"
    for words in (
        ["inspect", path],
        ["inspect", path, "--json", "--wheels"],
        ["verify", path, "--no-run"],
        ["split", path, "--each", "target", "-o", folder],
        ["merge", path, path, "-o", folder / "merged.pex"],
    ):
        result = CliRunner().invoke(main, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code in {0, 8, 9, 10}, result.output
        assert "\x1b" not in result.output
        assert result.exit_code in {0, 10} or words[0] == "verify" or result.stderr.count("\n") < 9
    outside = [found for found in path.parent.rglob("*") if "EVIL" in found.name]
    assert outside == []


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from places(item, (*path, key))


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    new = copy.deepcopy(new)
    if not path:
        return new
    changed = copy.deepcopy(value)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = new
    return changed


def test_the_file_itself_is_read(members: dict[str, bytes], tmp_path: Path) -> None:
    path = write(tmp_path / "demo.pex", members)
    result = CliRunner().invoke(main, ["inspect", str(path)])
    assert result.exit_code == 0, result.output
    assert_no_traceback(path)


def change(value: Any, chance: random.Random) -> Any:
    """Return JSON data with one or two of its values made odd."""
    for _ in range(chance.choice((1, 1, 2))):
        value = put(value, chance.choice([*places(value)]), chance.choice(ODD))
    return value


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(seed=SEED)
@example(seed=920)  # a table without targets
def test_a_table_may_say_anything(
    members: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    table = change(json.loads(members[TABLE]), random.Random(seed))
    text = json.dumps(table, sort_keys=True, separators=(",", ":")).encode()
    folder = tmp_path_factory.mktemp("table")
    assert_no_traceback(write(folder / "demo.pex", {**members, TABLE: text}))


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(seed=SEED)
def test_pex_info_may_say_anything(
    members: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    info = change(json.loads(members["PEX-INFO"]), random.Random(seed))
    if seed % 2 and isinstance(info, dict):
        info = with_hash(info)
    folder = tmp_path_factory.mktemp("info")
    text = json.dumps(info).encode()
    assert_no_traceback(write(folder / "demo.pex", {**members, "PEX-INFO": text}))


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_bytes_may_be_any(
    members: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    path = write(folder / "demo.pex", members)
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\x01\x02")
    start, end = data.draw(
        st.sampled_from([(0, len(content)), (directory, len(content)), (0, directory)])
    )
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(start, end - 1))
        new = data.draw(st.binary(max_size=9))
        content[at : at + data.draw(st.integers(0, 9))] = new
    path.write_bytes(content)
    assert_no_traceback(path)
