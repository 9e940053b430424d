"""The commands of `hatch-multiplat`, one a module, each thin over the core."""

from __future__ import annotations
