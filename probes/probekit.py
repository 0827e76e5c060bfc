"""Report a verdict, measure memory and a connection pool, and run servers apart: what probes share.

Needs the standard library only, and Python 3.8. Run as a script it is the other process that a
probe talks to: ``probekit.py raw``, ``probekit.py web`` or ``probekit.py client``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Dict, NamedTuple, NoReturn

MIB = 2**20

EXIT_STATUS = {"good": 0, "bad": 1, "skip": 125}


@dataclass(frozen=True)
class Verdict:
    """What a probe decided, and the evidence."""

    outcome: str
    reason: str
    metrics: Dict[str, Any] = field(default_factory=dict)
    pool: Dict[str, Any] = field(default_factory=dict)


def report(verdict: Verdict) -> NoReturn:
    """Write *verdict* where the driver expects it, and exit with the status that says the same."""
    status = EXIT_STATUS[verdict.outcome]
    text = json.dumps({"bisector": 1, **asdict(verdict)})
    path = os.environ.get("BISECTOR_RESULT")
    if path:
        Path(path).write_text(text, encoding="utf-8")
    else:
        print(text, flush=True)
    sys.exit(status)


def case(*names: str) -> str:
    """Return the case named on the command line, or the first of *names* where none is."""
    parser = argparse.ArgumentParser()
    parser.add_argument("case", nargs="?", choices=names, default=names[0])
    chosen: str = parser.parse_args().case
    return chosen


class Memory(NamedTuple):
    """Resident memory of this process: now, at its highest, and whether both are exact."""

    resident_bytes: int
    peak_bytes: int
    exact: bool


def memory(status_file: str = "/proc/self/status") -> Memory:
    """Return the resident memory of this process and its high-water mark.

    Without Linux's *status_file*, the high-water mark stands for both, and is not exact.
    """
    try:
        status = Path(status_file).read_text(encoding="ascii")
        fields = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", status, re.MULTILINE))
        return Memory(int(fields["VmRSS"]) * 1024, int(fields["VmHWM"]) * 1024, exact=True)
    except (OSError, KeyError):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peak *= 1 if sys.platform == "darwin" else 1024
        return Memory(peak, peak, exact=False)


class MemoryGrowth:
    """Measures how far memory rises above its start, at its highest, while the block runs."""

    bytes = 0
    exact = False

    def __enter__(self) -> MemoryGrowth:
        before = memory()
        # Below an earlier peak a rise would leave no trace in the high-water mark, so the gap is
        # filled. Resetting the mark instead would hide that peak from who reads it at exit.
        self._ballast = b"\1" * (before.peak_bytes - before.resident_bytes)
        self._start_bytes = memory().resident_bytes
        return self

    def __exit__(self, *_: object) -> None:
        after = memory()
        self.bytes = after.peak_bytes - self._start_bytes
        self.exact = after.exact
        del self._ballast


def pool(connector: Any) -> Dict[str, Any]:
    """Return how many connections an aiohttp connector keeps idle, has in use and waits for.

    No release has public names for this; the private ones are the same from 3.10 to 3.14.
    """
    idle = [protocol for kept in connector._conns.values() for protocol, *_ in kept]
    in_use = list(connector._acquired)
    hosts: Dict[str, Dict[str, int]] = {}
    for state, protocols in (("idle", idle), ("in_use", in_use)):
        for protocol in protocols:
            transport = getattr(protocol, "transport", None)
            peer = transport and transport.get_extra_info("peername")
            if isinstance(peer, tuple):
                host = "[{}]".format(peer[0]) if ":" in peer[0] else peer[0]
                counts = hosts.setdefault("{}:{}".format(host, peer[1]), {"idle": 0, "in_use": 0})
                counts[state] += 1
    return {
        "idle": len(idle),
        "in_use": len(in_use),
        "waiting": sum(map(len, connector._waiters.values())),
        "limit": connector.limit,
        "hosts": hosts,
    }


class Server:
    """An HTTP server in a child process, on a free port of the loopback interface.

    *kind* is ``raw``, which needs no package, or ``web``, which is aiohttp's own. It reads the
    body of every request and answers with an empty 200, *delay* seconds later; if *early*, it
    answers before it reads. Entering starts it and ``url`` waits for it, so that several can
    start side by side.
    """

    def __init__(self, kind: str, *, early: bool = False, delay: float = 0.0) -> None:
        self._command = [sys.executable, __file__, kind, str(int(early)), str(delay)]
        self._url = ""

    def __enter__(self) -> Server:
        # The child ends when its standard input does: also when this process is killed.
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    @property
    def url(self) -> str:
        """Where the server listens; waits until it does."""
        if not self._url:
            assert self._process.stdout is not None
            port = self._process.stdout.readline().decode().strip()
            if not port:
                raise RuntimeError("the server ended with status {}".format(self._process.wait()))
            self._url = "http://127.0.0.1:{}/".format(port)
        return self._url


async def post_from_child(url: str, body: str, times: int) -> None:
    """Post *body* to *url* from a child process, each time on a connection of its own.

    Each connection is closed by the client, after the whole answer has arrived.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "client", url, body, str(times)
    )
    status = await process.wait()
    if status:
        raise RuntimeError("the client ended with status {}".format(status))


async def _discard_body(head: bytes, reader: asyncio.StreamReader) -> None:
    length = re.search(rb"(?i)\ncontent-length: *(\d+)", head)
    if length:
        left = int(length[1])
        while left:
            data = await reader.read(min(left, MIB))
            if not data:
                raise ConnectionResetError
            left -= len(data)
    elif re.search(rb"(?i)\ntransfer-encoding: *chunked", head):
        size = -1
        while size:
            size = int(await reader.readuntil(b"\r\n"), 16)
            await reader.readexactly(size + len(b"\r\n"))


async def _serve_raw(early: bool, delay: float) -> int:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Cancelled as the server ends: streams before Python 3.12 would print that as an error.
        ends = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)
        with contextlib.suppress(*ends):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if not early:
                    await _discard_body(head, reader)
                await asyncio.sleep(delay)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                if early:
                    await _discard_body(head, reader)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=MIB)
    port: int = server.sockets[0].getsockname()[1]
    return port


async def _serve_web(early: bool, delay: float) -> int:
    from aiohttp import web

    async def answer(request: web.Request) -> web.Response:
        if not early:
            async for _ in request.content.iter_any():
                pass
        await asyncio.sleep(delay)
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port: int = runner.addresses[0][1]
    return port


async def _serve(kind: str, early: str, delay: str) -> None:
    start = {"raw": _serve_raw, "web": _serve_web}[kind]
    print(await start(bool(int(early)), float(delay)), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def _post(url: str, body: str, times: str) -> None:
    from http.client import HTTPConnection
    from urllib.parse import urlsplit

    address = urlsplit(url)
    for _ in range(int(times)):
        with contextlib.closing(HTTPConnection(address.netloc, timeout=10)) as connection:
            connection.request("POST", address.path, body)
            connection.getresponse().read()


if __name__ == "__main__":
    if sys.argv[1] == "client":
        _post(*sys.argv[2:])
    else:
        asyncio.run(_serve(*sys.argv[1:]))
