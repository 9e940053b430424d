"""For gunicorn, which sets its processes' titles by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hello_server import greet

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment


def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer every request."""
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [greet()]
