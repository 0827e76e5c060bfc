"""A package index on loopback, which uv and pip install from, and which can be made to misbehave.

>>> with LocalIndex() as index:
...     index.add(wheel("spam", "1.0"))
...     index.fail(503, times=2)
...     subprocess.run(["uv", "pip", "install", "--index-url", index.url, "spam"])
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any, Literal

from wheels import Built

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html; charset=utf-8"
RESET = 0
"""A failure that is no status: the connection is cut off."""


@dataclass(frozen=True)
class Request:
    """What was asked: the path, and the headers that came with it."""

    path: str
    headers: Message = field(repr=False)


@dataclass(frozen=True)
class Response:
    """An answer; of one with a ``pause_s``, each byte of the body comes so long after the last."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    pause_s: float = 0.0


@dataclass
class LocalIndex:
    """An index of what is added to it; every attribute may be changed while it runs.

    ``speaks`` is what a project's page is answered in, whatever is asked for; by default, what
    is asked for. ``content_type`` is claimed of it instead of the true one. ``credentials`` is
    ``user:password``, and required where set. ``pages`` are bodies that replace a project's page,
    ``answers`` what is answered for each path that ends so.
    """

    speaks: Literal["negotiated", "json", "html"] = "negotiated"
    content_type: str | None = None
    upload_times: bool = True
    gzipped: bool = False
    etags: bool = False
    base_href: bool = False
    credentials: str | None = None
    delay_s: float = 0.0
    pages: dict[str, bytes] = field(default_factory=dict)
    answers: dict[str, Response] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    _files: dict[str, Built] = field(default_factory=dict)
    _failures: deque[Response] = field(default_factory=deque)

    def __enter__(self) -> LocalIndex:
        index = self

        class Handler(_Handler):
            answer = staticmethod(index._answer)

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """The address for ``--index-url``, without credentials."""
        return f"http://{self.host}/simple/"

    @property
    def url_with_credentials(self) -> str:
        return f"http://{self.credentials}@{self.host}/simple/"

    def add(self, *built: Built | Iterable[Built]) -> None:
        """Adds files, and sequences of files such as a history; the pages change at once."""
        for one in built:
            for file in [one] if isinstance(one, Built) else one:
                self._files[file.filename] = file

    def fail(self, status: int, times: int = 1, **headers: str) -> None:
        """Answers the next requests with a status; ``Retry_After="1"`` is a header."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._failures.extend([Response(status, b"failing on purpose", named)] * times)

    def recover(self) -> None:
        """Takes back every failure that is still to come."""
        self._failures.clear()

    def count(self, path: str = "/simple/") -> int:
        """How many requests there were for paths that begin so."""
        return sum(request.path.startswith(path) for request in self.requests)

    def write(self, folder: Path) -> str:
        """The file address of a folder of the same pages and files, for ``--index-url``."""
        for built in self._files.values():
            page = folder / "simple" / built.name / "index.html"
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_bytes(self._html(built.name, "../../files/"))
            (folder / "files").mkdir(exist_ok=True)
            (folder / "files" / built.filename).write_bytes(built.content)
        return (folder / "simple").as_uri()

    def _answer(self, request: Request) -> Response:
        self.requests.append(request)
        time.sleep(self.delay_s)
        if self._failures:
            return self._failures.popleft()
        for end, answer in self.answers.items():
            if request.path.endswith(end):
                return answer
        expected = base64.b64encode((self.credentials or "").encode()).decode()
        if self.credentials and request.headers.get("Authorization") != f"Basic {expected}":
            return Response(401, b"who are you?", {"WWW-Authenticate": 'Basic realm="index"'})
        match request.path.strip("/").split("/"):
            case ["simple", project]:
                return self._page(project, request.headers)
            case ["files", filename] if filename in self._files:
                return Response(body=self._files[filename].content)
            case ["files", filename] if filename.removesuffix(".metadata") in self._files:
                return Response(body=self._files[filename.removesuffix(".metadata")].metadata)
        return Response(404, b"not here")

    def _page(self, project: str, asked: Message) -> Response:
        if project not in self.pages and not self._of(project):
            return Response(404, b"no such project")
        speaks = self.speaks
        if speaks == "negotiated":
            speaks = "json" if JSON in asked.get("Accept", "") else "html"
        render = self._json if speaks == "json" else self._html
        body = self.pages.get(project) or render(project, "../../files/")
        headers = {"Content-Type": self.content_type or (JSON if speaks == "json" else HTML)}
        if self.etags:
            headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()}"'
            if asked.get("If-None-Match") == headers["ETag"]:
                return Response(304, b"", headers)
        if self.gzipped:
            body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
        return Response(200, body, headers)

    def _of(self, project: str) -> list[Built]:
        return [built for built in self._files.values() if built.name == project]

    def _time(self, built: Built) -> str | None:
        if not self.upload_times or built.upload_time is None:
            return None
        return rfc3339(built.upload_time)

    def _json(self, project: str, files_url: str) -> bytes:
        files: list[dict[str, Any]] = []
        for built in self._of(project):
            entry: dict[str, Any] = {
                "filename": built.filename,
                "url": files_url + built.filename,
                "hashes": {"sha256": built.sha256},
                "size": len(built.content),
                "yanked": built.yanked,
                "core-metadata": {"sha256": hashlib.sha256(built.metadata).hexdigest()},
            }
            if built.requires_python:
                entry["requires-python"] = built.requires_python
            if uploaded := self._time(built):
                entry["upload-time"] = uploaded
            files.append(entry)
        versions = sorted({built.version for built in self._of(project)})
        meta = {"api-version": "1.1"}
        page = {"meta": meta, "name": project, "versions": versions, "files": files}
        return json.dumps(page).encode()

    def _html(self, project: str, files_url: str) -> bytes:
        base = ""
        if self.base_href:
            base, files_url = '<base href="/files/">', ""
        lines = []
        for built in self._of(project):
            metadata = f"sha256={hashlib.sha256(built.metadata).hexdigest()}"
            attributes = {
                "href": f"{files_url}{built.filename}#sha256={built.sha256}",
                "data-core-metadata": metadata,
                "data-dist-info-metadata": metadata,
                "data-requires-python": built.requires_python,
                "data-upload-time": self._time(built),
                "data-yanked": "" if built.yanked is True else built.yanked or None,
            }
            written = "".join(
                f' {name}="{html.escape(str(value))}"'
                for name, value in attributes.items()
                if value is not None
            )
            lines.append(f"<a{written}>{html.escape(built.filename)}</a><br>\n")
        head = f'<meta name="pypi:repository-version" content="1.1">{base}'
        title = f"<title>Links for {project}</title>"
        return (
            f"<!DOCTYPE html>\n<html><head>{head}{title}</head>\n"
            f"<body>\n{''.join(lines)}</body></html>\n"
        ).encode()


def rfc3339(moment: datetime) -> str:
    """The text of a moment as PEP 700 wants it."""
    return moment.isoformat().replace("+00:00", "Z")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        # HTTPServer's own looks up the name of this host, which takes seconds on some.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.socket.getsockname()[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing: clients that give up are what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10
    wbufsize = -1  # one packet per answer: in two, the second waits 40 ms to be acknowledged

    @staticmethod
    def answer(request: Request) -> Response:
        raise NotImplementedError

    def do_GET(self) -> None:
        response = self.answer(Request(self.path, self.headers))
        if response.status == RESET:
            # Closing with a linger of zero sends RST instead of FIN.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            self.connection.close()
            return
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        body = b"" if response.status in (204, 304) else response.body
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if not response.pause_s:
            self.wfile.write(body)
            return
        for place in range(len(body)):
            self.wfile.write(body[place : place + 1])
            self.wfile.flush()
            time.sleep(response.pause_s)

    do_HEAD = do_GET  # noqa: N815  # http.server's name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name
        """Says nothing."""
