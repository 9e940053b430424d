"""The sources of packages: the indexes and folders that uv and we read, in one value."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from packaging.markers import InvalidMarker, Marker
from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import ConfigError, FetchError
from hatch_multiplat.base.urls import Credentials, has_scheme, local_path, with_login
from hatch_multiplat.index.locations import (
    EXTRA_INDEX_URL,
    FIND_LINKS,
    IN_PROJECT,
    INDEX,
    INDEX_URL,
    OF_USER,
    first_of_each_name,
    flatten_table,
    locations_in_pip,
    locations_in_table,
    locations_in_uv,
    locations_in_variables,
)
from hatch_multiplat.index.user_settings import (
    HIDDEN_VARIABLES,
    absolute_files,
    certificate_variables,
    is_yes,
    says_yes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import PurePath

    from packaging.utils import NormalizedName

    from hatch_multiplat.index.locations import Location, SourceSettings

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


def choose_sources(
    settings: SourceSettings,
    *,
    uv_table: Mapping[str, Any],
    environ: Mapping[str, str],
    project_dir: PurePath,
    cwd: PurePath,
    user_table: Mapping[str, Any],
    pip_config: Mapping[str, str],
    credentials: Credentials,
) -> Sources:
    """Choose by precedence: the table, uv's settings, then pip's.

    The first of them that says anything about an index is taken whole, so that a private index
    is never mixed with one that somebody else's settings name. Paths start from `project_dir`,
    those of the environment from `cwd`; both are absolute. `uv_table` has uv's settings of the
    project, flat and without secrets, `user_table` those outside of it, `pip_config` those of pip's
    configuration files; the latter two have absolute paths.
    Users, passwords and tokens go into `credentials`, nothing else that is returned has any.
    Raises ConfigError for URLs that cannot be read.
    """
    problems: list[str] = []
    project = uv_table
    user = flatten_table(credentials.take_all(dict(user_table), _USER_SETTINGS, problems))

    def take(locations: Iterable[Location]) -> list[Location]:
        return [
            replace(found, url=credentials.take_all(found.url, found.origin, problems))
            for found in locations
        ]

    in_table = take(locations_in_table(settings, project_dir))
    in_project = take(locations_in_uv(project, project_dir, IN_PROJECT))
    if says_yes(environ, "UV_NO_CONFIG") or environ.get("UV_CONFIG_FILE"):
        # uv itself leaves a project's settings alone then, but for what packages are bound to.
        project = {}
        in_project = [
            replace(found, entry={**found.entry, "explicit": True})
            for found in in_project
            if found.key == INDEX
        ]
    in_uv = [
        *take(locations_in_variables(environ, cwd)),
        *in_project,
        *take(locations_in_uv(user, cwd, OF_USER)),
    ]
    in_pip = take(locations_in_pip(pip_config, environ, cwd))
    if problems:
        raise ConfigError(problems)

    def of_uv(variable: str, key: str) -> Any:
        return environ.get(variable) or project.get(key) or user.get(key)

    def of_pip(variable: str, key: str) -> str:
        return environ.get(variable) or pip_config.get(key, "")

    chosen = (
        _sources_of(in_table)
        or _sources_of(in_uv, no_index=bool(project.get("no-index", user.get("no-index", False))))
        or _sources_of(
            in_pip,
            no_index=is_yes(of_pip("PIP_NO_INDEX", "no-index"), "PIP_NO_INDEX or pip's no-index"),
            # An index beside PyPI need not have all files of a package (piwheels has not, nor has
            # a folder of wheels), so all of them count, as in pip.
            strategy=PIPS_STRATEGY,
        )
        or Sources()
    )
    keyring = of_uv("UV_KEYRING_PROVIDER", "keyring-provider") or of_pip(
        "PIP_KEYRING_PROVIDER", "keyring-provider"
    )
    indexes = _indexes(in_uv)
    named = {index.entry["name"]: index.url for index in indexes if index.entry.get("name")}
    locations = [*in_table, *in_uv, *in_pip]
    sources = replace(
        chosen,
        credentials=credentials,
        named=tuple(named.items()),
        bindings=()
        if says_yes(environ, "UV_NO_SOURCES")
        else bindings_of(uv_table.get("sources", {}), named),
        strategy=str(of_uv("UV_INDEX_STRATEGY", "index-strategy") or chosen.strategy),
        keyring=keyring == KEYRING_COMMAND,
        origins={found.url: found.origin for found in reversed(locations)},
        details={index.url: index.details for index in indexes if index.details},
        user_settings={key: user[key] for key in _USER_KEYS if key in user},
        constraint_files=tuple(
            word if has_scheme(word) else str(cwd / word)
            for word in (
                *environ.get("UV_CONSTRAINT", "").split(),
                *of_pip("PIP_CONSTRAINT", "constraint").split(),
            )
        ),
        offline=bool(project.get("offline", user.get("offline", False))),
    )
    _add_index_logins(sources, environ)
    _refuse_queries(sources)
    return sources


def _indexes(locations: Iterable[Location]) -> list[Location]:
    return first_of_each_name(found for found in locations if found.key == INDEX)


def _sources_of(
    locations: Sequence[Location], *, no_index: bool = False, strategy: str = FIRST_INDEX
) -> Sources | None:
    """Return the sources that some settings name; None if they say nothing of any.

    `strategy` is for those that name several indexes.
    """
    asked = [index for index in _indexes(locations) if not index.entry.get("explicit")]
    defaults = [index.url for index in asked if index.entry.get("default")]
    extras = [index.url for index in asked if not index.entry.get("default")]
    defaults += (found.url for found in locations if found.key == INDEX_URL)
    extras += (found.url for found in locations if found.key == EXTRA_INDEX_URL)
    find_links = [found.url for found in locations if found.key == FIND_LINKS]
    if not (defaults or extras or find_links or no_index):
        return None
    return Sources(
        index_url=defaults[0] if defaults else PYPI,
        extra_index_urls=tuple(dict.fromkeys(extras)),
        find_links=tuple(dict.fromkeys(find_links)),
        strategy=strategy if extras else FIRST_INDEX,
        no_index=no_index,
    )


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


def uv_environment(sources: Sources, environ: Mapping[str, str]) -> dict[str, str | None]:
    """Return the variables to run uv with: those of `environ`, or None where uv is to see none.

    Credentials are in variables alone, in no file of ours and on no command line: `uv_settings` has
    an index for each address with a login, of which uv finds the login in its variables, and git
    learns its logins from its own.
    """
    credentials = sources.credentials
    variables: dict[str, str | None] = {
        **environ,
        # Without this, uv first looks for an interpreter of `--python-version` to download.
        "UV_PYTHON_DOWNLOADS": "never",
        "NO_COLOR": "1",
        # A dependency that is built for its METADATA needs no executable of its own.
        "HATCH_MULTIPLAT": "0",
        **HIDDEN_VARIABLES,
        **absolute_files(environ, Path.cwd()),
        **certificate_variables(environ),
        **credentials.query_variables(),
    }
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

    uv itself reports an index without a URL and an invalid marker.
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
