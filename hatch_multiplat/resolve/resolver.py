"""The one way from requirements and targets to wheels, for builds, locks and checks.

Without a lock, uv runs until every target is covered by the newest wheels that it can have.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from packaging.pylock import Package
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.base.errors import FetchError, SolveError
from hatch_multiplat.base.urls import redact
from hatch_multiplat.resolve.downloads import Downloads
from hatch_multiplat.resolve.newest import Newest
from hatch_multiplat.resolve.pages import has_native_wheel, step_back
from hatch_multiplat.resolve.resolution import Resolution, Unresolved
from hatch_multiplat.resolve.sdist import BuiltSdists
from hatch_multiplat.resolve.solve import packages_blamed
from hatch_multiplat.resolve.solver import Level, Solver
from hatch_multiplat.resolve.yanked import Yanked
from hatch_multiplat.targets.tag_constraint import admitted
from hatch_multiplat.wheels.incompatibility import (
    Advice,
    explain_incompatibility,
    explain_refusal,
    lower_floor,
)
from hatch_multiplat.wheels.proof import EXECUTABLE
from hatch_multiplat.wheels.pylock import package_applies
from hatch_multiplat.wheels.selection import MissingWheel, Outcome, url_of, wheel_fits

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import PurePath

    from packaging.pylock import Pylock
    from packaging.requirements import Requirement
    from packaging.tags import Tag
    from packaging.utils import NormalizedName

    from hatch_multiplat.index.index_page import IndexFile
    from hatch_multiplat.resolve.build_context import BuildContext
    from hatch_multiplat.resolve.question import Question
    from hatch_multiplat.resolve.solve import Solved
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.matrix import TagsOf

    Wish = tuple[NormalizedName, Version, Target]
    Key = tuple[NormalizedName, Target]

MAX_ROUNDS: Final = 8
"""Each round is one run of uv, and settles all that the one before it left missing.

