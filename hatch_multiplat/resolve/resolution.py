"""The results of resolving: a lock that covers every target, or the missing wheels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hatch_multiplat.base.errors import CoverageError
from hatch_multiplat.wheels.incompatibility import Advice
from hatch_multiplat.wheels.matrix import make_matrix
from hatch_multiplat.wheels.matrix_layout import count_uncovered
from hatch_multiplat.wheels.matrix_text import print_matrix

NOT_WRITTEN: Final = "no executable was written"

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import PurePath

    from packaging.pylock import Pylock

    from hatch_multiplat.resolve.question import Question
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.matrix import Matrix, OwnWheel, TagsOf
    from hatch_multiplat.wheels.selection import MissingWheel, Outcome, Selection


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
