"""Solving until every target is covered: ask uv, look for gaps, step back, ask again."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from packaging.pylock import Package
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.base.errors import SolveError
from hatch_multiplat.resolve.build_context import Pages
from hatch_multiplat.resolve.built_sdists import BuiltSdists
from hatch_multiplat.resolve.covered import Covered, Uncovered
from hatch_multiplat.resolve.solve import packages_blamed, run_uv_solve, with_preferences
from hatch_multiplat.resolve.staging import TargetConstraint
from hatch_multiplat.resolve.step_back import has_native_wheel, step_back
from hatch_multiplat.targets.tag_constraint import admitted
from hatch_multiplat.wheels.floors import lower_need
from hatch_multiplat.wheels.incompatibility import explain_misfit
from hatch_multiplat.wheels.pylock import package_applies
from hatch_multiplat.wheels.report import Advice
from hatch_multiplat.wheels.selection import Gap, Outcome, wheel_fits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from packaging.pylock import Pylock
    from packaging.tags import Tag
    from packaging.utils import NormalizedName

    from hatch_multiplat.index.simple_api import IndexFile
    from hatch_multiplat.resolve.build_context import Market
    from hatch_multiplat.resolve.solve import Question, Solved
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.selection import Selection

    LookInto = Callable[[Sequence[Selection]], Sequence[Gap]]

MAX_ROUNDS: Final = 8
"""Each round is one run of uv, and settles every gap that the one before it left.

