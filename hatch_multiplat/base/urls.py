"""Addresses: what is secret in them, how they are shown, and which of them mean a local file.

Credentials are taken off every URL where it enters the program, by `Credentials.take`; from there
on an address is fit to be shown and written. `redact` and `redact_text` are for what others say.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import quote, quote_from_bytes, unquote, urlsplit, urlunsplit
from urllib.request import url2pathname

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePath

Login: TypeAlias = tuple[str, str | None]
"""A user and a password, which is None where the keyring has it."""

_SCHEME: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):(?P<slashes>/*)(?P<rest>.*)", re.DOTALL
)
"""A scheme of one letter is a drive of Windows."""
_SUPPORTED: Final = (
    *("file:/", "http://", "https://"),
    *("git+file:///", "git+http://", "git+https://", "git+ssh://"),
)
"""The schemes that uv takes for a URL; it takes everything else for a path."""
_HOST: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+(?:%25[^\]]*)?\]|[^\[\]:@]*)(?::\d*)?")
_URL_REQUIREMENT: Final = re.compile(r"(?P<name>[A-Za-z0-9._\[\], -]+@\s*)(?P<url>\S.*)", re.DOTALL)
_MARKER: Final = re.compile(r"\s;.*|\s+$", re.DOTALL)
_SECRET_NAME: Final = re.compile(
    r"token|secret|passw|pwd|auth|signature|credential|(^|[^a-z])(sig|sas|jwt|(api|access)?_?key)$",
    re.IGNORECASE,
)
_SECRET_VALUE: Final = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9_~%+/=.-]{20,}")
_FILE_NAME: Final = re.compile(r"\.(whl|zip|gz|bz2|xz|html?)$", re.IGNORECASE)
_WORD: Final = re.compile(r"[^\s'\"`<>]+")
_BEFORE_URL: Final = re.compile(r",(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_QUERY_IN_TEXT: Final = re.compile(r"([?&])([^\s=&#'\"`<>]+)=[^\s&#'\"`<>]+")
_QUERY_VARIABLE: Final = "MULTIPLAT_QUERY_{}"
_ENCODE: Final = (
    "write the special characters of a user and a password percent-encoded "
    "(@ as %40, / as %2F, # as %23, ? as %3F), and an @ of the path as %40"
)


class Credentials:
    """Users, passwords and tokens by the addresses that they were given with.

    An address is a URL without user, password, secret parts of its query, and fragment. The first
    login of an address counts.
    """

    def __init__(self, logins: Mapping[str, Login] | None = None) -> None:
        self.logins = dict(logins or {})
        self.of_git: set[str] = set()
        """The addresses of repositories among them."""
        self._queries: dict[str, str] = {}

    def take(self, text: str) -> str:
        """Return a location, or a requirement by URL, without its secrets, and store these.

        Any other text is returned unchanged. Raises ValueError for a URL that cannot be
        read; the message shows nothing of it.
        """
        requirement = _URL_REQUIREMENT.fullmatch(text)
        if requirement is None:
            return self._take_url(text)
        marker = _MARKER.search(requirement["url"])
        end = marker.start() if marker else len(requirement["url"])
        url = self._take_url(requirement["url"][:end])
        return requirement["name"] + url + requirement["url"][end:]

    def take_all(self, value: Any, where: str, problems: list[str]) -> Any:
        """Return a value of TOML, of any type, without the secrets of the URLs in it.

        `where` is its path, for messages.
        """
        if isinstance(value, dict):
            return {
                key: self.take_all(item, f"{where}.{key}" if where else key, problems)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self.take_all(v, f"{where}[{n}]", problems) for n, v in enumerate(value)]
        if not isinstance(value, str):
            return value
        try:
            return self.take(value)
        except ValueError as error:
            problems.append(f"{where}: {error}")
            return redact(value)

    def add(self, url: str, login: Login) -> None:
        """Store a login given apart from its URL; it takes precedence over one in the URL."""
        self.logins[_address_of(url)] = login

    def restore_query(self, url: str) -> str:
        """Return a URL with the secret parts of its query."""
        query = self._queries.get(_address_of(url))
        if query is None:
            return url
        parts = urlsplit(url)
        return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, query)))))

    def query_variables(self) -> dict[str, str]:
        """Return environment variables with the secret queries, for `with_query_variables`."""
        return {_QUERY_VARIABLE.format(n): query for n, query in enumerate(self._queries.values())}

    def with_query_variables(self, text: str) -> str:
        """Return a text for uv in which each secret query is named by its variable.

        uv expands `${NAME}` in the URLs of requirements, and no file has the secret.
        """
        for number, address in enumerate(self._queries):
            joined = address + ("&" if "?" in address else "?")
            variable = f"{joined}${{{_QUERY_VARIABLE.format(number)}}}"
            pattern = rf"{re.escape(address)}(?=[#\s\"']|$)"
            text = re.sub(pattern, variable.replace("\\", r"\\"), text)
        return text

    def take_text(self, text: str) -> str:
        """Return a text of another tool without the secrets of the quoted URLs in it."""

        def take(match: re.Match[str]) -> str:
            try:
                return self.take(match[0])
            except ValueError:
                return match[0]

        return re.sub(r"(?<=\")[a-z+]+://[^\"\s]+(?=\")", take, text)

    def _take_url(self, url: str) -> str:
        parts = _parse(url)
        if parts is None:
            is_file = url.lower().partition(":")[0].endswith("file")
            if "//" in url and not is_file and redact_text(url) != url:
                raise ValueError(f"{redact_text(url)!r} is neither a URL nor a requirement")
            return url
        scheme, user, rest = parts
        clean = f"{scheme}://{rest}"
        if user and scheme.endswith("ssh"):
            clean = f"{scheme}://{user.partition(':')[0]}@{rest}"  # This user logs in by a key.
        split = urlsplit(clean)
        words = split.query.split("&") if split.query else []
        secret = [word for word in words if _is_secret(word)]
        if secret:
            shown = "&".join(word for word in words if word not in secret)
            clean = urlunsplit(split._replace(query=shown))
            self._queries.setdefault(_address_of(clean), "&".join(secret))
        if user and not scheme.endswith("ssh"):
            name, _, password = user.partition(":")
            login = unquote(name), unquote(password)
            self.logins.setdefault(_address_of(clean), login)
            if scheme.startswith("git+"):
                self.of_git.add(_address_of(clean).rpartition("@")[0] or _address_of(clean))
        return clean


def with_login(url: str, login: Login) -> str:
    """Return a URL with a user and a password."""
    words = (quote(text, safe="") for text in login if text is not None)
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{':'.join(words)}@{parts.netloc}"))


def display_url(url: str) -> str:
    """Return a URL that may be shown: without user, password and query (it may be a signature)."""
    try:
        return urlunsplit(urlsplit(redact(url))._replace(query="", fragment=""))
    except ValueError:
        return redact(url)


def explain_url(url: str | None) -> str:
    """Return the problem with the URL of a requirement; "" if there is none."""
    if not url or url.startswith(_SUPPORTED):
        return ""
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]+:(//)?", url)
    said = f"{scheme[0]} is not supported" if scheme else "a path alone is not supported"
    return (
        f"{said}; name a file by https://, http:// or file:///, "
        "a repository by git+https:// or git+ssh://"
    )


def has_scheme(text: str) -> bool:
    """Tell whether a text is a URL and not a path; a scheme of one letter is a drive of Windows."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", text) is not None


