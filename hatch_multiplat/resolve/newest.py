"""Newer versions that a target could have than those that it got.

uv prefers in one environment the versions that it has chosen in another, so that a target can be
held back by one for which there are fewer wheels.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import FetchError, SolveError
from hatch_multiplat.index.project_settings import valid_requirements
from hatch_multiplat.resolve.solve import with_preferences
from hatch_multiplat.resolve.solver import Level
from hatch_multiplat.targets.python import MAX_PATCH, admitted_patches
from hatch_multiplat.targets.tag_constraint import admitted
from hatch_multiplat.wheels.proof import list_requirements
from hatch_multiplat.wheels.selection import wheel_fits

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from packaging.requirements import Requirement
    from packaging.utils import NormalizedName
    from packaging.version import Version

    from hatch_multiplat.index.index_page import IndexFile
    from hatch_multiplat.resolve.downloads import Downloads
    from hatch_multiplat.resolve.solve import Solved
    from hatch_multiplat.resolve.solver import Solver
    from hatch_multiplat.targets.tag_constraint import TagConstraint
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.metadata import WheelTexts
    from hatch_multiplat.wheels.proof import Requirements
    from hatch_multiplat.wheels.selection import Selection, Wheel

    Wish = tuple[NormalizedName, Version, Target]


class Newest:
    """Improves complete answers until each target has the newest versions that it can have."""

    def __init__(self, solver: Solver, downloads: Downloads, required: Requirements) -> None:
        self._solver = solver
        self._downloads = downloads
        self._required = required
        # The versions that uv was asked for in place of older ones, and those that it cannot give.
        self._wished: set[Wish] = set()
        self._settled: set[Wish] = set()

    def improve(
        self, solved: Solved, selections: Sequence[Selection], refused: Collection[Wish]
    ) -> Solved | None:
        """Return a better answer; None if there is none.

        `refused` are versions of which is known that a target cannot use them.
        """
        if self._solver.is_proven(solved):
            return None
        if self._solver.let_in_releases(solved.lock):
            return self._solver.first_answer()
        wishes = self.find_held_back(solved, selections, refused)
        return self.ask_for(wishes, solved) if wishes else None

    def find_held_back(
        self, solved: Solved, selections: Sequence[Selection], refused: Collection[Wish]
    ) -> set[Wish]:
        """Find newer versions that a target could have, and that nothing that is chosen forbids.

        A lock that is kept keeps its versions. Where a page cannot be read nothing is known of it.
        """
        solver, question = self._solver, self._solver.question
        if not question.wants_newest(solver.context):
            return set()
        names = {package.name for package in solved.lock.packages if solver.is_of_index(package)}
        solver.pages.read_ahead(names, question.targets)
        newer: dict[Target, dict[NormalizedName, set[Version]]] = defaultdict(dict)
        for selection in selections:
            for wheel, patches in _patches_of(selection).items():
                if wheel.name not in names or (wheel.name, wheel.version) in solver.kept:
                    continue
                with suppress(FetchError):
                    found = newer_versions(
                        wheel,
                        selection.target,
                        solver.pages.read_newer(wheel.name, wheel.version, selection.target),
                        rules=question.tag_constraints,
                        refused={*refused, *self._settled},
                        patches=patches,
                    )
                    if found:
                        newer[selection.target].setdefault(wheel.name, set()).update(found)
        lacking = [selection for selection in selections if selection.target in newer]
        texts = self._downloads.texts_of(lacking)
        for_uv = valid_requirements(question.uv_table.get("constraint-dependencies", ()))
        constraints = (*question.constraints, *for_uv)
        wishes = set()
        for selection in lacking:
            target = selection.target
            allowed = not_forbidden(newer[target], selection, texts, self._required, constraints)
            wishes |= {
                (name, version, target)
                for name, versions in allowed.items()
                for version in versions
            }
        return wishes - self._settled

    def ask_for(self, wishes: set[Wish], solved: Solved) -> Solved:
        """Ask uv for newer versions: first as a preference, then for the reason why not.

        Of the versions that it is to prefer it takes the newest that goes with all else. Where none
        can be had because something of it has no wheels at all, and may be built, that is let in.
        """
        solver = self._solver
        new = wishes - self._wished
        self._wished |= wishes
        if new:
            solver.learned.preferences |= {(name, version) for name, version, _ in new}
            return solver.resume(solved)
        self._settled |= wishes
        if solver.level is not Level.WHEELS or not solver.question.build_sdists:
            return solved
        least: dict[tuple[NormalizedName, Target], Version] = {}
        for name, version, target in sorted(wishes, key=str):
            least[name, target] = min(version, least.get((name, target), version))
        tried = {key: SpecifierSet(f">={version.public}") for key, version in least.items()}
        prior = with_preferences(solved.text, solver.learned.preferences)
        try:
            return solver.ask(prior, tried | solver.learned.steps)
        except SolveError as error:
            if not solver.let_in_sources(error):
                return solved
        self._settled -= wishes
        self._wished -= wishes
        try:
            return solver.resume(solved)
        except SolveError:
            return solved


def newer_versions(
    wheel: Wheel,
    target: Target,
    files: Iterable[IndexFile],
    *,
    rules: Sequence[TagConstraint] = (),
    refused: Collection[Wish] = frozenset(),
    patches: frozenset[int] = frozenset(range(MAX_PATCH)),
) -> set[Version]:
    """Return the versions newer than a wheel's that have a wheel for a target.

    Yanked files do not count, nor do pre-releases, unless the wheel is one itself. `refused` are
    those of which is known that the target cannot use them, `patches` the releases of its Python
    that have the wheel: uv splits a minor where a Requires-Python does, and those before the split
    cannot have what comes after it.
    """
    python = target.python
    return {
        file.version
        for file in files
        if file.version > wheel.version
        and not file.yanked
        and (wheel.version.is_prerelease or not file.version.is_prerelease)
        and wheel_fits(file, target)
        and admitted(rules, wheel.name, file.tags, target)
        and (wheel.name, file.version, target) not in refused
        and (
            file.requires_python is None
            or python.patch is not None
            or not patches.isdisjoint(admitted_patches(file.requires_python, python.version))
        )
    }


def _patches_of(selection: Selection) -> dict[Wheel, frozenset[int]]:
    """Return the patch releases of a target's Python that have each of its wheels."""
    found: dict[Wheel, frozenset[int]] = {}
    for group, first, end in selection.runs():
        for wheel in group.wheels:
            found[wheel] = found.get(wheel, frozenset()) | frozenset(range(first, end))
    return found


def not_forbidden(
    newer: Mapping[NormalizedName, set[Version]],
    selection: Selection,
    texts: Mapping[str, WheelTexts],
    required: Requirements,
    constraints: Iterable[Requirement],
) -> dict[NormalizedName, list[Version]]:
    """Return those of these versions that no requirement of a target's own set forbids.

    `constraints` count as well, under whatever marker: one that does not hold costs a question.
    """
    asked = list_requirements(selection, texts, required)
    for constraint in constraints:
        asked[canonicalize_name(constraint.name)].append(("", constraint))
    found = {}
    for name, versions in newer.items():
        allowed = [
            version
            for version in versions
            if all(
                requirement.url is None and requirement.specifier.contains(version)
                for _, requirement in asked.get(name, ())
            )
        ]
        if allowed:
            found[name] = allowed
    return found
