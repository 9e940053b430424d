"""The matrix as text, JSON and Markdown is what the golden files have; the page is sound HTML."""

from __future__ import annotations

import dataclasses
import io
import re
from collections import Counter
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from packaging.utils import canonicalize_name

from hatch_multiplat.frontends.render.matrix_html import render_html
from hatch_multiplat.frontends.render.matrix_json import matrix_to_json
from hatch_multiplat.frontends.render.matrix_markdown import render_markdown
from hatch_multiplat.frontends.render.screen import layout
from hatch_multiplat.wheels.matrix_layout import (
    describe_outcome,
    describe_pythons,
    describe_targets,
    make_rows,
)
from hatch_multiplat.wheels.matrix_text import render_matrix
from tests.support.matrix import (
    GOLDEN,
    make_lock,
    make_targets,
    matrix_of,
    native,
    package,
    plain_text,
    renderings,
    sample,
)

if TYPE_CHECKING:
    from hatch_multiplat.wheels.matrix import Matrix

VOID = {"meta", "input", "br", "link"}
LONG = "a-package-with-a-name-that-takes-more-than-half-of-a-line"


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return sample()


@pytest.mark.parametrize("name", ["matrix-80.txt", "matrix-120.txt", "matrix.md", "matrix.json"])
def test_a_rendering_is_what_the_golden_file_has(matrix: Matrix, name: str) -> None:
    """`python -m tests.support.matrix` writes them anew."""
    assert renderings(matrix)[name] == (GOLDEN / name).read_text("utf-8")


def large(*, packages: int = 30) -> Matrix:
    """Return a matrix of 60 targets, with names too long for a narrow terminal."""
    architectures = ("x86_64", "aarch64", "i686", "armv7l", "ppc64le", "s390x", "riscv64")
    platforms = [
        *(f"linux-{arch}{libc}" for arch in architectures for libc in ("", "-musl")),
        "windows-x86_64",
    ]
    targets = make_targets(platforms, ["3.11", "3.12", "3.13", "3.14"])
    tags = native("manylinux_2_17_x86_64", "musllinux_1_2_aarch64", pythons=["3.11", "3.13"])
    names = [LONG, *(f"package-{number}" for number in range(packages))]
    lock = make_lock(*(package(name, "2025.12.31.post1", *tags) for name in names))
    return matrix_of(lock, targets)


@pytest.fixture(scope="module")
def largest() -> Matrix:
    return large()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(largest: Matrix, width: int) -> None:
    lines = plain_text(largest, width).splitlines()
    words = {word for line in lines for word in line.split() if len(word) > width - 8}
    wide = [line for line in lines if len(line) > width and not words.intersection(line.split())]
    assert wide == []


def test_each_platform_stands_in_the_table_once_however_narrow() -> None:
    found = large(packages=1)
    for width in (40, 60, 80, 200):
        text = plain_text(found, width)
        heads = [line for line in text.split("\n\n")[1:] if "package" in line.split("\n2")[0]]
        systems = sum(block.splitlines()[0].split().count("linux") for block in heads)
        assert systems == 14, width


