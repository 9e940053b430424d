"""Lines for people: broken at blanks, in colour where that is wanted, with short paths."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from hatch_multiplat.base.text import Line, to_lines
from hatch_multiplat.frontends.render.screen import layout, width_of


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "40")


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("short", ["short"]),
        ("", [""]),
        (
            "  on cp312-manylinux_2_17_x86_64, cp312-win_amd64",
            ["  on cp312-manylinux_2_17_x86_64,", "    cp312-win_amd64"],
        ),
        (
            "heaviest of all the dependencies: 12345 kB",
            ["heaviest of all the dependencies:", "  12345 kB"],
        ),
        (
            "resolved in a time that was less than 0.6 s",
            ["resolved in a time that was less than", "  0.6 s"],
        ),
        (f"wrote {'x' * 60} there", ["wrote", f"  {'x' * 60}", "  there"]),
        (f"{'x' * 60} there", ["x" * 60, "  there"]),
        (
            'to do: leave out a lot: exclude = ["cp313-win_arm64"]',
            ["to do: leave out a lot:", '  exclude = ["cp313-win_arm64"]'],
        ),
    ],
)
def test_lines_end_at_blanks_and_numbers_keep_their_units(text: str, broken: list[str]) -> None:
    assert layout([Line(text)], Screen()).splitlines() == (broken if text else [])
    assert layout([Line(text)], io.StringIO()) == text


def test_a_style_goes_on_in_the_next_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "12")
    line = Line("one ").append("two three four", "bold red")
    assert layout([line], Screen()).splitlines() == [
        "one \x1b[1;31mtwo\x1b[0m",
        "  \x1b[1;31mthree four\x1b[0m",
    ]
    assert layout([line], io.StringIO()) == "one two three four"


@pytest.mark.parametrize(
    ("variable", "stream", "painted"),
    [
        ("", Screen(), True),
        ("", io.StringIO(), False),
        ("NO_COLOR", Screen(), False),
        ("FORCE_COLOR", io.StringIO(), True),
    ],
)
def test_colours_are_where_they_are_wanted(
    monkeypatch: pytest.MonkeyPatch, *, variable: str, stream: io.StringIO, painted: bool
) -> None:
    if variable:
        monkeypatch.setenv(variable, "1")
    assert ("\x1b[" in layout(to_lines("error: no\nmore", "red"), stream)) is painted


def test_what_others_say_moves_no_cursor() -> None:
    assert layout([Line("a\x1b[2Jb", "red")], io.StringIO()) == r"a\x1b[2Jb"


def test_paths_below_the_current_folder_are_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    a, b, c = (str(tmp_path / name) for name in "abc")
    for text, shown in {
        f"{tmp_path / 'demo.pex'}  60.2 MB": "demo.pex  60.2 MB",
        f"cannot write {a}: no": "cannot write a: no",
        f"'{a}', \"{b}\" ({c})": "'a', \"b\" (c)",
        f"it is from file://{a}": f"it is from file://{a}",
        f"{tmp_path}-other": f"{tmp_path}-other",
        f"/mnt{a}": f"/mnt{a}",
        str(tmp_path): str(tmp_path),
    }.items():
        assert layout([Line(text)], io.StringIO()) == shown
    root = Path(tmp_path.anchor)
    monkeypatch.chdir(root)
    assert layout([Line(str(root / "etc"))], io.StringIO()) == str(root / "etc")


def test_a_pipe_is_as_wide_as_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert width_of(io.StringIO()) == 40
    monkeypatch.delenv("COLUMNS")
    assert width_of(io.StringIO()) == 80
