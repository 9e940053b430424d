"""Adding to TOML and removing from it: the layout of each text, and every byte beside the edit."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hatch_multiplat.init.toml_edit import MAX_LINE, add_items, add_pairs, remove_items, render
from hatch_multiplat.init.toml_text import TomlText

KEY = ("a",)
LONG = tuple(f"platform-{number}" for number in range(8))


def is_kept(old: str, new: str) -> bool:
    """Tell whether `new` is `old` with something put in between."""
    rest = iter(new)
    return all(character in rest for character in old)


ADDED = [
    pytest.param("a = []\n", 'a = ["x", "y"]\n', id="empty"),
    pytest.param("a = [ ]\n", 'a = ["x", "y" ]\n', id="empty with a space"),
    pytest.param(
        "a = [\n  # nothing yet\n]\n",
        'a = [\n  # nothing yet\n  "x",\n  "y",\n]\n',
        id="empty with a comment",
    ),
    pytest.param("a = ['1']  # c\n", 'a = [\'1\', "x", "y"]  # c\n', id="one line"),
    pytest.param('a = [ "1" ]', 'a = [ "1", "x", "y" ]', id="one line with spaces, no end"),
    pytest.param('a = ["1", ]\n', 'a = ["1", "x", "y", ]\n', id="one line with a last comma"),
    pytest.param(
        'a = [\n    "1",\n    "2",\n]\n',
        'a = [\n    "1",\n    "2",\n    "x",\n    "y",\n]\n',
        id="several lines",
    ),
    pytest.param(
        'a = [\n\t"1",\n\t"2"\n]\n',
        'a = [\n\t"1",\n\t"2",\n\t"x",\n\t"y"\n]\n',
        id="several lines without a last comma, tabs",
    ),
    pytest.param(
        'a = [\n  "1", # one\n  "2" # two, and [so] on\n  # the end\n]\n',
        'a = [\n  "1", # one\n  "2", # two, and [so] on\n  "x",\n  "y"\n  # the end\n]\n',
        id="comments",
    ),
    pytest.param(
        'a = [\r\n  "1",\r\n]\r\n', 'a = [\r\n  "1",\r\n  "x",\r\n  "y",\r\n]\r\n', id="CRLF"
    ),
    pytest.param(
        'a = ["1",\n     "2"]\n',
        'a = ["1",\n     "2",\n     "x",\n     "y"]\n',
        id="closed in the last line",
    ),
    pytest.param('a = ["1",\n]\n', 'a = ["1",\n  "x",\n  "y",\n]\n', id="begun in the first line"),
    pytest.param(
        'a = [ "1" # one\n    , "2" # two\n    ]\n',
        'a = [ "1" # one\n    , "2" # two\n    , "x"\n    , "y"\n    ]\n',
        id="commas first",
    ),
    pytest.param(
        'a = [ "1"\n    , "2" ]\n',
        'a = [ "1"\n    , "2"\n    , "x"\n    , "y" ]\n',
        id="commas first, closed in the last line",
    ),
    pytest.param(
        'a = [\n  \'\'\'1]\'\'\',\n  """2\\"""""",\n]\n',
        'a = [\n  \'\'\'1]\'\'\',\n  """2\\"""""",\n  "x",\n  "y",\n]\n',
        id="strings of every kind",
    ),
]


@pytest.mark.parametrize(("text", "expected"), ADDED)
def test_items_are_added_in_the_layout_of_the_array(text: str, expected: str) -> None:
    assert add_items(text, KEY, ["x", "y"]) == expected
    assert tomllib.loads(expected)["a"] == [*tomllib.loads(text)["a"], "x", "y"]


