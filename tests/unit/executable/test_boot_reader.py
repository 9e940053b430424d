"""The table of an executable, read back from its `__main__.py`; nothing of it is run."""

from __future__ import annotations

import json

import pytest

from hatch_multiplat.base.errors import ExecutableError
from hatch_multiplat.executable.boot import (
    BootCommand,
    BootOptions,
    BootTable,
    BootTarget,
    BootWheel,
    render_preamble,
)
from hatch_multiplat.executable.boot_reader import parse_preamble, parse_table, table_selections

TABLE = BootTable(
    name="demo",
    version="1.0",
    run={"script": "demo"},
    executables={
        "other": BootCommand(run={"module": "x"}, inject_args=("a",), inject_env={"K": "v"})
    },
    inject_args=("--flag", "it's '''quoted'''"),
    inject_env={"A": "ä"},
    options=BootOptions(inherit_path="prefer", runtime_root="~/x", include_tools=True),
    wheels=(
        BootWheel(file="demo-1.0-py3-none-any.whl", sha256="a" * 64, size=1),
        BootWheel(file="lib-1.0-py3-none-any.whl", sha256="b" * 64, size=2),
    ),
    targets=(
        BootTarget(
            name="cp312-manylinux_2_28_x86_64",
            implementation="cpython",
            python=(3, 12),
            system="linux",
            arch="x86_64",
            libc=("glibc", 2, 28),
            sets=((0, (0, 1)), (4, (0,))),
        ),
        BootTarget(
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
        BootTarget(
            name="cp3.8.10-win_amd64",
            implementation="cpython",
            python=(3, 8),
            system="windows",
            arch="x86_64",
            patch=10,
            sets=((0, (0,)),),
        ),
        BootTarget(
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
MAIN = f"#!/usr/bin/env python3\n{render_preamble(TABLE)}\nprint('pex')\n"


def test_the_table_comes_back_as_it_was_put_in() -> None:
    preamble = parse_preamble(MAIN, where="demo.pex")
    assert preamble is not None
    assert preamble.table == TABLE


def test_the_preamble_is_found_to_the_line() -> None:
    preamble = parse_preamble(MAIN, where="demo.pex")
    assert preamble is not None
    lines = MAIN.split("\n")[preamble.start : preamble.end]
    assert "\n".join([*lines, ""]) == render_preamble(TABLE)


def test_a_plain_pex_has_none() -> None:
    assert parse_preamble("#!/usr/bin/python\nprint('pex')\n", where="x.pex") is None


def test_what_stands_there_is_not_run() -> None:
    source = "\n_MULTIPLAT = {'table': print('run!')}\ndel _MULTIPLAT\n"
    with pytest.raises(ExecutableError, match="cannot be read; download it again"):
        parse_preamble(source, where="x.pex")


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("\n_MULTIPLAT = {", id="cut short"),
        pytest.param("\n_MULTIPLAT = {}\n", id="no end"),
        pytest.param("\n_MULTIPLAT = {}\ndel _MULTIPLAT\n", id="no table"),
        pytest.param("\n_MULTIPLAT = {'table': '['}\ndel _MULTIPLAT\n", id="no JSON"),
        pytest.param("\n_MULTIPLAT = {'table': '[]'}\ndel _MULTIPLAT\n", id="no object"),
        pytest.param("\n_MULTIPLAT = {" + "(" * 10_000, id="too deep"),
        pytest.param("\0\n_MULTIPLAT = {", id="null byte"),
    ],
)
def test_a_table_that_cannot_be_read_is_damage(source: str) -> None:
    with pytest.raises(ExecutableError, match=r"^x\.pex is damaged: the table in its __main__\.py"):
        parse_preamble(source, where="x.pex")


def test_a_table_that_was_altered_is_damage() -> None:
    data = TABLE.to_json() | {"version": "2.0"}
    with pytest.raises(ExecutableError, match="its table was altered"):
        parse_table(data, where="x.pex")


def test_a_newer_format_names_what_to_use() -> None:
    data = TABLE.to_json() | {"format": 2}
    with pytest.raises(ExecutableError, match="use the one that built the file"):
        parse_table(data, where="x.pex")


def test_json_makes_the_same_table() -> None:
    assert parse_table(json.loads(json.dumps(TABLE.to_json())), where="x") == TABLE


def test_an_index_out_of_range_is_damage() -> None:
    text = MAIN.replace('"sets": [[0, [0]]]', '"sets": [[0, [7]]]')
    assert text != MAIN
    with pytest.raises(ExecutableError, match="damaged"):
        parse_preamble(text, where="x.pex")


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
