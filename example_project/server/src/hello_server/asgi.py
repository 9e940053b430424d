"""For uvicorn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import setproctitle

from hello_server import greet

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

setproctitle.setproctitle("hello web")


async def app(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Answer every request, and take part in starting and stopping."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": greet()})
