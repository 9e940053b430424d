"""The table of an executable, read back from its `.multiplat/table.json`."""

from __future__ import annotations

import json

import pytest

from hatch_multiplat.base.errors import ExecutableError
from hatch_multiplat.executable.rendering import render_members
from hatch_multiplat.executable.table import (
    StartOptions,
    Table,
    TableCommand,
    TableTarget,
    TableWheel,
    parse_table,
    read_table,
    table_selections,
)

TABLE = Table(
    name="demo",
    version="1.0",
    run={"script": "demo"},
    executables={
        "other": TableCommand(run={"module": "x"}, inject_args=("a",), inject_env={"K": "v"})
    },
    inject_args=("--flag", "it's '''quoted'''"),
    inject_env={"A": "ä"},
    options=StartOptions(inherit_path="prefer", runtime_root="~/x", include_tools=True),
    wheels=(
        TableWheel(file="demo-1.0-py3-none-any.whl", sha256="a" * 64, size=1),
        TableWheel(file="lib-1.0-py3-none-any.whl", sha256="b" * 64, size=2),
    ),
    targets=(
        TableTarget(
            name="cp312-manylinux_2_28_x86_64",
            implementation="cpython",
            python=(3, 12),
            system="linux",
            arch="x86_64",
            libc=("glibc", 2, 28),
            sets=((0, (0, 1)), (4, (0,))),
        ),
        TableTarget(
            name="build-server",
            implementation="pypy",
            python=(3, 11),
            abi="pp80",
            system="macos",
            arch="arm64",
            macos=(13, 0),
            sets=((0, (0,)),),
            tags=("py3-none-any", "py2-none-any"),
            environment=(("platform_machine", "arm64"), ("python_version", "3.11")),
        ),
        TableTarget(
            name="cp3.8.10-win_amd64",
            implementation="cpython",
            python=(3, 8),
            system="windows",
            arch="x86_64",
            patch=10,
            sets=((0, (0,)),),
        ),
        TableTarget(
            name="cp313-win_amd64",
            implementation="cpython",
            python=(3, 13),
            system="windows",
            arch="x86_64",
            sets=((0, (0,)),),
            patches=((1, 4), (5, None)),
        ),
    ),
    overrides=("lib==1.0",),
    excluded=("other",),
    metadata=(("other", "1.0", ("rich>=13",)), ("third", "", ())),
    pythons=(("third", "", ">=3.8"),),
)
MEMBERS = render_members(TABLE)


def test_the_table_comes_back_as_it_was_put_in() -> None:
    assert read_table(MEMBERS, where="demo.pex") == TABLE


def test_a_plain_pex_has_none() -> None:
    assert read_table({"__main__.py": b"print('pex')\n"}, where="x.pex") is None


def test_a_file_of_the_first_format_names_what_to_do() -> None:
    main = b"#!/usr/bin/env python3\n# demo 1.0\n_MULTIPLAT = {\n    'name': 'demo',\n}\n"
    with pytest.raises(
        ExecutableError, match=r"^x\.pex was made by an older .*build the file anew$"
    ):
        read_table({"__main__.py": main}, where="x.pex")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"[", id="no JSON"),
        pytest.param(b"\xff{}", id="no text"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b"{}", id="no format"),
        pytest.param(b'{"format":2}', id="nothing else"),
        pytest.param(b"[" * 100_000, id="too deep"),
    ],
)
def test_a_table_that_cannot_be_read_is_damage(text: bytes) -> None:
    with pytest.raises(ExecutableError, match=r"^x\.pex is damaged: its \.multiplat/table\.json"):
        read_table({**MEMBERS, ".multiplat/table.json": text}, where="x.pex")


def test_a_newer_format_names_what_to_use() -> None:
    data = TABLE.to_json() | {"format": 3}
    with pytest.raises(ExecutableError, match="use the one that built the file"):
        parse_table(data, where="x.pex")


def test_json_makes_the_same_table() -> None:
    assert parse_table(json.loads(json.dumps(TABLE.to_json())), where="x") == TABLE


def test_an_index_out_of_range_is_damage() -> None:
    text = MEMBERS[".multiplat/table.json"].replace(b'"sets":[[0,[0]]]', b'"sets":[[0,[7]]]')
    assert text != MEMBERS[".multiplat/table.json"]
    with pytest.raises(ExecutableError, match="damaged"):
        read_table({".multiplat/table.json": text}, where="x.pex")


def test_targets_come_back_with_their_wheels() -> None:
    linux, server, windows, newer = table_selections(TABLE)
    assert str(linux.target) == "cp312-manylinux_2_28_x86_64"
    assert [(g.from_patch, [w.name for w in g.wheels]) for g in linux.sets] == [
        (0, ["demo", "lib"]),
        (4, ["demo"]),
    ]
    assert str(server.target) == "build-server"
    assert (server.target.python.tag, server.target.platform.tag) == (
        "pypy311_pp80",
        "macosx_13_0_arm64",
    )
    assert windows.target.python.patch == 10
    assert newer.patches == ((1, 4), (5, None))
