"""The one way from requirements and targets to wheels, for builds, locks and checks.

Without a lock, uv runs until every target is covered by the newest wheels that it can have.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from hatch_multiplat.base.errors import CoverageError, SolveError
from hatch_multiplat.resolve.downloads import Downloads
from hatch_multiplat.resolve.missing_wheels import MissingWheels
from hatch_multiplat.resolve.pages import step_back
from hatch_multiplat.resolve.refinement import Newest
from hatch_multiplat.resolve.sdist import BuiltSdists
from hatch_multiplat.resolve.solve import packages_blamed
from hatch_multiplat.resolve.solver import Level, Solver
from hatch_multiplat.wheels.incompatibility import Advice
from hatch_multiplat.wheels.matrix import make_matrix
from hatch_multiplat.wheels.matrix_layout import count_uncovered
from hatch_multiplat.wheels.matrix_text import print_matrix
from hatch_multiplat.wheels.selection import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from pathlib import PurePath

    from packaging.pylock import Pylock
    from packaging.version import Version

    from hatch_multiplat.resolve.build_context import BuildContext
    from hatch_multiplat.resolve.question import Question
    from hatch_multiplat.resolve.solve import Solved
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.matrix import Matrix, OwnWheel, TagsOf
    from hatch_multiplat.wheels.selection import MissingWheel, Selection

NOT_WRITTEN: Final = "no executable was written"

MAX_ROUNDS: Final = 8
"""Each round is one run of uv, and settles all that the one before it left missing.

