"""`[tool.multiplat]` to Config: every default, and every mistake in one message."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from packaging.specifiers import SpecifierSet

from hatch_multiplat.config.formats import (
    ExeOptions,
    Layout,
    ScieOptions,
    WheelhouseOptions,
    ZipOptions,
    scie_targets,
)
from hatch_multiplat.config.pyproject_shapes import TABLE
from hatch_multiplat.config.readers import KeyReader
from hatch_multiplat.config.run import RUN_KEYS, read_run
from hatch_multiplat.config.schema import DEFAULT_LOCK, DEFAULT_OUTPUT, KEYS, read_keys
from hatch_multiplat.targets.target_choice import is_named, unknown_patterns
from hatch_multiplat.targets.target_list import default_pythons, expand, old_pythons

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.requirements import Requirement
    from packaging.utils import NormalizedName

    from hatch_multiplat.config.run import Command, Run
    from hatch_multiplat.targets.python import Python
    from hatch_multiplat.targets.tag_constraint import TagConstraint
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.targets.target_list import Host, PlatformEntry

IN_PROJECT: Final = "project.requires-python"

_POSITION: Final = re.compile(r"^(--\w+)\[\d+\]")


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectFacts:
    """Facts of the project, from its other tables, that Config needs."""

    name: str = ""
    requires_python: SpecifierSet = field(default_factory=SpecifierSet)
    requires_python_in: str = IN_PROJECT
    """The place of that value, for messages."""
    dependency_groups: tuple[NormalizedName, ...] = ()
    extras: tuple[NormalizedName, ...] | None = None
    """None if only the wheel can tell."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """`[tool.multiplat]`, parsed; the keys' meanings are in docs/reference/configuration.md."""

    targets: tuple[Target, ...]
    platforms: tuple[PlatformEntry, ...] = ()
    pythons: tuple[Python, ...] = ()
    exclude: tuple[str, ...] = ()
    """Patterns of targets that the two above would make, and that are left out."""
    run: Run | None = None
    extras: tuple[NormalizedName, ...] = ()
    dependency_groups: tuple[NormalizedName, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    constraints: tuple[Requirement, ...] = ()
    tag_constraints: tuple[TagConstraint, ...] = ()
    lock: str = DEFAULT_LOCK
    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    sdists: Literal["universal", "never"] = "universal"
    project_wheels: tuple[str, ...] = ()
    output: str = DEFAULT_OUTPUT
    output_dir: str | None = None
    checksums: bool = False
    sbom: bool = False
    inject_args: tuple[str, ...] = ()
    inject_env: tuple[tuple[str, str], ...] = ()
    shebang: str | None = None
    inherit_path: Literal["false", "fallback", "prefer"] = "false"
    path: Literal["prepend", "append", "none"] = "prepend"
    include_tools: bool = False
    strict: bool = False
    runtime_root: str | None = None
    executables: tuple[tuple[str, Command], ...] = ()
    formats: tuple[str, ...] = ("pex",)
    layout: Layout = "zipapp"
    wheelhouse: WheelhouseOptions = field(default_factory=WheelhouseOptions)
    zip: ZipOptions = field(default_factory=ZipOptions)
    exe: ExeOptions = field(default_factory=ExeOptions)
    scie: ScieOptions = field(default_factory=ScieOptions)
    runners: tuple[tuple[str, str], ...] = ()
    pex_args: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """The complete-platform files that the table names, relative to the project."""
        return tuple(entry.file for entry in self.platforms if entry.file)


def parse_config(table: Mapping[str, Any], *, project: ProjectFacts, host: Host) -> Config:
    """Parse `[tool.multiplat]` and raise one ConfigError that carries every problem in it."""
    reader = KeyReader(project=project, host=host)
    values = read_keys(reader, TABLE, table, KEYS)
    values["run"] = read_run(reader, TABLE, table)
    for key in RUN_KEYS:
        values.pop(key.replace("-", "_"), None)
    values["pythons"] = values.pop("python", None)
    if values["pythons"] is None:
        values["pythons"] = default_pythons(project.requires_python)
    if "platforms" not in table:
        reader.problem(
            f"{TABLE}.platforms is required: the platforms to build for, "
            'such as ["linux-x86_64", "macos-arm64", "windows-x86_64"]'
        )
    targets: tuple[Target, ...] = ()
    if not reader.problems:
        targets = _expand(reader, values["platforms"], values["pythons"], values.get("exclude", ()))
    reader.finish()
    config = Config(targets=targets, tag_constraints=tuple(reader.tag_constraints), **values)
    reader.problems += _format_problems(config)
    reader.finish()
    return config


def _format_problems(config: Config) -> list[str]:
    """Return the problems of the formats with these targets."""
    problems = []
    for name, options in (
        ("wheelhouse", config.wheelhouse),
        ("zip", config.zip),
        ("scie", config.scie),
    ):
        problems += unknown_patterns(f"{TABLE}.{name}.targets", options.targets, config.targets)
    systems = {target.platform.system for target in config.targets}
    if "exe" in config.formats and "windows" not in systems:
        problems.append(f"{TABLE}.formats: 'exe' needs a Windows platform in 'platforms'")
    if "scie" in config.formats and not problems and not scie_targets(config.targets, config.scie):
        problems.append(
            f"{TABLE}.formats: 'scie' has no Python to bring along for any of these targets; "
            "it takes CPython 3.8 or newer, and no linux-i686 or windows-i686"
        )
    return problems


def known_keys() -> tuple[str, ...]:
    """Return every key the table may have, in the order of the reference."""
    return tuple(KEYS)


def _expand(
    reader: KeyReader,
    platforms: tuple[PlatformEntry, ...],
    pythons: tuple[Python, ...],
    exclude: tuple[str, ...],
) -> tuple[Target, ...]:
    targets = expand(platforms, pythons)
    if not targets:
        old = old_pythons(reader.project.requires_python)
        listed = ", ".join(f'"{python}"' for python in old)
        reader.problem(
            f"{TABLE}.python is required: {reader.project.requires_python_in} "
            f"'{reader.project.requires_python}' allows no CPython that upstream still supports; "
            + f"name the Pythons to build for, as in python = [{listed}]" * bool(old)
            + "change requires-python, or name Pythons" * (not old)
        )
        return ()
    reader.problems += unknown_patterns(f"{TABLE}.exclude", exclude, targets)
    left = tuple(target for target in targets if not is_named(target, exclude))
    if not left:
        reader.problem(f"{TABLE}.exclude leaves out every target; shorten that list")
    return left


@dataclass(frozen=True, kw_only=True, slots=True)
class Overrides:
    """The words of `--platform` and `--python`; with `only`, they replace the table's."""

    platforms: tuple[str, ...] = ()
    pythons: tuple[str, ...] = ()
    only: bool = False

    def __bool__(self) -> bool:
        return bool(self.platforms or self.pythons)


def widen_targets(
    config: Config, overrides: Overrides, *, project: ProjectFacts, host: Host
) -> tuple[Target, ...]:
    """Return the targets of a table and of a command line, multiplied with each other.

    The table's `exclude` still applies, unless the command line replaces the table's targets.
    `host` reads paths. Raises ConfigError with every problem of the command line.
    """
    reader = KeyReader(project=project, host=host)
    entries, pythons = config.platforms, config.pythons
    if overrides.platforms:
        more = reader.platforms("--platform", list(overrides.platforms))
        entries = more if overrides.only else (*entries, *more)
    if overrides.pythons:
        added = reader.pythons("--python", list(overrides.pythons))
        pythons = added if overrides.only else tuple(dict.fromkeys((*pythons, *added)))
    reader.finish(lambda problem: _POSITION.sub(r"\1", problem))
    targets = expand(entries, pythons)
    if overrides.only:
        return targets
    return tuple(target for target in targets if not is_named(target, config.exclude))
