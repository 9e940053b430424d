"""How often and how long a server is asked, and how a request ends that has no answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TRIES: Final = 6
"""How often a request is made before its failure counts."""

SLOW_TRIES: Final = 3
"""The same for a server that keeps us waiting."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How long a server may keep us waiting."""

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
    """A request failed for good; the message is the reason, fit to be shown."""


class BrokenBodyError(Exception):
    """A response broke off, or came too slowly to be awaited; asking again may help."""

    def __init__(self, reason: str, *, slow: bool = False) -> None:
        self.slow = slow
        super().__init__(reason)


class FailedTry(Exception):  # noqa: N818 - it is not an error yet
    """One try of several has failed; the message is the reason, fit to be shown."""

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
        """True where not even a connection came about: other files of that host need no try."""
        super().__init__(reason)
