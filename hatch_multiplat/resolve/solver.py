"""uv asked again and again: from level to level, with what the rounds before it have shown.

What a search has learned is kept for the next one with the same question. It is not trusted by
itself: it depends on the sources' files of some packages, whose fingerprints are kept with it. If
one of them has changed, it is not used.
"""

from __future__ import annotations

import enum
import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
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
from hatch_multiplat.resolve.solve import (
    packages_blamed,
    packages_without_wheels,
    run_uv_solve,
    specifiers_blamed,
    with_preferences,
    yanked_pins,
)
from hatch_multiplat.wheels.pylock import parse_lock

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from packaging.pylock import Package, Pylock
    from packaging.utils import NormalizedName

    from hatch_multiplat.resolve.build_context import BuildContext
    from hatch_multiplat.resolve.question import Question, Steps
    from hatch_multiplat.resolve.solve import Solved
    from hatch_multiplat.targets.target import Target

    Key = tuple[NormalizedName, Target]
    Wish = tuple[NormalizedName, Version, Target]

_FORMAT: Final = 5


class Level(enum.Enum):
    """What uv may take for an answer; each is asked where the one before it has none."""

    WHEELS = "wheels for every target, nothing built but what has no wheels at all"
    SDISTS = "an sdist in place of wheels, for whatever target"
    ANYWHERE = "wheels for any platform, so that what is missing shows"


@dataclass(kw_only=True, slots=True)
class Learned:
    """What a search learns: how uv has to be asked, and what is known of its answer.

    `steps` narrow the versions of a package on a target, `preferences` are versions that uv is to
    take where it can, `sourced` are packages that it may build, as they have no wheels, `merged`
    those that are spread over indexes, each with a target for which they are. Of yanked versions,
    uv is to take those that are `let_in`; of yanked files in its answer, those that are `left_out`
    do not count, and `warnings` name those that do. At the end, `listing` has the fingerprint of
    each package that all of this rests on, and `answer` the digest of the answer that could not be
    bettered.
    """

    steps: dict[Key, SpecifierSet] = field(default_factory=dict)
    preferences: set[tuple[NormalizedName, Version]] = field(default_factory=set)
    sourced: set[NormalizedName] = field(default_factory=set)
    merged: dict[NormalizedName, Target] = field(default_factory=dict)
    let_in: set[tuple[str, str]] = field(default_factory=set)
    left_out: set[str] = field(default_factory=set)
    warnings: tuple[str, ...] = ()
    listing: dict[NormalizedName, str] = field(default_factory=dict)
    answer: str = ""


