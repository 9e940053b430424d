"""`hatch-multiplat schema`: the table as editors and linters take it."""

from __future__ import annotations

import json

import click

from hatch_multiplat.config.schema import table_schema
from hatch_multiplat.frontends.commands.terminal import ends_cleanly


@click.command(short_help="Print the JSON schema of the table.")
@ends_cleanly
def schema() -> None:
    """Print the JSON schema of [tool.multiplat]."""
    click.echo(json.dumps(table_schema(), indent=2))
