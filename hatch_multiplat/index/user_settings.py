"""The settings outside the project: uv's and pip's files, and the certificates that count."""

from __future__ import annotations

import configparser
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hatch_multiplat.base.errors import ConfigError, explain_unreadable
from hatch_multiplat.base.toml_table import read_toml_file
from hatch_multiplat.base.urls import has_scheme
from hatch_multiplat.config.pyproject_shapes import check_uv_table
from hatch_multiplat.index.locations import absolute_location, change_locations

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HIDDEN_VARIABLES: Final = dict.fromkeys(
    (
        "UV_CONFIG_FILE",
        "UV_DEFAULT_INDEX",
        "UV_EXTRA_INDEX_URL",
        "UV_FIND_LINKS",
        "UV_INDEX",
        "UV_INDEX_STRATEGY",
        "UV_INDEX_URL",
        "UV_ISOLATED",
        "UV_NO_BUILD_ISOLATION",
        "UV_NO_CONFIG",
        "UV_NO_SOURCES_PACKAGE",
        "UV_OFFLINE",
        "UV_PROJECT",
        "UV_REQUIRE_BUILD_HASHES",
        "UV_REQUIRE_HASHES",
        "UV_TORCH_BACKEND",
        "UV_WORKING_DIR",
    )
)
"""Variables to hide from uv, each with None: they are in the settings that it gets, or have no
effect here."""

CA_VARIABLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "SSL_CERT_FILE")
"""The variables that name a file of CA certificates, highest precedence first."""

_TRUE: Final = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE: Final = frozenset({"0", "false", "f", "no", "n", "off", ""})

_WINDOWS: Final = sys.platform == "win32"


def read_user_table(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return uv's settings from outside the project, their folders as file URLs.

    That is the file that `UV_CONFIG_FILE` names, or else the user's `uv.toml`, then the system's:
    lists are joined, of other values the first counts. Raises ConfigError for a file that is no
    TOML, and for one that is named and not there.
    """
    named = environ.get("UV_CONFIG_FILE")
    if named:
        return _read_placed(Path(named).absolute())
    if says_yes(environ, "UV_NO_CONFIG"):
        return {}
    table: dict[str, Any] = {}
    without_system = says_yes(environ, "UV_NO_SYSTEM_CONFIG")
    for path in (_user_file(environ), None if without_system else _system_file(environ)):
        if path is not None and path.is_file():
            table = _combine(table, _read_placed(path))
    return table


def absolute_files(environ: Mapping[str, str], cwd: Path) -> dict[str, str]:
    """Return uv's variables that name files, with paths that are valid in any folder."""
    return {
        name: " ".join(
            word if has_scheme(word) else str(cwd / word) for word in environ[name].split()
        )
        for name in ("UV_BUILD_CONSTRAINT", "UV_EXCLUDE", "UV_OVERRIDE")
        if environ.get(name)
    }


def hide_settings(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the variables that give uv empty settings instead of the user's and the system's.

    They lead to `folder`, an existing one, where everything else of the user's own is found again
    by links: git, for one, has its settings in the same place.
    """
    changed = {}
    user = _user_file(environ)
    if user is not None and user.is_file():
        changed["APPDATA" if _WINDOWS else "XDG_CONFIG_HOME"] = str(folder / "user")
        _make_empty(folder / "user", like=user.parent.parent)
    system = _system_file(environ)
    if system is not None and system.is_file():
        changed["PROGRAMDATA" if _WINDOWS else "XDG_CONFIG_DIRS"] = str(folder / "system")
        _make_empty(folder / "system", like=None)
    return changed


def read_pip_config(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the global and install settings in pip's configuration files.

    pip's variables are not included. Raises ConfigError for an invalid file.
    """
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}}
    for path in _pip_files(environ):
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(path.read_text(encoding="utf-8"), source=str(path))
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            reason = explain_unreadable(error)
            raise ConfigError([f"{path}: pip's settings cannot be read: {reason}"]) from error
        except configparser.Error as error:
            first = str(error).splitlines()[0]
            told = f"pip's settings cannot be read: {first}; correct the file"
            raise ConfigError([f"{path}: {told}"]) from error
        for section in found.keys() & set(parser.sections()):
            items = {key.replace("_", "-"): value for key, value in parser.items(section)}
            found[section] |= {key: value for key, value in items.items() if value}
    return found["global"] | found["install"]


def says_yes(environ: Mapping[str, str], name: str) -> bool:
    """Tell whether a variable says yes, in any word that uv and pip accept, in any case.

    An empty variable counts as unset. Raises ConfigError for any other word, as uv does: neither
    answer would be a safe guess.
    """
    return is_yes(environ.get(name, ""), name)