REMOVED = [
    pytest.param('a = ["1", "2", "3"]\n', [0], 'a = ["2", "3"]\n', id="the first"),
    pytest.param('a = ["1", "2", "3"]\n', [1], 'a = ["1", "3"]\n', id="one between"),
    pytest.param('a = ["1", "2", "3"]\n', [2], 'a = ["1", "2"]\n', id="the last"),
    pytest.param('a = ["1", "2", "3"]\n', [0, 2], 'a = ["2"]\n', id="two"),
    pytest.param('a = [ "1", "2" ]\n', [1], 'a = [ "1" ]\n', id="the last, with spaces"),
    pytest.param('a = ["1", "2",]\n', [1], 'a = ["1",]\n', id="the last, with its comma"),
    pytest.param('a = [\n  "1",\n  "2",\n]\n', [0], 'a = [\n  "2",\n]\n', id="a line"),
    pytest.param('a = [\n  "1",\n  "2",\n]\n', [1], 'a = [\n  "1",\n]\n', id="the last line"),
    pytest.param(
        'a = [\n  "1", # one\n  "2"\n]\n', [1], 'a = [\n  "1" # one\n]\n', id="no last comma"
    ),
    pytest.param(
        'a = [\r\n  # first\r\n  "1", # one\r\n  "2", # two\r\n  # end\r\n]\r\n',
        [1],
        'a = [\r\n  # first\r\n  "1", # one\r\n  # end\r\n]\r\n',
        id="its comment, and no other",
    ),
    pytest.param(
        'a = [ "1"\n    , "2" # two\n    , "3"\n    ]\n',
        [2],
        'a = [ "1"\n    , "2" # two\n    ]\n',
        id="commas first",
    ),
    pytest.param(
        'a = [\n  "1", "2",\n  "3", "4",\n]\n',
        [1, 2],
        'a = [\n  "1",\n  "4",\n]\n',
        id="several in a line",
    ),
]


@pytest.mark.parametrize(("text", "positions", "expected"), REMOVED)
def test_items_are_removed_with_their_line(text: str, positions: list[int], expected: str) -> None:
    assert remove_items(text, KEY, positions) == expected
    items = tomllib.loads(text)["a"]
    left = [item for at, item in enumerate(items) if at not in positions]
    assert tomllib.loads(expected)["a"] == left


PAIRS = [
    pytest.param("", '[t.u]\nk = "v"\n', id="an empty text"),
    pytest.param("x = 1\n", 'x = 1\n\n# c\n[t.u]\nk = "v"\n', id="a text"),
    pytest.param("x = 1\n\n", 'x = 1\n\n# c\n[t.u]\nk = "v"\n', id="an empty line at the end"),
    pytest.param("x = 1", 'x = 1\n\n# c\n[t.u]\nk = "v"\n', id="no end of line"),
    pytest.param("x = 1\r\n# e", 'x = 1\r\n# e\r\n\r\n# c\r\n[t.u]\r\nk = "v"\r\n', id="CRLF"),
    pytest.param("[t.u] # x\nl = 1\n", '[t.u] # x\nk = "v"\nl = 1\n', id="a table"),
    pytest.param("[ t . 'u' ]", "[ t . 'u' ]\nk = \"v\"", id="a bare header"),
    pytest.param("[t]\nu.l = 1 # x\nm = 2\n", '[t]\nu.l = 1 # x\nu.k = "v"\nm = 2\n', id="dotted"),
    pytest.param("t.u.l = 1", 't.u.l = 1\nt.u.k = "v"', id="dotted from the root"),
    pytest.param("t = {u = {}}\n", 't = {u = { k = "v" }}\n', id="an empty inline table"),
    pytest.param("t = { u = { l = 1 } }\n", 't = { u = { l = 1, k = "v" } }\n', id="inline"),
    pytest.param("t = { w = 1 }\n", 't = { w = 1, u = { k = "v" } }\n', id="an inline ancestor"),
    pytest.param("[t.u.w]\n", '[t.u.w]\n\n# c\n[t.u]\nk = "v"\n', id="a table below it"),
    pytest.param("[t.w]\n[[s]]\n", '[t.w]\n[[s]]\n\n# c\n[t.u]\nk = "v"\n', id="array of tables"),
]


@pytest.mark.parametrize(("text", "expected"), PAIRS)
def test_a_key_is_added_to_a_table_however_it_is_written(text: str, expected: str) -> None:
    comment = ["# c"] if text else []
    assert add_pairs(text, ("t", "u"), {"k": "v"}, comment=comment) == expected
    assert tomllib.loads(expected)["t"]["u"]["k"] == "v"


def test_a_key_is_added_behind_another() -> None:
    text = "[t]\na = [\n  1,\n] # x\nb = 2\n"
    assert add_pairs(text, ("t",), {"k": True}, after="a") == (
        "[t]\na = [\n  1,\n] # x\nk = true\nb = 2\n"
    )


def test_a_table_without_keys_is_added_too() -> None:
    assert add_pairs("x = 1\n", ("t", "u"), {}) == "x = 1\n\n[t.u]\n"
    assert add_pairs("t = {}\n", ("t", "u"), {}) == "t = { u = {} }\n"
    assert add_pairs("[t.u]\n", ("t", "u"), {}) == "[t.u]\n"


def test_a_long_array_has_a_line_for_each_item_indented_as_others() -> None:
    text = "x = [\n\t1,\n]\n"
    added = add_pairs(text, ("t",), {"k": LONG})
    assert '\n\t"platform-7",\n]\n' in added
    assert tomllib.loads(added)["t"]["k"] == list(LONG)
    assert len(render(LONG)) > MAX_LINE


