"""Some of the patch releases of a minor, as ranges."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from hatch_multiplat.targets.target_list import MAX_PATCH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.specifiers import SpecifierSet

Spans = tuple[tuple[int, int | None], ...]
"""Patch releases, as ranges from the first up to and without the second; None is no end."""

EVERY: Final[Spans] = ((0, None),)


@functools.lru_cache(maxsize=4096)
def admitted_patches(requires_python: SpecifierSet, version: tuple[int, int]) -> frozenset[int]:
    """Return the patch releases of a minor that a Requires-Python allows."""
    major, minor = version
    return frozenset(
        patch for patch in range(MAX_PATCH) if requires_python.contains(f"{major}.{minor}.{patch}")
    )


def make_spans(patches: Iterable[int]) -> Spans:
    """Return the ranges of these patch releases; one that reaches the last we count has no end."""
    spans: list[tuple[int, int | None]] = []
    for patch in sorted(patches):
        end = None if patch == MAX_PATCH - 1 else patch + 1
        if spans and spans[-1][1] == patch:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((patch, end))
    return tuple(spans)


def in_spans(spans: Spans, patch: int) -> bool:
    """Tell whether one of the ranges has a patch release."""
    return any(first <= patch and (end is None or patch < end) for first, end in spans)


def spell_spans(spans: Spans, version: tuple[int, int]) -> str:
    """Return the patch releases as words: "3.12.0, 3.12.3 to 3.12.5, 3.12.9 and newer"."""
    minor = ".".join(map(str, version))
    words = []
    for first, end in spans:
        word = f"{minor}.{first}"
        if end is None:
            word += " and newer"
        elif end > first + 1:
            word += f" to {minor}.{end - 1}"
        words.append(word)
    return ", ".join(words)
