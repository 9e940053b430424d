"""`hatch-multiplat verify`: prove every target from the file, and run it where possible."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hatch_multiplat.base.errors import ConfigError, FirstLineError, VerificationError
from hatch_multiplat.config.pyproject_shapes import check_pyproject
from hatch_multiplat.executable.accounting import account_for
from hatch_multiplat.executable.reader import read_executable
from hatch_multiplat.frontends.commands.executables import (
    compare,
    fetch_option,
    file_argument,
    lock_option,
    target_option,
)
from hatch_multiplat.frontends.commands.terminal import (
    Command,
    Terminal,
    find_project,
    output_options,
    print_json,
    repeated_option,
    verbose_option,
)
from hatch_multiplat.frontends.render.verification_text import render_verification, summarize
from hatch_multiplat.inspection.interpreters import find_interpreters
from hatch_multiplat.inspection.verification import (
    Runner,
    Verification,
    choose_selections,
    executable_selections,
    is_accounted,
    plan_trials,
    prove_executable,
    run_trial,
    verification_to_json,
)
from hatch_multiplat.resolve.project import open_project, read_pyproject
from hatch_multiplat.targets.python import TargetError
from hatch_multiplat.targets.target import Target
from hatch_multiplat.targets.target_choice import Choice, choose_targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatch_multiplat.executable.executable import Executable
    from hatch_multiplat.inspection.verification import TrialResult
    from hatch_multiplat.wheels.selection import Selection

DEFAULT_ARGUMENTS = ("--version",)


@click.command(
    cls=Command,
    short_help="Prove that each target is complete, and run it.",
    examples=[
        "hatch-multiplat verify dist/demo-1.0.pex",
        "hatch-multiplat verify dist/demo-1.0.pex --no-run --lock pylock.multiplat.toml",
    ],
)
@file_argument
@click.argument("arguments", metavar="[-- ARGUMENTS]", nargs=-1)
@target_option
@click.option("--no-run", is_flag=True, help="Only prove; run nothing.")
@repeated_option(
    "--runner",
    "TARGET=COMMAND",
    "Run the file for a target or a pattern by this command; may be repeated.",
)
@click.option(
    "--project",
    type=click.Path(path_type=Path),
    help="The project whose table names runners [default: the current folder, if it is a project].",
)
@repeated_option(
    "--override", "REQUIREMENT", "Replace every requirement for the same package, as in uv."
)
@click.option(
    "--exclude", "excluded", metavar="NAME", multiple=True, help="A package that may be missing."
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="The time limit for each run.",
)
@lock_option
@fetch_option
@output_options
@verbose_option
def verify(
    *,
    file: Path,
    arguments: tuple[str, ...],
    targets: tuple[str, ...],
    no_run: bool,
    runners: tuple[str, ...],
    project: Path | None,
    overrides: tuple[str, ...],
    excluded: tuple[str, ...],
    timeout: float,
    lock_path: Path | None,
    fetch: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Prove that each target of FILE is complete, then run it under each Python of this machine.

    The program is run with ARGUMENTS (default: --version), unless the file holds something that no
    build has put there. Exits with 9 if anything is wrong, and with 10 if only the first line is
    not the build's.
    """
    all_runners = [*_parse_runners(runners), *_project_runners(project)]
    executable = read_executable(file)
    selections = _selections(executable, targets)
    lock = compare(executable, lock_path, fetch=fetch)
    problems = prove_executable(executable, selections, overrides=overrides, excluded=excluded)
    accounts = account_for(executable) if executable.table else ()
    given = arguments or DEFAULT_ARGUMENTS
    runs: tuple[TrialResult, ...] = ()
    terminal = Terminal(quiet=quiet or as_json)
    if not no_run and is_accounted(accounts):
        runs = _run_all(executable, selections, all_runners, terminal, given, timeout=timeout)
    verification = Verification(
        path=str(file),
        arguments=given,
        targets=tuple(str(selection.target) for selection in selections),
        problems=problems,
        runs=runs,
        lock=lock,
        accounts=accounts,
    )
    if (as_json or quiet) and not verification.holds:
        raise VerificationError(
            f"{file}: {summarize(verification)}", details=verification_to_json(verification)
        )
    if as_json:
        print_json(verification_to_json(verification))
    elif not quiet:
        terminal.show(render_verification(verification))
    if not verification.holds:
        sys.exit(VerificationError.exit_code)
    if verification.is_rewritten:
        sys.exit(FirstLineError.exit_code)


def _run_all(
    executable: Executable,
    selections: Sequence[Selection],
    runners: Sequence[Runner],
    terminal: Terminal,
    arguments: Sequence[str],
    *,
    timeout: float,
) -> tuple[TrialResult, ...]:
    trials = plan_trials(executable, selections, find_interpreters(os.environ), runners)
    runs = []
    for trial in trials:
        if sys.stderr.isatty():
            terminal.display_info(f"Running {trial.target} under {trial.under}")
        runs.append(run_trial(trial, arguments, timeout=timeout, environ=os.environ))
    return tuple(runs)


def _selections(executable: Executable, targets: tuple[str, ...]) -> tuple[Selection, ...]:
    if executable.table is None:
        if not targets:
            message = (
                f"{executable.path} is a PEX that hatch-multiplat did not build; "
                "name its targets by --target, such as cp312-win_amd64"
            )
            raise ConfigError([message])
        return choose_selections(executable, _parse_targets(targets))
    selections = executable_selections(executable)
    chosen = choose_targets([item.target for item in selections], Choice(targets=targets))
    return tuple(item for item in selections if item.target in chosen)


def _parse_targets(words: tuple[str, ...]) -> list[Target]:
    parsed, problems = [], []
    for word in words:
        try:
            parsed.append(Target.parse(word))
        except TargetError as error:
            problems.append(f"--target: {error}")
    if problems:
        raise ConfigError(problems)
    return parsed


def _parse_runners(texts: tuple[str, ...]) -> list[Runner]:
    runners = []
    for text in texts:
        pattern, equals, command = text.partition("=")
        if not equals or not pattern.strip() or not command.strip():
            raise ConfigError([f"--runner: {text!r} is not of the form TARGET=COMMAND"])
        runners.append(Runner(pattern=pattern.strip(), command=command.strip()))
    return runners


def _project_runners(project: Path | None) -> list[Runner]:
    """Return the runners of the named project, or of the one around the current folder."""
    folder = project or find_project()
    if project is None:
        if not (folder / "pyproject.toml").is_file():
            return []
        pyproject = read_pyproject(folder)
        check_pyproject(pyproject)
        table = pyproject.get("tool", {}).get("multiplat", {})
        if isinstance(table, dict) and "runners" not in table:
            return []
    return [
        Runner(pattern=pattern, command=command)
        for pattern, command in open_project(folder).config.runners
    ]
