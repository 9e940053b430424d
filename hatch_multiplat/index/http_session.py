"""HTTP as this machine's owner has set it up: proxies, netrc, CA bundles, credentials.

requests reads proxies, `REQUESTS_CA_BUNDLE` and netrc by itself; this adds the other names that
uv's and pip's users know, credentials by URL, limits to what a server may keep us waiting, and
reasons that can be shown: no text that leaves this module has a user, a password or a signed query
in it.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - the first request to a host would import it in its thread
import socket
import threading
import time
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from requests.exceptions import (
    ChunkedEncodingError,
    ConnectTimeout,
    InvalidSchema,
    InvalidURL,
    ProxyError,
    SSLError,
    TooManyRedirects,
)
from requests.utils import get_netrc_auth, select_proxy
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import Retry

from hatch_multiplat.__about__ import __version__
from hatch_multiplat.base.errors import ToolError
from hatch_multiplat.base.log import LOG
from hatch_multiplat.base.process import run_tool
from hatch_multiplat.base.urls import Credentials, redact, redact_text
from hatch_multiplat.index.http_limits import (
    SLOW_TRIES,
    TRIES,
    BrokenBodyError,
    FailedTry,
    Limits,
    RequestError,
)
from hatch_multiplat.index.user_settings import CA_VARIABLES, choose_certificates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hatch_multiplat.base.urls import Login

_LONGEST_WAIT: Final = 30.0
"""The longest wait, in seconds, before another try, whatever Retry-After says."""

_KEYRING_TIMEOUT: Final = 120.0
"""Seconds to wait for the keyring: a person may have to unlock something first."""

_TRANSIENT: Final = frozenset({429, 500, 502, 503, 504})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Answer:
    """A server's answer, with its body still on the way."""

    def __init__(self, response: requests.Response, limits: Limits) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.url = redact(response.url)
        """The final URL, without credentials."""
        self._response = response
        self._limits = limits
        self._said = f"{self.status} {response.reason or ''}".strip()
        self.summary = f"the server answered {self._said}"

    @property
    def is_delimited(self) -> bool:
        """True if the protocol itself would show that the body broke off."""
        chunked = "chunked" in self.headers.get("Transfer-Encoding", "").lower()
        return chunked or "Content-Length" in self.headers

    def chunks(self, size: int, *, decode: bool = False) -> Iterator[bytes]:
        """Yield the body; a content encoding is only undone on request.

        Raises BrokenBodyError if the body ends early or comes too slowly.
        """
        started = time.monotonic()
        received = 0
        try:
            while chunk := self._response.raw.read1(size, decode_content=decode):
                received += len(chunk)
                seconds = time.monotonic() - started
                if seconds > self._limits.grace + received / self._limits.slowest:
                    raise BrokenBodyError(f"{received} bytes in {seconds:.0f} s", slow=True)
                yield chunk
        except (urllib3.exceptions.HTTPError, OSError) as error:
            slow = isinstance(error, (urllib3.exceptions.TimeoutError, TimeoutError))
            raise BrokenBodyError(_explain(error), slow=slow) from error

    def body(self) -> bytes:
        """Return the whole body, its content encoding undone; raises BrokenBodyError."""
        return b"".join(self.chunks(64 * 1024, decode=True))

    def explain(self) -> str:
        """Return what a status that is not a success means for the user."""
        status = self._said
        if self.status in {401, 403}:
            proxy = _plain_proxy(self._response)
            if proxy:
                return (
                    f"the server or the proxy {proxy} refused us ({status}); check the user "
                    "and password in the index URL or in netrc, and what the proxy lets through"
                )
            return (
                f"the server refused us ({status}); "
                "check the user and password in the index URL or in netrc"
            )
        if self.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            return f"the proxy refused us ({status}); check the user and password in HTTP_PROXY"
        if self.status in {404, 410}:
            return f"the server does not have it ({status}); lock again if it was removed there"
        again = f" {TRIES} times; try again later" if self.status in _TRANSIENT else ""
        return f"{self.summary}{again}"


