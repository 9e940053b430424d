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
from hatch_multiplat.wheels.incompatibility import explain_incompatibility
from hatch_multiplat.wheels.pylock import package_applies
from hatch_multiplat.wheels.report import Advice
from hatch_multiplat.wheels.selection import MissingWheel, Outcome, wheel_fits

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

    LookInto = Callable[[Sequence[Selection]], Sequence[MissingWheel]]

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
        self.unresolvable: dict[tuple[NormalizedName, Target], MissingWheel] = {}
        self.warned: set[str] = set()
        self.look_into = look_into
        self.refused_by_python: set[tuple[NormalizedName, Version | None, Target]] = set()

    def run(self) -> Covered | Uncovered:
        """Search; uv is first confined to the targets, and then, to see every gap, no more.

        uv stops at the first package that it cannot place. Freed of the targets, it gives a lock
        by which all gaps show.
        """
        targets = self.question.targets
        self.warn_of_idle_rules()
        restricted = True
        try:
            solved = self.solve(prior=self.prior)
        except SolveError as error:
            if removed := self.find_removed():
                return self.uncovered(removed)
            solved = self.solve_for_gaps(error)
            restricted = False
        rounds = 0
        while True:
            while self.merge_shadowed(solved):
                solved = self.solve(prior=self.prior, restricted=restricted)
            outcome = self.builder.select(solved.lock, targets, solved.base)
            missing_wheels = [
                self.annotate(missing_wheel)
                for missing_wheel in outcome.missing_wheels
                if (missing_wheel.name, missing_wheel.target) not in self.unresolvable
            ]
            if not missing_wheels and not self.unresolvable:
                missing_wheels = self.find_refused_by_python(outcome)
            if not missing_wheels:
                if self.unresolvable:
                    break
                return Covered(
                    lock=solved.lock,
                    base=solved.base,
                    outcome=outcome,
                    runs=self.runs,
                    built=self.builder.filenames,
                )
            stepped = [
                missing_wheel for missing_wheel in missing_wheels if self.take_step(missing_wheel)
            ]
            rounds += not any(self.is_refused_by_python(missing_wheel) for missing_wheel in stepped)
            if not stepped or rounds > MAX_ROUNDS:
                break
            self.market.say(self.describe_steps(stepped))
            try:
                solved = self.solve(
                    prior=with_preferences(solved.text, self.preferences()), restricted=restricted
                )
            except SolveError as error:
                refused = self.find_refused(
                    stepped, error, prior=solved.text, restricted=restricted
                )
                return self.uncovered(refused, solved.lock, outcome, uv=str(error))
        return self.uncovered(missing_wheels, solved.lock, outcome)

    def solve(self, *, prior: str | None = None, restricted: bool = True) -> Solved:
        """Ask uv, and again with the packages merged whose files are spread over indexes."""
        while True:
            try:
                solved = run_uv_solve(
                    self.question,
                    steps=tuple(self.steps.values()),
                    prior=prior,
                    restricted=restricted,
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

    def solve_for_gaps(self, error: SolveError) -> Solved:
        """Solve for any platform, without the packages that uv can place nowhere.

        Raises the given error where no package without wheels is to blame.
        """
        failure = error
        excluded: list[str] = []
        for _ in range(MAX_ROUNDS):
            try:
                return self.solve(restricted=False)
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
            kind, reason, needs = explain_incompatibility(tags, target)
            missing_wheel = MissingWheel(
                name=name, version=newest, target=target, kind=kind, reason=reason, needs=needs
            )
            self.unresolvable[name, target] = lower_need(missing_wheel, files)
            fitting = [
                file.version for file in self.pages.read(name, target) if wheel_fits(file, target)
            ]
            if fitting:
                self.newest[name, target] = str(max(fitting))
        return any(found == name for found, _ in self.unresolvable)

    def find_refused_by_python(self, outcome: Outcome) -> list[MissingWheel]:
        """Find the wheels that leave out a target's Python, which only their METADATA tells."""
        missing_wheels = list(self.look_into(outcome.selections)) if self.look_into else []
        self.refused_by_python |= {
            (missing_wheel.name, missing_wheel.version, missing_wheel.target)
            for missing_wheel in missing_wheels
        }
        return missing_wheels

    def take_step(self, missing_wheel: MissingWheel) -> bool:
        """Narrow the versions of a gap's package for its target; False if there is no way.

        A package is narrowed once for its tags, and again for each version found unwilling. What
        it was narrowed to before is no way any more.
        """
        key = (missing_wheel.name, missing_wheel.target)
        refused_by_python = self.is_refused_by_python(missing_wheel)
        back = step_back(missing_wheel, self.admitted(missing_wheel), in_order=self.pages.in_order)
        if back.newest is not None:
            self.newest[key] = str(back.newest)
        before = self.steps.get(key)
        again = before is not None and (not refused_by_python or before.versions == back.versions)
        if back.versions is None or again:
            self.unresolvable[key] = (
                missing_wheel
                if refused_by_python
                else lower_need(missing_wheel, self.asked_for(missing_wheel))
            )
            return False
        self.steps[key] = TargetConstraint(
            name=missing_wheel.name, target=missing_wheel.target, versions=back.versions
        )
        return True

    def is_refused_by_python(self, missing_wheel: MissingWheel) -> bool:
        """Tell whether only a look into a wheel has shown a gap."""
        return (
            missing_wheel.name,
            missing_wheel.version,
            missing_wheel.target,
        ) in self.refused_by_python

    def find_refused(
        self, stepped: Sequence[MissingWheel], error: SolveError, *, prior: str, restricted: bool
    ) -> list[MissingWheel]:
        """Find the gaps whose steps uv refuses; the others would be closed, and are no gaps.

        uv explains one conflict at a time: without the steps of the packages that it names, it is
        asked again. Where it names none of them, all may be to blame.
        """
        refused: list[MissingWheel] = []
        left = list(stepped)
        failure = error
        while left:
            names = packages_blamed(str(failure))
            blamed = [missing_wheel for missing_wheel in left if missing_wheel.name in names]
            if not blamed:
                return [*refused, *left]
            refused += blamed
            left = [missing_wheel for missing_wheel in left if missing_wheel not in blamed]
            without = {(missing_wheel.name, missing_wheel.target) for missing_wheel in refused}
            steps = [step for key, step in self.steps.items() if key not in without]
            try:
                run_uv_solve(
                    self.question,
                    steps=steps,
                    prior=prior,
                    restricted=restricted,
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

    def annotate(self, missing_wheel: MissingWheel) -> MissingWheel:
        """Add to a gap why its sdist was not built, and which index is in the way of a wheel."""
        missing_wheel = self.builder.annotate(missing_wheel)
        if missing_wheel.version is None:
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
        """Return the tags of all wheels beside a gap's sdist; none where it is of no index."""
        files = self.pages.read(missing_wheel.name, missing_wheel.target)
        if missing_wheel.source is None or all(
            file.url != missing_wheel.source.url for file in files
        ):
            return set()
        return {tag for file in files if file.version == missing_wheel.version for tag in file.tags}

    def is_asked_for(self, name: NormalizedName, version: Version) -> bool:
        """Tell whether the project's own requirements and constraints let a version be taken."""
        return all(
            requirement.specifier.contains(version)
            for requirement in (*self.question.requirements, *self.question.constraints)
            if canonicalize_name(requirement.name) == name
        )

    def asked_for(self, missing_wheel: MissingWheel) -> list[IndexFile]:
        """Return what a gap's target may take, of the versions that the project lets be taken."""
        return [
            file
            for file in self.admitted(missing_wheel)
            if self.is_asked_for(missing_wheel.name, file.version)
        ]

    def admitted(self, missing_wheel: MissingWheel) -> list[IndexFile]:
        """Return the sdists and the wheels that tag constraints let a gap's target take."""
        return [
            file
            for file in self.pages.read(missing_wheel.name, missing_wheel.target)
            if (
                not file.tags
                or admitted(self.market.rules, missing_wheel.name, file.tags, missing_wheel.target)
            )
            and (missing_wheel.name, file.version, missing_wheel.target)
            not in self.refused_by_python
        ]

    def find_removed(self) -> list[MissingWheel]:
        """Find the pinned requirements whose version the index does not have any more."""
        missing_wheels = []
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

    def describe_steps(self, missing_wheels: Sequence[MissingWheel]) -> str:
        """Say in one line which packages step back, for how many targets."""
        by_package: dict[str, list[MissingWheel]] = {}
        for missing_wheel in missing_wheels:
            newest = self.newest[missing_wheel.name, missing_wheel.target]
            words = f"{missing_wheel.name} {missing_wheel.version} -> {newest}"
            by_package.setdefault(words, []).append(missing_wheel)
        parts = [
            f"{words} ({len(found)} target{'s' if len(found) != 1 else ''})"
            for words, found in sorted(by_package.items())
        ]
        refused_by_python = all(
            self.is_refused_by_python(missing_wheel) and missing_wheel.kind == "python"
            for missing_wheel in missing_wheels
        )
        what = "versions for this Python" if refused_by_python else "wheels"
        return f"Stepping back for {what}: " + ", ".join(parts)

    def uncovered(
        self,
        missing_wheels: Iterable[MissingWheel],
        lock: Pylock | None = None,
        outcome: Outcome | None = None,
        *,
        uv: str = "",
    ) -> Uncovered:
        found = {
            (missing_wheel.name, missing_wheel.target): missing_wheel
            for missing_wheel in missing_wheels
        } | self.unresolvable
        return Uncovered(
            targets=self.question.targets,
            missing_wheels=tuple(found.values()),
            advice=Advice.PROJECT,
            newest=self.newest,
            explanation=uv,
            lock=lock,
            outcome=outcome or Outcome(selections=(), missing_wheels=()),
            built=self.builder.filenames,
        )
