"""uv asked again and again: from level to level, with what the rounds before it have shown.

What a search has learned is kept for the next one with the same question. It is not trusted by
itself: it depends on the sources' files of some packages, whose fingerprints are kept with it. If
one of them has changed, it is not used.
"""

from __future__ import annotations

import contextlib
import enum
import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.__about__ import __version__
from hatch_multiplat.base.atomic_write import write_atomically
from hatch_multiplat.base.errors import FetchError, SolveError
from hatch_multiplat.base.urls import redact_text
from hatch_multiplat.index.user_settings import HIDDEN_VARIABLES, absolute_files
from hatch_multiplat.resolve.build_context import ALL
from hatch_multiplat.resolve.pages import Pages
from hatch_multiplat.resolve.question import TargetConstraint
from hatch_multiplat.resolve.solve import (
    packages_blamed,
    packages_without_wheels,
    run_uv_solve,
    specifiers_blamed,
    with_preferences,
    yanked_pins,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from packaging.pylock import Package, Pylock
    from packaging.utils import NormalizedName

    from hatch_multiplat.resolve.build_context import BuildContext
    from hatch_multiplat.resolve.question import Question
    from hatch_multiplat.resolve.solve import Solved
    from hatch_multiplat.targets.target import Target

    Key = tuple[NormalizedName, Target]

_FORMAT: Final = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class YankedFiles:
    """What was learned of yanked files.

    `let_in` are versions (name, version) that uv is to take although they are yanked, `left_out`
    the names of files of its answer that do not count, and `warnings` name those that do.
    """

    let_in: frozenset[tuple[str, str]] = frozenset()
    left_out: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """What was learned: how uv was asked in the end, and that its answer could not be bettered.

    `steps` narrow versions on single targets, `preferences` are the versions that were chosen,
    `sourced` are packages that have no wheels, and `merged` those that are spread over indexes,
    each with a target for which they are. `listing` has the fingerprint of each package that this
    rests on, `answer` the digest of uv's answer.
    """

    steps: tuple[TargetConstraint, ...]
    preferences: tuple[tuple[str, str], ...]
    sourced: frozenset[NormalizedName]
    yanked: YankedFiles
    merged: Mapping[NormalizedName, Target]
    listing: Mapping[NormalizedName, str]
    answer: str


def digest_answer(text: str) -> str:
    """Return the digest of uv's answer."""
    return hashlib.sha256(text.encode()).hexdigest()


def question_key(question: Question, prior: str | None, context: BuildContext) -> str:
    """Return a name for a question, and for everything that may change its answer.

    Variables of uv, and the files that they name, are part of it. It is "" if the answer may change
    with time, as `exclude-newer` may name a span: then nothing is kept.
    """
    if question.excludes_newer(context.environ):
        return ""
    heard = {
        name: value
        for name, value in context.environ.items()
        if name.startswith("UV_") and name not in HIDDEN_VARIABLES
    }
    parts = [
        f"{_FORMAT} {__version__} {version('uv')}",
        repr(sorted(map(str, question.requirements))),
        repr(sorted(map(str, question.constraints))),
        repr(sorted(map(str, question.tag_constraints))),
        repr(sorted(map(_describe, question.targets))),
        f"{question.requires_python} {question.build_sdists} {context.policy!r} {question.own!r}",
        repr(sorted(heard.items())),
        repr(sorted(map(_text_of, absolute_files(heard, Path.cwd()).values()))),
        redact_text(json.dumps(dict(question.uv_table), sort_keys=True, default=str)),
        redact_text(repr(question.sources.uv_settings())),
        str(question.project_dir),
        prior or "",
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def recall(root: Path, key: str, question: Question) -> Lesson | None:
    """Return the kept results for a question; None if there are none, or they cannot be read."""
    if not key:
        return None
    targets = {str(target): target for target in question.targets}
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, InvalidSpecifier):
        data = json.loads(_path(root, key).read_text(encoding="utf-8"))
        return Lesson(
            steps=tuple(
                TargetConstraint(
                    name=canonicalize_name(name),
                    target=targets[target],
                    versions=SpecifierSet(versions),
                )
                for name, target, versions in data["steps"]
            ),
            preferences=tuple((name, number) for name, number in data["preferences"]),
            sourced=frozenset(map(canonicalize_name, data["sourced"])),
            yanked=YankedFiles(
                let_in=frozenset((name, number) for name, number in data["yanked"]["let_in"]),
                left_out=frozenset(map(str, data["yanked"]["left_out"])),
                warnings=tuple(map(str, data["yanked"]["warnings"])),
            ),
            merged={
                canonicalize_name(name): targets[target] for name, target in data["merged"].items()
            },
            listing={canonicalize_name(name): said for name, said in data["listing"].items()},
            answer=data["answer"],
        )
    return None


def remember(root: Path, key: str, lesson: Lesson) -> None:
    """Keep results; if the cache cannot be written, the next search repeats the work."""
    if not key:
        return
    data: dict[str, Any] = {
        "steps": [[step.name, str(step.target), str(step.versions)] for step in lesson.steps],
        "preferences": [list(pair) for pair in lesson.preferences],
        "sourced": sorted(lesson.sourced),
        "yanked": {
            "let_in": sorted(map(list, lesson.yanked.let_in)),
            "left_out": sorted(lesson.yanked.left_out),
            "warnings": list(lesson.yanked.warnings),
        },
        "merged": {name: str(target) for name, target in sorted(lesson.merged.items())},
        "listing": dict(sorted(lesson.listing.items())),
        "answer": lesson.answer,
    }
    path = _path(root, key)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(data, indent=1))


def _text_of(names: str) -> list[str]:
    """Return what the files of one variable say; nothing where one cannot be read as such."""
    with contextlib.suppress(OSError, ValueError):
        return [Path(name).read_text("utf-8") for name in names.split()]
    return []


def _describe(target: object) -> str:
    return f"{target} {target!r}"


def _path(root: Path, key: str) -> Path:
    return root / "resolved" / key[:2] / f"{key}.json"


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
