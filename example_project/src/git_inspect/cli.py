"""The command line of git-inspect."""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from git_inspect.head import InspectError, read_head

if TYPE_CHECKING:
    from collections.abc import Sequence

    from git_inspect.head import Head


def render(head: Head) -> Panel:
    """A panel with one line for each thing that is known about HEAD."""
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="bold")
    rows.add_column(overflow="fold")
    # Text and not str: a subject like "[red] is not markup" is shown as it is.
    rows.add_row("commit", Text(head.commit, style="yellow"))
    rows.add_row("branch", Text(head.branch or "(detached)"))
    rows.add_row("author", Text(head.author))
    rows.add_row("date", f"{head.date:%Y-%m-%d %H:%M:%S %z}")
    rows.add_row("subject", Text(head.subject))
    return Panel(rows, title="HEAD", title_align="left", expand=False)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="git-inspect", description="Print the commit at HEAD of a git repository."
    )
    parser.add_argument(
        "path", nargs="?", default=".", help="a folder in the repository (default: this one)"
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('git-inspect')}")
    options = parser.parse_args(arguments)
    # A name outside the terminal's encoding becomes "?" rather than a traceback. A program that is
    # started without these streams has None.
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        head = read_head(options.path)
    except InspectError as error:
        print(f"git-inspect: {error}", file=sys.stderr)
        return 1
    Console().print(render(head))
    return 0
