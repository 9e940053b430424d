from __future__ import annotations

import pytest

from hatch_multiplat.targets.patch_spans import EVERY, Spans, in_spans, make_spans, spell_spans
from hatch_multiplat.targets.target_list import MAX_PATCH


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
