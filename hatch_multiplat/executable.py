"""An executable as it was read: any PEX, ours or not, its PEX-INFO, wheels and table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from hatch_multiplat.errors import ExecutableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from packaging.requirements import Requirement

    from hatch_multiplat.boot import BootTable
    from hatch_multiplat.selection import LockedWheel

Layout = Literal["zipapp", "packed", "loose"]

DEPS: Final = ".deps/"
INFO: Final = "PEX-INFO"
MAIN: Final = "__main__.py"


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldWheel:
    """A wheel in an executable.

    `size` is what it takes in the file and `unpacked` what its files take on disk, in bytes.
    `sha256` is that of its bytes, None for one that pex has installed beforehand (`installed`), of
    which the file holds the files and no longer the wheel. `requires` is None if it cannot be read.
    """

    wheel: LockedWheel
    size: int
    unpacked: int
    sha256: str | None
    installed: bool
    requires: tuple[Requirement, ...] | None

    @property
    def filename(self) -> str:
        return self.wheel.filename


@dataclass(frozen=True, kw_only=True, slots=True)
class Executable:
    """A PEX: its PEX-INFO, its wheels by file name, and our table where it has one.

    `damages` are wheels that are not what the table says, as (file name, what is wrong).
    """

    path: Path
    layout: Layout
    size: int
    info: Mapping[str, Any]
    wheels: Mapping[str, HeldWheel]
    table: BootTable | None
    damages: tuple[tuple[str, str], ...] = field(default=())

    def check_whole(self) -> None:
        """Raise ExecutableError if a wheel is not what the table says."""
        if self.damages:
            listed = "\n".join(f"  {name} {what}" for name, what in self.damages)
            raise ExecutableError(f"{self.path} is damaged, download or build it again:\n{listed}")

    def own_table(self) -> BootTable:
        """Return the table; raises ExecutableError for a PEX that is not ours."""
        if self.table is None:
            raise ExecutableError(
                f"{self.path} is a PEX that hatch-multiplat did not build: it does not say which "
                "targets it is for; name one that it did build"
            )
        return self.table
