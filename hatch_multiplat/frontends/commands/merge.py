"""`hatch-multiplat merge`: one executable from several that were built for different targets."""

from __future__ import annotations

import os
from pathlib import Path

import click

from hatch_multiplat.base.text import format_size
from hatch_multiplat.executable.blocks import FOLDER
from hatch_multiplat.frontends.commands.executables import check_output, file_type, read_part
from hatch_multiplat.frontends.commands.terminal import (
    Command,
    Terminal,
    output_options,
    print_json,
)
from hatch_multiplat.index.wheel_cache import WheelCache
from hatch_multiplat.inspection.parts import join_tables, write_joined


@click.command(
    cls=Command,
    short_help="Write one executable with the targets of several.",
    examples=[
        "hatch-multiplat merge linux.pex windows.pex -o demo.pex",
        "hatch-multiplat merge --json parts/*.pex -o demo.pex",
    ],
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=file_type)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="The file to write.",
)
@output_options
def merge(*, files: tuple[Path, ...], output: Path, as_json: bool, quiet: bool) -> None:
    """Write one executable with the targets of several files of one project and version.

    If two files have the same target, its wheels have to be the same.
    """
    check_output(output, files)
    executables = [read_part(path) for path in files]
    table = join_tables(
        [executable.own_table() for executable in executables], labels=[str(path) for path in files]
    )
    cache = WheelCache.default(os.environ).root / FOLDER
    write_joined(executables, table, output, cache=cache)
    size = output.stat().st_size
    names = [target.name for target in table.targets]
    if as_json:
        print_json({"path": str(output), "size": size, "targets": names})
        return
    Terminal(quiet=quiet).display_success(
        f"{output}  {format_size(size)}, {len(names)} targets of {len(files)} files"
    )
