"""`hatch-multiplat add-platform`: more platforms, or Pythons, in a project's table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hatch_multiplat.frontends.commands.table_edit import (
    dry_run_option,
    edit_table,
    names_argument,
    project_option,
    python_option,
)
from hatch_multiplat.frontends.commands.terminal import Terminal, ends_cleanly, quiet_option
from hatch_multiplat.init.platform_list import Names, add_names

if TYPE_CHECKING:
    from pathlib import Path


@click.command("add-platform")
@names_argument
@python_option
@project_option
@dry_run_option
@quiet_option
@ends_cleanly
def add_platform(
    *, names: tuple[str, ...], pythons: tuple[str, ...], project: Path, dry_run: bool, quiet: bool
) -> None:
    """Add platforms to the table of a project."""
    named = Names(platforms=names, pythons=pythons)
    edit_table(project, named, add_names, dry_run=dry_run, terminal=Terminal(quiet=quiet))
