"""An executable that was read: any PEX, ours or not, with its PEX-INFO, wheels and table."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import ExecutableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from packaging.utils import NormalizedName

    from hatch_multiplat.config.formats import Layout
    from hatch_multiplat.executable.table import Table
    from hatch_multiplat.wheels.metadata import WheelTexts
    from hatch_multiplat.wheels.selection import Wheel


BOOTSTRAP: Final = ".bootstrap/"
DEPS: Final = ".deps/"
INFO: Final = "PEX-INFO"
MAIN: Final = "__main__.py"
PEX_PACKAGE: Final = "__pex__/"
MULTIPLAT: Final = ".multiplat/"
TABLE: Final = MULTIPLAT + "table.json"
LAUNCHERS: Final = MULTIPLAT + "launchers/"
"""The folder of distlib's launchers, which make programs of console scripts on Windows."""
CONTENTS: Final = MULTIPLAT + "contents.json"
"""The list of contents of a file without wheels: see `runtime/contents.py`."""
BLOCKS: Final = MULTIPLAT + "blocks/"
PEX_MAIN: Final = MULTIPLAT + "pex.py"
"""pex's own `__main__.py`; the launcher runs it if pex's runtime is asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldMember:
    """A member of a wheel in a file without wheels."""

    path: str
    mode: int
    sha256: str
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldWheel:
    """A wheel in an executable.

    `size` is what it takes in the file and `unpacked` what its files take on disk, in bytes.
    `wheel` has no hash where pex has installed it beforehand: then the file holds the files and no
    longer the wheel. `texts` are None if its METADATA cannot be read. A file without wheels has
    `members` in its place, and pieces that it may share with other wheels, of which `size` counts a
    fair part; the hash is what its table says.
    """

    wheel: Wheel
    size: int
    unpacked: int
    texts: WheelTexts | None
    members: tuple[HeldMember, ...] = ()
    pieces: Mapping[str, int] = field(default_factory=dict, hash=False)

    @property
    def shares(self) -> Mapping[str, int]:
        """The parts of the file that hold something of the wheel, and their sizes in bytes."""
        return self.pieces or {self.filename: self.size}

    @property
    def filename(self) -> str:
        return self.wheel.filename

    @property
    def sha256(self) -> str | None:
        return self.wheel.sha256


@dataclass(frozen=True, kw_only=True, slots=True)
class Executable:
    """A PEX: its PEX-INFO, its wheels by file name, and our table if it has one.

    `damages` are wheels that differ from the table, as (file name, problem).
    """

    path: Path
    layout: Layout
    size: int
    info: Mapping[str, Any]
    wheels: Mapping[str, HeldWheel]
    table: Table | None
    damages: tuple[tuple[str, str], ...] = field(default=())

    @property
    def is_pyz(self) -> bool:
        """Whether it is a file without wheels, not a PEX."""
        return self.table is not None and bool(self.table.contents)

    @property
    def requires_python(self) -> SpecifierSet:
        """The Requires-Python of the program itself."""
        own = [held.texts for held in self.wheels.values() if held.wheel.name == self.program]
        return own[0].requires_python if own and own[0] else SpecifierSet()

    @property
    def name(self) -> str:
        """The name of the program's own project, as it is written.

        A table says it. Of the requirements, which are sorted, it need not be the first; in a PEX
        that is not ours, that is the best guess.
        """
        roots = self.info.get("requirements") or [""]
        return self.table.name if self.table else required_name(str(roots[0]))

    @property
    def program(self) -> NormalizedName:
        return canonicalize_name(self.name)

    def check_whole(self) -> None:
        """Raise ExecutableError if a wheel differs from the table."""
        if self.damages:
            listed = "\n".join(f"  {name} {what}" for name, what in self.damages)
            raise ExecutableError(f"{self.path} is damaged, download or build it again:\n{listed}")

    def own_table(self) -> Table:
        """Return the table; raises ExecutableError for a PEX that is not ours."""
        if self.table is None:
            raise ExecutableError(
                f"{self.path} is a PEX that hatch-multiplat did not build: it does not say which "
                "targets it is for; name one that it did build"
            )
        return self.table


def required_name(requirement: str) -> str:
    """Return the name in a requirement of PEX-INFO, which need not be a valid one."""
    return re.split(r"[^\w.-]", requirement)[0]
