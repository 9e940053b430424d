"""The context of a run: messages, sources of packages, the client, the cache, what may be built."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from packaging.utils import InvalidName, canonicalize_name

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.config.tool_settings import settings_without_effect
from hatch_multiplat.index.http_client import HttpClient
from hatch_multiplat.index.local_files import check_find_links
from hatch_multiplat.index.locations import flatten_table
from hatch_multiplat.index.project_settings import read_settings, read_sources
from hatch_multiplat.index.sources import choose_sources
from hatch_multiplat.index.user_settings import read_pip_config, read_user_table, says_yes
from hatch_multiplat.index.wheel_cache import WheelCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from packaging.utils import NormalizedName

    from hatch_multiplat.index.progress import Progress
    from hatch_multiplat.index.sources import Sources
    from hatch_multiplat.resolve.project import Project


ALL: Final = ":all:"
_NONE: Final = ":none:"
BUILD_VARIABLES: Final = (
    "UV_NO_BUILD",
    "UV_NO_BUILD_PACKAGE",
    "UV_NO_BINARY",
    "UV_NO_BINARY_PACKAGE",
)
"""uv's own variables; a uv that gets the flags of a policy must not see them."""
_FORBIDDING: Final = ("no-build", "no-build-package", "only-binary")
_DEMANDING: Final = ("no-binary", "no-binary-package")
POLICY_KEYS: Final = (*_FORBIDDING, *_DEMANDING)
"""The keys of uv's settings that make a policy, at the top or under `pip`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildPolicy:
    """The packages that must not be built, and those that must be, by name with the setting.

    The name `:all:` stands for every package; where a package has both, building it is forbidden.
    """

    forbidden: Mapping[str, str] = field(default_factory=dict, hash=False)
    demanded: Mapping[str, str] = field(default_factory=dict, hash=False)

    def forbids(self, name: NormalizedName) -> str:
        """Return the setting that forbids building a package; empty if none does."""
        return self.forbidden.get(name) or self.forbidden.get(ALL, "")

    def flags(self) -> list[str]:
        """Return uv's flags with the same meaning.

        To uv a name beside `:all:` is an exception from it: one that says the opposite is left out.
        """
        demanded = [name for name in self.demanded if ALL not in self.forbidden]
        return [
            *(f"--only-binary={name}" for name in sorted(self.forbidden)),
            *(f"--no-binary={name}" for name in sorted(demanded) if name not in self.forbidden),
        ]


def read_policy(
    *tables: tuple[str, Mapping[str, Any]],
    environ: Mapping[str, str],
    pip_config: Mapping[str, str],
) -> BuildPolicy:
    """Read the settings in uv's tables, the environment and pip's files; all of them count.

    A table comes with the words that name it in messages. Users forbid builds for safety, so no
    setting undoes another one, except pip's `:none:`, which undoes those before it. Raises
    ConfigError for a variable that is neither yes nor no, and for an invalid name.
    """
    forbidden: dict[str, str] = {}
    demanded: dict[str, str] = {}
    for where, table in tables:
        for part, place in ((table, where), (table.get("pip", {}), f"{where}.pip")):
            _read_table(part, place, forbidden, demanded)
    for found, switch, names in (
        (forbidden, "UV_NO_BUILD", "UV_NO_BUILD_PACKAGE"),
        (demanded, "UV_NO_BINARY", "UV_NO_BINARY_PACKAGE"),
    ):
        if says_yes(environ, switch):
            found.setdefault(ALL, switch)
        _add(found, environ.get(names, "").split(), names)
    for found, variable, key in (
        (forbidden, "PIP_ONLY_BINARY", "only-binary"),
        (demanded, "PIP_NO_BINARY", "no-binary"),
    ):
        said = environ.get(variable) or pip_config.get(key, "")
        where = variable if environ.get(variable) else f"pip's {key}"
        _add(found, _after_none(said), where)
    return BuildPolicy(forbidden=forbidden, demanded=demanded)


def _read_table(
    table: Mapping[str, Any], place: str, forbidden: dict[str, str], demanded: dict[str, str]
) -> None:
    for key in POLICY_KEYS:
        found = forbidden if key in _FORBIDDING else demanded
        value = table.get(key)
        where = f"{place}.{key}"
        if isinstance(value, bool):
            _add(found, [ALL] if value else [], where)
        elif isinstance(value, list):
            _add(found, _after_none(" ".join(map(str, value))), where)
        elif value is not None:
            raise ConfigError([f"{where} must be a boolean or an array of strings"])


def _after_none(text: str) -> Iterator[str]:
    """Yield the names in pip's list that come after its last `:none:`."""
    words = text.replace(",", " ").split()
    last = max((index for index, word in enumerate(words) if word == _NONE), default=-1)
    yield from words[last + 1 :]


def _add(found: dict[str, str], names: Iterable[str], where: str) -> None:
    for name in names:
        try:
            found.setdefault(name if name == ALL else canonicalize_name(name, validate=True), where)
        except InvalidName:
            message = f"{where}: {name!r} is not a name of a package; separate names by spaces"
            raise ConfigError([message]) from None


OFFLINE_VARIABLES: Final = ("HATCH_MULTIPLAT_OFFLINE", "UV_OFFLINE")


@dataclass(frozen=True, kw_only=True, slots=True)
class Invocation:
    """One run of a frontend: the environment's variables, and the listener for its messages.

    `say` hears one line at a time.
    """

    progress: Progress
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
    def progress(self) -> Progress:
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
