"""Verify an executable: prove every target from the file, and run it with each Python that fits."""

from __future__ import annotations

import fnmatch
import re
import shlex
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.base.errors import ToolError, VerificationError
from hatch_multiplat.base.process import run_tool
from hatch_multiplat.base.temporary import temporary_folder
from hatch_multiplat.executable.reader import open_wheels
from hatch_multiplat.executable.table import table_selections
from hatch_multiplat.executable.table_maker import make_targets
from hatch_multiplat.index.project_settings import valid_requirements
from hatch_multiplat.runtime.match import find_target
from hatch_multiplat.wheels.metadata import WheelTexts, parse_bound
from hatch_multiplat.wheels.proof import (
    Problem,
    Requirements,
    find_problems,
    narrow_selections,
)
from hatch_multiplat.wheels.selection import Selection, WheelSet, best_wheel
from hatch_multiplat.wheels.wheel_check import find_wheel_problems
from hatch_multiplat.wheels.wheel_file import read_wheel_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from packaging.utils import NormalizedName

    from hatch_multiplat.executable.accounting import Account
    from hatch_multiplat.executable.executable import Executable
    from hatch_multiplat.inspection.inspection import LockComparison
    from hatch_multiplat.inspection.interpreters import Interpreter
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.selection import Wheel
    from hatch_multiplat.wheels.wheel_file import WheelFile

KEPT_OUTPUT: Final = 4000
"""The number of last characters of a program's output that are kept."""

# Variables that would lead a run elsewhere than where a user without them comes.
_DISTURBING: Final = re.compile(r"MULTIPLAT|_MULTIPLAT\w*|PEX|PEX_\w+|PYTHONPATH|PYTHONHOME")


