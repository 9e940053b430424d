"""Where tables are printed."""

from __future__ import annotations

from rich.console import Console


class Screen(Console):
    """Where tables are printed; a reader that went away ends the command as everywhere else."""

    def on_broken_pipe(self) -> None:
        raise  # noqa: PLE0704