def is_yes(text: str, where: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ConfigError([f"{where}: {text!r} is neither yes nor no; give 1 or 0"])
    return word in _TRUE


def certificate_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which uv trusts the same file of certificates as a session.

    uv itself only knows one of their names, and does not run in the current folder.
    """
    chosen = choose_certificates(environ)
    if chosen is None or not Path(chosen).is_file():
        return {}
    return {"SSL_CERT_FILE": str(Path(chosen).absolute())}


def missing_certificates(environ: Mapping[str, str]) -> str:
    """Return the variable that names a missing file of certificates, if there is one."""
    name = next((name for name in CA_VARIABLES if environ.get(name)), "")
    return name if name and not Path(environ[name]).exists() else ""


def choose_certificates(environ: Mapping[str, str]) -> str | None:
    """Return the file or folder of CA certificates that the environment names.

    A missing file is reported later. SSL_CERT_DIR may be a list, as in OpenSSL, of which requests
    can use one folder.
    """
    for name in CA_VARIABLES:
        if environ.get(name):
            return environ[name]
    folders = environ.get("SSL_CERT_DIR", "").split(os.pathsep)
    return next((folder for folder in folders if folder and Path(folder).is_dir()), None)


def _user_file(environ: Mapping[str, str]) -> Path | None:
    if _WINDOWS:
        base = environ.get("APPDATA")
        return Path(base, "uv", "uv.toml") if base else None
    config = _config_home(environ)
    return config / "uv" / "uv.toml" if config else None


def _system_file(environ: Mapping[str, str]) -> Path | None:
    if _WINDOWS:
        base = environ.get("PROGRAMDATA")
        return Path(base, "uv", "uv.toml") if base else None
    folders = environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    candidates = [Path(folder, "uv", "uv.toml") for folder in folders.split(":") if folder]
    return next(
        (path for path in candidates if path.is_file()),
        Path("/etc/uv/uv.toml"),
    )


def _pip_files(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the files that pip reads, the strongest last."""
    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return
    home = environ.get("USERPROFILE" if _WINDOWS else "HOME")
    if _WINDOWS:
        bases = [environ.get("PROGRAMDATA"), environ.get("APPDATA")]
        system, user = (Path(base, "pip", "pip.ini") if base else None for base in bases)
        systems, legacy = [system], Path(home, "pip", "pip.ini") if home else None
    else:
        folders = environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
        systems = [*(Path(folder, "pip", "pip.conf") for folder in folders.split(":") if folder)]
        systems.append(Path("/etc/pip.conf"))
        config = _config_home(environ)
        if sys.platform == "darwin" and home:
            library = Path(home, "Library", "Application Support")
            systems.insert(0, Path("/Library/Application Support/pip/pip.conf"))
            config = library if (library / "pip").is_dir() else Path(home, ".config")
        user = config / "pip" / "pip.conf" if config else None
        legacy = Path(home, ".pip", "pip.conf") if home else None
    virtual = environ.get("VIRTUAL_ENV")
    site = Path(virtual, "pip.ini" if _WINDOWS else "pip.conf") if virtual else None
    yield from (path for path in (*systems, legacy, user, site) if path is not None)
    if named:
        yield Path(named)


def _config_home(environ: Mapping[str, str]) -> Path | None:
    config, home = environ.get("XDG_CONFIG_HOME"), environ.get("HOME")
    if config:
        return Path(config)
    return Path(home, ".config") if home else None


def _read_placed(path: Path) -> dict[str, Any]:
    return place_locations(read_uv_toml(path), path.parent)


def read_uv_toml(path: Path) -> dict[str, Any]:
    """Return the values of a `uv.toml`, unchanged.

    Raises ConfigError for one that cannot be read, is not TOML, or has a setting of a wrong shape.
    """
    table = read_toml_file(path).data
    check_uv_table(table, str(path))
    return table


def place_locations(table: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """Return uv's settings with the folders of indexes and find-links as file URLs."""
    return change_locations(table, lambda location: absolute_location(location, base))


def _combine(strong: Mapping[str, Any], weak: Mapping[str, Any]) -> dict[str, Any]:
    """Join two levels of uv's settings as uv does."""
    joined = {**weak, **strong}
    for key in strong.keys() & weak.keys():
        if isinstance(strong[key], list) and isinstance(weak[key], list):
            joined[key] = [*strong[key], *weak[key]]
        elif isinstance(strong[key], dict) and isinstance(weak[key], dict):
            joined[key] = _combine(strong[key], weak[key])
    return joined


def _make_empty(folder: Path, *, like: Path | None) -> None:
    (folder / "uv").mkdir(parents=True)
    (folder / "uv" / "uv.toml").touch()
    if like is None or _WINDOWS:
        return
    for entry in like.iterdir():
        if entry.name != "uv":
            (folder / entry.name).symlink_to(entry)
