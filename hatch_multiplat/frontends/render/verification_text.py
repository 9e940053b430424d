"""A verification for people, for 80 columns and for a pipe."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from hatch_multiplat.base.text import Line
from hatch_multiplat.frontends.render.inspection_text import render_lock_comparison
from hatch_multiplat.wheels.proof import render_problems

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatch_multiplat.inspection.verification import TrialResult, Verification

SHOWN_LINES: Final = 20
"""The number of last lines of a failed program's output that are shown."""
_STATES: Final = {
    "known": ("accounted for", "green"),
    "rewritten": ("rewritten", "yellow"),
    "unknown": ("CANNOT ACCOUNT FOR", "red"),
    "wrong": ("WRONG", "red"),
}
_BAD: Final = frozenset({"unknown", "wrong"})


def render_verification(verification: Verification) -> Iterable[Line]:
    """Yield a line for each target, then every problem, then the result."""
    width = max((len(target) for target in verification.targets), default=0)
    for target in verification.targets:
        runs = verification.runs_of(target)
        proven = verification.is_proven(target)
        failed = [run for run in runs if not run.succeeded]
        word = ("proven" if proven else "FAULTY") + (
            "" if not runs else ", FAILED" if failed else ", run"
        )
        style = "green" if proven and not failed else "red"
        yield Line(f"{target:{width}}  ").append(word, style)
        for run in runs:
            yield from _describe(run)
    if verification.accounts:
        yield Line()
        yield from _accounts(verification)
    if verification.problems:
        yield Line()
        for line in render_problems(verification.problems, total=len(verification.targets)):
            yield Line(line)
    for run in verification.runs:
        if not run.succeeded:
            yield Line()
            yield Line(f"{run.under}: {_outcome(run)}, and it wrote", style="red")
            for line in run.output.splitlines()[-SHOWN_LINES:] or ["(nothing)"]:
                yield Line(f"  {line}")
    if verification.lock is not None:
        yield Line()
        yield from render_lock_comparison(verification.lock)
    yield Line()
    yield Line(summarize(verification), style="bold")


def summarize(verification: Verification) -> str:
    """Return the result in one sentence."""
    proven = sum(map(verification.is_proven, verification.targets))
    ran = {run.target for run in verification.runs}
    failed = {run.target for run in verification.runs if not run.succeeded}
    text = f"{proven} of {len(verification.targets)} targets proven complete"
    if ran:
        arguments = shlex.join(verification.arguments) or "no arguments"
        text += f", {len(ran - failed)} run with {arguments}"
        text += f", {len(failed)} failed" if failed else ""
    else:
        text += ", none run"
    bad = {account.part for account in verification.accounts if account.state in _BAD}
    if bad:
        text += f"; not accounted for: {', '.join(sorted(bad))}"
    elif verification.is_rewritten:
        text += "; its first line is not the build's"
    return text


def _accounts(verification: Verification) -> Iterable[Line]:
    """Yield a line for each part of the file, with its origin."""
    width = max(len(account.part) for account in verification.accounts)
    for account in verification.accounts:
        word, style = _STATES[account.state]
        yield Line(f"{account.part:{width}}  ").append(word, style).append(f": {account.why}")


def _describe(run: TrialResult) -> Iterable[Line]:
    if not run.succeeded:
        yield Line(f"  {_outcome(run)} after {run.seconds:.1f} s: {run.under}", style="red")
        return
    yield Line(f"  ran in {run.seconds:.1f} s: {run.under}", style="dim")
    first = next((line for line in run.output.splitlines() if line.strip()), "")
    if first:
        yield Line(f"    {first}", style="dim")


def _outcome(run: TrialResult) -> str:
    return "did not run" if run.exit_code is None else f"exit code {run.exit_code}"
