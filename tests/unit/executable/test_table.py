from __future__ import annotations

import ast
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hatch_multiplat import runtime
from hatch_multiplat.executable.rendering import (
    digest_members,
    python_names,
    render_header,
    render_members,
)
from hatch_multiplat.executable.table import (
    StartOptions,
    Table,
    TableCommand,
    TableTarget,
    TableWheel,
    rank_targets,
)


def target(python: tuple[int, int] = (3, 12), **fields: Any) -> TableTarget:
    fields = {"libc": ("glibc", 2, 28), **fields}
    return TableTarget(
        name=fields.pop("name", f"cp{python[0]}{python[1]}-manylinux_2_28_x86_64"),
        implementation=fields.pop("implementation", "cpython"),
        python=python,
        system=fields.pop("system", "linux"),
        arch="x86_64",
        sets=((0, (0,)), (3, ())),
        **fields,
    )


TABLE = Table(
    name="demo",
    version="1.0",
    run={"script": "demo"},
    executables={"other": TableCommand(run={"module": "o"}, inject_args=("-q",))},
    wheels=(TableWheel(file="demo-1.0-py3-none-any.whl", sha256="ab" * 32, size=10),),
    targets=(target(),),
)


def about(table: Table) -> dict[str, Any]:
    """What a rendered launcher knows."""
    (assignment,) = (
        node
        for node in ast.parse(render_members(table)["__main__.py"]).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ABOUT"
    )
    data = ast.literal_eval(assignment.value)
    assert isinstance(data, dict)
    return data


def test_the_table_in_json() -> None:
    assert TABLE.to_json() == {
        "format": 2,
        "name": "demo",
        "version": "1.0",
        "run": {"script": "demo"},
        "executables": {
            "other": {"run": {"module": "o"}, "inject_args": ("-q",), "inject_env": {}}
        },
        "inject_args": (),
        "inject_env": {},
        "options": {
            "inherit_path": "false",
            "runtime_root": None,
            "include_tools": False,
            "path": "prepend",
            "shebang": None,
        },
        "wheels": ({"file": "demo-1.0-py3-none-any.whl", "sha256": "ab" * 32, "size": 10},),
        "targets": (
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
            },
        ),
    }


@pytest.mark.parametrize(
    "other",
    [
        replace(TABLE, name="x"),
        replace(TABLE, version="2"),
        replace(TABLE, run={}),
        replace(TABLE, inject_env={"A": "1"}),
        replace(TABLE, options=StartOptions(inherit_path="prefer")),
        replace(TABLE, wheels=(replace(TABLE.wheels[0], sha256="cd" * 32),)),
        replace(TABLE, targets=(target(patch=3),)),
    ],
)
def test_the_id_follows_every_part_of_the_table(other: Table) -> None:
    assert about(other)["id"] != about(TABLE)["id"]
    assert about(replace(other))["id"] == about(other)["id"]


def test_the_launcher_knows_the_digest_of_all_that_starts_the_file() -> None:
    members = render_members(TABLE)
    known = about(TABLE)
    assert json.loads(members[".multiplat/table.json"]) == json.loads(json.dumps(TABLE.to_json()))
    assert known["commands"] == ["demo", "other"]
    assert known["members"] == sorted(members)
    assert known["id"] == digest_members(members)
    for name in members:
        other = members | {name: members[name] + b"\n"}
        assert digest_members(other) != known["id"]


def test_the_runtime_is_carried_byte_for_byte() -> None:
    members = render_members(TABLE)
    sources = {path.name: path.read_bytes() for path in Path(runtime.__path__[0]).glob("*.py")}
    assert {f".multiplat/{name}": data for name, data in sources.items()}.items() <= members.items()


def test_a_person_can_read_the_launcher() -> None:
    launcher = render_members(TABLE)["__main__.py"].decode("ascii")
    assert launcher.splitlines()[1] == "# demo 1.0: made by hatch-multiplat."
    assert len(launcher.splitlines()) < 250


def test_rendering_is_reproducible() -> None:
    assert render_members(TABLE) == render_members(replace(TABLE))
    assert render_header(TABLE) == render_header(replace(TABLE))


@pytest.mark.parametrize("text", ["it's", "'''", 'a"b', "back\\slash", "new\nline", "é", "\\"])
def test_any_text_in_the_table_survives(text: str) -> None:
    table = replace(TABLE, inject_args=(text,), inject_env={"A": text})
    read = json.loads(render_members(table)[".multiplat/table.json"])
    assert (read["inject_args"], read["inject_env"]) == ([text], {"A": text})


def test_python_3_6_can_parse_all_of_it() -> None:
    for name, source in render_members(TABLE).items():
        if name.endswith(".py"):
            ast.parse(source, feature_version=(3, 6))


def test_the_runtime_imports_itself_relatively_and_else_the_standard_library() -> None:
    for name, source in render_members(TABLE).items():
        for node in ast.walk(ast.parse(source)) if name.startswith(".multiplat/") else ():
            if isinstance(node, ast.ImportFrom) and node.level == 0 and name[-9:] != "/older.py":
                assert str(node.module).partition(".")[0] in sys.stdlib_module_names, name


def test_the_header_is_small_and_names_what_it_looks_for() -> None:
    header = render_header(TABLE)
    assert len(header) < 8192
    assert header.startswith(b"#!/bin/sh\n#coding:damaged-")
    assert about(TABLE)["id"][:16].encode() in header
    assert b" _mp_words=python3.12:python3:python " in header
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
    assert b"_mp_unset='PYTHONHOME PYTHONPATH'; }" in render_header(TABLE)
    table = replace(TABLE, options=StartOptions(inherit_path="fallback"))
    assert b"PYTHONHOME PYTHONPATH" not in render_header(table)


def test_pypy_alone_is_looked_for_first() -> None:
    pypy = replace(TABLE, targets=(target((3, 11), implementation="pypy"),))
    assert b" _mp_words=pypy3.11:pypy3:python3:python " in render_header(pypy)


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
    assert (noted.to_json()["overrides"], noted.to_json()["excluded"]) == (("a==1",), ("b",))


def test_a_folder_with_an_umlaut_survives() -> None:
    table = replace(TABLE, options=StartOptions(runtime_root="/tmp/\u00e9"))
    assert about(table)["runtime_root"] == "/tmp/\u00e9"
    assert "_mp_cache='/tmp/\u00e9'/multiplat;" in render_header(table).decode()


def test_a_file_for_pypy_alone_says_so() -> None:
    pypy = target((3, 11), implementation="pypy", abi="pp73")
    assert about(replace(TABLE, targets=(pypy,)))["needs"] == "PyPy 3.11"
    both = (pypy, target((3, 12)))
    wanted = "Python 3.12 or PyPy 3.11"
    assert about(replace(TABLE, targets=both))["needs"] == wanted
