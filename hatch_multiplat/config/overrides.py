"""Additional platforms and Pythons from a command line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hatch_multiplat.base.toml_table import TableReader
from hatch_multiplat.targets.target_choice import is_named
from hatch_multiplat.targets.target_list import expand, read_platforms, read_pythons

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

    from hatch_multiplat.config.config import Config
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.targets.target_list import Host

_POSITION: Final = re.compile(r"^(--\w+)\[\d+\]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Overrides:
    """The words of `--platform` and `--python`; with `only`, they replace the table's."""

    platforms: tuple[str, ...] = ()
    pythons: tuple[str, ...] = ()
    only: bool = False

    def __bool__(self) -> bool:
        return bool(self.platforms or self.pythons)


def widen_targets(
    config: Config, overrides: Overrides, *, requires_python: SpecifierSet, host: Host
) -> tuple[Target, ...]:
    """Return the targets of a table and of a command line, multiplied with each other.

    The table's `exclude` still applies, unless the command line replaces the table's targets.
    `host` reads paths. Raises ConfigError with every problem of the command line.
    """
    reader = TableReader()
    entries, pythons = config.platforms, config.pythons
    if overrides.platforms:
        more = read_platforms(
            reader,
            "--platform",
            list(overrides.platforms),
            requires_python=requires_python,
            host=host,
        )
        entries = more if overrides.only else (*entries, *more)
    if overrides.pythons:
        added = read_pythons(
            reader, "--python", list(overrides.pythons), requires_python=requires_python
        )
        pythons = added if overrides.only else tuple(dict.fromkeys((*pythons, *added)))
    reader.finish(lambda problem: _POSITION.sub(r"\1", problem))
    targets = expand(entries, pythons)
    if overrides.only:
        return targets
    return tuple(target for target in targets if not is_named(target, config.exclude))
