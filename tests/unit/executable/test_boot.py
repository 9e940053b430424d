from __future__ import annotations

import ast
import json
from dataclasses import replace
from typing import Any

import pytest

from hatch_multiplat.executable.boot import (
    RUNTIME_MODULES,
    SIZE_FIELD,
    BootCommand,
    BootOptions,
    BootTable,
    BootTarget,
    BootWheel,
    python_names,
    rank_targets,
    render_header,
    render_preamble,
)


def target(python: tuple[int, int] = (3, 12), **fields: Any) -> BootTarget:
    fields = {"libc": ("glibc", 2, 28), **fields}
    return BootTarget(
        name=fields.pop("name", f"cp{python[0]}{python[1]}-manylinux_2_28_x86_64"),
        implementation=fields.pop("implementation", "cpython"),
        python=python,
        system=fields.pop("system", "linux"),
        arch="x86_64",
        sets=((0, (0,)), (3, ())),
        **fields,
    )


TABLE = BootTable(
    name="demo",
    version="1.0",
    run={"script": "demo"},
    executables={"other": BootCommand(run={"module": "o"}, inject_args=("-q",))},
    wheels=(BootWheel(file="demo-1.0-py3-none-any.whl", sha256="ab" * 32, size=10),),
    targets=(target(),),
)


def embedded(text: str) -> dict[str, Any]:
    """The data that a rendered preamble starts from."""
    (assignment,) = (
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_MULTIPLAT"
    )
    data = ast.literal_eval(assignment.value)
    assert isinstance(data, dict)
    return data


def test_the_table_in_json() -> None:
    assert TABLE.to_json() == {
        "format": 1,
        "id": TABLE.id,
        "name": "demo",
        "version": "1.0",
        "run": {"script": "demo"},
        "executables": {"other": {"run": {"module": "o"}, "inject_args": ["-q"], "inject_env": {}}},
        "inject_args": [],
        "inject_env": {},
        "options": {"inherit_path": "false", "runtime_root": None, "include_tools": False},
        "wheels": [{"file": "demo-1.0-py3-none-any.whl", "sha256": "ab" * 32, "size": 10}],
        "targets": [
            {
                "name": "cp312-manylinux_2_28_x86_64",
                "implementation": "cpython",
                "python": (3, 12),
                "abi": "",
                "system": "linux",
                "arch": "x86_64",
                "libc": ("glibc", 2, 28),
                "macos": None,
                "patch": None,
                "sets": ((0, (0,)), (3, ())),
            }
        ],
    }


@pytest.mark.parametrize(
    "other",
    [
        replace(TABLE, name="x"),
        replace(TABLE, version="2"),
        replace(TABLE, run={}),
        replace(TABLE, inject_env={"A": "1"}),
        replace(TABLE, options=BootOptions(inherit_path="prefer")),
        replace(TABLE, wheels=(replace(TABLE.wheels[0], sha256="cd" * 32),)),
        replace(TABLE, targets=(target(patch=3),)),
    ],
)
def test_the_id_follows_every_part_of_the_table(other: BootTable) -> None:
    assert other.id != TABLE.id
    assert replace(other).id == other.id


def test_the_preamble_holds_the_table_and_the_sources() -> None:
    text = render_preamble(TABLE)
    data = embedded(text)
    assert json.loads(data["table"]) == json.loads(json.dumps(TABLE.to_json()))
    assert data["id"] == TABLE.id[:12]
    assert data["names"] == ["demo", "other"]
    assert [name for name, _ in data["sources"]] == list(RUNTIME_MODULES)
    for name, source in data["sources"]:
        compile(source, name, "exec")
    assert text.endswith(
        "if __name__ == '__main__':\n    _multiplat_start(_MULTIPLAT)\ndel _MULTIPLAT\n"
    )


def test_rendering_is_reproducible() -> None:
    assert render_preamble(TABLE) == render_preamble(replace(TABLE))
    assert render_header(TABLE) == render_header(replace(TABLE))


@pytest.mark.parametrize("text", ["it's", "'''", 'a"b', "back\\slash", "new\nline", "é", "\\"])
def test_any_text_in_the_table_survives(text: str) -> None:
    table = replace(TABLE, inject_args=(text,), inject_env={"A": text})
    rendered = render_preamble(table)
    assert rendered.isascii()
    read = json.loads(embedded(rendered)["table"])
    assert (read["inject_args"], read["inject_env"]) == ([text], {"A": text})


def test_each_runtime_module_imports_only_from_those_before_it() -> None:
    sources = dict(embedded(render_preamble(TABLE))["sources"])
    for index, name in enumerate(RUNTIME_MODULES):
        for node in ast.walk(ast.parse(sources[name])):
            if isinstance(node, ast.ImportFrom) and node.module == "hatch_multiplat.runtime":
                assert {alias.name for alias in node.names} <= set(RUNTIME_MODULES[:index])


