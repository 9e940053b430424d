"""Newer versions that a target could have than those that it got.

uv prefers in one environment the versions that it has chosen in another, so that a target can be
held back by one for which there are fewer wheels.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from hatch_multiplat.base.errors import FetchError, SolveError
from hatch_multiplat.resolve.solve import with_preferences
from hatch_multiplat.resolve.solver import Level
from hatch_multiplat.targets.python import admitted_patches
from hatch_multiplat.targets.tag_constraint import admitted
from hatch_multiplat.wheels.selection import wheel_fits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from hatch_multiplat.index.index_page import IndexFile
    from hatch_multiplat.resolve.downloads import Downloads
    from hatch_multiplat.resolve.solve import Solved
    from hatch_multiplat.resolve.solver import Solver
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.selection import Selection, Wheel

    Wish = tuple[NormalizedName, Version, Target]


class Newest:
    """Improves complete answers until each target has the newest versions that it can have."""

    def __init__(self, solver: Solver, downloads: Downloads) -> None:
        self._solver = solver
        self._downloads = downloads
        # The versions that uv was asked for in place of older ones, and those that it cannot give.
        self._wished: set[Wish] = set()
        self._settled: set[Wish] = set()

    def improve(
        self, solved: Solved, selections: Sequence[Selection], refused: set[Wish]
    ) -> Solved | None:
        """Return a better answer; None if there is none.

        `refused` are versions of which is known that a target cannot use them.
        """
        if self._solver.is_proven(solved):
            return None
        if self._solver.let_in_releases(solved.lock):
            return self._solver.first_answer()
        if not self._solver.question.wants_newest(self._solver.context):
            return None
        newer = self._find_newer(solved, selections) - refused - self._settled
        wishes = self._leave_out_forbidden(newer, selections)
        return self._ask_for(wishes, solved) if wishes else None

    def _find_newer(self, solved: Solved, selections: Sequence[Selection]) -> set[Wish]:
        """Find the newer versions that have a wheel for a target.

        A lock that is kept keeps its versions. Where a page cannot be read nothing is known of it.
        """
        solver = self._solver
        names = {package.name for package in solved.lock.packages if solver.is_of_index(package)}
        solver.pages.read_ahead(names, solver.question.targets)
        found: set[Wish] = set()
        for selection in selections:
            target = selection.target
            for wheel, patches in _patches_of(selection).items():
                if wheel.name not in names or (wheel.name, wheel.version) in solver.kept:
                    continue
                with suppress(FetchError):
                    found |= {
                        (wheel.name, file.version, target)
                        for file in solver.pages.read_newer(wheel.name, wheel.version, target)
                        if self._is_newer(file, wheel, target, patches)
                    }
        return found

    def _is_newer(
        self, file: IndexFile, wheel: Wheel, target: Target, patches: frozenset[int]
    ) -> bool:
        """Tell whether a target could have a file in place of a wheel of an older version.

        Yanked files do not count, nor do pre-releases, unless the wheel is one itself. `patches`
        are the releases of the target's Python that have the wheel: uv splits a minor where a
        Requires-Python does, and those before the split cannot have what comes after it.
        """
        python, bound = target.python, file.requires_python
        return (
            file.version > wheel.version
            and not file.yanked
            and (wheel.version.is_prerelease or not file.version.is_prerelease)
            and wheel_fits(file, target)
            and admitted(self._solver.question.tag_constraints, wheel.name, file.tags, target)
            and (
                bound is None
                or python.patch is not None
                or not patches.isdisjoint(admitted_patches(bound, python.version))
            )
        )

    def _leave_out_forbidden(self, newer: set[Wish], selections: Sequence[Selection]) -> set[Wish]:
        """Leave out the versions that a requirement of the target's own set forbids.

        Constraints count as well, under whatever marker: one that does not hold costs a question.
        """
        question = self._solver.question
        lacking = {target for _, _, target in newer}
        requirements = self._downloads.requirements_on(
            [selection for selection in selections if selection.target in lacking],
            self._solver.required,
        )
        constraints = {name: question.constraints_on(name) for name, _, _ in newer}
        return {
            (name, version, target)
            for name, version, target in newer
            if all(
                asked.url is None and asked.specifier.contains(version)
                for asked in (
                    *(requirement for _, requirement in requirements[target].get(name, ())),
                    *constraints[name],
                )
            )
        }

    def _ask_for(self, wishes: set[Wish], solved: Solved) -> Solved:
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


def _patches_of(selection: Selection) -> dict[Wheel, frozenset[int]]:
    """Return the patch releases of a target's Python that have each of its wheels."""
    found: dict[Wheel, frozenset[int]] = {}
    for group, first, end in selection.runs():
        for wheel in group.wheels:
            found[wheel] = found.get(wheel, frozenset()) | frozenset(range(first, end))
    return found
