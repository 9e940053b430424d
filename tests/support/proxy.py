"""A proxy on loopback."""

from __future__ import annotations

import http.client
import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.support.server import Server, basic_auth, send

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.server import BaseHTTPRequestHandler


class Proxy(Server):
    """An HTTP proxy: passes plain requests on and opens tunnels for https.

    `hosts` says where the names of a test's own, which no DNS knows, really are.
    """

    def __init__(
        self, *, hosts: Mapping[str, str] | None = None, auth: tuple[str, str] | None = None
    ) -> None:
        super().__init__()
        self.hosts = hosts or {}
        self.auth = auth

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        if self.auth and handler.headers.get("Proxy-Authorization") != basic_auth(*self.auth):
            send(handler, 407, b"", {"Proxy-Authenticate": 'Basic realm="proxy"'})
        elif handler.command == "CONNECT":
            self._tunnel(handler)
        else:
            self._pass_on(handler)

    def _pass_on(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        netloc = self.hosts.get(parts.netloc, parts.netloc)
        connection = http.client.HTTPConnection(netloc, timeout=30)
        try:
            passed = {k: v for k, v in handler.headers.items() if not k.startswith("Proxy-")}
            connection.request(handler.command, parts.path, headers=passed)
            response = connection.getresponse()
            headers = {k: v for k, v in response.getheaders() if k in {"Content-Type", "ETag"}}
            send(handler, response.status, response.read(), headers)
        finally:
            connection.close()

    def _tunnel(self, handler: BaseHTTPRequestHandler) -> None:
        host, _, port = self.hosts.get(handler.path, handler.path).rpartition(":")
        with socket.create_connection((host, int(port)), timeout=30) as upstream:
            handler.send_response(200)
            handler.end_headers()
            handler.close_connection = True
            back = threading.Thread(target=_pump, args=(upstream, handler.connection), daemon=True)
            back.start()
            _pump(handler.connection, upstream)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while chunk := source.recv(1 << 16):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return
