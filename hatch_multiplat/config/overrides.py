"""More platforms and Pythons than a project's table has, as a command line asks for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.base.toml_table import TableReader
from hatch_multiplat.config.config import TABLE
from hatch_multiplat.targets.target_list import (
    default_pythons,
    expand,
    read_platforms,
    read_pythons,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.specifiers import SpecifierSet

    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.targets.target_list import Host

_POSITION: Final = re.compile(r"^(--\w+)\[\d+\]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Overrides:
    """The words of `--platform` and `--python`; with `only`, they stand in place of the table's."""

    platforms: tuple[str, ...] = ()
    pythons: tuple[str, ...] = ()
    only: bool = False

    def __bool__(self) -> bool:
        return bool(self.platforms or self.pythons)


def widen_targets(
    table: Mapping[str, Any],
    overrides: Overrides,
    *,
    requires_python: SpecifierSet,
    table_host: Host,
    line_host: Host,
) -> tuple[Target, ...]:
    """Return the targets of a valid table and of a command line, multiplied with each other.

    Paths in the table are read by `table_host`, those of the command line by `line_host`. Raises
    ConfigError with every problem of the command line.
    """
    reader = TableReader()
    entries = read_platforms(
        reader,
        f"{TABLE}.platforms",
        table["platforms"],
        requires_python=requires_python,
        host=table_host,
    )
    pythons = default_pythons(requires_python)
    if "python" in table:
        pythons = read_pythons(
            reader, f"{TABLE}.python", table["python"], requires_python=requires_python
        )
    if overrides.platforms:
        more = read_platforms(
            reader,
            "--platform",
            list(overrides.platforms),
            requires_python=requires_python,
            host=line_host,
        )
        entries = more if overrides.only else (*entries, *more)
    if overrides.pythons:
        added = read_pythons(
            reader, "--python", list(overrides.pythons), requires_python=requires_python
        )
        pythons = added if overrides.only else tuple(dict.fromkeys((*pythons, *added)))
    if reader.problems:
        raise ConfigError(_POSITION.sub(r"\1", problem) for problem in reader.problems)
    return expand(entries, pythons)