def local_path(url: str) -> Path | None:
    """Return the path that a file URL or a plain path means; None for a file on a server."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        host = "" if parts.netloc in {"", "localhost"} else f"//{parts.netloc}"
        return Path(url2pathname(host + parts.path))
    # A scheme of one letter is a drive of Windows.
    return Path(url) if len(parts.scheme) <= 1 else None


def file_url(path: PurePath) -> str:
    """Return the URL of an absolute path, of this system or another (RFC 8089)."""
    drive = path.drive if path.drive.endswith(":") else ""
    start = f"file:///{drive}" if drive else "file:" if path.drive else "file://"
    rest = path.as_posix().removeprefix(drive)
    return start + quote_from_bytes(rest.encode("utf-8", "surrogateescape"))


def redact(text: str) -> str:
    """Return a location or requirement, valid or not, without any possible user or password."""
    try:
        return Credentials().take(text)
    except ValueError:
        return _redact_word(text)


def redact_text(text: str) -> str:
    """Return a foreign text with the user and password of every URL in it replaced."""
    without = _WORD.sub(
        lambda match: ",".join(map(_redact_word, _BEFORE_URL.split(match[0]))), text
    )
    return _QUERY_IN_TEXT.sub(
        lambda match: f"{match[1]}{match[2]}=***" if _is_secret(match[0][1:]) else match[0], without
    )


def _redact_word(text: str) -> str:
    """Replace everything before the last @ that may end a user and a password."""
    if ":" not in text or "@" not in text:
        return text
    scheme, separator, rest = text.partition("://")
    if not separator:
        head, _, last = text.rpartition("@")
        return f"***@{last}" if ":" in head else text
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if scheme.endswith("file") and not authority:
        return text
    if "@" not in authority and ":" not in authority and _looks_like_host(authority):
        return text  # An @ of the path: git's revision, or a scope.
    head, at, last = rest.rpartition("@")
    if not at or (scheme.endswith("ssh") and ":" not in head):
        return text
    return f"{scheme}://***@{last}"


def _parse(url: str) -> tuple[str, str, str] | None:
    """Return the scheme, the user with the password, and the rest; None if it is not a URL.

    Raises ValueError for a URL that cannot be read.
    """
    match = _SCHEME.fullmatch(url)
    if match is None or (not match["slashes"] and "@" not in match["rest"]):
        return None
    scheme, slashes, rest = match["scheme"], match["slashes"], match["rest"]
    shown = _redact_word(url)
    if scheme.lower().rpartition("+")[2] == "file":  # Its @ begins a revision.
        _check_split(url, shown)
        return None
    if len(slashes) != len("//"):
        if "@" not in rest:
            return None
        raise ValueError(f"{shown!r} is not a URL; write two slashes after the colon")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    tail = rest[len(authority) :]
    user, at, host = authority.rpartition("@")
    is_revision = scheme.startswith("git") and _looks_like_host(host)
    if "@" in tail and not is_revision and (":" in authority or at or not _looks_like_host(host)):
        raise ValueError(f"{shown!r}: {_ENCODE}")
    if not _HOST.fullmatch(host):
        raise ValueError(f"{shown!r} is not a URL: {host!r} is not a host and a port")
    _check_split(f"{scheme}://{host}{tail}", shown)
    return scheme, user, host + tail


def _check_split(url: str, shown: str) -> None:
    try:
        _ = urlsplit(url).port
    except ValueError as error:
        raise ValueError(f"{shown!r} is not a URL: {error}") from None


def _looks_like_host(text: str) -> bool:
    name, _, port = text.partition(":")
    return ("." in name or name == "localhost" or text.startswith("[")) and not (
        port and not text.startswith("[") and not port.isdecimal()
    )


def _is_secret(word: str) -> bool:
    """Tell whether a word of a query is a secret, by its name or by what it looks like."""
    name, _, value = word.partition("=")
    looks = _SECRET_VALUE.fullmatch(value) and not _FILE_NAME.search(unquote(value))
    return bool(value) and bool(_SECRET_NAME.search(unquote(name)) or looks)


def _address_of(url: str) -> str:
    return url.partition("#")[0].removeprefix("git+")
