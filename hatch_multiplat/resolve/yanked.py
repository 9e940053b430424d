"""Yanked files (PEP 592), as in pip: they only count for a pinned version, with a warning.

uv refuses a version that is yanked as a whole unless the project itself pins it by a single
specifier, then takes it on every target, and passes over what is said of single files.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from hatch_multiplat.base.errors import FetchError
from hatch_multiplat.wheels.pylock import lock_environment, marker_holds
from hatch_multiplat.wheels.selection import MissingWheel, wheel_fits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from packaging.pylock import Package
    from packaging.utils import NormalizedName
    from packaging.version import Version

    from hatch_multiplat.index.index_page import IndexFile
    from hatch_multiplat.resolve.downloads import Downloads
    from hatch_multiplat.resolve.solve import Solved
    from hatch_multiplat.resolve.solver import Solver
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.selection import Selection, Wheel


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
            packages = list(filter(solver.is_of_index, solved.lock.packages))
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
            names = {p.name for p in filter(solver.is_of_index, solved.lock.packages)}
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
                        missing.append(_missing(wheel, selection.target, why))
                    elif not self._is_yanked_whole(wheel):
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
            yanked = [file for file in self._files_of(wheel.name, wheel.version) if file.yanked]
            own = [file for file in yanked if file.filename == wheel.filename]
            return own or ([] if self._is_listed(wheel) else [f for f in yanked if not f.tags])
        return []

    def _is_listed(self, wheel: Wheel) -> bool:
        files = self._files_of(wheel.name, wheel.version)
        return any(file.filename == wheel.filename for file in files)

    def _is_yanked_whole(self, wheel: Wheel) -> bool:
        return all(file.yanked for file in self._files_of(wheel.name, wheel.version))

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


def _missing(wheel: Wheel, target: Target, why: str) -> MissingWheel:
    return MissingWheel(
        name=wheel.name,
        version=wheel.version,
        target=target,
        kind="removed",
        reason=f"yanked{why}, and no requirement pins this version by '=='",
    )