def test_python_3_6_can_parse_all_of_it() -> None:
    text = render_preamble(TABLE)
    ast.parse(text, feature_version=(3, 6))
    for _, source in embedded(text)["sources"]:
        ast.parse(source, feature_version=(3, 6))


def test_the_header_is_small_and_names_what_it_looks_for() -> None:
    header = render_header(TABLE)
    assert len(header) < 4096
    assert header.startswith(b"#!/bin/sh\n#coding:damaged-")
    assert SIZE_FIELD.encode() in header
    assert TABLE.id[:12].encode() in header
    assert b"for _mp_name in python3 python3.12 python; do" in header
    assert b"\0" not in header


def test_a_file_for_windows_alone_begins_as_its_launcher_wants() -> None:
    """`py app.pex` takes `#!/bin/sh` for a program, and fails."""
    windows = replace(TABLE, targets=(replace(TABLE.targets[0], system="windows"),))
    assert render_header(windows).startswith(b"#!/usr/bin/env python3\n#coding:damaged-")
    both = replace(TABLE, targets=(*TABLE.targets, *windows.targets))
    assert render_header(both).startswith(b"#!/bin/sh\n")


def test_names_with_quotes_do_no_harm_to_the_shell() -> None:
    header = render_header(replace(TABLE, name="it's; rm -rf /")).decode()
    assert "'it'\"'\"'s; rm -rf /'" in header


def test_inherited_paths_are_not_taken_away() -> None:
    assert b"unset PYTHONHOME PYTHONPATH" in render_header(TABLE)
    table = replace(TABLE, options=BootOptions(inherit_path="fallback"))
    assert b"PYTHONHOME PYTHONPATH" not in render_header(table)


def test_pypy_alone_is_looked_for_first() -> None:
    pypy = replace(TABLE, targets=(target((3, 11), implementation="pypy"),))
    assert b"for _mp_name in pypy3.11 pypy3 python3 python; do" in render_header(pypy)


def test_the_names_of_pythons_newest_first() -> None:
    targets = (
        target((3, 9)),
        target((3, 13)),
        target((3, 13), abi="t"),
        target((3, 10), implementation="pypy"),
        target((3, 13)),
    )
    names = python_names(targets)
    assert names == (
        "python3.13", "python3.13t", "python3.9", "pypy3.10", "pypy3", "python3", "python"
    )  # fmt: skip


def test_the_closest_target_is_ranked_first() -> None:
    old = target(name="old", libc=("glibc", 2, 17))
    new = target(name="new", libc=("glibc", 2, 28))
    pinned = target(name="pinned", libc=("glibc", 2, 17), patch=4)
    newer = target(name="newer", libc=("glibc", 2, 34))
    ranked = rank_targets((old, new, pinned, newer))
    assert [t.name for t in ranked] == ["pinned", "newer", "new", "old"]


def test_targets_that_no_machine_has_in_common_stay_in_their_order() -> None:
    """Of those that one has in common, each takes a place that one of them had."""
    old = target(name="old", libc=("glibc", 2, 17))
    musl = target(name="musl", libc=("musl", 1, 2))
    windows = target(name="windows", system="windows", libc=None)
    newer = target(name="newer", libc=("glibc", 2, 34))
    other = target((3, 13), name="other", libc=("glibc", 2, 99))
    ranked = rank_targets((old, musl, windows, newer, other))
    assert [t.name for t in ranked] == ["newer", "musl", "windows", "old", "other"]


def test_what_only_inspection_reads_is_left_out_where_there_is_none() -> None:
    data = TABLE.to_json()
    assert not {"overrides", "excluded"} & data.keys()
    assert not {"tags", "environment"} & data["targets"][0].keys()
    noted = replace(TABLE, overrides=("a==1",), excluded=("b",))
    assert (noted.to_json()["overrides"], noted.to_json()["excluded"]) == (["a==1"], ["b"])


def test_a_folder_with_an_umlaut_survives() -> None:
    table = replace(TABLE, options=BootOptions(runtime_root="/tmp/\u00e9"))
    assert render_preamble(table).isascii()
    assert embedded(render_preamble(table))["root"] == "/tmp/\u00e9"
    assert "_mp_cache='/tmp/\u00e9'" in render_header(table).decode()


def test_a_file_for_pypy_alone_says_so() -> None:
    pypy = target((3, 11), implementation="pypy", abi="pp73")
    assert embedded(render_preamble(replace(TABLE, targets=(pypy,))))["needs"] == "PyPy 3.11"
    both = (pypy, target((3, 12)))
    wanted = "Python 3.12 or PyPy 3.11"
    assert embedded(render_preamble(replace(TABLE, targets=both)))["needs"] == wanted


def test_what_the_preamble_and_the_set_ups_share_is_text_in_both() -> None:
    text = render_preamble(TABLE)
    sources = dict(embedded(text)["sources"])
    for source in (text.rpartition("    ),\n}\n")[2], sources["entry"]):
        assert source.count("def multiplat_become(") == 1
        assert "from hatch_multiplat" not in source
