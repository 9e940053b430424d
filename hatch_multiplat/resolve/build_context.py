"""The context of a run: its messages, its sources of packages, and its client and cache."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.config.tool_settings import settings_without_effect
from hatch_multiplat.index.http_client import HttpClient
from hatch_multiplat.index.local_files import check_find_links
from hatch_multiplat.index.locations import flatten_table
from hatch_multiplat.index.project_settings import read_settings, read_sources
from hatch_multiplat.index.sources import choose_sources, says_yes
from hatch_multiplat.index.user_settings import read_pip_config, read_user_table
from hatch_multiplat.index.wheel_cache import WheelCache
from hatch_multiplat.resolve.build_policy import BuildPolicy, read_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hatch_multiplat.index.progress import ProgressSink
    from hatch_multiplat.index.sources import Sources
    from hatch_multiplat.resolve.project import Project

OFFLINE_VARIABLES: Final = ("HATCH_MULTIPLAT_OFFLINE", "UV_OFFLINE")


@dataclass(frozen=True, kw_only=True, slots=True)
class Invocation:
    """One run of a frontend: the environment's variables, and the listener for its messages.

    `say` hears one line at a time.
    """

    progress: ProgressSink
    say: Callable[[str], object]
    environ: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildContext:
    """Everything that resolving needs: the run, the sources, the client and the cache."""

    run: Invocation
    sources: Sources
    client: HttpClient
    wheel_cache: WheelCache
    offline: bool
    policy: BuildPolicy = field(default_factory=BuildPolicy)
    """The packages that may be built from source."""
    uv_table: Mapping[str, Any] = field(default_factory=dict, hash=False, compare=False)
    """The project's settings of uv, from which the sources were chosen."""

    @property
    def environ(self) -> Mapping[str, str]:
        return self.run.environ

    @property
    def progress(self) -> ProgressSink:
        return self.run.progress

    @property
    def say(self) -> Callable[[str], object]:
        return self.run.say


def is_offline(environ: Mapping[str, str]) -> bool:
    """Tell whether the user asked for a build without network; raises ConfigError."""
    return any(says_yes(environ, name) for name in OFFLINE_VARIABLES)


def open_context(project: Project, run: Invocation) -> BuildContext:
    """Return the access to a project's packages: sources with credentials, client and cache."""
    check_find_links(project.config, project.folder)
    problems: list[str] = []
    uv_table = project.credentials.take_all(
        flatten_table(read_uv_table(project.folder, project.pyproject)), "tool.uv", problems
    )
    if problems:
        raise ConfigError(problems)
    user_table = read_user_table(run.environ)
    pip_config = read_pip_config(run.environ)
    for sentence in settings_without_effect(
        ("tool.uv.", uv_table),
        ("the user's settings for uv: ", user_table),
        environ=run.environ,
        pip_config=pip_config,
    ):
        run.say(f"Warning: {sentence}")
    sources = choose_sources(
        project.config,
        uv_table=uv_table,
        environ=run.environ,
        project_dir=project.folder.resolve(),
        cwd=Path.cwd(),
        user_table=user_table,
        pip_config=pip_config,
        credentials=project.credentials,
    )
    return BuildContext(
        run=run,
        sources=sources,
        uv_table=uv_table,
        policy=read_policy(
            ("tool.uv", uv_table),
            ("uv.toml", user_table),
            environ=run.environ,
            pip_config=pip_config,
        ),
        client=HttpClient(sources.credentials, environ=run.environ, say=run.say),
        wheel_cache=WheelCache.default(run.environ),
        offline=is_offline(run.environ) or sources.offline,
    )


def read_uv_table(project_dir: Path, pyproject: Mapping[str, Any]) -> dict[str, Any]:
    """Return the uv settings of a project: its `uv.toml` if it has one, else `[tool.uv]`.

    For a member of a workspace they are those of the workspace's root. Sources are in
    pyproject.toml always; members of a workspace have their paths in them. Raises ConfigError for
    a `uv.toml` that is no TOML.
    """
    table = read_settings(project_dir, pyproject)
    sources = read_sources(project_dir, pyproject)
    return {**table, "sources": sources} if sources else table
