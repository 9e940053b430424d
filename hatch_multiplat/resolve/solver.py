"""uv asked again and again: from level to level, with what the rounds before it have shown."""

from __future__ import annotations

import enum
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.base.errors import FetchError, SolveError
from hatch_multiplat.resolve.build_policy import ALL
from hatch_multiplat.resolve.memory import (
    Lesson,
    YankedFiles,
    digest_answer,
    question_key,
    recall,
    remember,
)
from hatch_multiplat.resolve.pages import Pages
from hatch_multiplat.resolve.solve import (
    packages_blamed,
    packages_without_wheels,
    run_uv_solve,
    specifiers_blamed,
    with_preferences,
    yanked_pins,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from packaging.pylock import Package, Pylock
    from packaging.specifiers import SpecifierSet
    from packaging.utils import NormalizedName

    from hatch_multiplat.resolve.build_context import BuildContext
    from hatch_multiplat.resolve.question import Question
    from hatch_multiplat.resolve.solve import Solved
    from hatch_multiplat.resolve.staging import TargetConstraint
    from hatch_multiplat.targets.target import Target

    Key = tuple[NormalizedName, Target]


class Level(enum.Enum):
    """What uv may take for an answer; each is asked where the one before it has none."""

    WHEELS = "wheels for every target, nothing built but what has no wheels at all"
    SDISTS = "an sdist in place of wheels, for whatever target"
    ANYWHERE = "wheels for any platform, so that what is missing shows"


class Solver:
    """Asks uv one question, over and over; `prior` is the text of a lock whose versions are kept.

    `steps` narrow the versions of a package on a target, `preferences` are versions that uv is to
    take where it can, `sourced` are packages that it may build, as they have no wheels. `runs`
    counts how often it was asked.
    """

    def __init__(self, question: Question, context: BuildContext, *, prior: str | None) -> None:
        self.question = question
        self.context = context
        self.prior = prior
        self.pages = Pages(context, question=question)
        self.level = Level.SDISTS if ALL in context.policy.demanded else Level.WHEELS
        self.runs = 0
        self.steps: dict[Key, TargetConstraint] = {}
        self.preferences: set[tuple[NormalizedName, Version]] = set()
        self.sourced: set[NormalizedName] = set()
        self._warned: set[str] = set()
        self._stages_own = question.own is not None
        self._key = question_key(question, prior, context)
        self._proven = ""
        self.yanked = YankedFiles()

    def begin(self) -> Solved:
        """Ask for the first answer, with what an earlier search has learned where that holds."""
        lesson = recall(self.context.wheel_cache.root, self._key, self.question)
        if lesson is None or self.level is not Level.WHEELS:
            return self.first_answer()
        self.steps = {(step.name, step.target): step for step in lesson.steps}
        self.preferences = {
            (canonicalize_name(name), Version(number)) for name, number in lesson.preferences
        }
        self.sourced = set(lesson.sourced)
        self.pages.merged = dict(lesson.merged)
        self.yanked = lesson.yanked
        solved = None
        with (
            self.pages.reading_ahead(lesson.listing, self.question.targets),
            suppress(SolveError, FetchError),
        ):
            solved = self.ask(prior=with_preferences(self.prior or "", self.preferred()))
        with suppress(FetchError):
            listing = self.take_listing(lesson.listing)
            if solved is not None and listing == lesson.listing:
                self._proven = lesson.answer
                return solved
        self.steps, self.preferences, self.sourced, self.pages.merged = {}, set(), set(), {}
        self.yanked = YankedFiles()
        return self.first_answer()

    def first_answer(self) -> Solved:
        """Ask from level to level until there is an answer that has wheels for the targets."""
        while self.level is Level.WHEELS:
            try:
                return self.solve(prior=self.prior)
            except SolveError as error:
                if not self.let_in_sources(error):
                    self.level = Level.SDISTS
        return self.solve(prior=self.prior)

    def solve(self, *, prior: str | None = None) -> Solved:
        """Ask uv, and again with the packages merged whose files are spread over indexes.

        Versions that are yanked, and that only pins can have wanted, are let in one by one.
        """
        while True:
            try:
                return self.ask(prior=prior)
            except SolveError as error:
                if self.let_in_yanked(error):
                    continue
                targets = self.question.targets
                names = packages_blamed(error.explanation)
                if sum(self.pages.merge(name, targets) for name in names) == 0:
                    raise

    def again(self) -> Solved:
        """Ask anew, as at the beginning."""
        return self.solve(prior=self.prior)

    def ask(self, *, prior: str | None, steps: Iterable[TargetConstraint] | None = None) -> Solved:
        """Ask uv once, and once more if a dependency knows the project's own folder."""
        try:
            return self._ask(prior, steps)
        except SolveError as error:
            own = self.question.own
            words = f"conflicting URLs for package '{own.name if own else ''}'"
            if own is None or not self._stages_own or words not in error.explanation:
                raise
        self._stages_own = False
        return self._ask(prior, steps)

    def _ask(self, prior: str | None, steps: Iterable[TargetConstraint] | None) -> Solved:
        self.runs += 1
        return run_uv_solve(
            self.question,
            stages_own=self._stages_own,
            environ=self.context.environ,
            flags=self.flags(),
            steps=tuple(self.steps.values() if steps is None else steps),
            prior=prior,
            restricted=self.level is not Level.ANYWHERE,
            merged=self.pages.merged_indexes(),
            yanked=sorted(self.yanked.let_in),
            warn=self.warn,
        )

    def flags(self) -> list[str]:
        """Return the flags that say what uv may build.

        With `--no-binary` uv takes no wheel of a package, so that it is only for those that have
        none; those that the user will not have wheels of are among them.
        """
        policy = self.context.policy
        if self.level is not Level.WHEELS:
            return policy.flags()
        names = self.sourced | {
            canonicalize_name(name) for name in policy.demanded if name not in policy.forbidden
        }
        if ALL in policy.forbidden:
            names = set()
        return ["--only-binary=:all:", *(f"--no-binary={name}" for name in sorted(names))]

    def let_in_sources(self, error: SolveError) -> bool:
        """Let uv build packages that it misses, no version of which that it may take has a wheel.

        False where there are none, or none that may be built.
        """
        said = error.explanation
        found = {
            name
            for name in {*packages_without_wheels(said), *packages_blamed(said)}
            if self.may_let_in(name) and self.has_sources_only(name, specifiers_blamed(said, name))
        }
        self.sourced |= found
        return bool(found)

    def let_in_yanked(self, error: SolveError) -> bool:
        """Let uv take yanked versions that others pin; to it only the project's own pins count.

        Whether they are pinned on each target is not known before its set is.
        """
        found = yanked_pins(error.explanation) - self.yanked.let_in
        self.yanked = replace(self.yanked, let_in=self.yanked.let_in | found)
        return bool(found)

    def let_in_releases(self, lock: Pylock) -> bool:
        """Let uv build packages of which it took a pre-release, as only those have wheels."""
        found = {
            package.name
            for package in lock.packages
            if package.version is not None
            and package.version.is_prerelease
            and self.may_let_in(package.name)
            and self.is_of_index(package)
            and self.has_sources_only(package.name, releases=True)
        }
        self.sourced |= found
        return bool(found)

    def may_let_in(self, name: NormalizedName) -> bool:
        """Tell whether uv, which is restricted to wheels, may be let build a package."""
        return (
            self.level is Level.WHEELS
            and name not in self.sourced
            and self.question.build_sdists
            and not self.context.policy.forbids(name)
        )

    def has_sources_only(
        self, name: NormalizedName, asked: Iterable[SpecifierSet] = (), *, releases: bool = False
    ) -> bool:
        """Tell whether no version that may be taken has a wheel; `asked` is what others require.

        With `releases`, pre-releases do not count.
        """
        if name in self.question.elsewhere:
            return True
        bounds = tuple(asked)
        files = [
            file
            for file in self.pages.read(name)
            if not file.yanked
            and not (releases and file.version.is_prerelease)
            and self.is_asked_for(name, file.version)
            and all(bound.contains(file.version) for bound in bounds)
        ]
        return bool(files) and not any(file.tags for file in files)

    def is_of_index(self, package: Package) -> bool:
        return (
            package.version is not None
            and package.archive is None
            and package.directory is None
            and package.vcs is None
            and package.name not in self.question.elsewhere
        )

    def is_asked_for(self, name: NormalizedName, version: Version) -> bool:
        """Tell whether the project's own requirements and constraints let a version be taken."""
        return all(
            requirement.specifier.contains(version)
            for requirement in (*self.question.requirements, *self.question.constraints)
            if canonicalize_name(requirement.name) == name
        )

    def warn(self, text: str) -> None:
        """Pass on what uv warns of, once for all of its runs."""
        if text not in self._warned:
            self.context.say(f"Warning: {text}")
        self._warned.add(text)

    def keep_lesson(self, solved: Solved) -> None:
        """Keep how uv was asked in the end, and what the sources have of what it rests on."""
        answer = digest_answer(solved.text)
        if self.level is not Level.WHEELS or self._proven == answer:
            return
        names = {package.name for package in solved.lock.packages if self.is_of_index(package)}
        names |= {name for name, _ in self.steps} | self.sourced - self.question.elsewhere
        names |= self.pages.merged.keys()
        with suppress(FetchError):
            lesson = Lesson(
                steps=tuple(self.steps.values()),
                preferences=_versions_of(solved.lock, names),
                sourced=frozenset(self.sourced),
                yanked=self.yanked,
                merged=self.pages.merged,
                listing=self.take_listing(names),
                answer=answer,
            )
            remember(self.context.wheel_cache.root, self._key, lesson)

    def take_listing(self, names: Iterable[NormalizedName]) -> dict[NormalizedName, str]:
        """Return the fingerprint of what the sources have of each package; raises FetchError."""
        targets = self.question.targets
        return {name: self.pages.fingerprint(name, targets) for name in sorted(names)}

    def resume(self, solved: Solved) -> Solved:
        """Ask again from the last answer on, whose versions are kept where they can be."""
        return self.solve(prior=with_preferences(solved.text, self.preferred()))

    def preferred(self) -> list[tuple[str, str]]:
        """Return the versions that uv is to prefer where it can, a name and a version each.

        uv prefers in one environment what it chose in another, the newest of several. So that each
        target gets the newest version it can have, and not the one that another target had to take,
        they are all put beside the versions of the last answer.
        """
        return [(name, str(version)) for name, version in sorted(self.preferences)]

    def is_proven(self, solved: Solved) -> bool:
        """Tell whether an earlier search has found that an answer cannot be bettered."""
        return self._proven == digest_answer(solved.text)


def _versions_of(lock: Pylock, names: Collection[NormalizedName]) -> tuple[tuple[str, str], ...]:
    """Return the names and versions of these packages in a lock.

    A pre-release is left out where a release is taken as well: it would be preferred everywhere.
    """
    found = {
        (str(package.name), package.version)
        for package in lock.packages
        if package.name in names and package.version is not None
    }
    released = {name for name, version in found if not version.is_prerelease}
    return tuple(
        (name, str(version))
        for name, version in sorted(found)
        if not (version.is_prerelease and name in released)
    )