Those do not count that settle what wheels say inside, which is learned one version after another.
"""


class Search:
    """One search for a lock that covers every target of a question; `run` it once.

    `prior` is the text of a lock whose versions are kept where they can be. `look_into` is asked
    about wheels that fit all targets by their names: it opens them, and returns a gap for each that
    leaves out a target's Python.
    """

    def __init__(
        self,
        *,
        question: Question,
        market: Market,
        build_sdists: bool,
        prior: str | None,
        look_into: LookInto | None = None,
    ) -> None:
        self.question = question
        self.prior = prior
        self.market = market
        self.pages = Pages(market, question=question, environ=os.environ)
        self.builder = BuiltSdists(
            market=market, enabled=build_sdists, native=self.has_native, listed=self.listed_tags
        )
        self.runs = 0
        self.steps: dict[tuple[NormalizedName, Target], TargetConstraint] = {}
        self.newest: dict[tuple[NormalizedName, Target], str] = {}
        self.hopeless: dict[tuple[NormalizedName, Target], Gap] = {}
        self.warned: set[str] = set()
        self.look_into = look_into
        self.unwilling: set[tuple[NormalizedName, Version | None, Target]] = set()

    def run(self) -> Covered | Uncovered:
        """Search; uv is first confined to the targets, and then, to see every gap, no more.

        uv stops at the first package that it cannot place. Freed of the targets, it gives a lock
        by which all gaps show.
        """
        targets = self.question.targets
        self.warn_of_idle_rules()
        confined = True
        try:
            solved = self.solve(prior=self.prior)
        except SolveError as error:
            if removed := self.find_removed():
                return self.uncovered(removed)
            solved = self.solve_for_gaps(error)
            confined = False
        rounds = 0
        while True:
            while self.merge_spread(solved):
                solved = self.solve(prior=self.prior, confined=confined)
            outcome = self.builder.select(solved.lock, targets, solved.base)
            gaps = [
                self.annotate(gap)
                for gap in outcome.gaps
                if (gap.name, gap.target) not in self.hopeless
            ]
            if not gaps and not self.hopeless:
                gaps = self.find_unwilling(outcome)
            if not gaps:
                if self.hopeless:
                    break
                return Covered(
                    lock=solved.lock,
                    base=solved.base,
                    outcome=outcome,
                    runs=self.runs,
                    built=self.builder.filenames,
                )
            stepped = [gap for gap in gaps if self.take_step(gap)]
            rounds += not any(self.is_unwilling(gap) for gap in stepped)
            if not stepped or rounds > MAX_ROUNDS:
                break
            self.market.say(self.describe_steps(stepped))
            try:
                solved = self.solve(
                    prior=with_preferences(solved.text, self.preferences()), confined=confined
                )
            except SolveError as error:
                refused = self.find_refused(stepped, error, prior=solved.text, confined=confined)
                return self.uncovered(refused, solved.lock, outcome, uv=str(error))
        return self.uncovered(gaps, solved.lock, outcome)

    def solve(self, *, prior: str | None = None, confined: bool = True) -> Solved:
        """Ask uv, and again with the packages merged whose files are spread over indexes."""
        while True:
            try:
                solved = run_uv_solve(
                    self.question,
                    steps=tuple(self.steps.values()),
                    prior=prior,
                    confined=confined,
                    merged=self.pages.merged_indexes(),
                    warn=self.warn,
                )
            except SolveError as error:
                targets = self.question.targets
                names = packages_blamed(str(error))
                if sum(self.pages.merge(name, targets) for name in names) == 0:
                    raise
            else:
                self.runs += 1
                return solved

    def warn(self, text: str) -> None:
        """Pass on what uv warns of, once for all of its runs."""
        if text not in self.warned:
            self.market.say(f"Warning: {text}")
        self.warned.add(text)

    def warn_of_idle_rules(self) -> None:
        """Name the tag constraints that say nothing: no target takes a wheel with such tags."""
        for rule in self.market.rules:
            if not any(rule.concerns(target) for target in self.question.targets):
                self.warn(
                    f"the tag constraint {rule} has no effect: none of the targets takes a wheel "
                    "with such tags"
                )

    def merge_spread(self, solved: Solved) -> bool:
        """Merge the packages whose newest wheel for some target lies on an index uv passes over.

        uv itself takes an older version for such a target, or the sdist. False if there are none
        that are not merged yet.
        """
        if not self.pages.can_merge:
            return False
        outcome = self.builder.select_ready(solved.lock, self.question.targets, solved.base)
        found = [self.pages.merge(gap.name, [gap.target]) for gap in outcome.gaps]
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

    def solve_for_gaps(self, error: SolveError) -> Solved:
        """Solve for any platform, without the packages that uv can place nowhere.

        Raises the given error where no package without wheels is to blame.
        """
        failure = error
        excluded: list[str] = []
        for _ in range(MAX_ROUNDS):
            try:
                return self.solve(confined=False)
            except SolveError as again:
                failure = again
            blamed = [
                name
                for name in packages_blamed(str(failure))
                if name not in excluded and self.find_uncovered(name)
            ]
            if not blamed:
                break
            excluded += blamed
            table = {**self.question.uv_table, "exclude-dependencies": excluded}
            self.question = replace(self.question, uv_table=table)
        raise error

    def find_uncovered(self, name: NormalizedName) -> bool:
        """Find the targets for which a package has no wheel in any version that may be taken.

        A package that has an sdist can always be placed by uv, and shows its gaps by itself.
        """
        files = [
            file
            for file in self.pages.read(name)
            if not file.yanked and self.is_asked_for(name, file.version)
        ]
        if not files or any(not file.tags for file in files):
            return False
        newest = max(file.version for file in files)
        tags = [tag for file in files if file.version == newest for tag in file.tags]
        for target in self.question.targets:
            if any(wheel_fits(file, target) for file in files):
                continue
            kind, reason, needs = explain_misfit(tags, target)
            gap = Gap(
                name=name, version=newest, target=target, kind=kind, reason=reason, needs=needs
            )
            self.hopeless[name, target] = lower_need(gap, files)
            fitting = [
                file.version for file in self.pages.read(name, target) if wheel_fits(file, target)
            ]
            if fitting:
                self.newest[name, target] = str(max(fitting))
        return any(found == name for found, _ in self.hopeless)

    def find_unwilling(self, outcome: Outcome) -> list[Gap]:
        """Find the wheels that leave out a target's Python, which only their METADATA tells."""
        gaps = list(self.look_into(outcome.selections)) if self.look_into else []
        self.unwilling |= {(gap.name, gap.version, gap.target) for gap in gaps}
        return gaps

    def take_step(self, gap: Gap) -> bool:
        """Narrow the versions of a gap's package for its target; False if there is no way.

        A package is narrowed once for its tags, and again for each version found unwilling. What
        it was narrowed to before is no way any more.
        """
        key = (gap.name, gap.target)
        unwilling = self.is_unwilling(gap)
        back = step_back(gap, self.admitted(gap), in_order=self.pages.in_order)
        if back.newest is not None:
            self.newest[key] = str(back.newest)
        before = self.steps.get(key)
        again = before is not None and (not unwilling or before.versions == back.versions)
        if back.versions is None or again:
            self.hopeless[key] = gap if unwilling else lower_need(gap, self.asked_for(gap))
            return False
        self.steps[key] = TargetConstraint(name=gap.name, target=gap.target, versions=back.versions)
        return True

    def is_unwilling(self, gap: Gap) -> bool:
        """Tell whether only a look into a wheel has shown a gap."""
        return (gap.name, gap.version, gap.target) in self.unwilling

    def find_refused(
        self, stepped: Sequence[Gap], error: SolveError, *, prior: str, confined: bool
    ) -> list[Gap]:
        """Find the gaps whose steps uv refuses; the others would be closed, and are no gaps.

        uv explains one conflict at a time: without the steps of the packages that it names, it is
        asked again. Where it names none of them, all may be to blame.
        """
        refused: list[Gap] = []
        left = list(stepped)
        failure = error
        while left:
            names = packages_blamed(str(failure))
            blamed = [gap for gap in left if gap.name in names]
            if not blamed:
                return [*refused, *left]
            refused += blamed
            left = [gap for gap in left if gap not in blamed]
            without = {(gap.name, gap.target) for gap in refused}
            steps = [step for key, step in self.steps.items() if key not in without]
            try:
                run_uv_solve(
                    self.question,
                    steps=steps,
                    prior=prior,
                    confined=confined,
                    merged=self.pages.merged_indexes(),
                )
            except SolveError as again:
                failure = again
            else:
                break
        return refused

    def preferences(self) -> list[tuple[str, str]]:
        """Return the versions to step back to, newest first, a name and a version each.

        uv prefers in one environment what it chose in another. So that each target gets the
        newest version it can have, and not the one that another target had to take, they are
        all put beside the versions of the last answer.
        """
        wanted = {(name, self.newest[name, target]) for name, target in self.steps}
        return sorted(wanted, key=lambda pair: (pair[0], Version(pair[1])), reverse=True)

    def annotate(self, gap: Gap) -> Gap:
        """Add to a gap why its sdist was not built, and which index is in the way of a wheel."""
        gap = self.builder.annotate(gap)
        if gap.version is None:
            return gap
        why = self.pages.explain(gap.name, gap.version, gap.target)
        return replace(gap, reason=f"{gap.reason}; {why}") if why else gap

    def has_native(self, gap: Gap) -> bool:
        return has_native_wheel(gap, self.admitted(gap))

    def listed_tags(self, gap: Gap) -> set[Tag]:
        """Return the tags of all wheels beside a gap's sdist; none where it is of no index."""
        files = self.pages.read(gap.name, gap.target)
        if gap.source is None or all(file.url != gap.source.url for file in files):
            return set()
        return {tag for file in files if file.version == gap.version for tag in file.tags}

    def is_asked_for(self, name: NormalizedName, version: Version) -> bool:
        """Tell whether the project's own requirements and constraints let a version be taken."""
        return all(
            requirement.specifier.contains(version)
            for requirement in (*self.question.requirements, *self.question.constraints)
            if canonicalize_name(requirement.name) == name
        )

    def asked_for(self, gap: Gap) -> list[IndexFile]:
        """Return what a gap's target may take, of the versions that the project lets be taken."""
        return [file for file in self.admitted(gap) if self.is_asked_for(gap.name, file.version)]

    def admitted(self, gap: Gap) -> list[IndexFile]:
        """Return the sdists and the wheels that tag constraints let a gap's target take."""
        return [
            file
            for file in self.pages.read(gap.name, gap.target)
            if (not file.tags or admitted(self.market.rules, gap.name, file.tags, gap.target))
            and (gap.name, file.version, gap.target) not in self.unwilling
        ]

    def find_removed(self) -> list[Gap]:
        """Find the pinned requirements whose version the index does not have any more."""
        gaps = []
        for requirement in self.question.requirements:
            pins = [spec.version for spec in requirement.specifier if spec.operator == "=="]
            if not pins or "*" in pins[0] or requirement.url:
                continue
            name = canonicalize_name(requirement.name)
            versions = {file.version for file in self.pages.read(name)}
            if not versions or Version(pins[0]) in versions:
                continue
            newest = max(versions)
            package = Package(name=name, version=Version(pins[0]), marker=requirement.marker)
            for target in self.question.targets:
                environment = {k: str(v) for k, v in target.environment().items()}
                if package_applies(package, environment):
                    gaps.append(
                        Gap(
                            name=name,
                            version=package.version,
                            target=target,
                            kind="removed",
                            reason=f"removed: the index has no {pins[0]} (newest is {newest})",
                        )
                    )
        return gaps

    def describe_steps(self, gaps: Sequence[Gap]) -> str:
        """Say in one line which packages step back, for how many targets."""
        by_package: dict[str, list[Gap]] = {}
        for gap in gaps:
            words = f"{gap.name} {gap.version} -> {self.newest[gap.name, gap.target]}"
            by_package.setdefault(words, []).append(gap)
        parts = [
            f"{words} ({len(found)} target{'s' if len(found) != 1 else ''})"
            for words, found in sorted(by_package.items())
        ]
        unwilling = all(self.is_unwilling(gap) and gap.kind == "python" for gap in gaps)
        what = "versions for this Python" if unwilling else "wheels"
        return f"Stepping back for {what}: " + ", ".join(parts)

    def uncovered(
        self,
        gaps: Iterable[Gap],
        lock: Pylock | None = None,
        outcome: Outcome | None = None,
        *,
        uv: str = "",
    ) -> Uncovered:
        found = {(gap.name, gap.target): gap for gap in gaps} | self.hopeless
        return Uncovered(
            targets=self.question.targets,
            gaps=tuple(found.values()),
            advice=Advice.PROJECT,
            newest=self.newest,
            explanation=uv,
            lock=lock,
            outcome=outcome or Outcome(selections=(), gaps=()),
            built=self.builder.filenames,
        )
