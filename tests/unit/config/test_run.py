"""The keys that say what runs; as parts of the whole table they are in test_config.py."""

from __future__ import annotations

from typing import Any

import pytest

from hatch_multiplat.base.toml_table import TableReader
from hatch_multiplat.config.run import Command, Run, read_executables, read_run


@pytest.mark.parametrize(
    ("table", "run", "problems"),
    [
        pytest.param({}, None, [], id="nothing"),
        pytest.param({"script": "app"}, Run(kind="script", value="app"), [], id="script"),
        pytest.param({"script": ""}, Run(kind="interpreter"), [], id="an interpreter"),
        pytest.param({"module": "a.b"}, Run(kind="module", value="a.b"), [], id="module"),
        pytest.param(
            {"entry-point": "a:b", "module": "a"},
            None,
            ["t: entry-point and module exclude each other; keep one"],
            id="two",
        ),
        pytest.param(
            {"entry-point": "a.b"},
            Run(kind="entry-point", value="a.b"),
            [
                (
                    "t.entry-point: 'a.b' is not of the form 'package.module:function'; "
                    "for `python -m` use the key 'module'"
                )
            ],
            id="a module for a function",
        ),
        pytest.param({"script": 3}, None, [], id="said by the reader of the key"),
    ],
)
def test_one_key_says_what_runs(
    table: dict[str, Any], run: Run | None, problems: list[str]
) -> None:
    reader = TableReader()
    assert read_run(reader, "t", table) == run
    assert reader.problems == problems


def test_a_name_alone_runs_the_script_of_that_name() -> None:
    reader = TableReader()
    table = {"two": {"inject-args": ["-v"]}, "one": {"module": "a", "inject-env": {"X": "1"}}}
    assert read_executables(reader, "t", table) == (
        ("one", Command(run=Run(kind="module", value="a"), inject_env=(("X", "1"),))),
        ("two", Command(run=Run(kind="script", value="two"), inject_args=("-v",))),
    )
    assert reader.problems == []
    read_executables(reader, "t", {"a/b": {}, "c": 3})
    assert reader.problems == ["t.a/b: 'a/b' must be a file name", "t.c must be a table (got int)"]
