"""`hatch-multiplat lock`: write the lock of a project, or tell whether it is stale."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from hatch_multiplat.commands.terminal import (
    Terminal,
    ends_cleanly,
    json_option,
    prepare,
    project_argument,
    quiet_option,
)
from hatch_multiplat.errors import LockError
from hatch_multiplat.lock_changes import describe_changes
from hatch_multiplat.lock_file import (
    RENEW,
    check_writable,
    read_lock,
    solve_lock,
    still_holds,
    without_packages,
    write_lock,
)
from hatch_multiplat.lock_freshness import find_stale

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@project_argument
@click.option("--upgrade", "-U", is_flag=True, help="Forget the versions of the present lock.")
@click.option(
    "--upgrade-package",
    "-P",
    "packages",
    metavar="NAME",
    multiple=True,
    help="Forget the version of one package; may be given several times.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit with 3 if the lock is stale.")
@json_option
@quiet_option
@ends_cleanly
def lock(
    *,
    project: Path,
    upgrade: bool,
    packages: tuple[str, ...],
    check: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write the lock of PROJECT: PEP 751, what each platform takes, with hashes."""
    terminal = Terminal(quiet=quiet or as_json)
    opened, question, market = prepare(project, terminal)
    name = opened.config.lock
    present = read_lock(opened)
    check_writable(name, present)
    if check and present is None:
        raise LockError(f"there is no {name}; write it with: {RENEW}")
    prior = None if present is None or upgrade else present.text
    if prior is not None and packages:
        prior = without_packages(prior, packages)
    path = opened.folder / name
    build_sdists = opened.config.sdists == "universal"
    new = solve_lock(question, path=path, market=market, build_sdists=build_sdists, prior=prior)
    changes = describe_changes(present.lock if present else None, new.lock)
    reasons = find_stale(present.lock, question, inputs=present.inputs) if present else []
    fresh = (
        present is not None
        and not reasons
        and still_holds(present, new, question, market=market, build_sdists=build_sdists)
    )
    if fresh:
        changes = []
    elif not check:
        write_lock(path, new.text)
    if as_json:
        found = {"lock": name, "fresh": fresh, "reasons": reasons, "changes": changes}
        click.echo(json.dumps(found, indent=2))
    if check and not fresh:
        listed = "\n".join(f"  {line}" for line in (*reasons, *changes)) or "  its text differs"
        raise LockError(f"{name} is stale; renew it with: {RENEW}\n{listed}")
    for line in changes:
        terminal.display_success(line)
    terminal.display_success(f"{name} is up to date" if fresh else f"Wrote {name}")