@dataclass(frozen=True, kw_only=True, slots=True)
class Runner:
    """A command that runs files for the targets whose name matches a pattern.

    In `command`, `{file}`, `{python}` and `{target}` are filled in; without `{file}` the file comes
    last.
    """

    pattern: str
    command: str

    def words(self, target: Target, file: Path) -> list[str]:
        """Return the command for a target, without the program's arguments."""
        values = {
            "{file}": str(file),
            "{python}": ".".join(map(str, target.python.version)),
            "{target}": str(target),
        }
        known = re.compile("|".join(map(re.escape, values)))
        words = [
            known.sub(lambda match: values[match[0]], word) for word in shlex.split(self.command)
        ]
        return words if "{file}" in self.command else [*words, str(file)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """A run to make: its name for people, and its command."""

    target: str
    under: str
    words: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialResult:
    """A run of the program: `exit_code` is None if it could not be started or did not end.

    `output` is the end of what it wrote to stdout, then stderr; `seconds` is for a first run.
    """

    target: str
    under: str
    exit_code: int | None
    seconds: float
    output: str

    @property
    def succeeded(self) -> bool:
        return self.exit_code == 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """The result for each target, in the table's order."""

    path: str
    arguments: tuple[str, ...]
    targets: tuple[str, ...]
    problems: tuple[Problem, ...]
    runs: tuple[TrialResult, ...]
    lock: LockComparison | None = None
    accounts: tuple[Account, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether no problem was found."""
        agrees = self.lock is None or self.lock.agrees
        is_ours = is_accounted(self.accounts)
        return not self.problems and agrees and is_ours and all(run.succeeded for run in self.runs)

    @property
    def is_rewritten(self) -> bool:
        """Whether the first line is not the build's."""
        return any(account.state == "rewritten" for account in self.accounts)

    def is_proven(self, target: str) -> bool:
        return not any(
            problem.target is None or str(problem.target) == target for problem in self.problems
        )

    def runs_of(self, target: str) -> tuple[TrialResult, ...]:
        return tuple(run for run in self.runs if run.target == target)


def is_accounted(accounts: Iterable[Account]) -> bool:
    """Whether every part is as its build wrote it; the first line may differ."""
    return all(account.state in {"known", "rewritten"} for account in accounts)


def prove_executable(
    executable: Executable,
    selections: Sequence[Selection],
    *,
    overrides: Sequence[str] = (),
    excluded: Sequence[str] = (),
) -> tuple[Problem, ...]:
    """Return every problem that the file itself shows; none is the proof that it is complete.

    `overrides` and `excluded` are as uv's `override-dependencies` and `exclude-dependencies`, to be
    applied beside those that the file was built with: they are in our table, or in PEX-INFO.
    """
    info, table = executable.info, executable.table
    held = executable.wheels
    overrides = (*(table.overrides if table else ()), *overrides)
    excluded = (*(table.excluded if table else ()), *excluded)
    pythons = {(name, version): bound for name, version, bound in (table.pythons if table else ())}
    required = Requirements(
        roots=tuple(valid_requirements(info.get("requirements", ()))),
        requires_python=executable.requires_python,
        overrides=tuple(valid_requirements([*info.get("overridden", ()), *overrides])),
        excluded=frozenset(
            canonicalize_name(item.name)
            for item in valid_requirements([*info.get("excluded", ()), *excluded])
        ),
        metadata={
            (canonicalize_name(name), Version(version) if version else None): WheelTexts(
                requires=tuple(valid_requirements(requires)),
                requires_python=parse_bound(pythons.get((name, version))),
            )
            for name, version, requires in (table.metadata if table else ())
        },
    )
    texts = {filename: wheel.texts for filename, wheel in held.items() if wheel.texts is not None}
    if table is None:  # Which patch releases it is for stands nowhere.
        selections = narrow_selections(selections, texts, required)
    return (
        *_damage(executable, selections),
        *_unfit_wheels(executable, selections),
        *find_problems(selections, texts, required),
    )


def executable_selections(executable: Executable) -> tuple[Selection, ...]:
    """Return the targets of an executable of ours, with their wheels."""
    return table_selections(executable.own_table())


def choose_selections(executable: Executable, targets: Sequence[Target]) -> tuple[Selection, ...]:
    """Return the wheels that pex's runtime would use for these targets of a PEX without a table.

    For each project that is the newest version with a wheel that fits.
    """
    selections = []
    for target in targets:
        by_name: dict[str, dict[Any, list[Wheel]]] = {}
        for held in executable.wheels.values():
            if best_wheel([held.wheel], target) is not None:
                versions = by_name.setdefault(held.wheel.name, {})
                versions.setdefault(held.wheel.version, []).append(held.wheel)
        chosen = [
            wheel
            for versions in by_name.values()
            if (wheel := best_wheel(versions[max(versions)], target)) is not None
        ]
        group = WheelSet(
            from_patch=0, wheels=tuple(sorted(chosen, key=lambda wheel: wheel.filename))
        )
        selections.append(Selection(target=target, sets=(group,)))
    return tuple(selections)


def plan_trials(
    executable: Executable,
    selections: Sequence[Selection],
    interpreters: Sequence[Interpreter],
    runners: Sequence[Runner],
) -> tuple[Trial, ...]:
    """Return the runs to make: under each interpreter that fits a target, and by each runner.

    `selections` are those of the targets that are verified. Which target an interpreter fits is
    decided as at a start: by all targets of the table.
    """
    table, file = executable.table, executable.path.resolve()
    targets = table.targets if table else make_targets(selections)
    entries = [target.to_json() for target in targets]
    order = {str(selection.target): index for index, selection in enumerate(selections)}
    trials = []
    for interpreter in interpreters:
        entry = find_target(entries, interpreter.machine)
        if entry is not None and entry["name"] in order:
            trials.append(
                Trial(
                    target=entry["name"],
                    under=str(interpreter.path),
                    words=(str(interpreter.path), str(file)),
                )
            )
    trials += [
        Trial(
            target=str(selection.target),
            under=runner.command,
            words=tuple(runner.words(selection.target, file)),
        )
        for runner in runners
        for selection in selections
        if fnmatch.fnmatchcase(str(selection.target), runner.pattern)
    ]
    return tuple(sorted(trials, key=lambda trial: order[trial.target]))


def run_trial(
    trial: Trial, arguments: Sequence[str], *, timeout: float, environ: Mapping[str, str]
) -> TrialResult:
    """Run the program once, as at a first start on this machine.

    Its environment goes to a temporary folder, which is gone afterwards.
    """
    undisturbed = {name: v for name, v in environ.items() if not _DISTURBING.fullmatch(name)}
    started = time.monotonic()
    with temporary_folder() as folder:
        try:
            done = run_tool(
                "the program",
                [*trial.words, *arguments],
                cwd=Path.cwd(),
                environ={**undisturbed, "PEX_ROOT": str(folder)},
                check=False,
                timeout=timeout,
            )
        except ToolError as error:
            code, output = None, str(error)
        else:
            code = done.returncode
            output = f"{done.stdout.rstrip()}\n{done.stderr.rstrip()}".strip()
        seconds = time.monotonic() - started
    return TrialResult(
        target=trial.target,
        under=trial.under,
        exit_code=code,
        seconds=round(seconds, 3),
        output=output[-KEPT_OUTPUT:],
    )


def verification_to_json(verification: Verification) -> dict[str, Any]:
    """Return the verification as JSON-ready data."""
    plain = asdict(replace(verification, problems=()))
    return {
        **plain,
        "holds": verification.holds,
        "targets": [
            {
                "name": target,
                "proven": verification.is_proven(target),
                "run": bool(verification.runs_of(target)),
            }
            for target in verification.targets
        ],
        "faults": [
            {
                "kind": problem.kind,
                "name": problem.name,
                "target": None if problem.target is None else str(problem.target),
                "reason": problem.reason,
            }
            for problem in verification.problems
        ],
    }


def _damage(executable: Executable, selections: Sequence[Selection]) -> list[Problem]:
    """Return the wheels that differ from the table, for each target that takes them."""
    problems = []
    for filename, what in executable.damages:
        takers = [
            (wheel.name, selection.target)
            for selection in selections
            for wheel in selection.wheels
            if wheel.filename == filename
        ]
        reason = f"{filename} {what}"
        problems += [
            Problem(kind="damaged", name=name, target=target, reason=reason)
            for name, target in takers
        ]
        if not takers:
            name = canonicalize_name(filename.partition("-")[0])
            problems.append(Problem(kind="damaged", name=name, target=None, reason=reason))
    return problems


def _unfit_wheels(executable: Executable, selections: Sequence[Selection]) -> list[Problem]:
    """Return the undamaged wheels that start-up could not install."""
    damaged = {filename for filename, _ in executable.damages}
    names: dict[str, NormalizedName] = {}
    files: dict[str, WheelFile] = {}
    problems = []
    with open_wheels(executable) as wheels:
        for filename, source in wheels.items():
            if filename in damaged:
                continue
            names[filename] = executable.wheels[filename].wheel.name
            try:
                files[filename] = read_wheel_file(source, filename)
            except VerificationError as error:
                problems.append(
                    Problem(kind="wheel", name=names[filename], target=None, reason=str(error))
                )
        refused, _ = find_wheel_problems(selections, files)
    for item in refused:
        reason = f"{item.filename} cannot be installed: {item.reason}"
        problems += [
            Problem(kind="wheel", name=names[item.filename], target=target, reason=reason)
            for target in item.targets
        ]
    return problems
