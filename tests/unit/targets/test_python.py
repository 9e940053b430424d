"""The words for a Python, and the tags and names that it has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_multiplat.targets.python import (
    CPYTHONS,
    EVERY,
    FREE_THREADED_CPYTHONS,
    MAX_PATCH,
    PYPYS,
    SUPPORTED_CPYTHONS,
    Python,
    Spans,
    TargetError,
    in_spans,
    make_spans,
    spell_spans,
)

PYTHONS = [
    *(Python(implementation="cpython", version=v) for v in CPYTHONS),
    *(
        Python(implementation="cpython", version=v, free_threaded=True)
        for v in FREE_THREADED_CPYTHONS
    ),
    *(
        Python(implementation="pypy", version=v, pypy_abi=abi if n else None)
        for v, abis in PYPYS.items()
        for n, abi in enumerate(abis)
    ),
]


def pythons(*, pinned: bool = True) -> st.SearchStrategy[Python]:
    patches = st.none() | st.integers(0, 99) if pinned else st.none()
    return st.builds(
        lambda python, patch: Python(
            implementation=python.implementation,
            version=python.version,
            free_threaded=python.free_threaded,
            pypy_abi=python.pypy_abi,
            patch=patch,
        ),
        st.sampled_from(PYTHONS),
        patches,
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3.6", "3.6 cp36 cp36 cp36m"),
        ("3.7", "3.7 cp37 cp37 cp37m"),
        ("cp37", "3.7 cp37 cp37 cp37m"),
        ("3.8", "3.8 cp38 cp38 cp38"),
        ("3.12", "3.12 cp312 cp312 cp312"),
        ("cp312", "3.12 cp312 cp312 cp312"),
        ("3.15", "3.15 cp315 cp315 cp315"),
        ("3.14t", "3.14t cp314t cp314t cp314t"),
        ("cp314t", "3.14t cp314t cp314t cp314t"),
        ("3.8.10", "3.8.10 cp38 cp3.8.10 cp38"),
        ("cp3.8.10", "3.8.10 cp38 cp3.8.10 cp38"),
        ("3.14.2t", "3.14.2t cp314t cp3.14.2t cp314t"),
        ("pp311", "pp311 pp311 pp311 pypy311_pp73"),
        ("pypy311_pp73", "pp311 pp311 pp311 pypy311_pp73"),
        ("pypy311_pp80", "pypy311_pp80 pypy311_pp80 pypy311_pp80 pypy311_pp80"),
        ("pp312", "pp312 pp312 pp312 pypy312_pp80"),
        ("pp3.11.13", "pp3.11.13 pp311 pp3.11.13 pypy311_pp73"),
        ("pypy3.11.17_pp80", "pypy3.11.17_pp80 pypy311_pp80 pypy3.11.17_pp80 pypy311_pp80"),
    ],
)
def test_words_mean_pythons(text: str, words: str) -> None:
    python = Python.parse(text)

    assert f"{python} {python.tag} {python.full_tag} {python.abi}" == words


@given(pythons())
def test_a_python_is_read_back_from_its_name_and_from_its_tag(python: Python) -> None:
    assert Python.parse(str(python)) == python
    assert Python.parse(python.full_tag) == python


def test_pythons_that_upstream_supports_are_known() -> None:
    assert set(SUPPORTED_CPYTHONS) <= set(CPYTHONS)


KNOWN = ": CPython is known from 3.6 to 3.15"

# What people write, and all that we say of it after "unknown Python '...'".
MISTAKES = {
    "py312": "; did you mean '3.12'?",
    "python3.12": "; did you mean '3.12'?",
    "cpython-3.12": "; did you mean '3.12'?",
    "312": "; did you mean '3.12'?",
    "3.12.x": "; did you mean '3.12'?",
    "3.12.*": "; did you mean '3.12'?",
    "CP312": "; did you mean '3.12'?",
    " 3.12": "; did you mean '3.12'?",
    "3.12\n": "; did you mean '3.12'?",
    "3.08": "; did you mean '3.8'?",
    "cp3.8": "; did you mean '3.8'?",
    "3.14T": "; did you mean '3.14t'?",
    "3.14+freethreaded": "; did you mean '3.14t'?",
    "3.13-nogil": "; did you mean '3.13t'?",
    "pypy3.11": "; did you mean 'pp311'?",
    "pypy-3.11": "; did you mean 'pp311'?",
    "pp3.11": "; did you mean 'pp311'?",
    "PP311": "; did you mean 'pp311'?",
    "3.5": KNOWN,
    "cp35": KNOWN,
    "3.16": KNOWN,
    "3.1": KNOWN,
    "2.7": KNOWN,
    "3.12t": ": free-threaded builds begin with 3.13t",
    "cp39t": ": free-threaded builds begin with 3.13t",
    "pp313": ": PyPy is known from Python 3.6 to 3.12",
    "pp311t": ": PyPy has no free-threaded build",
    "pypy39_pp80": ": the ABI of PyPy 3.9 is pp73",
    "pypy311_pp90": ": the ABI of PyPy 3.11 is pp73 or pp80",
    "3": "",
    ">=3.11": "; did you mean '3.11'?",
    "": "",
}


@pytest.mark.parametrize(("text", "said"), MISTAKES.items(), ids=repr)
def test_a_mistake_gets_the_rule_it_breaks_and_the_nearest_word(text: str, said: str) -> None:
    with pytest.raises(TargetError) as caught:
        Python.parse(text)

    assert str(caught.value) == f"unknown Python {text!r}{said}"


@given(st.text() | st.text("cpy3.12t x-_") | st.from_regex(r"(cp|pp|py)?3\.?[0-9]{1,3}t?[ax]?"))
def test_any_text_is_a_python_or_a_mistake_whose_suggestion_is_one(text: str) -> None:
    try:
        python = Python.parse(text)
    except TargetError as e:
        _, _, suggested = str(e).partition("; did you mean '")
        if suggested:
            Python.parse(suggested.removesuffix("'?"))
    else:
        assert Python.parse(str(python)) == python


def test_a_python_that_cannot_be_cannot_be_made() -> None:
    with pytest.raises(TargetError, match="the implementations are cpython"):
        Python(implementation="jython", version=(3, 12))
    with pytest.raises(TargetError, match="and pypy with its own ABIs"):
        Python(implementation="cpython", version=(3, 12), pypy_abi="pp73")
    with pytest.raises(TargetError, match=r"the ABI of PyPy 3\.11 is pp73 or pp80"):
        Python(implementation="pypy", version=(3, 11), pypy_abi="pp73")


@pytest.mark.parametrize(
    ("patches", "spans"),
    [
        pytest.param(range(MAX_PATCH), EVERY, id="all"),
        pytest.param(range(4, MAX_PATCH), ((4, None),), id="from one on"),
        pytest.param([4], ((4, 5),), id="one"),
        pytest.param([5, 3, 4, 0], ((0, 1), (3, 6)), id="with a hole"),
        pytest.param([], (), id="none"),
    ],
)
def test_patch_releases_make_ranges_that_have_just_them(patches: list[int], spans: Spans) -> None:
    assert make_spans(patches) == spans
    assert [patch for patch in range(MAX_PATCH) if in_spans(spans, patch)] == sorted(patches)


def test_a_range_without_an_end_has_what_no_release_has_reached() -> None:
    assert in_spans(((4, None),), MAX_PATCH + 100)


def test_ranges_are_told_in_words() -> None:
    assert spell_spans(((0, 1), (3, 6), (9, None)), (3, 12)) == (
        "3.12.0, 3.12.3 to 3.12.5, 3.12.9 and newer"
    )