Those do not count that settle what wheels say inside, which is learned one version after another.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The wheels that each target takes, and those that it lacks.

    `lock` is None where there was no answer at all; then `outcome` is empty. `built` are the file
    names of the wheels that were built here from an sdist; `unopened` counts those that were judged
    by the METADATA that an index serves. `explanation` is uv's own where versions that have wheels
    contradict the requirements. `available` returns the tags of all wheels of the packages of
    several versions, where an index was asked.
    """

    question: Question
    lock: Pylock | None
    outcome: Outcome
    built: frozenset[str] = frozenset()
    unopened: int = 0
    missing_wheels: tuple[MissingWheel, ...] = ()
    advice: Advice = Advice.PROJECT
    explanation: str = ""
    available: Callable[[], TagsOf] = dict

    def matrix(self, *, own: OwnWheel | None = None, asked: Collection[Target] = ()) -> Matrix:
        """Return the coverage matrix, with the project's own wheels if they are known.

        `asked` are the targets that no table has.
        """
        return make_matrix(
            project=self.question.title,
            targets=self.question.targets,
            asked=asked,
            lock=self.lock,
            outcome=self.outcome,
            missing_wheels=self.missing_wheels,
            advice=self.advice,
            built=self.built,
            explanation=self.explanation,
            own=own,
            rules=self.question.tag_constraints,
            available=self.available(),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolution(Found):
    """A lock that covers every target.

    `base` is the absolute folder that relative paths of the lock start from. `runs` is how often uv
    was asked: never, where the lock was there before.
    """

    lock: Pylock
    base: PurePath
    runs: int

    @property
    def selections(self) -> tuple[Selection, ...]:
        return self.outcome.selections


@dataclass(frozen=True, kw_only=True, slots=True)
class Unresolved(Found):
    """The missing wheels of some targets, and the last answer for all of them."""

    def error(self, *, kept: str = NOT_WRITTEN, own: OwnWheel | None = None) -> CoverageError:
        """Return the error of a command of which `kept` says what became of its output."""
        return coverage_error(self.matrix(own=own), kept=kept)


def coverage_error(matrix: Matrix, *, kept: str = NOT_WRITTEN, hints: str = "") -> CoverageError:
    """Return the error for a matrix with missing wheels; the hints come first."""
    head = f"{count_uncovered(matrix)}; {kept}."
    head += f"\n{hints}" if hints else ""
    return CoverageError(head, matrix=matrix, below=print_matrix(matrix))


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
        return Search(question, context, downloads, prior=prior).run()
    lock, base = locked
    builder = BuiltSdists(question=question, context=context)
    outcome = builder.select(lock, base)
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
        self, question: Question, context: BuildContext, downloads: Downloads, *, prior: str | None
    ) -> None:
        self.question = question
        self.context = context
        self.downloads = downloads
        self.solver = Solver(question, context, prior=prior)
        self.pages = self.solver.pages
        self.newest = Newest(self.solver, downloads)
        self.missing_wheels = MissingWheels(self.solver, downloads)
        self.builder = self.missing_wheels.builder

    def run(self) -> Resolution | Unresolved:
        """Search; uv is first restricted to wheels for the targets, and then, step by step, less.

        uv stops at the first package that it cannot place. Freed of the targets, it gives a lock
        by which all missing wheels show.
        """
        solver, missing_wheels = self.solver, self.missing_wheels
        self.warn_of_idle_rules()
        try:
            solved = solver.begin()
        except SolveError as error:
            if removed := missing_wheels.find_removed():
                return self.unresolved(removed)
            solved = self.solve_for_missing(error)
        rounds = 0
        while True:
            while not solver.is_proven(solved) and self.merge_shadowed(solved):
                solved = solver.solve(solver.prior)
            solved = missing_wheels.yanked.leave_out(solved)
            for name in solved.unplaced:
                missing_wheels.find_uncovered(name)
            outcome = self.builder.select(solved.lock, solved.base)
            missing = missing_wheels.find(solved, outcome)
            if not missing and not missing_wheels.unresolvable:
                better = self.newest.improve(solved, outcome.selections, missing_wheels.refused)
                if better is None:
                    solver.keep_learned(solved)
                    return self.resolution(solved, outcome)
                solved = better
                continue
            steps = [(found, to) for found in missing if (to := self.take_step(found)) is not None]
            rounds += not any(missing_wheels.is_refused(found) for found, _ in steps)
            if not steps or rounds > MAX_ROUNDS:
                return self.unresolved(missing, solved.lock, outcome)
            self.context.say(self.describe_steps(steps))
            try:
                solved = solver.resume(solved)
            except SolveError as error:
                refused = self.find_refused_steps(
                    [found for found, _ in steps], error, prior=solved.text
                )
                return self.unresolved(refused, solved.lock, outcome, uv=str(error))

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
                if name not in excluded and self.missing_wheels.find_uncovered(name)
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

    def merge_shadowed(self, solved: Solved) -> bool:
        """Merge the packages whose newest wheel for some target lies on an index uv passes over.

        uv itself takes an older version for such a target, or the sdist. False if there are none
        that are not merged yet.
        """
        if not self.pages.can_merge:
            return False
        outcome = self.builder.select_ready(solved.lock, solved.base)
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

    def take_step(self, missing_wheel: MissingWheel) -> Version | None:
        """Narrow the versions of a package for a target that lacks it; returns the newest left.

        None if there is no way. A package is narrowed once for its tags, and again for each version
        that is refused. What it was narrowed to before is no way any more.
        """
        found, learned = self.missing_wheels, self.solver.learned
        key = (missing_wheel.name, missing_wheel.target)
        if missing_wheel.origin:  # No index has another version of it.
            found.give_up(missing_wheel)
            return None
        refused = found.is_refused(missing_wheel)
        back = step_back(
            missing_wheel,
            self.pages.read(*key),
            usable=lambda file: found.is_admitted(file, *key),
            in_order=self.pages.in_order,
            kept=(missing_wheel.name, missing_wheel.version) in self.solver.kept,
        )
        if back.newest is not None and (refused or not _is_first_pre(missing_wheel, back.newest)):
            found.newest[key] = back.best or back.newest
        before = learned.steps.get(key)
        again = before is not None and (not refused or before == back.versions)
        if back.versions is None or back.newest is None or again:
            found.give_up(missing_wheel)
            return None
        if not _is_first_pre(missing_wheel, back.newest):  # Other targets would prefer it as well.
            learned.preferences.add((missing_wheel.name, back.newest))
        learned.steps[key] = back.versions
        return back.newest

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

    def describe_steps(self, steps: Sequence[tuple[MissingWheel, Version]]) -> str:
        """Say in one line which packages step back, for how many targets."""
        counts = Counter(f"{found.name} {found.version} -> {newest}" for found, newest in steps)
        parts = [
            f"{words} ({count} target{'s' if count != 1 else ''})"
            for words, count in sorted(counts.items())
        ]
        for_python = all(
            self.missing_wheels.is_refused(found) and found.kind == "python" for found, _ in steps
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
            available=partial(self.missing_wheels.list_wheels, solved.lock),
        )

    def unresolved(
        self,
        missing: Iterable[MissingWheel],
        lock: Pylock | None = None,
        outcome: Outcome | None = None,
        *,
        uv: str = "",
    ) -> Unresolved:
        outcome = outcome or Outcome(selections=(), missing_wheels=())
        found, explained = self.missing_wheels.explain(missing, outcome)
        return Unresolved(
            question=self.question,
            missing_wheels=found,
            # Its words are of our steps, which nobody has asked for.
            explanation="" if explained else uv,
            lock=lock,
            outcome=outcome,
            built=self.builder.filenames,
            unopened=len(self.downloads.unopened),
            available=partial(self.missing_wheels.list_wheels, lock),
        )


def _is_first_pre(missing_wheel: MissingWheel, version: Version) -> bool:
    """Tell whether a version is a pre-release, and the one that it stands in for is not."""
    locked = missing_wheel.version
    return version.is_prerelease and (locked is None or not locked.is_prerelease)
