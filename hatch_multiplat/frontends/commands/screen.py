"""Where tables are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from hatch_multiplat.base.text import show_plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import ConsoleOptions, RenderableType
    from rich.segment import Segment


class Screen(Console):
    """Where tables are printed; a reader that went away ends the command as everywhere else.

    What files and programs of others say is shown, and moves no cursor.
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            plain = segment.text if segment.control else show_plain(segment.text)
            yield segment._replace(text=plain)

    def on_broken_pipe(self) -> None:
        raise  # noqa: PLE0704
