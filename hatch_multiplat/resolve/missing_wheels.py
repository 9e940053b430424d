"""The wheels that targets lack: what is missing, why, and what to do about it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.pylock import Package
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.base.errors import FetchError
from hatch_multiplat.base.urls import redact
from hatch_multiplat.resolve.pages import has_native_wheel
from hatch_multiplat.resolve.refinement import Yanked
from hatch_multiplat.resolve.sdist import BuiltSdists
from hatch_multiplat.targets.tag_constraint import admitted
from hatch_multiplat.wheels.incompatibility import (
    Incompatibility,
    explain_incompatibility,
    explain_refusal,
    lower_floor,
)
from hatch_multiplat.wheels.proof import EXECUTABLE
from hatch_multiplat.wheels.pylock import package_applies
from hatch_multiplat.wheels.selection import MissingWheel, Outcome, url_of, wheel_fits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.pylock import Pylock
    from packaging.requirements import Requirement
    from packaging.tags import Tag
    from packaging.utils import NormalizedName

    from hatch_multiplat.index.index_page import IndexFile
    from hatch_multiplat.resolve.downloads import Downloads
    from hatch_multiplat.resolve.solve import Solved
    from hatch_multiplat.resolve.solver import Key, Solver, Wish
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.matrix import TagsOf


class MissingWheels:
    """Finds what targets lack by an answer of uv's, or by its having none, and explains it.

    `unresolvable` is what no further question to uv can bring. `newest` is the newest version of a
    package that has a wheel for a target, `refused` are the versions of which a look into the wheel
    has shown that it does not fit.
    """

    def __init__(self, solver: Solver, downloads: Downloads) -> None:
        self.solver = solver
        self.pages = solver.pages
        self.downloads = downloads
        self.yanked = Yanked(solver, downloads)
        self.builder = BuiltSdists(
            question=solver.question,
            context=solver.context,
            native=self._has_native,
            listed=self._listed_tags,
        )
        self.unresolvable: dict[Key, MissingWheel] = {}
        self.newest: dict[Key, Version] = {}
        self.refused: set[Wish] = set()

    def find(self, solved: Solved, outcome: Outcome) -> list[MissingWheel]:
        """Return what targets lack, by the names of wheels, or else by a look into them."""
        missing = [
            self._annotate(missing_wheel, solved)
            for missing_wheel in outcome.missing_wheels
            if (missing_wheel.name, missing_wheel.target) not in self.unresolvable
        ]
        if missing or self.unresolvable:
            return missing
        missing = [
            *self.downloads.examine(outcome.selections, self.solver.required),
            *self.yanked.find_unpinned(solved, outcome.selections),
        ]
        self.refused |= {
            (found.name, found.version, found.target) for found in missing if found.version
        }
        return missing

    def is_refused(self, missing_wheel: MissingWheel) -> bool:
        """Tell whether only the content of a wheel has shown that it does not fit."""
        return (missing_wheel.name, missing_wheel.version, missing_wheel.target) in self.refused

    def find_uncovered(self, name: NormalizedName) -> bool:
        """Find the targets for which a package has no wheel in any version that may be taken.

        A package that has an sdist can always be placed by uv, and shows by itself what is missing,
        unless it may not be built.
        """
        question = self.solver.question
        if name in question.elsewhere:
            return False
        forbidden = self.solver.context.policy.forbids(name)
        files = [
            file
            for file in self.pages.read(name)
            if not file.yanked and self.solver.is_asked_for(name, file.version)
        ]
        if not files or (any(not file.tags for file in files) and not forbidden):
            return False
        newest = max(file.version for file in files)
        latest = [file for file in files if file.version == newest]
        tags = [tag for file in latest for tag in file.tags]
        for target in question.targets:
            if any(wheel_fits(file, target) for file in files):
                continue
            why = Incompatibility("sdist", f"sdist only, and {forbidden} forbids building it")
            bounds = [f.requires_python for f in latest if not f.tags.isdisjoint(target.tags)]
            if bounds and bounds[0] is not None:
                why = Incompatibility("python", explain_refusal(bounds[0], target))
            elif tags:
                why = explain_incompatibility(tags, target)
            missing_wheel = MissingWheel(name=name, version=newest, target=target, **why._asdict())
            self.unresolvable[name, target] = lower_floor(missing_wheel, files)
            fitting = [
                file.version
                for file in self.pages.read(name, target)
                if wheel_fits(file, target) and not file.yanked and not file.version.is_prerelease
            ]
            if fitting:
                self.newest[name, target] = max(fitting)
        return any(found == name for found, _ in self.unresolvable)

    def find_removed(self) -> list[MissingWheel]:
        """Find the pinned requirements whose version the index no longer has."""
        missing_wheels = []
        for requirement in self.solver.question.requirements:
            pins = [spec.version for spec in requirement.specifier if spec.operator == "=="]
            name = canonicalize_name(requirement.name)
            if not pins or "*" in pins[0] or name in self.solver.question.elsewhere:
                continue
            versions = {file.version for file in self.pages.read(name)}
            if not versions or Version(pins[0]) in versions:
                continue
            newest = max(versions)
            package = Package(name=name, version=Version(pins[0]), marker=requirement.marker)
            for target in self.solver.question.targets:
                environment = {k: str(v) for k, v in target.environment().items()}
                if package_applies(package, environment):
                    missing_wheels.append(
                        MissingWheel(
                            name=name,
                            version=package.version,
                            target=target,
                            kind="removed",
                            reason=f"removed: the index has no {pins[0]} (newest is {newest})",
                        )
                    )
        return missing_wheels

    def _annotate(self, missing_wheel: MissingWheel, solved: Solved) -> MissingWheel:
        """Add why an sdist was not built, and which index hides a wheel."""
        if origin := _origin_of(missing_wheel, solved):
            reason = f"{missing_wheel.reason}; it is from {origin}"
            return self.builder.annotate(replace(missing_wheel, origin=origin, reason=reason))
        found = self.builder.annotate(missing_wheel)
        why = found.version and self.pages.explain(found.name, found.version, found.target)
        return replace(found, reason=f"{found.reason}; {why}") if why else found

    def _has_native(self, missing_wheel: MissingWheel) -> bool:
        return has_native_wheel(missing_wheel, self._admitted(missing_wheel))

    def _listed_tags(self, missing_wheel: MissingWheel) -> set[Tag]:
        """Return the tags of all wheels beside an sdist."""
        files = self.pages.read(missing_wheel.name, missing_wheel.target)
        if missing_wheel.source is None or all(
            file.url != missing_wheel.source.url for file in files
        ):
            return set()
        return {tag for file in files if file.version == missing_wheel.version for tag in file.tags}

    def give_up(self, missing_wheel: MissingWheel) -> None:
        """Note that no further question to uv can bring a wheel, and the floor that would."""
        name = missing_wheel.name
        if not missing_wheel.origin and not self.is_refused(missing_wheel):
            files = self._admitted(missing_wheel)
            asked_for = [file for file in files if self.solver.is_asked_for(name, file.version)]
            missing_wheel = lower_floor(missing_wheel, asked_for)
        self.unresolvable[name, missing_wheel.target] = missing_wheel

    def _admitted(self, missing_wheel: MissingWheel) -> list[IndexFile]:
        """Return the sdists and the wheels that tag constraints let a target take."""
        name, target = missing_wheel.name, missing_wheel.target
        files = self.pages.read(name, target)
        return [file for file in files if self.is_admitted(file, name, target)]

    def is_admitted(self, file: IndexFile, name: NormalizedName, target: Target) -> bool:
        """Tell whether a target may take a file by tag constraints, and by what is inside."""
        return (
            not file.tags or admitted(self.solver.question.tag_constraints, name, file.tags, target)
        ) and (name, file.version, target) not in self.refused

    def explain(
        self, missing_wheels: Iterable[MissingWheel], outcome: Outcome
    ) -> tuple[tuple[MissingWheel, ...], bool]:
        """Return all that is missing with what requires it, and what else forbids newer versions.

        The second value tells whether that explains everything.
        """
        found = {(one.name, one.target): one for one in missing_wheels} | self.unresolvable
        for key in found.keys() & self.newest.keys():
            found[key] = replace(found[key], newest=str(self.newest[key]))
        requirers = self._find_requirers(found, outcome)
        for key, asked in requirers.items():
            by = [who for who, _ in asked if who != EXECUTABLE]
            found[key] = replace(
                found[key],
                required_by=" and ".join(dict.fromkeys(by)),
                held_by=self._name_holders(key, asked),
            )
        explained = all(self._is_explained(key, requirers.get(key, ())) for key in found)
        return tuple(found.values()), explained

    def _find_requirers(
        self, missing: Iterable[Key], outcome: Outcome
    ) -> dict[Key, list[tuple[str, Requirement]]]:
        """Find what requires each package that a target lacks, as far as that is known."""
        wanted: dict[Target, set[NormalizedName]] = {}
        for name, target in missing:
            wanted.setdefault(target, set()).add(name)
        found = (*outcome.selections, *outcome.partial)
        selections = [one for one in found if one.target in wanted]
        requirers = {}
        with suppress(FetchError):
            requirements = self.downloads.requirements_on(selections, self.solver.required)
            for target, asked in requirements.items():
                for name in wanted[target] & asked.keys():
                    requirers[name, target] = asked[name]
        return requirers

    def _is_explained(self, key: Key, asked: Iterable[tuple[str, Requirement]]) -> bool:
        """Tell whether one requirement or constraint forbids the newest version with a wheel."""
        return key in self.newest and any(
            not requirement.specifier.contains(self.newest[key], prereleases=True)
            for requirement in (
                *(requirement for _, requirement in asked),
                *self.solver.question.constraints_on(key[0]),
            )
        )

    def _name_holders(self, key: Key, asked: Iterable[tuple[str, Requirement]]) -> str:
        """Say what forbids the newest version that has a wheel, and what to do about it.

        It is "" if the project itself forbids it.
        """
        version = self.newest.get(key)
        if version is None or not self.solver.is_asked_for(key[0], version):
            return ""
        forbidding = {
            by: f"{by} requires {requirement}"
            for by, requirement in asked
            if by != EXECUTABLE and not requirement.specifier.contains(version, prereleases=True)
        }
        if not forbidding:
            return ""
        ways = map(self._way_out, forbidding)
        return f"{' and '.join(forbidding.values())}: {' and '.join(ways)}"

    def _way_out(self, holder: str) -> str:
        """Say what to do about a package, with its version, that requires too narrow a range."""
        word, _, number = holder.partition(" ")
        name = canonicalize_name(word)
        verb = "take"
        with suppress(FetchError):
            files = () if name in self.solver.question.elsewhere else self.pages.read(name)
            others = {f.version for f in files if not f.yanked and str(f.version) != number}
            if files and not others:
                return f"use another package than {name}"
            if others and not any(self.solver.is_asked_for(name, version) for version in others):
                verb = "allow"
        return f"{verb} another version of {name}"

    def list_wheels(self, lock: Pylock | None) -> TagsOf:
        """Return the tags of all wheels that there are of the packages of several versions."""
        versions: dict[NormalizedName, set[Version]] = {}
        for package in self.solver.of_index(lock) if lock else ():
            if package.version is not None:
                versions.setdefault(package.name, set()).add(package.version)
        found: dict[tuple[NormalizedName, Version | None], list[frozenset[Tag]]] = {}
        for name, taken in versions.items():
            with suppress(FetchError):
                files = self.pages.read(name) if len(taken) > 1 else ()
                for file in files:
                    if file.tags and file.version in taken:
                        found.setdefault((name, file.version), []).append(file.tags)
        return found


def _origin_of(missing_wheel: MissingWheel, solved: Solved) -> str:
    """Return the URL of a locked package that is of no index, as a requirement has it."""
    for package in solved.lock.packages:
        if package.name == missing_wheel.name and package.version == missing_wheel.version:
            archive, folder, vcs = package.archive, package.directory, package.vcs
            if archive is not None:
                return redact(url_of(archive.url, archive.path, solved.base))
            if folder is not None:
                return url_of(None, folder.path, solved.base)
            if vcs is not None:
                at = f"@{vcs.requested_revision}" if vcs.requested_revision else ""
                return f"{vcs.type}+{redact(url_of(vcs.url, vcs.path, solved.base))}{at}"
    return ""
