"""The details of a run: the programs that it starts, and its requests to servers."""

from __future__ import annotations

import logging
import sys
from typing import Final

LOG: Final = logging.getLogger("hatch_multiplat")
"""Silent unless `show_log` is called. Credentials do not belong in it."""


def show_log() -> None:
    """Print the log to stderr from now on."""
    LOG.handlers[:] = [logging.StreamHandler(sys.stderr)]
    LOG.propagate = False
    LOG.setLevel(logging.DEBUG)


def is_log_shown() -> bool:
    return LOG.isEnabledFor(logging.DEBUG)
