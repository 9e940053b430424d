"""`hatch-multiplat schema`: the table's schema for editors and linters."""

from __future__ import annotations

import json

import click

from hatch_multiplat.config.schema import table_schema
from hatch_multiplat.frontends.commands.terminal import (
    Command,
    ends_cleanly,
)


@click.command(
    cls=Command,
    short_help="Print the JSON schema of the table.",
    examples=[
        "hatch-multiplat schema > multiplat.schema.json",
        "hatch-multiplat schema | jq .properties.platforms",
    ],
)
@ends_cleanly
def schema() -> None:
    """Print the JSON schema of [tool.multiplat]."""
    click.echo(json.dumps(table_schema(), indent=2))
