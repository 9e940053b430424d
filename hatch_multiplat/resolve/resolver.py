"""The one way from requirements and targets to wheels, for builds, locks and checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_multiplat.resolve.downloads import Downloads
from hatch_multiplat.resolve.resolution import Resolution, Unresolved
from hatch_multiplat.resolve.sdist import BuiltSdists
from hatch_multiplat.resolve.search import Search
from hatch_multiplat.wheels.report import Advice

if TYPE_CHECKING:
    from pathlib import PurePath

    from packaging.pylock import Pylock

    from hatch_multiplat.resolve.build_context import BuildContext
    from hatch_multiplat.resolve.question import Question


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
        return Search(question=question, context=context, downloads=downloads, prior=prior).run()
    lock, base = locked
    builder = BuiltSdists(
        context=context,
        enabled=question.build_sdists,
        rules=question.tag_constraints,
        native=lambda _: False,
        listed=lambda _: (),
    )
    outcome = builder.select(lock, question.targets, base)
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