def test_in_a_pipe_there_are_no_colours_and_at_a_terminal_there_are(
    matrix: Matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = render_matrix(matrix, width=80)
    plain, coloured = layout(lines, io.StringIO()), layout(lines, Screen())
    assert "\x1b[1;31m" in coloured
    assert plain + "\n" == plain_text(matrix, 80)
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain
    assert plain.isascii()


def test_the_verdict_answers_what_was_asked(matrix: Matrix) -> None:
    assert describe_outcome(matrix) == [
        "5 of 15 targets cannot be covered, for lack of high, slow.",
        "To add Python 3.13, something has to be done about high, slow.",
    ]
    asked = [target for target in matrix.targets if str(target.platform) == "macos-arm64"]
    good = dataclasses.replace(matrix, missing_wheels=(), asked=tuple(asked))
    assert describe_outcome(good) == [
        "All 15 targets are covered.",
        "Nothing stands in the way of macos-arm64, with stable 2.9 instead of 3.0 there.",
    ]


def test_targets_are_named_in_as_few_words_as_will_do(matrix: Matrix) -> None:
    targets = matrix.targets
    assert describe_targets(targets, matrix) == "every target"
    assert describe_targets(targets[::3], matrix) == "every platform (3.11)"
    assert describe_targets(targets[:4], matrix) == "linux-x86_64, linux-aarch64-musl (3.11)"
    assert describe_targets(targets[:2], matrix) == "linux-x86_64 (3.11, 3.12)"


@pytest.mark.parametrize(
    ("words", "known", "text"),
    [
        (["3.11", "3.12", "3.13"], ["3.11", "3.12", "3.13"], "3.11-3.13"),
        (["3.11", "3.12"], ["3.11", "3.12", "3.13"], "3.11, 3.12"),
        (["3.11", "3.13"], ["3.11", "3.12", "3.13"], "3.11, 3.13"),
        (["3.12", "3.13", "3.14", "3.14t"], ["3.12", "3.13", "3.14", "3.14t"], "3.12-3.14, 3.14t"),
        (["3.10", "3.12", "3.13"], ["3.10", "3.12", "3.13"], "3.10, 3.12, 3.13"),
        (["pp310", "pp311", "3.11"], ["pp310", "pp311", "3.11"], "pp310, pp311, 3.11"),
    ],
)
def test_only_minors_that_follow_each_other_are_a_range(
    words: list[str], known: list[str], text: str
) -> None:
    assert describe_pythons(words, known) == text


def test_rows_of_one_package_have_the_newest_version_first(matrix: Matrix) -> None:
    rows = [(row.version, row.pythons) for row in make_rows(matrix) if row.name == "stable"]
    assert rows == [("3.0", ""), ("2.9", "")]


def test_where_there_is_no_answer_at_all_there_are_still_the_gaps(matrix: Matrix) -> None:
    """As when a pinned version is gone from the index."""
    found = dataclasses.replace(
        matrix, cells=(), floors=(), differences=(), asked=(), explanation="uv says: no"
    )
    text = plain_text(found, 80)
    assert "uv says: no" in text
    assert "for lack of high, slow" in text
    assert "GONE" not in text
    assert render_markdown(found)
    assert render_html(found)


def test_a_project_that_requires_nothing_is_covered() -> None:
    targets = make_targets(["linux-x86_64"], ["3.12"])
    found = matrix_of(None, targets)
    assert plain_text(found, 80).splitlines()[0] == (
        "demo: 0 packages for 1 target (1 platform, Python 3.12)"
    )
    assert "The target is covered." in plain_text(found, 80)
    assert "The target is covered." in render_markdown(found)
    Page(render_html(found))


def test_markdown_keeps_names_from_becoming_emphasis(matrix: Matrix) -> None:
    missing_wheels = tuple(
        dataclasses.replace(missing_wheel, name=canonicalize_name("a"), reason="has *_|<b>_*")
        for missing_wheel in matrix.missing_wheels
    )
    text = render_markdown(dataclasses.replace(matrix, missing_wheels=missing_wheels))
    assert r"has \*\_\|\<b\>\_\*" in text


class Page(HTMLParser):
    """Parses a page, checks that every element is closed, and keeps what it is made of."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.count: Counter[str] = Counter()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.rows: list[list[str]] = []
        self.table = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.count[tag] += 1
        self.links += [str(values[name]) for name in ("src", "href") if name in values]
        if "id" in values:
            assert values["id"] not in self.ids
            self.ids.add(str(values["id"]))
        if tag == "table":
            self.table = str(values["class"])
        if tag == "tr" and "data-find" in values and self.table.startswith("matrix"):
            self.rows.append([])
        if tag == "td" and self.table.startswith("matrix"):
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self.open and self.table.startswith("matrix"):
            self.rows[-1][-1] += data


def test_the_page_is_sound_and_loads_nothing(matrix: Matrix) -> None:
    text = render_html(matrix)
    page = Page(text)
    assert page.links == []
    assert "@import" not in text
    assert "url(" not in text
    assert "{{" not in text
    assert page.count["table"] == 4
    assert page.ids == {"find", "show", "platform"}
    assert 'name="viewport"' in text


def test_the_page_has_every_row_with_every_platform(matrix: Matrix) -> None:
    page = Page(render_html(matrix))
    rows = sorted(make_rows(matrix), key=lambda row: row.is_plain)  # Those are folded below.
    assert len(page.rows) == len(rows)
    for shown, row in zip(page.rows, rows, strict=True):
        assert shown[0] == row.name
        assert shown[1] == f"version{row.version}"
        words = [
            cell.removeprefix(column.label)
            for cell, column in zip(shown[3:-1], matrix.columns, strict=True)
        ]
        assert words == [word or "" for word in row.cells]


def test_what_an_index_says_cannot_break_the_page(matrix: Matrix) -> None:
    missing_wheels = tuple(
        dataclasses.replace(missing_wheel, reason="</li><script>alert(1)</script> {{title}}")
        for missing_wheel in matrix.missing_wheels
    )
    text = render_html(dataclasses.replace(matrix, missing_wheels=missing_wheels, project='<b>"x"'))
    page = Page(text)
    assert page.count["script"] == 1
    assert page.count["b"] == 1  # The floor that is raised.
    assert "alert(1)" in text


def test_a_floor_that_a_wheel_does_not_name_is_unknown_not_the_oldest() -> None:
    """A tag `linux_x86_64` says nothing of the C library that the wheel was compiled for."""
    targets = make_targets(["linux-x86_64"], ["3.12"])
    lock = make_lock(
        package("bare", "1.0", "cp312-cp312-linux_x86_64"),
        package("named", "1.0", "cp312-cp312-manylinux_2_17_x86_64"),
    )
    found = matrix_of(lock, targets)
    (need,) = found.floors
    assert (need.lowest, need.unknown) == ((2, 17), ("bare",))
    (floor,) = matrix_to_json(found)["floors"]
    assert (floor["packages"], floor["unknown"]) == ({"named": "2.17"}, ["bare"])
    lines = [line.split() for line in plain_text(found, 80).splitlines() if "glibc" in line]
    assert lines == [
        ["linux-x86_64", "glibc", "2.28", "unknown", "2.17", "named;", "unknown", "bare"]
    ]
    assert "| glibc 2.28 | unknown | 2.17 named; unknown bare |" in render_markdown(found)
    page = render_html(found)
    assert ">unknown<" in page
    assert "unknown: bare" in page
