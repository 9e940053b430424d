"""The project's own command: `hello-check 8000` asks the server on that port of this machine."""

from __future__ import annotations

import http.client
import sys


def main() -> None:
    """Print what the server answers."""
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=10)
    connection.request("GET", "/")
    print(connection.getresponse().read().decode(), end="")
