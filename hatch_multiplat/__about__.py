"""The version, in its own module, so that the build reads it without importing the rest."""

from __future__ import annotations

__version__ = "0.1.0"
