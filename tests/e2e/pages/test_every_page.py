"""Each how-to page is run by a test, and what is not run is listed with the reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.page import NOT_RUN, Page, open_page, read_blocks, read_page, read_steps

ROOT = Path(__file__).resolve().parents[3]
PAGES = [f"how-to/{path.stem}" for path in sorted(ROOT.glob("docs/how-to/*.md"))]
MORE = ["README", "install", "troubleshooting", "tutorial"]
SESSIONS = ROOT / "docs" / "sessions"
# `open_page("how-to/serve")`, or a fixture that does it with what a test names.
OPENED = re.compile(r"\b(?:open_page|run_page)\(\s*\"(?P<name>[\w/-]+)\"\s*\)")
TESTS = [path for path in ROOT.glob("tests/**/test_*.py") if path != Path(__file__)]


@pytest.mark.parametrize("name", [*PAGES, *MORE])
def test_the_page_is_run_by_a_test(name: str) -> None:
    """`open_page` makes that test use all of the page's blocks."""
    opened = {match["name"] for path in TESTS for match in OPENED.finditer(path.read_text("utf-8"))}
    assert name in opened or not Page(name).left, f"no test opens {name}"


def test_a_block_that_nobody_takes_fails_the_test_that_opens_the_page() -> None:
    with (
        pytest.raises(AssertionError, match=r"nothing has run this:\nhow-to/publish\.md, line \d+"),
        open_page("how-to/publish"),
    ):
        pass


@pytest.mark.parametrize(("name", "line"), sorted(NOT_RUN))
def test_what_is_not_run_stands_in_its_page(name: str, line: str) -> None:
    text = "\n".join(block.text for block in read_blocks(name))
    assert line in [other.strip() for other in text.splitlines()]
    assert NOT_RUN[name, line]


@pytest.mark.parametrize("name", [*PAGES, *MORE, "index"])
def test_a_session_in_a_page_is_a_recorded_one(name: str) -> None:
    for block in read_blocks(name):
        if block.source and block.source.startswith("docs/sessions/"):
            assert (ROOT / block.source).is_file()


def test_every_recorded_session_is_shown_somewhere() -> None:
    pages = [path.relative_to(ROOT / "docs") for path in ROOT.glob("docs/**/*.md")]
    names = ["README", *(page.with_suffix("").as_posix() for page in pages)]
    shown = {block.source for name in names for block in read_blocks(name)}
    recorded = {path.relative_to(ROOT).as_posix() for path in SESSIONS.glob("*.txt")}
    assert recorded <= shown


def test_blocks_are_found_with_their_kind_and_source() -> None:
    kinds = {(block.kind, block.source) for block in read_blocks("how-to/checksums-and-inventory")}
    assert kinds == {("toml", None), ("{literalinclude}", "docs/sessions/checksums.txt")}
    assert len(read_blocks("how-to/serve")) == read_page("how-to/serve").count("```") / 2


def test_steps_are_commands_with_what_is_shown_under_them() -> None:
    first, second = read_steps("$ ls\na\nb c\n$ true\n")
    assert (first.command, first.shown) == ("ls", ("a", "b c"))
    assert (second.command, second.shown) == ("true", ())
