"""Refines uv's answers: leaves out yanked files, and asks for newer versions.

Yanked files (PEP 592) count as in pip: only for a pinned version, with a warning. uv refuses a
version that is yanked as a whole unless the project itself pins it by a single specifier, then
takes it on every target, and passes over what is said of single files.

uv prefers in one environment the versions that it has chosen in another, so that a target can be
held back by one for which there are fewer wheels.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from hatch_multiplat.base.errors import FetchError, SolveError
from hatch_multiplat.resolve.solve import with_preferences
from hatch_multiplat.resolve.solver import Level
from hatch_multiplat.targets.python import admitted_patches
from hatch_multiplat.targets.tag_constraint import admitted
from hatch_multiplat.wheels.incompatibility import Incompatibility
from hatch_multiplat.wheels.pylock import lock_environment, marker_holds
from hatch_multiplat.wheels.selection import missing_because, wheel_fits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from packaging.pylock import Package
    from packaging.utils import NormalizedName
    from packaging.version import Version

    from hatch_multiplat.index.index_page import IndexFile
    from hatch_multiplat.resolve.downloads import Downloads
    from hatch_multiplat.resolve.solve import Solved
    from hatch_multiplat.resolve.solver import Solver, Wish
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.selection import MissingWheel, Selection, Wheel


class Yanked:
    """Judges the yanked files of answers; what it learns is kept by the solver."""

    def __init__(self, solver: Solver, downloads: Downloads) -> None:
        self._solver = solver
        self._downloads = downloads
        self._files: dict[tuple[NormalizedName, Version], list[IndexFile]] = {}

    def leave_out(self, solved: Solved) -> Solved:
        """Return an answer without yanked files that each target can replace by another one.

        A version whose wheels are all yanked while its sdist is not is built, as pip does it.
        """
        solver = self._solver
        if not solver.is_proven(solved):
            found: set[str] = set()
            packages = solver.of_index(solved.lock)
            names = {package.name for package in packages}
            solver.pages.read_ahead(names, solver.question.targets)
            sourced = names - {p.name for p in packages if not self._is_left_to_its_sdist(p)}
            if sourced:
                solver.learned.sourced |= sourced
                return self.leave_out(solver.solve(solver.prior))
            for package in packages:
                with suppress(FetchError):
                    found |= self._find_needless(package.name, package.version)
            solver.learned.left_out = found
        left_out = solver.learned.left_out
        if not left_out:
            return solved
        packages = [
            replace(
                package,
                wheels=[one for one in package.wheels if one.filename not in left_out],
            )
            if package.wheels
            else package
            for package in solved.lock.packages
        ]
        return replace(solved, lock=replace(solved.lock, packages=packages))

    def find_unpinned(self, solved: Solved, selections: Sequence[Selection]) -> list[MissingWheel]:
        """Find the yanked wheels of targets on which no requirement pins their version.

        Of the others there is a warning, which uv gives itself where a whole version is yanked.
        """
        solver = self._solver
        missing: list[MissingWheel] = []
        if not solver.is_proven(solved):
            warnings: dict[str, None] = {}
            names = {package.name for package in solver.of_index(solved.lock)}
            for selection in selections:
                found = {
                    wheel: files
                    for wheel in selection.wheels
                    if wheel.name in names and (files := self._yanked_files(wheel))
                }
                for wheel, files in found.items():
                    file, *_ = files
                    why = f" ({file.yanked_reason})" if file.yanked_reason else ""
                    pin = self._find_pin(wheel, selection)
                    if not pin:
                        reason = f"yanked{why}, and no requirement pins this version by '=='"
                        refusal = Incompatibility("removed", reason)
                        missing.append(missing_because(wheel, selection.target, refusal))
                    elif not all(f.yanked for f in self._files_of(wheel.name, wheel.version)):
                        warnings[f"{file.filename} is yanked{why}, and taken as {pin}"] = None
            solver.learned.warnings = tuple(warnings)
        for warning in solver.learned.warnings if not missing else ():
            solver.warn(warning)
        return missing

    def _is_left_to_its_sdist(self, package: Package) -> bool:
        if not (package.wheels and self._solver.may_let_in(package.name)):
            return False
        with suppress(FetchError):
            files = self._files_of(package.name, package.version)
            good = [file for file in files if not file.yanked]
            return bool(good) and not any(file.tags for file in good)
        return False

    def _find_needless(self, name: NormalizedName, version: Version | None) -> set[str]:
        """Return the yanked wheels of a version that no target needs for lack of another one."""
        files = self._files_of(name, version)
        yanked = {file.filename for file in files if file.yanked}
        if len(yanked) in {0, len(files)}:
            return set()
        for target in self._solver.question.targets:
            fitting = [file for file in files if wheel_fits(file, target)]
            if all(file.yanked for file in fitting):
                yanked -= {file.filename for file in fitting}
        return yanked

    def _files_of(self, name: NormalizedName, version: Version | None) -> list[IndexFile]:
        """Return the files of a version, whatever target they are for, each once."""
        if version is None:
            return []
        if (name, version) not in self._files:
            read = self._solver.pages.read_newer
            pages = {read(name, version, target) for target in self._solver.question.targets}
            files = [file for page in pages for file in page if file.version == version]
            self._files[name, version] = list({file.filename: file for file in files}.values())
        return self._files[name, version]

    def _yanked_files(self, wheel: Wheel) -> list[IndexFile]:
        """Return the file that a wheel is, or those that it was built from, if it is yanked."""
        with suppress(FetchError):
            files = self._files_of(wheel.name, wheel.version)
            own = [file for file in files if file.filename == wheel.filename]
            return [file for file in own or files if file.yanked and (own or not file.tags)]
        return []

    def _find_pin(self, wheel: Wheel, selection: Selection) -> str:
        """Name the pin of a wheel's version on a target; "" if there is none."""
        solver, target = self._solver, selection.target
        if (wheel.name, wheel.version) in solver.kept:
            return "the lock has its version"
        requirements = self._downloads.requirements_on([selection], solver.required)[target]
        environment = lock_environment(target, 0)
        constraints = (
            ("a constraint", constraint)
            for constraint in solver.question.constraints_on(wheel.name)
            if constraint.marker is None or marker_holds(str(constraint.marker), environment)
        )
        for by, requirement in (*requirements.get(wheel.name, ()), *constraints):
            if any(
                specifier.operator in {"==", "==="} and not specifier.version.endswith(".*")
                for specifier in requirement.specifier
            ):
                return f"{by} requires {requirement}"
        return ""


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
        names = {package.name for package in solver.of_index(solved.lock)}
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
