"""The names of the files that a build writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

PEX: Final = ".pex"
PYZ: Final = ".pyz"
SBOM_SUFFIX: Final = ".cdx.json"


def stem_of(output: str) -> str:
    """Return the common prefix of all outputs, from the name of the executable."""
    return output.removesuffix(PEX).removesuffix(PYZ)


def pyz_name(output: str, formats: Collection[str]) -> str:
    """Return the name of the file without wheels: the executable's own where there is no PEX."""
    has_own = "pex" not in formats and not output.endswith(PEX)
    return output if has_own else stem_of(output) + PYZ