Those do not count that settle what wheels say inside, which is learned one version after another.
"""


def resolve(
    question: Question,
    context: BuildContext,
    *,
    locked: tuple[Pylock, PurePath] | None = None,
    prior: str | None = None,
    downloads: Downloads | None = None,
) -> Resolution | Unresolved:
    """Find the wheels of every target: in a given lock, or by running uv until everything fits.

    `locked` is a lock, and the absolute folder that relative paths in it start from; it is never
    changed here. Without one, `prior` is the text of a lock whose versions are kept where they can
    be. Every wheel is looked into as far as needed: by `downloads`, where they are to be had
    afterwards. Raises SolveError when the requirements contradict each other whatever the wheels.
    """
    downloads = downloads or Downloads(context, whole=False)
    if locked is None:
        return Search(question=question, context=context, downloads=downloads, prior=prior).run()
    lock, base = locked
    builder = BuiltSdists(
        context=context,
        enabled=question.build_sdists,
        rules=question.tag_constraints,
        native=lambda _: False,
        listed=lambda _: (),
    )
    outcome = builder.select(lock, question.targets, base)
    missing = [builder.annotate(missing) for missing in outcome.missing_wheels]
    if not (missing and downloads.whole):  # Nothing is downloaded for a build that fails anyway.
        complete = (*outcome.selections, *outcome.partial)
        missing += downloads.examine(complete, question.required)
    if missing:
        return Unresolved(
            question=question,
            missing_wheels=tuple(missing),
            advice=Advice.LOCK,
            lock=lock,
            outcome=outcome,
            built=builder.filenames,
            unopened=len(downloads.unopened),
        )
    return Resolution(
        question=question,
        lock=lock,
        base=base,
        outcome=outcome,
        runs=0,
        built=builder.filenames,
        unopened=len(downloads.unopened),
    )


class Search:
    """One search for a lock that covers every target of a question; `run` it once.

    `prior` is the text of a lock whose versions are kept where they can be.
    """

    def __init__(
        self,
        *,
        question: Question,
        context: BuildContext,
        downloads: Downloads,
        prior: str | None,
    ) -> None:
        self.question = question
        self.context = context
        self.downloads = downloads
        self.solver = Solver(question, context, prior=prior)
        self.pages = self.solver.pages
        self.betters = Newest(self.solver, downloads)
        self.yanked = Yanked(self.solver, downloads)
        self.builder = BuiltSdists(
            context=context,
            enabled=question.build_sdists,
            rules=question.tag_constraints,
            native=self.has_native,
            listed=self.listed_tags,
        )
        self.newest: dict[Key, str] = {}
        self.stepped_to: dict[Key, Version] = {}
        self.unresolvable: dict[Key, MissingWheel] = {}
        self.refused: set[Wish] = set()

    def run(self) -> Resolution | Unresolved:
        """Search; uv is first restricted to wheels for the targets, and then, step by step, less.

        uv stops at the first package that it cannot place. Freed of the targets, it gives a lock
        by which all missing wheels show.
        """
        targets = self.question.targets
        self.warn_of_idle_rules()
        try:
            solved = self.solver.begin()
        except SolveError as error:
            if removed := self.find_removed():
                return self.unresolved(removed)
            solved = self.solve_for_missing(error)
        rounds = 0
        while True:
            while not self.solver.is_proven(solved) and self.merge_shadowed(solved):
                solved = self.solver.solve(self.solver.prior)
            solved = self.yanked.leave_out(solved)
            for name in solved.unplaced:
                self.find_uncovered(name)
            outcome = self.builder.select(solved.lock, targets, solved.base)
            missing = self.list_missing(solved, outcome)
            if not missing and not self.unresolvable:
                better = self.betters.improve(solved, outcome.selections, self.refused)
                if better is not None:
                    solved = better
                    continue
                self.solver.keep_learned(solved)
                return self.resolution(solved, outcome)
            stepped = [missing_wheel for missing_wheel in missing if self.take_step(missing_wheel)]
            rounds += not any(self.is_refused(missing_wheel) for missing_wheel in stepped)
            if not stepped or rounds > MAX_ROUNDS:
                break
            self.context.say(self.describe_steps(stepped))
            try:
                solved = self.solver.resume(solved)
            except SolveError as error:
                refused = self.find_refused_steps(stepped, error, prior=solved.text)
                return self.unresolved(refused, solved.lock, outcome, uv=str(error))
        return self.unresolved(missing, solved.lock, outcome)

    # Asking uv.

    def solve_for_missing(self, error: SolveError) -> Solved:
        """Solve for any platform, without the packages that uv can place nowhere.

        Raises the given error where no package without wheels is to blame.
        """
        self.solver.level = Level.ANYWHERE
        failure = error
        excluded: list[str] = []
        for _ in range(MAX_ROUNDS):
            try:
                return self.solver.solve(None)
            except SolveError as again:
                failure = again
            blamed = [
                name
                for name in packages_blamed(failure.explanation)
                if name not in excluded and self.find_uncovered(name)
            ]
            if not blamed:
                break
            excluded += blamed
            before = self.question.uv_table.get("exclude-dependencies", ())
            table = {**self.question.uv_table, "exclude-dependencies": [*before, *excluded]}
            self.solver.question = replace(self.solver.question, uv_table=table)
        raise error

    def warn_of_idle_rules(self) -> None:
        """Name the tag constraints that say nothing: no target takes a wheel with such tags."""
        for rule in self.question.tag_constraints:
            if not any(rule.concerns(target) for target in self.question.targets):
                self.solver.warn(
                    f"the tag constraint {rule} has no effect: none of the targets takes a wheel "
                    "with such tags"
                )

    # What is missing.

    def merge_shadowed(self, solved: Solved) -> bool:
        """Merge the packages whose newest wheel for some target lies on an index uv passes over.

        uv itself takes an older version for such a target, or the sdist. False if there are none
        that are not merged yet.
        """
        if not self.pages.can_merge:
            return False
        outcome = self.builder.select_ready(solved.lock, self.question.targets, solved.base)
        found = [
            self.pages.merge(missing_wheel.name, [missing_wheel.target])
            for missing_wheel in outcome.missing_wheels
        ]
        doubtful = {
            package.name
            for package in solved.lock.packages
            if package.sdist is None
            and not any(wheel.filename.endswith("-any.whl") for wheel in package.wheels or ())
        }
        for selection in (*outcome.selections, *outcome.partial):
            for wheel in selection.wheels:
                if wheel.name in doubtful:
                    target = selection.target
                    found.append(self.pages.merge(wheel.name, [target], above=wheel.version))
        return any(found)

    def find_uncovered(self, name: NormalizedName) -> bool:
        """Find the targets for which a package has no wheel in any version that may be taken.

        A package that has an sdist can always be placed by uv, and shows by itself what is missing,
        unless it may not be built.
        """
        if name in self.question.elsewhere:
            return False
        forbidden = self.context.policy.forbids(name)
        files = [
            file
            for file in self.pages.read(name)
            if not file.yanked and self.solver.is_asked_for(name, file.version)
        ]
        if not files or (any(not file.tags for file in files) and not forbidden):
            return False
        newest = max(file.version for file in files)
        tags = [tag for file in files if file.version == newest for tag in file.tags]
        for target in self.question.targets:
            if any(wheel_fits(file, target) for file in files):
                continue
            missing_wheel = MissingWheel(
                name=name,
                version=newest,
                target=target,
                kind="sdist",
                reason=f"sdist only, and {forbidden} forbids building it",
            )
            bounds = [
                file.requires_python
                for file in files
                if file.version == newest and not file.tags.isdisjoint(target.tags)
            ]
            if bounds and bounds[0] is not None:
                reason = explain_refusal(bounds[0], target)
                missing_wheel = replace(missing_wheel, kind="python", reason=reason)
            elif tags:
                why = explain_incompatibility(tags, target)
                missing_wheel = replace(missing_wheel, **why._asdict())
            self.unresolvable[name, target] = lower_floor(missing_wheel, files)
            fitting = [
                file.version
                for file in self.pages.read(name, target)
                if wheel_fits(file, target) and not file.yanked and not file.version.is_prerelease
            ]
            if fitting:
                self.newest[name, target] = str(max(fitting))
        return any(found == name for found, _ in self.unresolvable)

    def list_missing(self, solved: Solved, outcome: Outcome) -> list[MissingWheel]:
        """Return what targets lack, by the names of wheels, or else by a look into them."""
        missing = [
            self.annotate(missing_wheel, solved)
            for missing_wheel in outcome.missing_wheels
            if (missing_wheel.name, missing_wheel.target) not in self.unresolvable
        ]
        return missing if missing or self.unresolvable else self.examine(solved, outcome)

    def examine(self, solved: Solved, outcome: Outcome) -> list[MissingWheel]:
        """Find the wheels that do not do after all, which only a look into them tells."""
        missing = list(self.downloads.examine(outcome.selections, self.solver.required))
        missing += self.yanked.find_unpinned(solved, outcome.selections)
        self.refused |= {
            (found.name, found.version, found.target) for found in missing if found.version
        }
        return missing

    def take_step(self, missing_wheel: MissingWheel) -> bool:
        """Narrow the versions of a package for a target that lacks it; False if there is no way.

        A package is narrowed once for its tags, and again for each version that is refused. What
        it was narrowed to before is no way any more.
        """
        key = (missing_wheel.name, missing_wheel.target)
        if missing_wheel.origin:  # No index has another version of it.
            self.unresolvable[key] = missing_wheel
            return False
        refused = self.is_refused(missing_wheel)
        kept = (missing_wheel.name, missing_wheel.version) in self.solver.kept
        back = step_back(
            missing_wheel,
            self.pages.read(*key),
            usable=lambda file: self.is_admitted(file, *key),
            in_order=self.pages.in_order,
            kept=kept,
        )
        if back.newest is not None and (refused or not _is_first_pre(missing_wheel, back.newest)):
            self.newest[key] = str(back.best or back.newest)
        before = self.solver.learned.steps.get(key)
        again = before is not None and (not refused or before == back.versions)
        if back.versions is None or back.newest is None or again:
            self.unresolvable[key] = (
                missing_wheel
                if refused
                else lower_floor(missing_wheel, self.asked_for(missing_wheel))
            )
            return False
        if not _is_first_pre(missing_wheel, back.newest):  # Other targets would prefer it as well.
            self.solver.learned.preferences.add((missing_wheel.name, back.newest))
        self.stepped_to[key] = back.newest
        self.solver.learned.steps[key] = back.versions
        return True

    def is_refused(self, missing_wheel: MissingWheel) -> bool:
        """Tell whether only the content of a wheel has shown that it does not fit."""
        return (missing_wheel.name, missing_wheel.version, missing_wheel.target) in self.refused

    def find_refused_steps(
        self, stepped: Sequence[MissingWheel], error: SolveError, *, prior: str
    ) -> list[MissingWheel]:
        """Find what is missing whose steps uv refuses; the other steps would be closed by theirs.

        uv explains one conflict at a time: without the steps of the packages that it names, it is
        asked again. Where it names none of them, all may be to blame. A package that is to blame on
        one target may be fine on others, whose steps are tried by themselves.
        """
        refused: list[MissingWheel] = []
        left = list(stepped)
        failure: SolveError | None = error
        while left and failure is not None:
            names = packages_blamed(failure.explanation)
            blamed = [missing_wheel for missing_wheel in left if missing_wheel.name in names]
            refused += blamed or left
            left = [missing_wheel for missing_wheel in left if missing_wheel not in refused]
            failure = self.ask_without(refused, prior) if left else None
        groups: dict[tuple[str, str, str], list[MissingWheel]] = {}
        for found in refused:
            versions = self.solver.learned.steps[found.name, found.target]
            key = (found.name, str(found.target.platform), str(versions))
            groups.setdefault(key, []).append(found)
        if 1 < len(groups) <= MAX_ROUNDS:
            for group in groups.values():
                others = [found for found in refused if found not in group]
                if self.ask_without(others, prior) is None:
                    refused = others
        return refused

    def ask_without(self, refused: Iterable[MissingWheel], prior: str) -> SolveError | None:
        """Run uv without these steps; return its error, or None if it has an answer."""
        without = {(found.name, found.target) for found in refused}
        steps = {key: step for key, step in self.solver.learned.steps.items() if key not in without}
        try:
            self.solver.ask(prior, steps)
        except SolveError as error:
            return error
        return None

    def annotate(self, missing_wheel: MissingWheel, solved: Solved) -> MissingWheel:
        """Add why an sdist was not built, and which index hides a wheel."""
        if origin := _origin_of(missing_wheel, solved):
            missing_wheel = replace(
                missing_wheel, origin=origin, reason=f"{missing_wheel.reason}; it is from {origin}"
            )
        missing_wheel = self.builder.annotate(missing_wheel)
        if missing_wheel.version is None or origin:
            return missing_wheel
        why = self.pages.explain(missing_wheel.name, missing_wheel.version, missing_wheel.target)
        return (
            replace(missing_wheel, reason=f"{missing_wheel.reason}; {why}")
            if why
            else missing_wheel
        )

    def has_native(self, missing_wheel: MissingWheel) -> bool:
        return has_native_wheel(missing_wheel, self.admitted(missing_wheel))

    def listed_tags(self, missing_wheel: MissingWheel) -> set[Tag]:
        """Return the tags of all wheels beside an sdist."""
        files = self.pages.read(missing_wheel.name, missing_wheel.target)
        if missing_wheel.source is None or all(
            file.url != missing_wheel.source.url for file in files
        ):
            return set()
        return {tag for file in files if file.version == missing_wheel.version for tag in file.tags}

    def asked_for(self, missing_wheel: MissingWheel) -> list[IndexFile]:
        """Return what a target may take, of the versions that the project lets be taken."""
        return [
            file
            for file in self.admitted(missing_wheel)
            if self.solver.is_asked_for(missing_wheel.name, file.version)
        ]

    def admitted(self, missing_wheel: MissingWheel) -> list[IndexFile]:
        """Return the sdists and the wheels that tag constraints let a target take."""
        name, target = missing_wheel.name, missing_wheel.target
        files = self.pages.read(name, target)
        return [file for file in files if self.is_admitted(file, name, target)]

    def is_admitted(self, file: IndexFile, name: NormalizedName, target: Target) -> bool:
        """Tell whether a target may take a file by tag constraints, and by what is inside."""
        return (
            not file.tags or admitted(self.question.tag_constraints, name, file.tags, target)
        ) and (name, file.version, target) not in self.refused

    def find_removed(self) -> list[MissingWheel]:
        """Find the pinned requirements whose version the index no longer has."""
        missing_wheels = []
        for requirement in self.question.requirements:
            pins = [spec.version for spec in requirement.specifier if spec.operator == "=="]
            name = canonicalize_name(requirement.name)
            if not pins or "*" in pins[0] or name in self.question.elsewhere:
                continue
            versions = {file.version for file in self.pages.read(name)}
            if not versions or Version(pins[0]) in versions:
                continue
            newest = max(versions)
            package = Package(name=name, version=Version(pins[0]), marker=requirement.marker)
            for target in self.question.targets:
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

    # How it ends.

    def describe_steps(self, missing_wheels: Sequence[MissingWheel]) -> str:
        """Say in one line which packages step back, for how many targets."""
        by_package: dict[str, list[MissingWheel]] = {}
        for missing_wheel in missing_wheels:
            newest = self.stepped_to[missing_wheel.name, missing_wheel.target]
            words = f"{missing_wheel.name} {missing_wheel.version} -> {newest}"
            by_package.setdefault(words, []).append(missing_wheel)
        parts = [
            f"{words} ({len(found)} target{'s' if len(found) != 1 else ''})"
            for words, found in sorted(by_package.items())
        ]
        for_python = all(
            self.is_refused(missing_wheel) and missing_wheel.kind == "python"
            for missing_wheel in missing_wheels
        )
        what = "versions for this Python" if for_python else "wheels"
        return f"Stepping back for {what}: " + ", ".join(parts)

    def resolution(self, solved: Solved, outcome: Outcome) -> Resolution:
        return Resolution(
            question=self.question,
            lock=solved.lock,
            base=solved.base,
            outcome=outcome,
            runs=self.solver.runs,
            built=self.builder.filenames,
            unopened=len(self.downloads.unopened),
            available=partial(self.list_wheels, solved.lock),
        )

    def unresolved(
        self,
        missing_wheels: Iterable[MissingWheel],
        lock: Pylock | None = None,
        outcome: Outcome | None = None,
        *,
        uv: str = "",
    ) -> Unresolved:
        found = {
            (missing_wheel.name, missing_wheel.target): missing_wheel
            for missing_wheel in missing_wheels
        } | self.unresolvable
        for key in found.keys() & self.newest.keys():
            found[key] = replace(found[key], newest=self.newest[key])
        outcome = outcome or Outcome(selections=(), missing_wheels=())
        requirers = self.find_requirers(found, outcome)
        for key, asked in requirers.items():
            by = [who for who, _ in asked if who != EXECUTABLE]
            found[key] = replace(
                found[key],
                required_by=" and ".join(dict.fromkeys(by)),
                held_by=self.name_holders(key, asked),
            )
        if all(self.is_explained(key, requirers.get(key, ())) for key in found):
            uv = ""  # Its words are of our steps, which nobody has asked for.
        return Unresolved(
            question=self.question,
            missing_wheels=tuple(found.values()),
            advice=Advice.PROJECT,
            explanation=uv,
            lock=lock,
            outcome=outcome,
            built=self.builder.filenames,
            unopened=len(self.downloads.unopened),
            available=partial(self.list_wheels, lock),
        )

    def list_wheels(self, lock: Pylock | None) -> TagsOf:
        """Return the tags of all wheels that there are of the packages of several versions."""
        versions: dict[NormalizedName, set[Version]] = {}
        for package in lock.packages if lock else ():
            if package.version is not None and self.solver.is_of_index(package):
                versions.setdefault(package.name, set()).add(package.version)
        found: dict[tuple[NormalizedName, Version | None], list[frozenset[Tag]]] = {}
        for name, taken in versions.items():
            with suppress(FetchError):
                files = self.pages.read(name) if len(taken) > 1 else ()
                for file in files:
                    if file.tags and file.version in taken:
                        found.setdefault((name, file.version), []).append(file.tags)
        return found

    def find_requirers(
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

    def is_explained(self, key: Key, asked: Iterable[tuple[str, Requirement]]) -> bool:
        """Tell whether one requirement or constraint forbids the newest version with a wheel."""
        version = Version(self.newest[key]) if key in self.newest else None
        return version is not None and any(
            not requirement.specifier.contains(version, prereleases=True)
            for requirement in (
                *(requirement for _, requirement in asked),
                *self.question.constraints_on(key[0]),
            )
        )

    def name_holders(self, key: Key, asked: Iterable[tuple[str, Requirement]]) -> str:
        """Say what forbids the newest version that has a wheel, and what to do about it.

        It is "" if the project itself forbids it.
        """
        if key not in self.newest:
            return ""
        version = Version(self.newest[key])
        if not self.solver.is_asked_for(key[0], version):
            return ""
        forbidding = {
            by: f"{by} requires {requirement}"
            for by, requirement in asked
            if by != EXECUTABLE and not requirement.specifier.contains(version, prereleases=True)
        }
        if not forbidding:
            return ""
        ways = map(self.way_out, forbidding)
        return f"{' and '.join(forbidding.values())}: {' and '.join(ways)}"

    def way_out(self, holder: str) -> str:
        """Say what to do about a package, with its version, that requires too narrow a range."""
        word, _, number = holder.partition(" ")
        name = canonicalize_name(word)
        verb = "take"
        with suppress(FetchError):
            files = () if name in self.question.elsewhere else self.pages.read(name)
            others = {f.version for f in files if not f.yanked and str(f.version) != number}
            if files and not others:
                return f"use another package than {name}"
            if others and not any(self.solver.is_asked_for(name, version) for version in others):
                verb = "allow"
        return f"{verb} another version of {name}"


def _is_first_pre(missing_wheel: MissingWheel, version: Version) -> bool:
    """Tell whether a version is a pre-release, and the one that it stands in for is not."""
    locked = missing_wheel.version
    return version.is_prerelease and (locked is None or not locked.is_prerelease)


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
