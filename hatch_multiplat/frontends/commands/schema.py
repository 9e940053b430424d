"""`hatch-multiplat schema`: the table's schema for editors and linters."""

from __future__ import annotations

import click

from hatch_multiplat.config.schema import table_schema
from hatch_multiplat.frontends.commands.terminal import (
    Command,
    print_json,
)


@click.command(
    cls=Command,
    short_help="Print the JSON schema of the table.",
    examples=[
        "hatch-multiplat schema > multiplat.schema.json",
        "hatch-multiplat schema | jq .properties.platforms",
    ],
)
def schema() -> None:
    """Print the JSON schema of [tool.multiplat]."""
    print_json(table_schema())
