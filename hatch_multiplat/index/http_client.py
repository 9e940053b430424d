"""HTTP GET requests from several threads, repeated by one rule."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import urlsplit

from hatch_multiplat.base.own_requirements import not_installed
from hatch_multiplat.base.urls import redact
from hatch_multiplat.index.http_limits import FailedTry, Limits, RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hatch_multiplat.base.urls import Credentials
    from hatch_multiplat.index.http_session import Answer, Session

_T = TypeVar("_T")


class HttpClient:
    """GET requests for several threads at once.

    The logins of `credentials` are sent to the origin (scheme, host and port) of their address
    only; where an origin has several, the address that shares most of its path with the request
    decides. For a password that is None, netrc is asked and then the
    keyring, once. For other origins netrc is asked. `say` hears why a request is made again;
    `backoff` is the pause before that, in seconds.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        environ: Mapping[str, str],
        say: Callable[[str], object] = lambda _: None,
        backoff: float = 0.5,
        limits: Limits | None = None,
    ) -> None:
        self.say = say
        self._session: Session | None = None
        self._credentials = credentials
        self._environ = environ
        self._backoff = backoff
        self._limits = limits or Limits()
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()

    @property
    def session(self) -> Session:
        """The session, made with the first request, because many builds make none."""
        try:
            from hatch_multiplat.index.http_session import Session  # noqa: PLC0415 - it takes 60 ms
        except ModuleNotFoundError as error:
            raise not_installed(str(error.name)) from error

        with self._lock:
            if self._session is None:
                self._session = Session(self._credentials, self._environ, self._limits)
            return self._session

    def prepare(self) -> None:
        """Make the session in this thread, before others ask.

        No other thread is to import anything: a signal that comes while this one imports can leave
        Python's import lock taken, and they would wait for it for ever.
        """
        _ = self.session

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._session is not None:
            self._session.close()

    def get(
        self,
        url: str,
        receive: Callable[[Answer], _T],
        *,
        headers: Mapping[str, str],
        wait: Callable[[float], object] = time.sleep,
    ) -> _T:
        """Ask for a URL until `receive` has taken an answer in, and return what that returns.

        Any status but those of a server in trouble counts as an answer. Connections that fail,
        bodies that break off and the statuses 429, 500, 502, 503 and 504 are tried again, first at
        once, then after `backoff` seconds times 2, 4, 8 and 16, for which `wait` is called. A host
        of which two files in a row cannot be had is asked for no more. Raises RequestError.
        """
        host = self._host_of(url)
        failures = 0
        while True:
            if host.given_up:
                raise RequestError(host.given_up)
            try:
                with self.session.open(url, headers) as answer:
                    received = receive(answer)
            except FailedTry as error:
                failures += 1
                if failures >= error.tries:
                    host.fail(error.final, unreachable=error.unreachable)
                    raise RequestError(error.final) from error
                self._say_once(host, str(error))
                pause = self._backoff * 2 ** (failures - 1) if failures > 1 else 0.0
                wait(pause if error.pause is None else error.pause)
            else:
                host.failed = 0
                return received

    def _host_of(self, url: str) -> _Host:
        netloc = urlsplit(redact(url)).netloc
        with self._lock:
            return self._hosts.setdefault(netloc, _Host(netloc))

    def _say_once(self, host: _Host, reason: str) -> None:
        with self._lock:
            is_new = reason not in host.said
            host.said.add(reason)
        if is_new:
            self.say(f"{host.netloc}: {reason}; trying again")


@dataclass(slots=True)
class _Host:
    """The state that all requests to one host share."""

    netloc: str
    said: set[str] = field(default_factory=set)
    failed: int = 0
    """The number of files that failed since the last success."""
    given_up: str = ""

    def fail(self, reason: str, *, unreachable: bool) -> None:
        self.failed += 1
        if unreachable or self.failed > 1:
            self.given_up = reason
