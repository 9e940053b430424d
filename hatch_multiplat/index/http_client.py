"""HTTP as this machine's owner has set it up: proxies, netrc, CA bundles, credentials, retries.

requests reads proxies, `REQUESTS_CA_BUNDLE` and netrc by itself; this adds the other names that
uv's and pip's users know, credentials by URL, and reasons that can be shown: no text that leaves
this module has a user, a password or a signed query in it.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import SplitResult, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from requests.utils import get_netrc_auth
from urllib3.util import Retry

from hatch_multiplat.__about__ import __version__
from hatch_multiplat.base.errors import ToolError
from hatch_multiplat.base.process import run_tool
from hatch_multiplat.base.urls import redact_text, split_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from urllib3.connectionpool import ConnectionPool

    from hatch_multiplat.index.sources import Login

TRIES: Final = 6
"""How often a request is made before its failure counts."""

_TIMEOUT: Final = (15.0, 60.0)
"""Seconds to wait for a connection, and for the next bytes on it."""

_LONGEST_WAIT: Final = 30.0
"""Seconds to wait before a further try, whatever a server's Retry-After wishes."""

_KEYRING_TIMEOUT: Final = 120.0
"""Seconds to wait for the keyring: a person may have to unlock something first."""

_CA_VARIABLES: Final = (
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "PIP_CERT",
    "SSL_CERT_FILE",
)
_TRANSIENT: Final = frozenset({429, 500, 502, 503, 504})
_PROXY_AUTHENTICATION: Final = 407
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class RequestError(Exception):
    """A request failed for good; the message is the reason, fit to be shown."""

    def __init__(self, reason: str, *, unreachable: bool = False) -> None:
        self.unreachable = unreachable
        """True where not even a connection came about: other files of that host need no try."""
        super().__init__(reason)


class BrokenBodyError(Exception):
    """A response broke off; asking again may help."""


def make_session(credentials: Mapping[str, Login], *, backoff: float = 0.5) -> requests.Session:
    """Return a session that several threads may use for GET requests at once.

    `credentials` maps the URL of an index to its user and password. They are sent to that origin
    (scheme, host and port) only; where an origin has several, the URL that shares most of its
    path with the request decides. For a password that is None, netrc is asked and then the
    keyring, once. For other origins netrc is asked. Connections that fail and the answers 429,
    500, 502, 503 and 504 are tried again, first at once, then after `backoff` seconds times 2, 4,
    8 and 16; a certificate that is not trusted is not.
    """
    session = _Session()
    session.headers["User-Agent"] = f"hatch-multiplat/{__version__}"
    session.auth = _Credentials(credentials)
    session.verify = _choose_certificates(os.environ) or True
    adapter = HTTPAdapter(
        pool_connections=16,
        pool_maxsize=16,
        max_retries=_Retry(
            total=TRIES - 1,
            backoff_factor=backoff,
            status_forcelist=_TRANSIENT,
            allowed_methods=("GET", "HEAD"),
            raise_on_status=False,
        ),
    )
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


@contextmanager
def open_url(
    session: requests.Session, url: str, *, headers: Mapping[str, str]
) -> Iterator[requests.Response]:
    """Ask for a URL and hand out the response, its body still on the way.

    Any status counts as an answer; raises RequestError where there is none.
    """
    address, credentials = split_credentials(url)
    known = isinstance(session.auth, _Credentials) and session.auth.knows(address)
    whole = credentials is not None and (credentials[1] or not known)
    try:
        response = session.get(
            address,
            headers=dict(headers),
            auth=HTTPBasicAuth(*credentials) if credentials and whole else None,
            stream=True,
            timeout=_TIMEOUT,
        )
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise RequestError(_explain(error), unreachable=_is_unreachable(error)) from error
    with response:
        yield response


