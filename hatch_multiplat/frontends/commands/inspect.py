"""`hatch-multiplat inspect`: the contents of an executable, and their sizes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from hatch_multiplat.base.errors import VerificationError
from hatch_multiplat.executable.reader import read_executable
from hatch_multiplat.frontends.commands.executables import (
    compare,
    fetch_option,
    file_argument,
    lock_option,
)
from hatch_multiplat.frontends.commands.terminal import (
    Command,
    Terminal,
    json_option,
    print_json,
)
from hatch_multiplat.frontends.render.inspection_text import render_inspection
from hatch_multiplat.frontends.render.screen import width_of
from hatch_multiplat.inspection.inspection import inspect as inspect_executable
from hatch_multiplat.inspection.inspection import inspection_to_json

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    cls=Command,
    short_help="Show the contents of an executable, or of any PEX.",
    examples=[
        "hatch-multiplat inspect dist/demo-1.0.pex",
        "hatch-multiplat inspect --wheels --lock pylock.multiplat.toml dist/demo-1.0.pex",
    ],
)
@file_argument
@click.option("--wheels", is_flag=True, help="List every wheel with its size and SHA-256.")
@lock_option
@fetch_option
@json_option
def inspect(
    *, file: Path, wheels: bool, lock_path: Path | None, fetch: bool, as_json: bool
) -> None:
    """Show the contents of the executable FILE, from the file alone; FILE may be any PEX.

    Exits with 9 if a wheel is not what the lock says.
    """
    executable = read_executable(file)
    executable.check_whole()
    lock = compare(executable, lock_path, fetch=fetch)
    inspection = inspect_executable(executable, lock=lock)
    agrees = lock is None or lock.agrees
    if as_json and not agrees:
        raise VerificationError(
            f"{file}: its wheels are not what {lock_path} says",
            details=inspection_to_json(inspection),
        )
    if as_json:
        print_json(inspection_to_json(inspection))
    else:
        width = width_of(sys.stdout)
        Terminal().show(render_inspection(inspection, wheels=wheels, width=width))
    if not agrees:
        sys.exit(VerificationError.exit_code)
