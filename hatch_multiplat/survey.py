"""What a project's table should say, after a look at the project, its folder and the index."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from packaging.utils import canonicalize_name

from hatch_multiplat.errors import FetchError
from hatch_multiplat.guess import (
    DEFAULT_PLATFORMS,
    Dependency,
    Grid,
    guess_platforms,
    guess_pythons,
    guess_run,
    narrow,
)
from hatch_multiplat.index import read_project
from hatch_multiplat.init_table import RUN_KEYS, TABLE, Settings, table_at
from hatch_multiplat.metadata import root_requirements
from hatch_multiplat.pipeline import open_market
from hatch_multiplat.platforms import Platform, PlatformError
from hatch_multiplat.project import make_project, requires_python_of, static_metadata
from hatch_multiplat.session import make_session
from hatch_multiplat.sources import credentials_of
from hatch_multiplat.target import Python

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from packaging.requirements import Requirement

    from hatch_multiplat.pipeline import Surroundings
    from hatch_multiplat.project import Project

_JOBS: Final = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """The settings that a table lacks, and the lines that say how each was come by."""

    settings: Settings
    reasons: tuple[str, ...]


def survey_project(
    folder: Path, pyproject: Mapping[str, Any], chosen: Settings, around: Surroundings
) -> Survey:
    """Guess what neither the table nor a person says: platforms, Pythons, and what runs.

    `chosen` is what the person says, empty where nothing. The index is asked for the wheels of
    the direct dependencies if there is something to leave out. Raises ConfigError with all that
    is wrong in the table and in what was chosen.
    """
    present = table_at(pyproject, TABLE)
    known = {
        "platforms": present.get("platforms", list(chosen.platforms)),
        "python": present.get("python", list(chosen.pythons)),
    }
    said = {key: value for key, value in known.items() if value or key in present}
    table = {**present, "platforms": list(DEFAULT_PLATFORMS), **said}
    tool = {**table_at(pyproject, ("tool",)), "multiplat": table}
    project = make_project(folder, {**pyproject, "tool": tool})
    platforms, pythons, reasons = _guess_targets(project, said, around)
    run, run_reason = _guess_run(project)
    return Survey(
        settings=Settings(platforms=platforms, pythons=pythons, run=run),
        reasons=(*reasons, run_reason),
    )


def _guess_targets(
    project: Project, said: Mapping[str, list[str]], around: Surroundings
) -> tuple[tuple[str, ...], tuple[str, ...], list[str]]:
    """Return platforms, Pythons and reasons; what is said already is taken as it is."""
    if said.keys() >= {"platforms", "python"}:
        return tuple(said["platforms"]), tuple(said["python"]), []
    listed = _strings(table_at(project.pyproject, ("project",)).get("classifiers"))
    platforms, platforms_reason = guess_platforms(listed)
    pythons, pythons_reason = guess_pythons(listed, requires_python_of(project.pyproject))
    grid = Grid(
        platforms=tuple(_multiplied(said.get("platforms", platforms))),
        pythons=tuple(map(Python.parse, said["python"])) if "python" in said else pythons,
    )
    if not grid.platforms:  # Whole targets alone, with Pythons of their own.
        return tuple(said["platforms"]), (), []
    dependencies, doubts = _ask_index(project, around)
    grid = narrow(grid, dependencies, kept=frozenset(said))
    reasons = [*grid.reasons, *doubts]
    if "python" not in said:
        pythons_said = tuple(map(str, grid.pythons))
        reasons.insert(0, f"python: {', '.join(pythons_said)} ({pythons_reason})")
    else:
        pythons_said = tuple(said["python"])
    if "platforms" not in said:
        platforms = tuple(map(str, grid.platforms))
        reasons.insert(0, f"platforms: {', '.join(platforms)} ({platforms_reason})")
    else:
        platforms = tuple(said["platforms"])
    return platforms, pythons_said, reasons


def _multiplied(names: Iterable[str]) -> Iterator[Platform]:
    """Return the platforms among entries of the table, of which some are whole targets."""
    for name in names:
        try:
            yield Platform.parse(name)
        except PlatformError:
            continue


def _guess_run(project: Project) -> tuple[tuple[str, str] | None, str]:
    words = table_at(project.pyproject, ("project",))
    for key in RUN_KEYS:
        if key in table_at(project.pyproject, TABLE):
            return None, f"runs: as tool.multiplat.{key} says"
    if "scripts" in _strings(words.get("dynamic")):
        return (
            None,
            "runs: the script named like the project or else the only one, once it is built",
        )
    name = str(words.get("name", ""))
    scripts = [*table_at(words, ("scripts",)), *table_at(words, ("gui-scripts",))]
    package = re.sub("[-.]+", "_", name)
    places = [project.folder / "src" / package, project.folder / package]
    has_main = any((place / "__main__.py").is_file() for place in places if package)
    run, reason = guess_run(name, scripts, [package] if has_main else [])
    return run, f"runs: {reason}"


def _ask_index(project: Project, around: Surroundings) -> tuple[tuple[Dependency, ...], list[str]]:
    """Return what the index has for the direct dependencies, or why that is not known."""
    requirements = _list_dependencies(project)
    if requirements is None:
        return (), ["the dependencies are dynamic, so their wheels were not looked at"]
    if not requirements:
        return (), []
    count = f"{len(requirements)} dependenc{'y' if len(requirements) == 1 else 'ies'}"
    around.say(f"Looking at the wheels of {count}")
    try:
        return _read_dependencies(project, requirements, around), []
    except FetchError as error:
        return (), [f"the wheels of {count} were not looked at: {error}"]


def _list_dependencies(project: Project) -> tuple[Requirement, ...] | None:
    """Return the direct dependencies that an index can tell something of; None if not known.

    Those that come from a URL, a folder or a repository are left out.
    """
    metadata = static_metadata(project)
    if metadata is None:
        return None
    sources = table_at(project.pyproject, ("tool", "uv", "sources"))
    elsewhere = {canonicalize_name(name) for name in sources}
    return tuple(
        requirement
        for requirement in root_requirements(metadata, project.config.extras)
        if requirement.url is None and canonicalize_name(requirement.name) not in elsewhere
    )


def _read_dependencies(
    project: Project, requirements: tuple[Requirement, ...], around: Surroundings
) -> tuple[Dependency, ...]:
    """Ask the index for the files of each requirement; raises FetchError if it cannot be asked.

    It is only for a guess, so a request that fails is made again at once or not at all.
    """
    market = open_market(project, around)
    credentials = credentials_of(market.sources, around.environ)
    market = replace(market, session=make_session(credentials, backoff=0))

    def read(requirement: Requirement) -> Dependency:
        files = read_project(
            canonicalize_name(requirement.name),
            sources=market.sources,
            session=market.session,
            store=market.store,
            offline=market.offline,
        )
        return Dependency(requirement=requirement, files=files)

    with ThreadPoolExecutor(_JOBS) as pool:
        asked = [pool.submit(read, requirement) for requirement in requirements]
        try:
            return tuple(future.result() for future in asked)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