def iter_body(response: requests.Response, chunk_size: int) -> Iterator[bytes]:
    """Yield a response's body as it was sent, a content encoding left as it is.

    Raises BrokenBodyError where it ends early.
    """
    try:
        yield from response.raw.stream(chunk_size, decode_content=False)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise BrokenBodyError(_explain(error)) from error


def read_body(response: requests.Response) -> bytes:
    """Return a whole body, its content encoding undone; raises BrokenBodyError."""
    try:
        return response.content
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise BrokenBodyError(_explain(error)) from error


def retry_policy(session: requests.Session, url: str) -> Retry:
    """Return the session's rule for further tries, to be applied to broken bodies as well.

    requests applies it only until the head of an answer is there.
    """
    adapter = session.get_adapter(url)
    return adapter.max_retries if isinstance(adapter, HTTPAdapter) else Retry(0)


def explain_status(response: requests.Response) -> str:
    """Return what a status that is not a success means for the user."""
    status = f"{response.status_code} {response.reason or ''}".strip()
    if response.status_code in {401, 403}:
        return (
            f"the server refused us ({status}); "
            "check the user and password in the index URL or in netrc"
        )
    if response.status_code == _PROXY_AUTHENTICATION:
        return f"the proxy refused us ({status}); check the user and password in HTTP_PROXY"
    if response.status_code in {404, 410}:
        return f"the server does not have it ({status}); lock again if it was removed there"
    if response.status_code in _TRANSIENT:
        return f"the server answered {status} {TRIES} times; try again later"
    return f"the server answered {status}"


def certificate_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which uv trusts the file of certificates that a session does.

    By itself it knows one of their names only, and a relative path is not for its folder.
    """
    chosen = _choose_certificates(environ)
    if chosen is None or not Path(chosen).is_file():
        return {}
    return {"SSL_CERT_FILE": str(Path(chosen).absolute())}


def _choose_certificates(environ: Mapping[str, str]) -> str | None:
    """Return the file or folder of CA certificates that the environment names.

    A file that is not there is an error later on; SSL_CERT_DIR may be a list, as OpenSSL has it,
    of which requests can use one.
    """
    for name in _CA_VARIABLES:
        if environ.get(name):
            return environ[name]
    folders = environ.get("SSL_CERT_DIR", "").split(os.pathsep)
    return next((folder for folder in folders if folder and Path(folder).is_dir()), None)


def ask_keyring(url: str, user: str) -> tuple[str, str] | None:
    """Return user and password for a URL, or else for its host; None if there are none.

    Without a `user` the keyring is asked for that as well, which takes version 25.2 of it. A
    command that is not there, or fails, has no password: the server then says what is missing.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    for service in (url, f"{host}:{parts.port}" if parts.port else host):
        words = ["keyring", "get", service, *([user] if user else ["--mode", "creds"])]
        try:
            done = run_tool("keyring", words, cwd=Path.cwd(), check=False, timeout=_KEYRING_TIMEOUT)
        except ToolError:
            return None
        lines = done.stdout.splitlines()
        if done.returncode == 0 and user and lines:
            return user, lines[0]
        if done.returncode == 0 and len(lines) > 1:
            return lines[0], lines[1]
    return None


class _Credentials(AuthBase):
    """Finds user and password for a request by its URL, then in netrc, then in the keyring."""

    def __init__(self, credentials: Mapping[str, Login]) -> None:
        self._known = [(urlsplit(url), url, login) for url, login in credentials.items()]
        self._asked: dict[str, tuple[str, str]] = {}
        self._lock = threading.Lock()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        pair = self.find(request.url or "") or get_netrc_auth(request.url or "")
        return HTTPBasicAuth(*pair)(request) if pair else request

    def knows(self, url: str) -> bool:
        """Tell whether there is a login for the origin of a URL."""
        return self._find_login(url) is not None

    def find(self, url: str) -> tuple[str, str] | None:
        found = self._find_login(url)
        if found is None:
            return None
        index_url, (user, password) = found
        return (user, password) if password is not None else self._look_up(index_url, user)

    def _find_login(self, url: str) -> tuple[str, Login] | None:
        parts = urlsplit(url)
        fitting = [
            (_shared_depth(known.path, parts.path), (index_url, login))
            for known, index_url, login in self._known
            if _origin(known) == _origin(parts)
        ]
        return max(fitting, key=lambda item: item[0])[1] if fitting else None

    def _look_up(self, url: str, user: str) -> tuple[str, str] | None:
        """Look a password up where the user keeps it; a user without one may be all there is."""
        with self._lock:
            if url not in self._asked:
                pair = get_netrc_auth(url)
                if pair is None or (user and pair[0] != user):
                    pair = ask_keyring(url, user)
                self._asked[url] = pair or (user, "")
        pair = self._asked[url]
        return pair if any(pair) else None


