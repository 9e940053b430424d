"""From requirements, or from a lock, to wheels for every target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_multiplat.resolve.build_context import Market
from hatch_multiplat.resolve.built_sdists import BuiltSdists
from hatch_multiplat.resolve.covered import Covered, Uncovered
from hatch_multiplat.resolve.search import Search
from hatch_multiplat.wheels.report import Advice, coverage_error

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import PurePath

    from packaging.pylock import Pylock

    from hatch_multiplat.resolve.search import LookInto
    from hatch_multiplat.resolve.solve import Question
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.selection import Outcome

__all__ = [
    "Covered",
    "Market",
    "Uncovered",
    "cover_targets",
    "search_coverage",
    "search_locked",
    "select_locked",
]


def search_coverage(
    question: Question,
    *,
    market: Market,
    build_sdists: bool,
    prior: str | None = None,
    look_into: LookInto | None = None,
) -> Covered | Uncovered:
    """Solve, and solve again with versions narrowed where wheels are missing, until all fits.

    `prior` is the text of a lock whose versions are kept where they can be; `look_into` opens
    wheels and returns a gap for each that leaves out a target's Python. Raises SolveError when the
    requirements contradict each other whatever the wheels.
    """
    search = Search(
        question=question,
        market=market,
        build_sdists=build_sdists,
        prior=prior,
        look_into=look_into,
    )
    return search.run()


def cover_targets(
    question: Question,
    *,
    market: Market,
    build_sdists: bool,
    prior: str | None = None,
    look_into: LookInto | None = None,
) -> Covered:
    """Do as search_coverage does, and raise CoverageError when some target cannot be covered."""
    found = search_coverage(
        question, market=market, build_sdists=build_sdists, prior=prior, look_into=look_into
    )
    if isinstance(found, Uncovered):
        raise coverage_error(found.message, found.missing_wheels)
    return found


def search_locked(
    lock: Pylock, targets: Sequence[Target], *, base: PurePath, market: Market, build_sdists: bool
) -> Covered | Uncovered:
    """Select from a lock as it is, building what it has as a platform-independent sdist only."""
    builder = BuiltSdists(
        market=market, enabled=build_sdists, native=lambda _: False, listed=lambda _: ()
    )
    outcome = builder.select(lock, targets, base)
    if outcome.missing_wheels:
        return Uncovered(
            targets=tuple(targets),
            missing_wheels=tuple(
                builder.annotate(missing_wheel) for missing_wheel in outcome.missing_wheels
            ),
            advice=Advice.LOCK,
            lock=lock,
            outcome=outcome,
            built=builder.filenames,
        )
    return Covered(lock=lock, base=base, outcome=outcome, runs=0, built=builder.filenames)


def select_locked(
    lock: Pylock, targets: Sequence[Target], *, base: PurePath, market: Market, build_sdists: bool
) -> Outcome:
    """Do as search_locked does, and raise CoverageError for gaps: a lock is never changed here."""
    found = search_locked(lock, targets, base=base, market=market, build_sdists=build_sdists)
    if isinstance(found, Uncovered):
        raise coverage_error(found.message, found.missing_wheels)
    return found.outcome