class Solver:
    """Asks uv one question, over and over; `prior` is the text of a lock whose versions are kept.

    `kept` are these versions, `required` is what every target's wheels satisfy. `runs` counts how
    often uv was asked.
    """

    def __init__(self, question: Question, context: BuildContext, *, prior: str | None) -> None:
        self.question = question
        self.context = context
        self.prior = prior
        self.kept = _versions_of_prior(prior)
        self.required = question.required
        self.pages = Pages(context, question=question)
        self.level = Level.SDISTS if ALL in context.policy.demanded else Level.WHEELS
        self.learned = Learned(merged=self.pages.merged)
        self.runs = 0
        self._warned: set[str] = set()
        self._stages_own = question.own is not None
        self._place = _place_of(question, prior, context)

    def begin(self) -> Solved:
        """Ask for the first answer, with what an earlier search has learned where that holds."""
        learned = _recall(self._place, self.question.targets)
        if learned is not None and self.level is Level.WHEELS:
            self._start_from(learned)
            solved = None
            with (
                self.pages.reading_ahead(learned.listing, self.question.targets),
                suppress(SolveError, FetchError),
            ):
                solved = self.ask(with_preferences(self.prior, learned.preferences))
            with suppress(FetchError):
                if solved and self._take_listing(learned.listing) == learned.listing:
                    return solved
            self._start_from(Learned())
        return self.first_answer()

    def _start_from(self, learned: Learned) -> None:
        self.learned = learned
        self.pages.merged = learned.merged

    def first_answer(self) -> Solved:
        """Ask from level to level until there is an answer that has wheels for the targets."""
        while self.level is Level.WHEELS:
            try:
                return self.solve(self.prior)
            except SolveError as error:
                if not self.let_in_sources(error):
                    self.level = Level.SDISTS
        return self.solve(self.prior)

    def resume(self, solved: Solved) -> Solved:
        """Ask again from the last answer on, whose versions are kept where they can be.

        uv prefers in one environment what it chose in another, the newest of several. So that each
        target gets the newest version it can have, and not the one that another target had to take,
        the preferences are all put beside the versions of the last answer.
        """
        return self.solve(with_preferences(solved.text, self.learned.preferences))

    def solve(self, prior: str | None) -> Solved:
        """Ask uv, and again with the packages merged whose files are spread over indexes.

        Versions that are yanked, and that only pins can have wanted, are let in one by one.
        """
        while True:
            try:
                return self.ask(prior)
            except SolveError as error:
                if self.let_in_yanked(error):
                    continue
                targets = self.question.targets
                names = packages_blamed(error.explanation)
                if sum(self.pages.merge(name, targets) for name in names) == 0:
                    raise

    def ask(self, prior: str | None, steps: Steps | None = None) -> Solved:
        """Ask uv once, and once more if a dependency knows the project's own folder."""
        self.runs += 1
        try:
            return run_uv_solve(
                self.question,
                self.context,
                stages_own=self._stages_own,
                flags=self.flags(),
                steps=self.learned.steps if steps is None else steps,
                prior=prior,
                restricted=self.level is not Level.ANYWHERE,
                merged=self.pages.merged_indexes(),
                yanked=sorted(self.learned.let_in),
                warn=self.warn,
            )
        except SolveError as error:
            own = self.question.own if self._stages_own else None
            if not own or f"conflicting URLs for package '{own.name}'" not in error.explanation:
                raise
        self._stages_own = False
        return self.ask(prior, steps)

    def flags(self) -> list[str]:
        """Return the flags that say what uv may build.

        With `--no-binary` uv takes no wheel of a package, so that it is only for those that have
        none; those that the user will not have wheels of are among them.
        """
        policy = self.context.policy
        if self.level is not Level.WHEELS:
            return policy.flags()
        names = self.learned.sourced | {
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
        self.learned.sourced |= found
        return bool(found)

    def let_in_yanked(self, error: SolveError) -> bool:
        """Let uv take yanked versions that others pin; to it only the project's own pins count.

        Whether they are pinned on each target is not known before its set is.
        """
        found = yanked_pins(error.explanation) - self.learned.let_in
        self.learned.let_in |= found
        return bool(found)

    def let_in_releases(self, lock: Pylock) -> bool:
        """Let uv build packages of which it took a pre-release, as only those have wheels."""
        found = {
            package.name
            for package in self.of_index(lock)
            if package.version is not None
            and package.version.is_prerelease
            and self.may_let_in(package.name)
            and self.has_sources_only(package.name, releases=True)
        }
        self.learned.sourced |= found
        return bool(found)

    def may_let_in(self, name: NormalizedName) -> bool:
        """Tell whether uv, which is restricted to wheels, may be let build a package."""
        return (
            self.level is Level.WHEELS
            and name not in self.learned.sourced
            and self.question.build_sdists
            and not self.context.policy.forbids(name)
        )

    def has_sources_only(
        self, name: NormalizedName, asked: Sequence[SpecifierSet] = (), *, releases: bool = False
    ) -> bool:
        """Tell whether no version that may be taken has a wheel; `asked` is what others require.

        With `releases`, pre-releases do not count.
        """
        if name in self.question.elsewhere:
            return True
        files = [
            file
            for file in self.pages.read(name)
            if not file.yanked
            and not (releases and file.version.is_prerelease)
            and self.is_asked_for(name, file.version)
            and all(bound.contains(file.version) for bound in asked)
        ]
        return bool(files) and not any(file.tags for file in files)

    def of_index(self, lock: Pylock) -> list[Package]:
        """Return the packages of a lock that come from an index."""
        elsewhere = self.question.elsewhere
        return [
            package
            for package in lock.packages
            if package.version is not None
            and not (package.archive or package.directory or package.vcs)
            and package.name not in elsewhere
        ]

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

    def is_proven(self, solved: Solved) -> bool:
        """Tell whether an earlier search has found that an answer cannot be bettered."""
        return self.learned.answer == _digest(solved)

    def keep_learned(self, solved: Solved) -> None:
        """Keep how uv was asked in the end, and what the sources have of what it rests on."""
        if self.level is not Level.WHEELS or self._place is None or self.is_proven(solved):
            return
        names = {package.name for package in self.of_index(solved.lock)}
        names |= {name for name, _ in self.learned.steps}
        names |= self.learned.sourced - self.question.elsewhere
        names |= self.learned.merged.keys()
        with suppress(FetchError):
            learned = replace(
                self.learned,
                preferences=_versions_of(solved.lock, names),
                listing=self._take_listing(names),
                answer=_digest(solved),
            )
            _remember(self._place, learned)

    def _take_listing(self, names: Iterable[NormalizedName]) -> dict[NormalizedName, str]:
        """Return the fingerprint of what the sources have of each package; raises FetchError."""
        targets = self.question.targets
        return {name: self.pages.fingerprint(name, targets) for name in sorted(names)}


def _digest(solved: Solved) -> str:
    return hashlib.sha256(solved.text.encode()).hexdigest()


def _versions_of_prior(prior: str | None) -> set[tuple[NormalizedName, Version | None]]:
    """Return the versions of the lock that is kept."""
    if prior is None:
        return set()
    lock = parse_lock(prior, where="the lock")
    return {(package.name, package.version) for package in lock.packages}


def _versions_of(
    lock: Pylock, names: Collection[NormalizedName]
) -> set[tuple[NormalizedName, Version]]:
    """Return the names and versions of these packages in a lock.

    A pre-release is left out where a release is taken as well: it would be preferred everywhere.
    """
    found = {
        (package.name, package.version)
        for package in lock.packages
        if package.name in names and package.version is not None
    }
    released = {name for name, number in found if not number.is_prerelease}
    return {
        (name, number) for name, number in found if not (number.is_prerelease and name in released)
    }


def _place_of(question: Question, prior: str | None, context: BuildContext) -> Path | None:
    """Return where in the cache it is kept what was learned of a question.

    The name stands for everything that may change the answer: variables of uv too, and the files
    that they name. It is None if the answer may change with time, as `exclude-newer` may name a
    span: then nothing is kept.
    """
    if question.excludes_newer(context):
        return None
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
        repr(sorted(f"{target} {target!r}" for target in question.targets)),
        f"{question.requires_python} {question.build_sdists} {context.policy!r} {question.own!r}",
        repr(sorted(heard.items())),
        repr(sorted(map(_text_of, absolute_files(heard, Path.cwd()).values()))),
        redact_text(json.dumps(dict(question.uv_table), sort_keys=True, default=str)),
        redact_text(repr(context.sources.uv_settings())),
        str(question.project_dir),
        prior or "",
    ]
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return context.wheel_cache.root / "resolved" / key[:2] / f"{key}.json"


