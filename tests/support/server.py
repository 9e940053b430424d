"""Servers on loopback: in a thread of the test's own process, and programs that are servers."""

from __future__ import annotations

import base64
import socket
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self, cast

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request that a server has seen, in the order of their coming."""

    method: str
    path: str
    headers: Mapping[str, str]


class Server:
    """A server in a thread; `with` starts it, on a free port of 127.0.0.1, and ends it."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def do_GET(self) -> None:
                server._serve(self)

            do_HEAD = do_CONNECT = do_GET  # noqa: N815 - the names that http.server looks for

            def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002

        self.requests: list[Request] = []
        self._closing = threading.Event()
        self._tls = tls is not None
        self._httpd = _QuietServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._httpd.socket = tls.wrap_socket(
                self._httpd.socket, server_side=True, do_handshake_on_connect=False
            )

    def __enter__(self) -> Self:
        self._thread = threading.Thread(
            target=self._httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._httpd.shutdown()
        self._httpd.server_close()
        self._thread.join()

    @property
    def netloc(self) -> str:
        return f"127.0.0.1:{self._httpd.server_port}"

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.netloc}"

    @property
    def connections(self) -> int:
        """How many connections were opened, whether or not a request came over them."""
        return self._httpd.connections

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        raise NotImplementedError

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        self.requests.append(
            Request(
                method=handler.command,
                path=handler.path,
                headers=dict(handler.headers.items()),
            )
        )
        try:
            self.answer(handler)
        except (BrokenPipeError, ConnectionResetError):
            handler.close_connection = True


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    connections = 0

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that go away are what some tests are about."""


@contextmanager
def refused_port() -> Iterator[str]:
    """Hand out the address of a port on which nobody listens, held so that nobody will."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


def free_port() -> int:
    """Return a port on which nobody listens, and somebody may."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return cast("int", free.getsockname()[1])


@contextmanager
def run_server(*words: str | Path, port: int, folder: Path) -> Iterator[None]:
    """Run a program in a folder while it listens on a port; its `log` there is what it says."""
    log = folder / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(words, cwd=folder, stdout=output, stderr=output) as server,
    ):
        try:
            wait_for_port(port, server, log)
            yield
        finally:
            server.terminate()


def wait_for_port(port: int, server: subprocess.Popen[bytes], log: Path | None = None) -> None:
    """Return when a program listens on a port; it must not end before."""
    for _ in range(600):
        assert server.poll() is None, log.read_text("utf-8") if log else "the server has ended"
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise AssertionError(f"nothing listens on port {port}")


def basic_auth(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def send(
    handler: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    headers: Mapping[str, str] | None = None,
) -> None:
    handler.send_response(status)
    for key, value in (headers or {}).items():
        handler.send_header(key, value)
    if status != 304:
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD" and status != 304:
        handler.wfile.write(body)


def send_cut(handler: BaseHTTPRequestHandler, content: bytes, *, after: int, length: bool) -> None:
    handler.send_response(200)
    if length:
        handler.send_header("Content-Length", str(len(content)))
    else:
        handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(content[:after])
    handler.close_connection = True
