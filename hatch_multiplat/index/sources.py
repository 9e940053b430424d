"""The sources of packages: the indexes and folders that uv and we read, in one value."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from packaging.markers import InvalidMarker, Marker
from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import ConfigError, FetchError
from hatch_multiplat.base.urls import Credentials, local_path, with_login
from hatch_multiplat.index.locations import (
    LOCATION_VARIABLES,
    PIP_KEYS,
    absolute_locations,
    details_of,
    first_of_each_name,
    flatten_table,
    indexes_of_environment,
    located,
    origins_in_pip,
    origins_in_uv,
    origins_of_table,
    placed_indexes,
    take_from_words,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path, PurePath

    from packaging.utils import NormalizedName

PYPI: Final = "https://pypi.org/simple"
FIRST_INDEX: Final = "first-index"
FIRST_MATCH: Final = "unsafe-first-match"
PIPS_STRATEGY: Final = "unsafe-best-match"
KEYRING_COMMAND: Final = "subprocess"

_USER_KEYS: Final = (
    "allow-insecure-host",
    "cache-dir",
    "dependency-metadata",
    "exclude-newer",
    "exclude-newer-package",
    "fork-strategy",
    "http-proxy",
    "https-proxy",
    "keyring-provider",
    "native-tls",
    "no-proxy",
    "prerelease",
    "prerelease-package",
    "resolution",
    "system-certs",
)
"""The user's other settings that concern a build; those of the project take precedence."""

_LOGIN_INDEX: Final = "multiplat-login-{}"
"""The name, in uv's settings, of the index that stands for an address with a login."""

_USER_SETTINGS: Final = "the user's settings for uv"

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")

_TRUE: Final = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE: Final = frozenset({"0", "false", "f", "no", "n", "off", ""})


