from __future__ import annotations

from datetime import date

import pytest

from hatch_multiplat.base.toml_table import TableReader, toml_type


def test_what_is_right_is_returned_without_a_problem() -> None:
    reader = TableReader()

    assert reader.string("a", "x") == "x"
    assert reader.text("a", "") == ""
    assert reader.boolean("a", False) is False  # noqa: FBT003
    assert reader.choice("a", "x", of=("x", "y")) == "x"
    assert reader.items("a", ["x", ""]) == [("a[0]", "x"), ("a[1]", "")]
    assert reader.strings("a", []) == ()
    assert reader.string_table("a", {"b": "2", "a": "1"}) == (("a", "1"), ("b", "2"))
    assert reader.problems == []


def test_what_is_wrong_is_left_out_and_every_problem_kept_in_order() -> None:
    reader = TableReader()

    assert reader.string("a", 1) is None
    assert reader.boolean("b", 1) is None
    assert reader.items("c", ["x", 1, "y"]) == [("c[0]", "x"), ("c[2]", "y")]
    assert reader.string_table("d", {"x": 1, "y": "2"}) == (("y", "2"),)
    assert reader.choice("e", ["x"], of=("x",)) is None
    assert reader.problems == [
        "a must be a string (got int)",
        "b must be true or false (got int)",
        "c[1] must be a string (got int)",
        "d.x must be a string (got int)",
        "e must be one of 'x' (got array)",
    ]


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("output_dir", "; did you mean 'output-dir'?"),
        ("OUTPUT", "; did you mean 'output'?"),
        ("zzz", "; known: output, output-dir"),
    ],
)
def test_an_unknown_key_comes_with_the_one_that_was_meant(key: str, hint: str) -> None:
    reader = TableReader()

    reader.reject_unknown("tool.x", {key: 1, "output": 2}, ("output", "output-dir"))

    assert reader.problems == [f"tool.x: unknown key {key!r}{hint}"]


@pytest.mark.parametrize(
    ("value", "name"),
    [([], "array"), ({}, "table"), (True, "bool"), (1.5, "float"), (date(2026, 1, 1), "date")],
)
def test_types_have_the_names_that_toml_gives_them(value: object, name: str) -> None:
    assert toml_type(value) == name
