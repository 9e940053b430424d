"""Before anything is built: what is asked for, where packages can be had, and what covers it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.index.http_client import HttpClient
from hatch_multiplat.index.local_files import check_find_links
from hatch_multiplat.index.project_settings import require_by_token
from hatch_multiplat.index.sources import choose_sources, says_yes
from hatch_multiplat.index.user_settings import read_pip_config, read_user_table
from hatch_multiplat.index.wheel_cache import WheelCache
from hatch_multiplat.resolve.coverage import Covered, Market, cover_targets, select_locked
from hatch_multiplat.resolve.lock_file import check_fresh, require_lock
from hatch_multiplat.resolve.project import all_requirements
from hatch_multiplat.resolve.solve import Question, read_uv_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hatch_multiplat.index.progress import ProgressSink
    from hatch_multiplat.resolve.project import Project
    from hatch_multiplat.resolve.search import LookInto
    from hatch_multiplat.wheels.metadata import ProjectMetadata

OFFLINE_VARIABLES: Final = ("HATCH_MULTIPLAT_OFFLINE", "UV_OFFLINE")


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildContext:
    """What a run is surrounded by: the environment's variables, and who hears how it goes on.

    `say` hears one line at a time.
    """

    progress: ProgressSink
    say: Callable[[str], object]
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


def is_offline(environ: Mapping[str, str]) -> bool:
    """Tell whether the user asked for a build without network; raises ConfigError."""
    return any(says_yes(environ, name) for name in OFFLINE_VARIABLES)


def open_market(project: Project, context: BuildContext) -> Market:
    """Return the way to the packages: sources, HTTP client and wheel cache."""
    check_find_links(project.config, project.folder)
    problems: list[str] = []
    uv_table = project.credentials.take_all(
        read_uv_table(project.folder, project.pyproject), "tool.uv", problems
    )
    if problems:
        raise ConfigError(problems)
    sources = choose_sources(
        project.config,
        uv_table=uv_table,
        environ=context.environ,
        project_dir=project.folder.resolve(),
        cwd=Path.cwd(),
        user_table=read_user_table(context.environ),
        pip_config=read_pip_config(context.environ),
        credentials=project.credentials,
    )
    return Market(
        sources=sources,
        uv_table=uv_table,
        client=HttpClient(sources.credentials, environ=context.environ, say=context.say),
        wheel_cache=WheelCache.default(context.environ),
        offline=is_offline(context.environ),
        progress=context.progress,
        say=context.say,
        rules=project.config.tag_constraints,
    )


def make_question(project: Project, metadata: ProjectMetadata, market: Market) -> Question:
    """Return what is to be solved for a project."""
    requirements, uv_table = require_by_token(
        all_requirements(project, metadata), market.uv_table, project.credentials
    )
    return Question(
        requirements=requirements,
        constraints=project.config.constraints,
        tag_constraints=project.config.tag_constraints,
        targets=project.config.targets,
        requires_python=metadata.requires_python,
        sources=market.sources,
        uv_table=uv_table,
        project_dir=project.folder.resolve(),
        offline=market.offline,
    )


def cover_project(
    project: Project, metadata: ProjectMetadata, market: Market, *, look_into: LookInto
) -> Covered:
    """Cover every target: from the lock where the project has one, else by solving.

    Raises LockError for a lock that does not fit the project any more.
    """
    config = project.config
    build_sdists = config.sdists == "universal"
    question = make_question(project, metadata, market)
    locked = require_lock(project)
    if locked is None:
        return cover_targets(
            question, market=market, build_sdists=build_sdists, look_into=look_into
        )
    check_fresh(locked, question)
    outcome = select_locked(
        locked.lock,
        config.targets,
        base=locked.base,
        market=market,
        build_sdists=build_sdists,
    )
    return Covered(lock=locked.lock, base=locked.base, outcome=outcome, runs=0)
