from __future__ import annotations

import pytest

from hatch_multiplat.base.text import show_plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("größe\tand\nlines", "größe\tand\nlines"),
        ("\x1b[2J\x9b31m", "\\x1b[2J\\x9b31m"),
        ("a\rb\x00\x7f", "a\\rb\\x00\\x7f"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\ud800", "\\ud800"),
    ],
)
def test_a_terminal_obeys_nothing_of_it(text: str, shown: str) -> None:
    assert show_plain(text) == shown
