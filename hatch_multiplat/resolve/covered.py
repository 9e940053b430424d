"""How a search ends: with a lock that covers every target, or with what some of them lack."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hatch_multiplat.wheels.report import Advice, render_gaps

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePath

    from packaging.pylock import Pylock
    from packaging.utils import NormalizedName

    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.selection import MissingWheel, Outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class Covered:
    """A lock that covers every target, what each target takes of it, and how many runs it took.

    `built` are the file names of the wheels that were built here from an sdist.
    """

    lock: Pylock
    base: PurePath
    outcome: Outcome
    runs: int
    built: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Uncovered:
    """What some of the targets lack, and what the last answer has for all of them beside it.

    `newest` holds the newest version that has a fitting wheel, where one does; `explanation` is
    uv's own where versions that have wheels contradict the requirements. `lock` is None where
    there was no answer at all; then `outcome` is empty.
    """

    targets: tuple[Target, ...]
    missing_wheels: tuple[MissingWheel, ...]
    outcome: Outcome
    advice: Advice
    newest: Mapping[tuple[NormalizedName, Target], str] = field(default_factory=dict)
    explanation: str = ""
    lock: Pylock | None = None
    built: frozenset[str] = frozenset()

    @property
    def message(self) -> str:
        """The whole matrix of gaps, with what to do about each."""
        return self.describe(kept="no executable was written")

    def describe(self, *, kept: str) -> str:
        """Render the gaps as for a command of which `kept` says what became of its output."""
        return render_gaps(
            self.missing_wheels,
            self.targets,
            advice=self.advice,
            newest=self.newest,
            explanation=self.explanation,
            kept=kept,
        )