def ask_keyring(url: str, user: str, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Return user and password for a URL, or else for its host; None if there are none.

    Without a `user` the keyring is asked for that as well, which takes version 25.2 of it. A
    command that is not there, or fails, has no password: the server then says what is missing.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    for service in (url, f"{host}:{parts.port}" if parts.port else host):
        words = ["keyring", "get", service, *([user] if user else ["--mode", "creds"])]
        try:
            done = run_tool(
                "keyring",
                words,
                cwd=Path.cwd(),
                environ=environ,
                check=False,
                timeout=_KEYRING_TIMEOUT,
            )
        except ToolError:
            return None
        lines = done.stdout.splitlines()
        if done.returncode == 0 and user and lines:
            return user, lines[0]
        if done.returncode == 0 and len(lines) > 1:
            return lines[0], lines[1]
    return None


class _Auth(AuthBase):
    """Finds user and password for a request by its URL, then in netrc, then in the keyring."""

    def __init__(self, credentials: Credentials, environ: Mapping[str, str]) -> None:
        self._credentials, self._environ = credentials, environ
        self._asked: dict[str, tuple[str, str]] = {}
        self._lock = threading.Lock()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        pair = self.find(request.url or "") or get_netrc_auth(request.url or "")
        return HTTPBasicAuth(*pair)(request) if pair else request

    def find(self, url: str) -> tuple[str, str] | None:
        found = self._find_login(url)
        if found is None:
            return None
        index_url, (user, password) = found
        return (user, password) if password is not None else self._look_up(index_url, user)

    def _find_login(self, url: str) -> tuple[str, Login] | None:
        parts = urlsplit(url)
        fitting = [
            (_shared_depth(known.path, parts.path), (address, login))
            for address, login in tuple(self._credentials.logins.items())
            if _origin(known := urlsplit(address)) == _origin(parts)
        ]
        return max(fitting, key=lambda item: item[0])[1] if fitting else None

    def _look_up(self, url: str, user: str) -> tuple[str, str] | None:
        """Look up a password in the user's places; some logins are a user without one."""
        with self._lock:
            if url not in self._asked:
                pair = get_netrc_auth(url)
                if pair is None or (user and pair[0] != user):
                    pair = ask_keyring(url, user, self._environ)
                self._asked[url] = pair or (user, "")
        pair = self._asked[url]
        return pair if any(pair) else None


class Session(requests.Session):
    """A session that looks credentials up again when a redirect leads to another origin."""

    def __init__(
        self, credentials: Credentials, environ: Mapping[str, str], limits: Limits
    ) -> None:
        super().__init__()
        self.headers["User-Agent"] = f"hatch-multiplat/{__version__}"
        self.auth = _Auth(credentials, environ)
        self.verify = choose_certificates(environ) or True
        self._credentials, self._environ, self._limits = credentials, environ, limits
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter(limits.head))

    @contextmanager
    def open(self, url: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        """Ask once and hand out the answer; raises FailedTry, and RequestError."""
        try:
            response = self.get(
                self._credentials.restore_query(self._credentials.take(url)),
                headers=dict(headers),
                stream=True,
                timeout=(self._limits.connect, self._limits.read),
            )
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            reason = _explain(error, self._environ)
            sent_on = _sent_on(url, error)
            if sent_on:
                reason = f"it leads to {sent_on}: {reason}"
            if isinstance(error, (SSLError, InvalidURL)) or not isinstance(error, _PASSING):
                raise RequestError(reason) from error
            tries = SLOW_TRIES if isinstance(error, requests.Timeout) else TRIES
            unreachable = _is_unreachable(error) and not sent_on
            final = reason if "; " in reason else f"{reason}; {_TO_DO}"
            raise FailedTry(reason, final=final, tries=tries, unreachable=unreachable) from error
        with response:
            answer = Answer(response, self._limits)
            LOG.debug("%d from %s", answer.status, answer.url)
            if answer.status in _TRANSIENT:
                pause = read_retry_after(response)
                raise FailedTry(answer.summary, final=answer.explain(), pause=pause)
            try:
                yield answer
            except BrokenBodyError as error:
                raise FailedTry(
                    f"an answer broke off ({error})",
                    final=f"it broke off each time ({error}); try again later",
                    tries=SLOW_TRIES if error.slow else TRIES,
                ) from error

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        # Not the inherited one, which lets netrc win over what was given for the URL.
        old, new = response.request.url or "", prepared_request.url or ""
        if self.should_strip_auth(old, new):
            prepared_request.headers.pop("Authorization", None)
        if "Authorization" not in prepared_request.headers and isinstance(self.auth, _Auth):
            prepared_request.prepare_auth(self.auth)


class _Adapter(HTTPAdapter):
    """Sends a request once, over connections that do not wait for a head for ever."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        super().__init__(pool_connections=16, pool_maxsize=16, max_retries=Retry(0, read=False))

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _pool_classes(self._seconds)

    def proxy_manager_for(self, *args: Any, **options: Any) -> urllib3.ProxyManager:
        manager: urllib3.ProxyManager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = _pool_classes(self._seconds)
        return manager


def _pool_classes(seconds: float) -> dict[str, type[HTTPConnectionPool]]:
    """Return pools of connections that end if the head of an answer takes too long.

    A socket's timeout starts again with every byte.
    """

    class _Bounded(HTTPConnection):
        def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]
            too_late = threading.Event()
            timer = threading.Timer(seconds, _end, [self.sock, too_late])
            timer.start()
            try:
                response = super().getresponse()
            except (OSError, HTTPException):
                if too_late.is_set():
                    raise TimeoutError from None
                raise
            finally:
                timer.cancel()
            if too_late.is_set():
                response.close()
                raise TimeoutError
            return response

    class _Plain(HTTPConnectionPool):
        ConnectionCls = _Bounded

    class _Secure(HTTPSConnectionPool):
        ConnectionCls = type("_BoundedSecure", (_Bounded, HTTPSConnection), {})

    return {"http": _Plain, "https": _Secure}


def _end(connection: socket.socket, too_late: threading.Event) -> None:
    too_late.set()
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def read_retry_after(response: requests.Response) -> float | None:
    """Return the seconds that a server asks to wait, within limits."""
    wished = Retry().get_retry_after(response.raw)
    return None if wished is None else min(wished, _LONGEST_WAIT)


def _plain_proxy(response: requests.Response) -> str:
    """Return the proxy that may have answered instead of the server; with TLS, none can."""
    url = response.url
    if not url.startswith("http://"):
        return ""
    proxies = requests.utils.get_environ_proxies(url)
    return redact(select_proxy(url, proxies) or "")


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _shared_depth(known: str, asked: str) -> int:
    """Return the number of leading path segments that two URLs share."""
    depth = 0
    for left, right in zip(known.strip("/").split("/"), asked.strip("/").split("/"), strict=False):
        if left != right:
            break
        depth += 1
    return depth


_REASONS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (
        SSLError,
        (
            "its certificate is not trusted ({}); name the file with your CA certificates in "
            "SSL_CERT_FILE or REQUESTS_CA_BUNDLE"
        ),
    ),
    (InvalidSchema, "files are downloaded by http and https only; correct the address"),
    (TooManyRedirects, "it redirects without end; does it need a login?"),
    (
        ProxyError,
        "the proxy does not let us through ({}); see HTTPS_PROXY, HTTP_PROXY, NO_PROXY",
    ),
    (requests.Timeout, "it does not answer in time"),
    (urllib3.exceptions.TimeoutError, "it does not answer in time"),
    (requests.ConnectionError, "cannot connect ({})"),
)
_PASSING: Final = (
    requests.ConnectionError,
    requests.Timeout,
    ChunkedEncodingError,
    urllib3.exceptions.HTTPError,
)
"""Another try may help against these, unless they are failures of trust or of the address."""
_UNREACHABLE: Final = (SSLError, ProxyError, ConnectTimeout)
"""With these the server cannot be reached at all, rather than just for one file."""
_TO_DO: Final = "check the address and the network, or try again later"


def _sent_on(url: str, error: BaseException) -> str:
    """Return the host that was asked last, if a redirect led to another one."""
    request = error.request if isinstance(error, requests.RequestException) else None
    asked, last = urlsplit(url), urlsplit(getattr(request, "url", None) or url)
    same = (asked.hostname, asked.port) == (last.hostname, last.port)
    return "" if same else redact(f"{last.scheme}://{last.netloc.rpartition('@')[2]}")


def _explain(error: BaseException, environ: Mapping[str, str] | None = None) -> str:
    """Say why there was no answer, without secrets, and what to do."""
    root = _root_cause(error)
    text = redact_text(str(getattr(root, "strerror", None) or root)).strip()
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason.format(text)
    if isinstance(root, urllib3.exceptions.IncompleteRead):
        return f"after {root.partial} of {root.partial + (root.expected or 0)} bytes"
    if "CA certificate bundle" in text:
        return f"{text}; see {', '.join(v for v in CA_VARIABLES if (environ or {}).get(v))}"
    return text or type(root).__name__


def _is_unreachable(error: BaseException) -> bool:
    return isinstance(error, _UNREACHABLE) or any(
        isinstance(getattr(cause, "reason", None), urllib3.exceptions.NewConnectionError)
        for cause in error.args
    )


def _root_cause(error: BaseException) -> BaseException:
    """Follow an exception of requests or urllib3 to the one that names the cause."""
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
