"""How what a build writes is called."""

from __future__ import annotations

from typing import Final

PEX: Final = ".pex"
SBOM_SUFFIX: Final = ".cdx.json"