class _Session(requests.Session):
    """A session that looks credentials up again when a redirect leads to another origin."""

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        # Not the inherited one, which lets netrc win over what was given for the URL.
        old, new = response.request.url or "", prepared_request.url or ""
        if self.should_strip_auth(old, new):
            prepared_request.headers.pop("Authorization", None)
        if "Authorization" not in prepared_request.headers and isinstance(self.auth, _Credentials):
            prepared_request.prepare_auth(self.auth)


class _Retry(Retry):
    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: urllib3.BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        if isinstance(error, urllib3.exceptions.SSLError) and _pool is not None:
            raise urllib3.exceptions.MaxRetryError(_pool, url or "", error)
        return super().increment(method, url, response, error, _pool, _stacktrace)

    def get_retry_after(self, response: urllib3.BaseHTTPResponse) -> float | None:
        wished = super().get_retry_after(response)
        return None if wished is None else min(wished, _LONGEST_WAIT)


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _shared_depth(known: str, asked: str) -> int:
    """Return how many leading path segments two URLs share."""
    depth = 0
    for left, right in zip(known.strip("/").split("/"), asked.strip("/").split("/"), strict=False):
        if left != right:
            break
        depth += 1
    return depth


def _explain(error: BaseException) -> str:
    """Say why there was no answer, in words that name no secret and the way out."""
    root = _root_cause(error)
    text = redact_text(str(getattr(root, "strerror", None) or root)).strip()
    if isinstance(error, requests.exceptions.SSLError):
        return (
            f"its certificate is not trusted ({text}); "
            "name the file with your CA certificates in SSL_CERT_FILE or REQUESTS_CA_BUNDLE"
        )
    if isinstance(error, requests.exceptions.ProxyError):
        return f"the proxy does not let us through ({text}); see HTTPS_PROXY, HTTP_PROXY, NO_PROXY"
    if isinstance(error, (requests.Timeout, urllib3.exceptions.TimeoutError)):
        return "it does not answer in time"
    if isinstance(error, requests.ConnectionError):
        return f"cannot connect ({text})"
    if "CA certificate bundle" in text:
        return f"{text}; see {', '.join(v for v in _CA_VARIABLES if os.environ.get(v))}"
    return text or type(root).__name__


def _is_unreachable(error: BaseException) -> bool:
    """Tell a server that cannot be had at all from one that has trouble with one file."""
    return isinstance(
        error,
        (
            requests.exceptions.SSLError,
            requests.exceptions.ProxyError,
            requests.exceptions.ConnectTimeout,
        ),
    ) or any(
        isinstance(getattr(cause, "reason", None), urllib3.exceptions.NewConnectionError)
        for cause in error.args
    )


def _root_cause(error: BaseException) -> BaseException:
    """Follow an exception of requests or urllib3 down to the one that says what happened."""
    seen = set()
    while id(error) not in seen:
        seen.add(id(error))
        candidates = (
            getattr(error, "reason", None),
            getattr(error, "original_error", None),
            *error.args,
            error.__cause__,
        )
        error = next((c for c in candidates if isinstance(c, BaseException)), error)
    return error
