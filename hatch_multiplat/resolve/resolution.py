"""How resolving ends: with a lock that covers every target, or with what some of them lack."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hatch_multiplat.wheels.report import Advice, coverage_error, render_gaps

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePath

    from packaging.pylock import Pylock
    from packaging.utils import NormalizedName

    from hatch_multiplat.base.errors import CoverageError
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.selection import MissingWheel, Outcome, Selection


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolution:
    """A lock that covers every target, and what each target takes of it.

    `base` is the absolute folder that relative paths of the lock start from. `runs` is how often uv
    was asked: never, where the lock was there before. `built` are the file names of the wheels that
    were built here from an sdist; `unopened` counts those that were judged by the METADATA that an
    index serves.
    """

    lock: Pylock
    base: PurePath
    outcome: Outcome
    runs: int
    built: frozenset[str] = frozenset()
    unopened: int = 0

    @property
    def selections(self) -> tuple[Selection, ...]:
        return self.outcome.selections


@dataclass(frozen=True, kw_only=True, slots=True)
class Unresolved:
    """What some of the targets lack, and what the last answer has for all of them beside it.

    `newest` holds the newest version that has a fitting wheel, where one does, and `held_by` what
    else than the project forbids that version; `explanation` is uv's own where versions that have
    wheels contradict the requirements. `lock` is None where there was no answer at all; then
    `outcome` is empty.
    """

    targets: tuple[Target, ...]
    missing_wheels: tuple[MissingWheel, ...]
    outcome: Outcome
    advice: Advice
    newest: Mapping[tuple[NormalizedName, Target], str] = field(default_factory=dict)
    held_by: Mapping[tuple[NormalizedName, Target], str] = field(default_factory=dict)
    explanation: str = ""
    lock: Pylock | None = None
    built: frozenset[str] = frozenset()
    unopened: int = 0

    def error(self, *, kept: str = "no executable was written") -> CoverageError:
        """Return the error of a command of which `kept` says what became of its output."""
        message = render_gaps(
            self.missing_wheels,
            self.targets,
            advice=self.advice,
            newest=self.newest,
            held_by=self.held_by,
            explanation=self.explanation,
            kept=kept,
        )
        return coverage_error(message, self.missing_wheels)
