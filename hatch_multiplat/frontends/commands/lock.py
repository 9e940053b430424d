"""`hatch-multiplat lock`: write the lock of a project, or check whether it is stale."""

from __future__ import annotations

import difflib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from packaging.utils import InvalidName, canonicalize_name

from hatch_multiplat.base.errors import ConfigError, CoverageError, LockError
from hatch_multiplat.frontends.commands.opening import open_with_metadata, prepare_question
from hatch_multiplat.frontends.commands.terminal import (
    Command,
    Terminal,
    output_options,
    print_json,
    project_argument,
    verbose_option,
)
from hatch_multiplat.resolve.lock_changes import describe_changes, find_stale
from hatch_multiplat.resolve.lock_file import (
    RENEW,
    check_writable,
    read_lock,
    solve_lock,
    still_holds,
    write_lock,
)
from hatch_multiplat.resolve.solve import without_packages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from packaging.utils import NormalizedName

    from hatch_multiplat.resolve.lock_file import LockFile


@click.command(
    cls=Command,
    short_help="Write the lock of a project, or check it.",
    examples=[
        "hatch-multiplat lock --upgrade-package numpy",
        "hatch-multiplat lock --check",
    ],
)
@project_argument
@click.option("--upgrade", "-U", is_flag=True, help="Ignore the versions of the existing lock.")
@click.option(
    "--upgrade-package",
    "-P",
    "packages",
    metavar="NAME",
    multiple=True,
    help="Ignore the version of one package; may be given several times.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit with 3 if the lock is stale.")
@output_options
@verbose_option
def lock(
    *,
    project: Path,
    upgrade: bool,
    packages: tuple[str, ...],
    check: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write the lock of PROJECT (PEP 751): the files that each target takes, with their hashes."""
    terminal = Terminal(quiet=quiet or as_json)
    names = _read_names(packages)
    opened, metadata = open_with_metadata(project, terminal)
    question, context = prepare_question(opened, metadata, terminal)
    name = opened.config.lock
    present = read_lock(opened, os.environ)
    check_writable(name, present)
    if present is not None:
        _check_locked(names, present)
    if check and present is None:
        missing = f"there is no {name}"
        raise LockError(
            f"{missing}; write it with: {RENEW}",
            details={"lock": name, "fresh": False, "reasons": [missing], "changes": []},
        )
    prior = None if present is None or upgrade else present.text
    if prior is not None and names:
        prior = without_packages(prior, names)
    path = opened.folder / name
    reasons = find_stale(present.lock, question, inputs=present.inputs) if present else []
    with _telling_first(name, reasons if check else []):
        new = solve_lock(question, path=path, context=context, prior=prior)
    changes = describe_changes(present.lock if present else None, new.lock)
    fresh = (
        present is not None and not reasons and still_holds(present, new, question, context=context)
    )
    if fresh:
        changes = []
    elif not check:
        write_lock(path, new.text)
    found = {"lock": name, "fresh": fresh, "reasons": reasons, "changes": changes}
    if check and not fresh:
        listed = "\n".join(f"  {line}" for line in (*reasons, *changes)) or "  its text differs"
        raise LockError(f"{name} is stale; renew it with: {RENEW}\n{listed}", details=found)
    if as_json:
        print_json(found)
    for line in changes:
        terminal.display_success(line)
    terminal.display_success(f"{name} is up to date" if fresh else f"Wrote {name}")


@contextmanager
def _telling_first(name: str, reasons: Sequence[str]) -> Iterator[None]:
    """Raise LockError for missing wheels if the lock is stale already, after these reasons."""
    try:
        yield
    except CoverageError as missing_wheels:
        if not reasons:
            raise
        listed = "\n".join(f"  {reason}" for reason in reasons)
        raise LockError(
            f"{name} is stale; no new one can be made before the gaps below are closed\n"
            f"{listed}\n\n{missing_wheels.head}",
            details={"lock": name, "fresh": False, "reasons": reasons, "changes": []},
            matrix=missing_wheels.matrix,
            below=missing_wheels.below,
        ) from missing_wheels


def _read_names(texts: Sequence[str]) -> list[NormalizedName]:
    """Return the names of packages; raises ConfigError for each invalid name."""
    names, problems = [], []
    for text in texts:
        try:
            names.append(canonicalize_name(text, validate=True))
        except InvalidName:
            problems.append(
                f"--upgrade-package: {text!r} is not the name of a package; leave its version out"
            )
    if problems:
        raise ConfigError(problems)
    return names


def _check_locked(names: Sequence[NormalizedName], present: LockFile) -> None:
    """Raise ConfigError for each name that is not in the lock."""
    known = sorted({str(package.name) for package in present.lock.packages})
    problems = []
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"{present.name} lists them"
            problems.append(f"--upgrade-package: no package {name!r} in the lock; {hint}")
    if problems:
        raise ConfigError(problems)
