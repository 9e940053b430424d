"""Defaults for a project's table, after a look at the project, its folder and the index."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import FetchError, MultiplatError, ToolError
from hatch_multiplat.base.threads import map_in_threads
from hatch_multiplat.base.toml_table import table_at
from hatch_multiplat.index.http_client import HttpClient
from hatch_multiplat.index.simple_api import Catalog
from hatch_multiplat.init.defaults import (
    DEFAULT_PLATFORMS,
    Dependency,
    Grid,
    guess_platforms,
    guess_pythons,
    guess_run,
    is_covered,
    narrow,
    usual_pythons,
)
from hatch_multiplat.init.init_table import RUN_KEYS, TABLE, Settings, strings_in
from hatch_multiplat.resolve.build_context import open_context
from hatch_multiplat.resolve.project import (
    apply_metadata,
    check_described,
    make_project,
    requires_python_of,
    static_metadata,
)
from hatch_multiplat.resolve.question import make_question
from hatch_multiplat.resolve.solve import run_uv_solve
from hatch_multiplat.targets.platforms import Platform, PlatformError
from hatch_multiplat.targets.python import Python
from hatch_multiplat.targets.target_list import PlatformEntry, default_pythons, expand, old_pythons
from hatch_multiplat.wheels.metadata import root_requirements
from hatch_multiplat.wheels.selection import select_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from packaging.pylock import Pylock
    from packaging.utils import NormalizedName

    from hatch_multiplat.resolve.build_context import BuildContext, Invocation
    from hatch_multiplat.resolve.project import Project, ProjectWheel
    from hatch_multiplat.wheels.metadata import ProjectMetadata

LIMIT: Final = 15.0
"""Seconds that the index may take: a default is not worth a longer wait."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Detected:
    """The settings that a table lacks, and a line of explanation for each."""

    settings: Settings
    reasons: tuple[str, ...]


def detect_settings(
    folder: Path,
    pyproject: Mapping[str, Any],
    chosen: Settings,
    invocation: Invocation,
    *,
    build: Callable[[], ProjectWheel],
) -> Detected:
    """Guess the settings that neither the table nor a person gives: platforms, Pythons, what runs.

    `chosen` is what the person says, empty where nothing. The index is asked for the wheels of
    the direct dependencies if there is something to leave out; where only the project's wheel
    tells these, `build` is to return it. Raises ConfigError with all that is wrong in the table
    and in what was chosen.
    """
    check_described(folder, pyproject)
    present = table_at(pyproject, *TABLE)
    known = {
        "platforms": present.get("platforms", list(chosen.platforms)),
        "python": present.get("python", list(chosen.pythons)),
    }
    said = {key: value for key, value in known.items() if value or key in present}
    table = {**present, "platforms": list(DEFAULT_PLATFORMS), **said}
    project = _make_project(folder, pyproject, table)
    wheel = None
    if static_metadata(project) is None and not said.keys() >= {"platforms", "python"}:
        with suppress(ToolError):  # A build of the project will say why it fails.
            wheel = build()
    if wheel is not None:
        project = apply_metadata(_make_project(folder, pyproject, table, wheel), wheel.metadata)
    metadata = wheel.metadata if wheel else static_metadata(project)
    platforms, pythons, reasons = _guess_targets(project, metadata, said, invocation)
    run, run_reason = _guess_run(project, wheel)
    return Detected(
        settings=Settings(platforms=platforms, pythons=pythons, run=run),
        reasons=(*reasons, run_reason),
    )


def _make_project(
    folder: Path,
    pyproject: Mapping[str, Any],
    table: Mapping[str, Any],
    wheel: ProjectWheel | None = None,
) -> Project:
    """Return the project with this table; without Pythons, the table gets some that are allowed."""
    bound = wheel.metadata.requires_python if wheel else requires_python_of(pyproject)
    if "python" not in table and not default_pythons(bound) and (old := old_pythons(bound)):
        table = {**table, "python": list(map(str, old))}
    tool = {**table_at(pyproject, "tool"), "multiplat": table}
    return make_project(folder, {**pyproject, "tool": tool})


def _guess_targets(
    project: Project,
    metadata: ProjectMetadata | None,
    said: Mapping[str, list[str]],
    invocation: Invocation,
) -> tuple[tuple[str, ...], tuple[str, ...], list[str]]:
    """Return platforms, Pythons and reasons; given ones are kept unchanged."""
    if said.keys() >= {"platforms", "python"}:
        return tuple(said["platforms"]), tuple(said["python"]), []
    listed = strings_in(table_at(project.pyproject, "project").get("classifiers"))
    platforms, platforms_reason = guess_platforms(listed)
    pythons, pythons_reason = guess_pythons(listed, project.requires_python)
    grid = Grid(
        platforms=tuple(_multiplied(said.get("platforms", platforms))),
        pythons=tuple(map(Python.parse, said["python"])) if "python" in said else pythons,
    )
    if not grid.platforms:  # Whole targets alone, with Pythons of their own.
        return tuple(said["platforms"]), (), []
    dependencies, doubts = _ask_index(project, metadata, grid, invocation)
    if "python" not in said and not is_covered(grid, dependencies):
        wider = replace(grid, pythons=usual_pythons(project.requires_python))
        if is_covered(wider, dependencies):
            grid = wider
            pythons_reason = "those with wheels; for what the classifiers name there are none"
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
    """Return the platforms among entries of the table, some of which are complete targets."""
    for name in names:
        try:
            yield Platform.parse(name)
        except PlatformError:
            continue


