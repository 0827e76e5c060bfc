"""``bisect serve osv``: the records of regressions behind the OSV API, for scanners."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bisector.commands.records import measured
from bisector.errors import UsageError
from bisector.inputs import options, values
from bisector.inputs.arguments import Parser
from bisector.reports import known, osv_api

_LARGEST_BODY_BYTES = 16 << 20


def run(words: Sequence[str]) -> int:
    """Answer queries on loopback until it is interrupted."""
    parser = Parser(
        prog="bisect serve",
        description="Answer OSV queries on loopback from what was measured, for scanners:\n"
        "pip-audit --vulnerability-service osv --osv-url ADDRESS/v1/query\n"
        "uv audit --service-url ADDRESS",
    )
    parser.add_argument("format", choices=("osv",))
    parser.add_argument("--port", type=values.port, default=0, help="default: any that is free")
    options.add_results_option(parser)
    given = parser.parse(words)
    knowledge = known.read(measured(given.results))
    try:
        server = _Server(("127.0.0.1", given.port), _Handler)
    except OSError as error:
        raise UsageError(
            f"port {given.port} can't be used: {error.strerror}", "choose another with --port"
        ) from error
    server.known = knowledge
    with server, suppress(KeyboardInterrupt):
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()
    return 0


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    known: Sequence[known.Known] = ()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    server: _Server

    def do_GET(self) -> None:
        """Answer a request without a body."""
        self._answer(b"")

    def do_POST(self) -> None:
        """Answer a request with a body of known length, which isn't too long."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _LARGEST_BODY_BYTES:
            self.close_connection = True
            self._send(400, {"code": 3, "message": "Invalid query."})
            return
        self._answer(self.rfile.read(int(length)))

    def _answer(self, body: bytes) -> None:
        path = self.path.partition("?")[0]
        self._send(*osv_api.answer(self.command, path, body, self.server.known))

    def _send(self, status: int, answer: dict[str, object]) -> None:
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing: what is asked is a scanner's business."""