@pytest.mark.parametrize("value", ['"', "\\", "é", "\t", "a'b", "", "\x7f"])
def test_a_string_is_written_as_what_it_is(value: str) -> None:
    assert tomllib.loads(f"a = {render(value)}")["a"] == value


# -- by property -----------------------------------------------------------------------------------

missing_wheels = st.sampled_from(
    ["", " ", "\n", "\n  ", " # c\n", "\n  # ], [ \"'\n\n  ", "\t\n\t"]
)
strings = st.sampled_from(
    ['"1"', "'2'", '"""3\n"""', "'''4'''", '"],"', "'#'", '"\\""', '""', '"""\\""""""']
)
newlines = st.sampled_from(["\n", "\r\n"])


@st.composite
def arrays(draw: st.DrawFn) -> str:
    """Draw the text of an array of strings, laid out as badly as can be."""
    items = draw(st.lists(strings, max_size=4))
    parts = ["a = [", draw(missing_wheels)]
    for number, item in enumerate(items):
        comma = number + 1 < len(items) or draw(st.booleans())
        parts += [item, draw(missing_wheels), *([",", draw(missing_wheels)] if comma else [])]
    parts += ["]", draw(st.sampled_from(["", " # end", "\n", " # end\nb = 1\n"]))]
    return "".join(parts).replace("\n", draw(newlines))


@given(arrays(), st.lists(st.sampled_from(["x", 'y"z']), min_size=1, max_size=2))
@example('a = [\n  "1" # c\n  ,\n]', ["x"])
def test_whatever_the_layout_items_are_added_and_nothing_else_changes(
    text: str, new: list[str]
) -> None:
    added = add_items(text, KEY, new)
    before = tomllib.loads(text)
    assert tomllib.loads(added) == {**before, "a": [*before["a"], *new]}
    assert is_kept(text, added)
    if "\r\n" in text:
        assert "\n" not in added.replace("\r\n", "")


@given(arrays(), st.data())
def test_whatever_the_layout_items_are_removed_and_no_other(text: str, data: st.DataObject) -> None:
    before = tomllib.loads(text)
    count = len(before["a"])
    positions = data.draw(st.sets(st.integers(0, count - 1))) if count else set()
    removed = remove_items(text, KEY, positions)
    left = [item for at, item in enumerate(before["a"]) if at not in positions]
    assert tomllib.loads(removed) == {**before, "a": left}
    assert is_kept(removed, text)


@given(arrays())
def test_what_is_added_can_be_removed_again(text: str) -> None:
    count = len(tomllib.loads(text)["a"])
    removed = remove_items(add_items(text, KEY, ["x"]), KEY, [count])
    assert tomllib.loads(removed) == tomllib.loads(text)


values = st.recursive(
    st.sampled_from(
        ["1", "-1.5e3", "true", "inf", "1979-05-27 07:32:00Z", "07:32:00", *("'a = 1'", '"]"')]
    )
    | strings,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[ {' , '.join(items)} ]")
        | st.lists(inner, max_size=3).map(
            lambda items: f"{{{', '.join(f'k{at}.x = {item}' for at, item in enumerate(items))}}}"
        )
    ),
    max_leaves=6,
)
keys = st.sampled_from(["a", "b-c", '"d.e"', "'f g'", "h . i", 'j."k\\u0041"'])


@st.composite
def documents(draw: st.DrawFn) -> str:
    lines = []
    for header in draw(
        st.lists(st.sampled_from(["", "[s]", "[[t]]", "[s.u]", "[ v . 'w x' ] # c"]))
    ):
        lines.append(header)
        statements = draw(st.lists(st.tuples(keys, values), max_size=3, unique_by=lambda s: s[0]))
        lines += [f"{key} = {value} # c" for key, value in statements]
    return draw(newlines).join(lines)


@given(documents())
def test_each_value_is_found_where_it_is(text: str) -> None:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:  # The same table, or key, twice.
        return
    toml = TomlText(text)
    for path, value in toml.values.items():
        if "[]" in path:
            continue
        found: Any = data
        for key in path:
            found = found[key]
        written = text[value.span.start : value.span.end]
        assert repr(tomllib.loads(f"x = {written}")["x"]) == repr(found)
        if value.kind != "plain":
            assert len(value.items) >= len(found)


def test_parts_that_are_no_toml_are_refused() -> None:
    with pytest.raises(ValueError, match="no TOML"):
        TomlText("= 1\n")
