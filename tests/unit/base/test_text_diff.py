from __future__ import annotations

from hatch_multiplat.base.text_diff import unified_diff


def test_a_diff_keeps_line_ends_and_tells_a_missing_one() -> None:
    assert unified_diff("a\r\nb\x0cc", "a\r\nd\r\n", name="x.toml") == [
        "--- a/x.toml\n",
        "+++ b/x.toml\n",
        "@@ -1,2 +1,2 @@\n",
        " a\r\n",
        "-b\x0cc\n\\ No newline at end of file\n",
        "+d\r\n",
    ]


def test_equal_texts_have_no_diff() -> None:
    assert unified_diff("a\n", "a\n", name="x") == []
