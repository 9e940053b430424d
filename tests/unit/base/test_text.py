from __future__ import annotations

import pytest

from hatch_multiplat.base.text import format_count, format_size, show_plain


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_960, "1.0 MB"),
        (60_214_000, "60.2 MB"),
        (4_294_967_296, "4.3 GB"),
        (4_294_967_296_000, "4295.0 GB"),
    ],
)
def test_sizes_as_people_read_them(size: int, text: str) -> None:
    assert format_size(size) == text


def test_one_is_no_plural() -> None:
    found = [format_count(number, "file") for number in (0, 1, 2)]
    assert found == ["0 files", "1 file", "2 files"]


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