def _text_of(names: str) -> list[str]:
    """Return what the files of one variable say; nothing where one cannot be read as such."""
    with suppress(OSError, ValueError):
        return [Path(name).read_text("utf-8") for name in names.split()]
    return []


def _recall(place: Path | None, targets: Iterable[Target]) -> Learned | None:
    """Return what was learned before; None if that is nothing, or cannot be read."""
    if place is None:
        return None
    by_name = {str(target): target for target in targets}
    with suppress(OSError, ValueError, KeyError, TypeError, InvalidSpecifier):
        data = json.loads(place.read_text(encoding="utf-8"))
        return Learned(
            steps={
                (canonicalize_name(name), by_name[target]): SpecifierSet(versions)
                for name, target, versions in data["steps"]
            },
            preferences={
                (canonicalize_name(name), Version(number)) for name, number in data["preferences"]
            },
            sourced=set(map(canonicalize_name, data["sourced"])),
            merged={
                canonicalize_name(name): by_name[target] for name, target in data["merged"].items()
            },
            let_in={(name, number) for name, number in data["let_in"]},
            left_out=set(map(str, data["left_out"])),
            warnings=tuple(map(str, data["warnings"])),
            listing={canonicalize_name(name): said for name, said in data["listing"].items()},
            answer=data["answer"],
        )
    return None


def _remember(place: Path, learned: Learned) -> None:
    """Keep what was learned; if the cache cannot be written, the next search repeats the work."""
    data: dict[str, Any] = {
        "steps": [[name, str(on), str(versions)] for (name, on), versions in learned.steps.items()],
        "preferences": [[name, str(number)] for name, number in sorted(learned.preferences)],
        "sourced": sorted(learned.sourced),
        "merged": {name: str(target) for name, target in sorted(learned.merged.items())},
        "let_in": sorted(learned.let_in),
        "left_out": sorted(learned.left_out),
        "warnings": learned.warnings,
        "listing": learned.listing,
        "answer": learned.answer,
    }
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, json.dumps(data, indent=1))