@dataclass(frozen=True, kw_only=True, slots=True)
class Binding:
    """A package that comes from one index and no other, wherever the marker is true."""

    name: NormalizedName
    index_url: str
    marker: Marker | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """The default index, further indexes (asked first, as uv does) and find-links locations.

    All are absolute: URLs, or file URLs for folders, without credentials.
    """

    index_url: str = PYPI
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    named: tuple[tuple[str, str], ...] = ()
    """Name and URL of the indexes in uv's settings, including those for single packages."""
    bindings: tuple[Binding, ...] = ()
    strategy: str = FIRST_INDEX
    """uv's `index-strategy`; with any but the default, every index that has a package is used."""
    no_index: bool = False
    """True if only find-links are used."""
    constraint_files: tuple[str, ...] = ()
    """Paths and URLs of the files of constraints in the settings of uv and pip."""
    offline: bool = False
    """True if uv's settings forbid the network."""
    details: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)
    """uv's settings of an index besides name and URL (`format` and others), by URL."""
    keyring: bool = False
    """True if the `keyring` command is asked for passwords that are not in a URL."""
    credentials: Credentials = field(default_factory=Credentials, hash=False, compare=False)
    """The logins and tokens of all addresses known so far; it grows while settings are read."""
    origins: Mapping[str, str] = field(default_factory=dict, hash=False, compare=False)
    """The key or variable that names each URL, for messages."""
    user_settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """The user's settings of uv that matter to a build but name no source."""

    def indexes_for(
        self, name: NormalizedName, environment: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        """Return the indexes that may have a package, first asked first.

        A package that is bound to an index comes from there alone. Without an `environment`,
        bindings with a marker count as well, before the others.
        """
        if self.no_index:
            return ()
        bound: list[str] = []
        for binding in self.bindings:
            if binding.name != name:
                continue
            if binding.marker is None:
                return (*bound, binding.index_url)
            if environment is None:
                bound.append(binding.index_url)
            elif binding.marker.evaluate(dict(environment)):
                return (binding.index_url,)
        return (*bound, *self.extra_index_urls, self.index_url)

    def uv_settings(self) -> dict[str, Any]:
        """Return the keys of uv's settings that mean the same."""
        names: dict[str, str] = {}
        for name, url in self.named:
            names.setdefault(url, name)
        extras = [url for url in dict.fromkeys(self.extra_index_urls) if url != self.index_url]
        index: list[dict[str, Any]] = []
        for url in (*extras, self.index_url):
            entry = {"name": names[url]} if url in names else {}
            index.append({**entry, "url": url, **self.details.get(url, {})})
        index[-1]["default"] = True
        for name, url in self.named:
            # Those that packages are bound to, by whatever name.
            if all(entry.get("name") != name for entry in index):
                details = self.details.get(url, {})
                index.append({"name": name, "url": url, **details, "explicit": True})
        index += self._login_indexes()
        settings: dict[str, Any] = {**self.user_settings, "index": index}
        links = self.find_links
        if links and all(self.credentials.restore_query(url) == url for url in links):
            settings["find-links"] = list(self.find_links)
        if self.strategy != FIRST_INDEX:
            settings["index-strategy"] = self.strategy
        if self.no_index:
            settings["no-index"] = True
        if self.keyring:
            settings["keyring-provider"] = KEYRING_COMMAND
        return settings

    def _login_indexes(self) -> Iterator[dict[str, Any]]:
        """Yield an index for each address with a login; no package comes from it."""
        for number, (address, login) in enumerate(self.credentials.logins.items()):
            details = self.details.get(address, {})
            kept = {key: details[key] for key in ("authenticate",) if key in details}
            if any(login):
                name = _LOGIN_INDEX.format(number)
                yield {"name": name, "url": address, **kept, "explicit": True}


class SourceSettings(Protocol):
    """The sources in `[tool.multiplat]`."""

    @property
    def index_url(self) -> str | None: ...
    @property
    def extra_index_urls(self) -> tuple[str, ...]: ...
    @property
    def find_links(self) -> tuple[str, ...]: ...


def choose_sources(
    settings: SourceSettings,
    *,
    uv_table: Mapping[str, Any],
    environ: Mapping[str, str],
    project_dir: PurePath,
    cwd: PurePath,
    user_table: Mapping[str, Any] | None = None,
    pip_config: Mapping[str, str] | None = None,
    credentials: Credentials | None = None,
) -> Sources:
    """Choose by precedence: the table, uv's settings, then pip's.

    The first of them that says anything about an index is taken whole, so that a private index
    is never mixed with one that somebody else's settings name. Paths start from `project_dir`,
    those of the environment from `cwd`; both are absolute. `user_table` is what uv's settings say
    outside the project, `pip_config` what pip's configuration files do, both with absolute paths.
    Users, passwords and tokens go into `credentials`, nothing else that is returned has any.
    Raises ConfigError for URLs that cannot be read.
    """
    credentials = credentials or Credentials()
    problems: list[str] = []
    project = flatten_table(credentials.take_all(dict(uv_table), "tool.uv", problems))
    user = flatten_table(credentials.take_all(dict(user_table or {}), _USER_SETTINGS, problems))
    environ = take_from_words(environ, LOCATION_VARIABLES, credentials, problems)
    pip_config = take_from_words(pip_config or {}, PIP_KEYS, credentials, problems)
    if problems:
        raise ConfigError(problems)
    private = says_yes(environ, "UV_NO_CONFIG") or bool(environ.get("UV_CONFIG_FILE"))
    indexes = [
        *indexes_of_environment(environ, cwd),
        # uv itself leaves a project's settings alone then, but for what packages are bound to.
        *(
            {**entry, **({"explicit": True} if private else {})}
            for entry in placed_indexes(project, project_dir)
        ),
        *placed_indexes(user, cwd),
    ]
    indexes = first_of_each_name(indexes)
    if private:
        project = {}
    chosen = (
        _from_settings(settings, project_dir)
        or _from_uv(project, user, indexes, environ, project_dir=project_dir, cwd=cwd)
        or _from_pip(pip_config or {}, environ, cwd)
        or Sources()
    )
    named = [(entry["name"], entry["url"]) for entry in indexes if entry.get("name")]
    origins = [
        *origins_of_table(
            settings.index_url, settings.extra_index_urls, settings.find_links, project_dir
        ),
        *origins_in_uv(project, user, environ, project_dir=project_dir, cwd=cwd),
        *origins_in_pip(pip_config or {}, environ, cwd),
    ]
    sources = replace(
        chosen,
        credentials=credentials,
        named=tuple(named),
        bindings=()
        if says_yes(environ, "UV_NO_SOURCES")
        else bindings_of(uv_table.get("sources", {}), dict(named)),
        strategy=str(
            environ.get("UV_INDEX_STRATEGY")
            or project.get("index-strategy")
            or user.get("index-strategy")
            or chosen.strategy
        ),
        keyring=(
            environ.get("UV_KEYRING_PROVIDER")
            or project.get("keyring-provider")
            or user.get("keyring-provider")
            or environ.get("PIP_KEYRING_PROVIDER")
            or (pip_config or {}).get("keyring-provider")
        )
        == KEYRING_COMMAND,
        origins=dict(reversed(origins)),
        details={entry["url"]: details for entry in indexes if (details := details_of(entry))},
        user_settings={key: user[key] for key in _USER_KEYS if key in user},
        constraint_files=tuple(
            word if _URL.match(word) else str(cwd / word)
            for word in (
                *environ.get("UV_CONSTRAINT", "").split(),
                *(environ.get("PIP_CONSTRAINT") or pip_config.get("constraint", "")).split(),
            )
        ),
        offline=bool(project.get("offline", user.get("offline", False))),
    )
    _add_index_logins(sources, environ)
    _refuse_queries(sources)
    return sources


def _refuse_queries(sources: Sources) -> None:
    """Raise ConfigError for indexes with a token in the query: no tool sends it to them."""
    problems = [
        f"{sources.origins.get(url, url)}: an index is asked without a query; give its token as "
        "the user or the password"
        for url in (*sources.extra_index_urls, sources.index_url)
        if sources.credentials.restore_query(url) != url
    ]
    if problems:
        raise ConfigError(problems)


def says_yes(environ: Mapping[str, str], name: str) -> bool:
    """Tell whether a variable says yes, in any word that uv and pip accept, in any case.

    An empty variable counts as unset. Raises ConfigError for any other word, as uv does: neither
    answer would be a safe guess.
    """
    return _is_yes(environ.get(name, ""), name)


def _is_yes(text: str, where: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ConfigError([f"{where}: {text!r} is neither yes nor no; give 1 or 0"])
    return word in _TRUE


def _add_index_logins(sources: Sources, environ: Mapping[str, str]) -> None:
    """Add the logins of indexes that are given apart from their URLs.

    These are uv's `UV_INDEX_<NAME>_USERNAME` and `_PASSWORD`. With a keyring, a password that is
    not given is there; then so is a user that is not (uv's `authenticate = "always"`).
    """
    logins = sources.credentials.logins
    for name, url in sources.named:
        key = _variable_of(name)
        user, password = environ.get(f"{key}_USERNAME"), environ.get(f"{key}_PASSWORD")
        if user or password:
            sources.credentials.add(url, (user or "", password or ""))
    if sources.keyring:
        for url, details in sources.details.items():
            if details.get("authenticate") == "always":
                logins.setdefault(url, ("", ""))
        logins.update({url: (user, password or None) for url, (user, password) in logins.items()})


def refuse_foreign_files(sources: Sources, found: Iterable[tuple[str, Path]]) -> None:
    """Raise FetchError for files of this machine that a server has named as a package's.

    `found` has the names of packages, and the local files that they are to come from. uv follows
    such links. A page on this machine may name any file.
    """
    locations = (
        *sources.find_links,
        *sources.indexes_for(canonicalize_name("")),
        *(url for _, url in sources.named),
    )
    folders = [path.resolve() for url in locations if (path := local_path(url)) is not None]
    if any(not folder.is_dir() or any(folder.glob("*/index.html")) for folder in folders):
        return
    problems = [
        f"{name}: an index on a server names {path}, a file of this machine; leave that index "
        "out, or name the file's folder in find-links"
        for name, path in found
        if not any(path.resolve().is_relative_to(folder) for folder in folders)
    ]
    if problems:
        raise FetchError("\n".join(problems))


def credentials_hint(url: str, sources: Sources) -> str:
    """Name the settings for the user and password of an index."""
    if url in sources.credentials.logins:
        return "check the user and the password that are given for it"
    ways = ["netrc"]
    for name, other in sources.named:
        if other == url:
            key = _variable_of(name)
            ways.append(f"{key}_USERNAME and {key}_PASSWORD")
    if not sources.keyring:
        ways.append("the keyring, with UV_KEYRING_PROVIDER=subprocess and a user in the URL")
    return f"give user and password in {', or in '.join(ways)}"


def _variable_of(name: str) -> str:
    """Return the prefix of uv's variables for the user and password of an index."""
    return f"UV_INDEX_{re.sub('[^A-Z0-9]', '_', name.upper())}"


def uv_environment(sources: Sources) -> dict[str, str]:
    """Return the variables by which uv has the credentials of these sources.

    No file of ours and no command line has them: `uv_settings` has an index for each address with
    a login, of which uv finds the login in its variables, and git learns its logins from its own.
    """
    credentials = sources.credentials
    variables = credentials.query_variables()
    if sources.constraint_files:
        variables["UV_CONSTRAINT"] = " ".join(sources.constraint_files)
    for number, (user, password) in enumerate(credentials.logins.values()):
        key = _variable_of(_LOGIN_INDEX.format(number))
        if user:
            variables[f"{key}_USERNAME"] = user
        if password is not None:
            variables[f"{key}_PASSWORD"] = password
    for number, address in enumerate(sorted(credentials.of_git)):
        login = credentials.logins[address]
        variables["GIT_CONFIG_COUNT"] = str(number + 1)
        variables[f"GIT_CONFIG_KEY_{number}"] = f"url.{with_login(address, login)}.insteadOf"
        variables[f"GIT_CONFIG_VALUE_{number}"] = address
    if any(credentials.restore_query(url) != url for url in sources.find_links):
        variables["UV_FIND_LINKS"] = ",".join(map(credentials.restore_query, sources.find_links))
    return variables


def bindings_of(sources: Mapping[str, Any], urls: Mapping[str, str]) -> tuple[Binding, ...]:
    """Return what uv's `sources` bind to an index; `urls` are those of the indexes by name.

    An index without a URL and a marker that is none are uv's to report.
    """
    found = []
    for name, value in sources.items():
        for entry in value if isinstance(value, list) else [value]:
            if entry.get("index") not in urls:
                continue
            try:
                marker = Marker(entry["marker"]) if "marker" in entry else None
            except InvalidMarker:
                continue
            url = urls[entry["index"]]
            found.append(Binding(name=canonicalize_name(name), index_url=url, marker=marker))
    return tuple(found)


def _from_settings(settings: SourceSettings, base: PurePath) -> Sources | None:
    if not (settings.index_url or settings.extra_index_urls or settings.find_links):
        return None
    return Sources(
        index_url=settings.index_url or PYPI,
        extra_index_urls=settings.extra_index_urls,
        find_links=absolute_locations(settings.find_links, base),
    )


def _from_uv(
    project: Mapping[str, Any],
    user: Mapping[str, Any],
    indexes: Sequence[Mapping[str, Any]],
    environ: Mapping[str, str],
    *,
    project_dir: PurePath,
    cwd: PurePath,
) -> Sources | None:
    """Combine uv's variables, the project's table and the user's as uv does: all count."""
    links = [link.strip() for link in environ.get("UV_FIND_LINKS", "").split(",")]
    defaults = [
        *(entry["url"] for entry in indexes if entry.get("default") and not entry.get("explicit")),
        *absolute_locations(filter(None, [environ.get("UV_INDEX_URL")]), cwd),
        *located(project, "index-url", project_dir),
        *located(user, "index-url", cwd),
    ]
    extras = [
        *(
            entry["url"]
            for entry in indexes
            if not entry.get("default") and not entry.get("explicit")
        ),
        *absolute_locations(environ.get("UV_EXTRA_INDEX_URL", "").split(), cwd),
        *located(project, "extra-index-url", project_dir),
        *located(user, "extra-index-url", cwd),
    ]
    find_links = [
        *absolute_locations(filter(None, links), cwd),
        *located(project, "find-links", project_dir),
        *located(user, "find-links", cwd),
    ]
    no_index = bool(project.get("no-index", user.get("no-index", False)))
    if not (defaults or extras or find_links or no_index):
        return None
    return Sources(
        index_url=defaults[0] if defaults else PYPI,
        extra_index_urls=tuple(dict.fromkeys(extras)),
        find_links=tuple(dict.fromkeys(find_links)),
        no_index=no_index,
    )


def _from_pip(
    config: Mapping[str, str], environ: Mapping[str, str], cwd: PurePath
) -> Sources | None:
    """Read pip's settings: each of its variables stands before the key of its files.

    Several indexes are merged then, as pip does it: who has set one up beside PyPI for pip has
    not said that it is complete for what it has (piwheels is not, nor is a folder of wheels).
    """

    def look_up(variable: str, key: str) -> str:
        return environ.get(variable) or config.get(key, "")

    default = look_up("PIP_INDEX_URL", "index-url").strip()
    extra = look_up("PIP_EXTRA_INDEX_URL", "extra-index-url").split()
    find_links = look_up("PIP_FIND_LINKS", "find-links").split()
    no_index = _is_yes(look_up("PIP_NO_INDEX", "no-index"), "PIP_NO_INDEX or pip's no-index")
    if not (default or extra or find_links or no_index):
        return None
    return Sources(
        index_url=default or PYPI,
        extra_index_urls=tuple(extra),
        find_links=absolute_locations(find_links, cwd),
        strategy=PIPS_STRATEGY if extra else FIRST_INDEX,
        no_index=no_index,
    )