def _guess_run(project: Project, wheel: ProjectWheel | None) -> tuple[tuple[str, str] | None, str]:
    words = table_at(project.pyproject, "project")
    for key in RUN_KEYS:
        if key in table_at(project.pyproject, *TABLE):
            return None, f"runs: as tool.multiplat.{key} says"
    if wheel is None and "scripts" in strings_in(words.get("dynamic")):
        return (
            None,
            "runs: the script named like the project or else the only one, once it is built",
        )
    name = wheel.metadata.name if wheel else str(words.get("name", ""))
    scripts = [*table_at(words, "scripts"), *table_at(words, "gui-scripts")]
    if wheel is not None:
        scripts = sorted(wheel.scripts)
    package = re.sub("[-.]+", "_", name)
    places = [project.folder / "src" / package, project.folder / package]
    has_main = any((place / "__main__.py").is_file() for place in places if package)
    run, reason = guess_run(name, scripts, [package] if has_main else [], by_name=wheel is not None)
    return run, f"runs: {reason}"


def _ask_index(
    project: Project, metadata: ProjectMetadata | None, grid: Grid, invocation: Invocation
) -> tuple[tuple[Dependency, ...], list[str]]:
    """Return the index's files of the dependencies, or why they are not known.

    Of indirect dependencies, only those are returned that lack a wheel for some target.
    """
    if metadata is None:
        reason = "the dependencies are dynamic, and building the wheel to learn them failed"
        return (), [f"{reason}, so their wheels were not looked at"]
    asked = root_requirements(metadata, project.config.extras)
    if not asked:
        return (), []
    requirements = _list_dependencies(project, asked)
    count = f"{len(asked)} dependenc{'y' if len(asked) == 1 else 'ies'}"
    invocation.say(f"Looking at the wheels of {count}")
    deadline = time.monotonic() + LIMIT
    context = open_context(project, invocation)
    # It is only for a guess, so a request that fails is made again at once or not at all.
    client = HttpClient(context.sources.credentials, environ=context.environ, backoff=0)
    context = replace(context, client=client)
    try:
        direct = _read_dependencies(requirements, context, deadline)
    except FetchError as error:
        return (), [f"guessed without the wheels of {count}: {error}"]
    try:
        further = _find_lacking(project, metadata, grid, context, deadline)
        return (*direct, *_read_dependencies(further, context, deadline)), []
    except MultiplatError:  # It takes too long, or there is no answer; the build will say more.
        return direct, ["what the dependencies themselves require was not looked at"]


def _list_dependencies(
    project: Project, requirements: Iterable[Requirement]
) -> tuple[Requirement, ...]:
    """Return the direct dependencies that an index knows.

    Those that come from a URL, a folder, a repository or the workspace are left out: what they
    require in turn is found by solving.
    """
    sources = table_at(project.pyproject, "tool", "uv", "sources")
    elsewhere = {canonicalize_name(name) for name in sources}
    return tuple(
        requirement
        for requirement in requirements
        if requirement.url is None and canonicalize_name(requirement.name) not in elsewhere
    )


def _find_lacking(
    project: Project, metadata: ProjectMetadata, grid: Grid, context: BuildContext, deadline: float
) -> tuple[Requirement, ...]:
    """Return the indirect dependencies whose newest version lacks a wheel for some target.

    Each has the marker on which the others ask for it. Raises a MultiplatError if that takes too
    long, or the requirements have no answer.
    """
    targets = expand([PlatformEntry(meant=platform) for platform in grid.platforms], grid.pythons)
    wide = replace(project, config=replace(project.config, targets=targets))
    question = make_question(wide, metadata, context)
    left = max(deadline - time.monotonic(), 0.1)
    solved = run_uv_solve(
        question,
        context,
        flags=context.policy.flags(),
        restricted=False,
        timeout=left,
    )
    outcome = select_all(solved.lock, targets, base=solved.base)
    direct = {canonicalize_name(requirement.name) for requirement in question.requirements}
    lacking = {
        missing_wheel.name
        for missing_wheel in outcome.missing_wheels
        if missing_wheel.source is None
    } - direct
    return tuple(_require(name, solved.lock) for name in sorted(lacking))


def _require(name: NormalizedName, lock: Pylock) -> Requirement:
    """Return a requirement for a locked package wherever the lock has it, in whatever version."""
    markers = [package.marker for package in lock.packages if package.name == name]
    said = " or ".join(f"({marker})" for marker in markers if marker is not None)
    return Requirement(f"{name} ; {said}" if said and None not in markers else name)


def _read_dependencies(
    requirements: Sequence[Requirement], context: BuildContext, deadline: float
) -> tuple[Dependency, ...]:
    """Ask the index for the files of each requirement.

    Raises FetchError if it cannot be asked, or has not answered by then.
    """
    catalog = Catalog(
        context.sources,
        client=context.client,
        wheel_cache=context.wheel_cache,
        offline=context.offline,
    )

    def read(requirement: Requirement) -> Dependency:
        listing = catalog.read(canonicalize_name(requirement.name))
        return Dependency(requirement=requirement, files=listing.files)

    context.client.prepare()
    try:
        return tuple(map_in_threads(read, requirements, deadline=deadline))
    except TimeoutError:
        raise FetchError(f"the index has not answered within {LIMIT:g} seconds") from None
