"""The patch releases of a target's minor that the Requires-Python of its wheels allows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hatch_multiplat.targets.patch_spans import admitted_patches, in_spans, make_spans
from hatch_multiplat.targets.target_list import MAX_PATCH
from hatch_multiplat.wheels.incompatibility import explain_refusal
from hatch_multiplat.wheels.selection import MissingWheel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from packaging.specifiers import SpecifierSet

    from hatch_multiplat.wheels.selection import Selection, Wheel

_HINT: Final = "if that is wrong, correct it in dependency-metadata of [tool.uv]"


def served_patches(selection: Selection, requires_python: SpecifierSet) -> frozenset[int]:
    """Return the patch releases of a target that the program allows."""
    python = selection.target.python
    admitted = admitted_patches(requires_python, python.version)
    if python.patch is not None:
        return admitted & {python.patch}
    return frozenset(patch for patch in admitted if in_spans(selection.patches, patch))


def find_refusals(
    selection: Selection, served: frozenset[int], bounds: Mapping[str, SpecifierSet]
) -> list[tuple[Wheel, frozenset[int]]]:
    """Return the wheels that do not allow some of these patch releases of a target, with those.

    `bounds` has the Requires-Python of wheels by file name; one that it lacks refuses none.
    """
    version = selection.target.python.version
    found: dict[str, tuple[Wheel, frozenset[int]]] = {}
    starts = [group.from_patch for group in selection.sets[1:]]
    for group, first, end in zip(selection.sets, [0, *starts], [*starts, MAX_PATCH], strict=True):
        here = frozenset(patch for patch in served if first <= patch < end)
        for wheel in group.wheels:
            bound = bounds.get(wheel.filename)
            refused = here - admitted_patches(bound, version) if bound is not None else here - here
            if refused:
                _, others = found.get(wheel.filename, (wheel, frozenset[int]()))
                found[wheel.filename] = wheel, others | refused
    return list(found.values())


def narrow_selections(
    selections: Sequence[Selection],
    requires_python: SpecifierSet,
    bounds: Mapping[str, SpecifierSet],
) -> tuple[Selection, ...]:
    """Return the selections for the patch releases that the program and its wheels allow.

    A wheel that allows none of a target's patch releases is ignored here, since patch releases are
    not its problem; if nothing would be left, the target keeps those that the program allows.
    """
    narrowed = []
    for selection in selections:
        served = served_patches(selection, requires_python)
        left = served
        for _, refused in find_refusals(selection, served, bounds):
            left = left if refused == served else left - refused
        spans = make_spans(left or served)
        pinned = selection.target.python.patch is not None
        narrowed.append(replace(selection, patches=spans) if spans and not pinned else selection)
    return tuple(narrowed)


def find_refused_by_python(
    selections: Sequence[Selection],
    requires_python: SpecifierSet,
    bounds: Mapping[str, SpecifierSet],
) -> tuple[MissingWheel, ...]:
    """Return a missing wheel for each wheel that allows no Python of a target."""
    missing_wheels = []
    for selection in selections:
        served = served_patches(selection, requires_python)
        missing_wheels += [
            MissingWheel(
                name=wheel.name,
                version=wheel.version,
                target=selection.target,
                kind="python",
                reason=f"{explain_refusal(bounds[wheel.filename], selection.target)}; {_HINT}",
            )
            for wheel, refused in find_refusals(selection, served, bounds)
            if refused == served
        ]
    return tuple(missing_wheels)
