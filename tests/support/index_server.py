"""A package index on loopback that can be made to differ, and to misbehave, as real ones do."""

from __future__ import annotations

import hashlib
import html
import json
import shutil
import tempfile
import threading
import zipfile
from dataclasses import dataclass, field
from email.parser import BytesParser
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

from tests.support.server import Request, Server, basic_auth, send, send_cut
from tests.support.wheels import make_sdist, make_wheel

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence
    from http.server import BaseHTTPRequestHandler

JSON: Final = "application/vnd.pypi.simple.v1+json"


@dataclass
class _Fault:
    kind: str
    times: int | None
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _File:
    path: Path
    project: str
    requires_python: str | None
    yanked: str | None
    metadata: bytes | None
    upload_time: str | None


class IndexServer(Server):
    """A package index (PEP 503, 691, 658) over files that `add` and its like put into it.

    The switches are what real indexes differ in: `json` and `html`, the formats it speaks;
    `relative` links; `hashes`, the algorithms that it gives; `sizes`; `metadata` files beside
    wheels; `etags`; `auth`, a user and a password for everything;
    `token`, in the query for each file; `tls`.
    The methods `fail`, `hang_up`, `drop`, `stall`, `corrupt`, `mislabel`, `hold`, `slow` and
    `redirect` spoil what is asked for by the name of a file or of a project, for a number of
    times or (None) for good.
    """

    def __init__(
        self,
        *,
        json: bool = True,
        html: bool = True,
        relative: bool = False,
        hashes: Sequence[str] = ("sha256",),
        sizes: bool = True,
        metadata: bool = True,
        etags: bool = True,
        auth: tuple[str, str] | None = None,
        token: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls)
        self.json = json
        self.html = html
        self.relative = relative
        self.hashes = tuple(hashes)
        self.sizes = sizes
        self.metadata = metadata
        self.etags = etags
        self.auth = auth
        self.token = token
        self._files: dict[str, _File] = {}
        self._faults: dict[str, list[_Fault]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="index-"))
        return super().__enter__()

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        shutil.rmtree(self._folder)

    @property
    def index_url(self) -> str:
        return f"{self.url}/simple/"

    @property
    def find_links_url(self) -> str:
        """A page with the links of all files."""
        return f"{self.url}/links/"

    def with_credentials(self, url: str, user: str, password: str) -> str:
        return url.replace("://", f"://{user}:{password}@", 1)

    def file_url(self, path: Path | str) -> str:
        return f"{self.url}/files/{Path(path).name}"

    def add(
        self,
        *paths: Path,
        requires_python: str | None = None,
        yanked: str | None = None,
        upload_time: str | None = None,
    ) -> None:
        """List these files; Requires-Python is taken from wheels, unless given."""
        for path in paths:
            metadata = _read_metadata(path)
            if requires_python is None and metadata is not None:
                header = BytesParser().parsebytes(metadata, headersonly=True)
                found = header.get("Requires-Python")
            else:
                found = requires_python
            self._files[path.name] = _File(
                path=path,
                project=_project_of(path.name),
                requires_python=found,
                yanked=yanked,
                metadata=metadata,
                upload_time=upload_time,
            )

    def add_wheel(
        self,
        name: str,
        version: str = "1.0",
        *,
        yanked: str | None = None,
        upload_time: str | None = None,
        **wheel: Any,
    ) -> Path:
        """List a wheel that `make_wheel` makes of these arguments, and return its path."""
        path = make_wheel(self._folder, name, version, **wheel)
        self.add(path, yanked=yanked, upload_time=upload_time)
        return path

    def add_native(self, name: str, version: str, *platforms: str, **wheel: Any) -> None:
        """List a version's wheels for Python 3.12 on these platforms, which are named by tags."""
        for platform in platforms:
            self.add_wheel(name, version, tags=f"cp312-cp312-{platform}", **wheel)

    def add_sdist(self, name: str, version: str = "1.0", **sdist: Any) -> Path:
        """List an sdist that `make_sdist` makes of these arguments, and return its path."""
        path = make_sdist(self._folder, name, version, **sdist)
        self.add(path)
        return path

    def remove(self, path: Path) -> None:
        del self._files[path.name]

    def requests_for(self, name: str) -> list[Request]:
        """Return the requests for a file or for a project's page."""
        return [request for request in self.requests if asked_name(request.path) == name]

    def fail(
        self,
        name: str,
        status: int = 503,
        *,
        times: int | None = None,
        retry_after: int | None = None,
    ) -> None:
        """Answer with a status instead."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self._spoil(name, "fail", times, status=status, headers=headers)

    def hang_up(self, name: str, *, times: int | None = None) -> None:
        """Close the connection without an answer."""
        self._spoil(name, "hang_up", times)

    def drop(self, name: str, *, after: int, times: int | None = None, length: bool = True) -> None:
        """Close the connection after that many bytes; without `length`, as if that were all."""
        self._spoil(name, "drop", times, after=after, length=length)

    def stall(self, name: str, *, after: int, times: int | None = None) -> None:
        """Send that many bytes and then nothing more, the connection open."""
        self._spoil(name, "stall", times, after=after)

    def mislabel(self, name: str) -> None:
        """Call a .tar.gz a gzip encoding of something else, as some file servers do."""
        self._spoil(name, "mislabel", None)

    def corrupt(self, name: str, *, times: int | None = None) -> None:
        """Send as many bytes, but others."""
        self._spoil(name, "corrupt", times)

    def hold(self, name: str, barrier: threading.Barrier) -> None:
        """Answer once as many requests are waiting as the barrier has parties."""
        self._spoil(name, "hold", None, barrier=barrier)

    def slow(self, name: str, *, seconds: float, times: int | None = None) -> None:
        """Answer later."""
        self._spoil(name, "slow", times, seconds=seconds)

    def drip(self, name: str, *, part: str = "body") -> None:
        """Send the head or the body of that name's answer a byte at a time, without end."""
        self._spoil(name, "drip", None, part=part)

    def shorten(self, name: str, *, to: int) -> None:
        """Serve the beginning of a file as if it were the whole of it."""
        self._spoil(name, "shorten", None, to=to)

    def redirect(self, name: str, url: str, *, times: int | None = None) -> None:
        """Send the client elsewhere."""
        self._spoil(name, "redirect", times, url=url)

    def mend(self) -> None:
        """Be well again."""
        self._faults.clear()

    def _spoil(self, name: str, kind: str, times: int | None, **values: Any) -> None:
        self._faults.setdefault(name, []).append(_Fault(kind, times, values))

    def _next_fault(self, name: str) -> _Fault | None:
        with self._lock:
            for fault in self._faults.get(name, []):
                if fault.times is None:
                    return fault
                if fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        if self.auth and handler.headers.get("Authorization") != basic_auth(*self.auth):
            send(handler, 401, b"", {"WWW-Authenticate": 'Basic realm="index"'})
            return
        if self.token and "/files/" in handler.path and self.token not in handler.path:
            send(handler, 403, b"")
            return
        name = asked_name(handler.path)
        fault = self._next_fault(name)
        match fault:
            case _Fault(kind="fail", values=values):
                send(handler, values["status"], b"", values["headers"])
            case _Fault(kind="drip", values=values):
                self._drip(handler, values["part"])
            case _Fault(kind="hang_up"):
                handler.close_connection = True
            case _Fault(kind="redirect", values=values):
                send(handler, 302, b"", {"Location": values["url"]})
            case _Fault(kind="slow", values=values):
                self._closing.wait(values["seconds"])
                self._answer_well(handler, name, None)
            case _Fault(kind="hold", values=values):
                values["barrier"].wait(timeout=20)
                self._answer_well(handler, name, None)
            case _:
                self._answer_well(handler, name, fault)

    def _drip(self, handler: BaseHTTPRequestHandler, part: str) -> None:
        """Send a byte again and again, often enough for no socket to time out."""
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        if part == "body":
            handler.wfile.write(f"no\r\nContent-Type: {JSON}\r\n".encode())
            handler.wfile.write(b"Content-Length: 1000000\r\n\r\n")
        while not self._closing.wait(0.05):
            handler.wfile.write(b"x")
            handler.wfile.flush()

    def _answer_well(
        self, handler: BaseHTTPRequestHandler, name: str, fault: _Fault | None
    ) -> None:
        """Answer with what was asked for, spoilt at most on its way."""
        path = urlsplit(handler.path).path
        files = list(self._files.values())
        if path.startswith("/files/"):
            self._send_file(handler, name, fault)
        elif path == "/links/":
            self._send_page(handler, name, files, fault)
        elif path.startswith("/simple/") and any(file.project == name for file in files):
            self._send_page(handler, name, [f for f in files if f.project == name], fault)
        else:
            send(handler, 404, b"")

    def _send_file(self, handler: BaseHTTPRequestHandler, name: str, fault: _Fault | None) -> None:
        file = self._files.get(name.removesuffix(".metadata"))
        if file is None or not file.path.is_file():
            send(handler, 404, b"")
        elif name.endswith(".metadata"):
            send(handler, 200 if file.metadata else 404, file.metadata or b"")
        else:
            self._send_content(handler, file.path, fault)

    def _send_content(
        self, handler: BaseHTTPRequestHandler, path: Path, fault: _Fault | None
    ) -> None:
        match fault:
            case _Fault(kind="corrupt"):
                send(handler, 200, bytes(255 - byte for byte in path.read_bytes()))
            case _Fault(kind="mislabel"):
                send(handler, 200, path.read_bytes(), {"Content-Encoding": "gzip"})
            case _Fault(kind="shorten", values=values):
                send(handler, 200, path.read_bytes()[: values["to"]])
            case _Fault(kind="stall", values=values):
                _send_large(handler, path, values["after"])
                self._closing.wait(60)
            case _Fault(kind="drop", values=values):
                send_cut(handler, path.read_bytes(), **values)
            case _:
                _send_large(handler, path)

    def _send_page(
        self,
        handler: BaseHTTPRequestHandler,
        project: str,
        files: list[_File],
        fault: _Fault | None,
    ) -> None:
        as_json = self.json and (not self.html or JSON in handler.headers.get("Accept", ""))
        body = self._render_json(project, files) if as_json else self._render_html(files)
        headers = {"Content-Type": JSON if as_json else "text/html; charset=utf-8"}
        if self.etags:
            headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if fault is not None:
            send_cut(handler, body, **fault.values)
        elif self.etags and handler.headers.get("If-None-Match") == headers["ETag"]:
            send(handler, 304, b"", headers)
        else:
            send(handler, 200, body, headers)

    def _render_json(self, project: str, files: list[_File]) -> bytes:
        listed = [
            {
                "filename": file.path.name,
                "url": self._link(file),
                "hashes": {name: _digest(file.path, name) for name in self.hashes},
                **({"size": file.path.stat().st_size} if self.sizes else {}),
                **({"requires-python": file.requires_python} if file.requires_python else {}),
                **({"yanked": file.yanked or True} if file.yanked is not None else {}),
                **({"core-metadata": True} if self.metadata and file.metadata else {}),
                **({"upload-time": file.upload_time} if file.upload_time else {}),
            }
            for file in files
        ]
        page = {"meta": {"api-version": "1.1"}, "name": project, "versions": [], "files": listed}
        return json.dumps(page).encode()

    def _render_html(self, files: list[_File]) -> bytes:
        lines = ['<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.0">']
        lines.append("</head><body>")
        for file in files:
            fragment = "".join(f"#{name}={_digest(file.path, name)}" for name in self.hashes[:1])
            attributes = {"href": f"{self._link(file)}{fragment}"}
            if file.requires_python:
                attributes["data-requires-python"] = file.requires_python
            if file.yanked is not None:
                attributes["data-yanked"] = file.yanked
            if self.metadata and file.metadata:
                attributes["data-core-metadata"] = "true"
            text = " ".join(f'{key}="{html.escape(value)}"' for key, value in attributes.items())
            lines.append(f"<a {text}>{file.path.name}</a><br/>")
        return "\n".join([*lines, "</body></html>", ""]).encode()

    def _link(self, file: _File) -> str:
        return f"../../files/{file.path.name}" if self.relative else self.file_url(file.path)


def _send_large(handler: BaseHTTPRequestHandler, path: Path, size: int | None = None) -> None:
    """Send a file, or only its first bytes, without holding it in memory."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/octet-stream")
    handler.send_header("Content-Length", str(path.stat().st_size))
    handler.end_headers()
    if handler.command != "HEAD":
        with path.open("rb") as file:
            if size is None:
                shutil.copyfileobj(file, handler.wfile, 1 << 18)
            else:
                handler.wfile.write(file.read(size))


def asked_name(path: str) -> str:
    """Return the file or the project that a path asks for."""
    return unquote(urlsplit(path).path.rstrip("/").rpartition("/")[2])


def _project_of(filename: str) -> str:
    if filename.endswith(".whl"):
        return parse_wheel_filename(filename)[0]
    if filename.endswith((".tar.gz", ".zip")):
        return parse_sdist_filename(filename)[0]
    return canonicalize_name(filename.partition("-")[0])


def _read_metadata(path: Path) -> bytes | None:
    if path.suffix != ".whl" or not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".dist-info/METADATA"):
                return archive.read(name)
    return None


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()
