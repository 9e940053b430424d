"""`hatch-multiplat cache`: show the wheel cache of builds, or remove files from it."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from typing import TYPE_CHECKING

import click

from hatch_multiplat.base.text import format_count, format_size
from hatch_multiplat.frontends.commands.terminal import (
    Command,
    Terminal,
    output_options,
    print_json,
)
from hatch_multiplat.index.wheel_cache import KINDS, WheelCache, list_entries, remove_entries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hatch_multiplat.index.wheel_cache import Entry

_DAY = 24 * 60 * 60  # seconds


@click.command(
    cls=Command,
    short_help="Show or empty the wheel cache of builds.",
    examples=["hatch-multiplat cache size", "hatch-multiplat cache prune --days 14"],
)
@click.argument("action", type=click.Choice(["dir", "size", "prune", "clean"]))
@click.option(
    "--days",
    metavar="DAYS",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    help="With prune: the number of days that a file was not used.",
)
@output_options
def cache(*, action: str, days: int, as_json: bool, quiet: bool) -> None:
    """Show the folder of the wheel cache (dir) or its contents (size), or remove files from it.

    prune removes files that no build has used for some time, clean removes everything. Only files
    that builds have put there are removed. The environments of executables are elsewhere: see
    MULTIPLAT=cache in the documentation.
    """
    root = WheelCache.default(os.environ).root
    entries = list(list_entries(root)) if action != "dir" else []
    if action in {"dir", "size"}:
        _show(root, entries, action, as_json=as_json)
        return
    oldest = time.time() - days * _DAY
    chosen = [entry for entry in entries if action == "clean" or entry.used < oldest]
    files, size = remove_entries(root, chosen)
    if as_json:
        click.echo(json.dumps({"folder": str(root), "removed": {"files": files, "bytes": size}}))
        return
    unused = f", not used for {format_count(days, 'day')}" if action == "prune" else ""
    Terminal(quiet=quiet).display_success(
        f"Removed {format_count(files, 'file')} ({format_size(size)}){unused}, from {root}"
    )


def _show(root: Path, entries: Sequence[Entry], action: str, *, as_json: bool) -> None:
    if action == "dir" and not as_json:
        click.echo(str(root))
        return
    files, sizes = Counter[str](), Counter[str]()
    for entry in entries:
        files[entry.kind] += 1
        sizes[entry.kind] += entry.size
    if as_json:
        counted = {kind: {"files": files[kind], "bytes": sizes[kind]} for kind in sorted(files)}
        sized = {"bytes": sizes.total(), "kinds": counted} if action == "size" else {}
        print_json({"folder": str(root), **sized})
        return
    terminal = Terminal()
    click.echo(str(root))
    for title in dict.fromkeys(KINDS.values()):
        kinds = [kind for kind in files if KINDS[kind] == title]
        if kinds:
            size, count = (sum(found[kind] for kind in kinds) for found in (sizes, files))
            many = format_count(count, "file")
            terminal.display_success(f"{format_size(size):>10}  {title} ({many})")
    terminal.display_success(f"{format_size(sizes.total()):>10}  in all")
