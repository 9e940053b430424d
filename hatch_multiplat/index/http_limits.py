"""How often and how long a request is tried, and how it ends without an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TRIES: Final = 6
"""The number of tries before a request fails."""

SLOW_TRIES: Final = 3
"""The number of tries with a server that is too slow."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The time limits for a slow server."""

    connect: float = 15.0
    """Seconds for a connection."""
    head: float = 60.0
    """Seconds for the head of an answer, which may come a byte at a time."""
    read: float = 60.0
    """Seconds without a byte."""
    grace: float = 60.0
    """Seconds for a body, besides those that its size takes at the slowest speed."""
    slowest: float = 1000.0
    """Bytes a second."""


class RequestError(Exception):
    """A request failed for good; the message is the reason, without secrets."""


class BrokenBodyError(Exception):
    """A response broke off or came too slowly; another try may help."""

    def __init__(self, reason: str, *, slow: bool = False) -> None:
        self.slow = slow
        super().__init__(reason)


class FailedTry(Exception):  # noqa: N818 - it is not an error yet
    """One try of several has failed; the message is the reason, without secrets."""

    def __init__(
        self,
        reason: str,
        *,
        final: str = "",
        tries: int = TRIES,
        pause: float | None = None,
        unreachable: bool = False,
    ) -> None:
        self.final = final or reason
        """The reason when there are no further tries."""
        self.tries = tries
        """How often a request may fail in this way."""
        self.pause = pause
        """Seconds that the server asks to wait for."""
        self.unreachable = unreachable
        """True if there was not even a connection: other files of that host need no try."""
        super().__init__(reason)
