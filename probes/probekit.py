"""Report a verdict, measure memory and a connection pool, and run servers apart: what probes share.

Needs the standard library only, and Python 3.8. Run as a script it is the other process that a
probe talks to: ``probekit.py raw``, ``probekit.py web`` or ``probekit.py body``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import random
import re
import socket
import struct
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, NamedTuple, NoReturn

MIB = 2**20
BLOCK_BYTES = 64 * 1024

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


def slope(bytes_by_size: Mapping[int, int]) -> float:
    """Return the bytes added per byte of size, as the straight line that fits best has it."""
    middle_size = sum(bytes_by_size) / len(bytes_by_size)
    middle_bytes = sum(bytes_by_size.values()) / len(bytes_by_size)
    rise = sum((x - middle_size) * (y - middle_bytes) for x, y in bytes_by_size.items())
    return rise / sum((x - middle_size) ** 2 for x in bytes_by_size)


def memory_verdict(
    growth_bytes: Mapping[int, int], exact: bool, pool: Dict[str, Any], **metrics: float
) -> Verdict:
    """Return the verdict over how far memory grew for bodies of several sizes.

    Good if next to nothing was added per byte of body, bad if nearly a byte or more was.
    """
    added = slope(growth_bytes)
    largest = max(growth_bytes)
    return Verdict(
        "good" if added <= 0.25 else "bad" if added >= 0.75 else "skip",
        "peak memory rose by {:.2f} bytes per byte of body, {:.1f} MiB for {} MiB".format(
            round(added, 2) + 0.0, growth_bytes[largest] / MIB, largest // MIB
        ),
        {
            "slope": round(added, 4),
            "growth_bytes": growth_bytes[largest],
            "growth_exact": exact,
            "growth_bytes_by_mib": {str(s // MIB): g for s, g in growth_bytes.items()},
            "payload_bytes": largest,
            **metrics,
        },
        pool,
    )


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


def httpx_pool(client: Any) -> Dict[str, Any]:
    """Return the same of an httpx client; private names, the same from 0.23 to 0.28."""
    inner = client._transport._pool
    hosts: Dict[str, Dict[str, int]] = {}
    total = {"idle": 0, "in_use": 0}
    for connection in inner.connections:
        state = "idle" if connection.is_idle() else "in_use"
        origin = connection._origin
        host = "{}:{}".format(origin.host.decode("ascii"), origin.port)
        hosts.setdefault(host, {"idle": 0, "in_use": 0})[state] += 1
        total[state] += 1
    return {
        **total,
        "waiting": sum(request.connection is None for request in inner._requests),
        "limit": inner._max_connections,
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


class BodyServer(Server):
    """A raw server whose bodies are large, slow, cut short or compressed, as ``body_url`` asks."""

    def __init__(self) -> None:
        super().__init__("body")

    def __enter__(self) -> BodyServer:
        super().__enter__()
        return self

    def body_url(self, size: int, framing: str = "length", **options: float) -> str:
        """Return an address whose answer has a body of *size* bytes, those of ``body_blocks``.

        *framing* is ``length`` (the header says how long it is), ``chunked`` or ``close`` (the
        connection's end is the body's). Options: ``stall``, ``cut`` or ``reset`` after so many
        bytes, to send nothing more, to close or to reset the connection; ``mute``, to send not
        even a head; ``pause`` for so many seconds after every block of ``block`` bytes;
        ``gzip``, to send a file of *size* zero bytes compressed to a thousandth.
        """
        chosen = {"size": size, "framing": framing, **options}
        return self.url + "?" + "&".join("{}={}".format(*item) for item in chosen.items())

    async def sent_at_most(self) -> int:
        """Return how much of a body is sent once no more of it has been for a third of a second."""
        sent, unchanged = self.sent_bytes(), 0
        while unchanged < 7:
            await asyncio.sleep(0.05)
            before, sent = sent, self.sent_bytes()
            unchanged = unchanged + 1 if sent == before else 0
        return sent

    def sent_bytes(self) -> int:
        """Return how much of the last body that was asked for is out of the server's hands."""
        from http.client import HTTPConnection

        with contextlib.closing(HTTPConnection(self.url.split("/")[2], timeout=10)) as connection:
            connection.request("GET", "/sent")
            return int(connection.getresponse().read())


def body_blocks(size: int, block: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Yield *size* bytes that are always the same, in blocks of 8 or more that all differ."""
    noise = random.Random(0).getrandbits(8 * block).to_bytes(block, "little")[8:]
    for start in range(0, size, block):
        yield (start.to_bytes(8, "little") + noise)[: size - start]


def body_sha256(size: int) -> str:
    """Return the SHA-256, in hexadecimal, of the body of *size* bytes."""
    hashed = hashlib.sha256()
    for block in body_blocks(size):
        hashed.update(block)
    return hashed.hexdigest()


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


class _Body:
    """One body as an address asks for it, and how it ends."""

    def __init__(self, query: str) -> None:
        import gzip
        from urllib.parse import parse_qsl

        asked = dict(parse_qsl(query))
        self.size = int(asked["size"])
        self.framing = asked["framing"]
        self.zipped = "gzip" in asked
        self.mute = "mute" in asked
        self.pause_s = float(asked.get("pause", 0))
        self.end = next((name for name in ("stall", "cut", "reset") if name in asked), "")
        self._block = int(asked.get("block", BLOCK_BYTES))
        self._data = gzip.compress(bytes(self.size), 9) if self.zipped else b""
        self._stop = int(asked[self.end]) if self.end else None

    def head(self) -> bytes:
        lines = ["HTTP/1.1 200 OK", "Content-Type: application/octet-stream"]
        if self.zipped:
            lines.append("Content-Encoding: gzip")
        if self.framing == "length":
            length = len(self._data) if self.zipped else self.size
            lines.append("Content-Length: {}".format(length))
        elif self.framing == "chunked":
            lines.append("Transfer-Encoding: chunked")
        else:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("ascii")

    def blocks(self) -> Iterator[bytes]:
        left = self.size if self._stop is None else self._stop
        for block in [self._data] if self.zipped else body_blocks(self.size, self._block):
            if left <= 0:
                break
            yield block[:left]
            left -= len(block)


async def _serve_body(_early: bool, _delay: float) -> int:
    sent = 0

    async def send(body: _Body, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        sent = 0
        if body.mute:
            await asyncio.Event().wait()
        writer.write(body.head())
        for block in body.blocks():
            chunk = b"%x\r\n%b\r\n" % (len(block), block)
            writer.write(chunk if body.framing == "chunked" else block)
            await writer.drain()
            sent += len(block)
            if body.pause_s:
                await asyncio.sleep(body.pause_s)
        if body.end == "stall":
            await asyncio.Event().wait()
        if body.end == "reset":
            await asyncio.sleep(0.1)  # a reset takes with it what has not been read
            linger = struct.pack("ii", 1, 0)
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        elif body.framing == "chunked" and not body.end:
            writer.write(b"0\r\n\r\n")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)
        writer.transport.set_write_buffer_limits(0)  # drained: all of it is with the kernel
        with contextlib.suppress(*ends):
            kept = True
            while kept:
                head = await reader.readuntil(b"\r\n\r\n")
                path, _, query = head.split(b" ", 2)[1].decode("ascii").partition("?")
                if path == "/sent":
                    text = str(sent).encode("ascii")
                    length = b"Content-Length: %d" % len(text)
                    writer.write(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n\r\n" + text)
                else:
                    body = _Body(query)
                    await send(body, writer)
                    kept = not body.end and body.framing != "close"
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=MIB)
    port: int = server.sockets[0].getsockname()[1]
    return port


async def _serve(kind: str, early: str, delay: str) -> None:
    start = {"raw": _serve_raw, "web": _serve_web, "body": _serve_body}[kind]
    print(await start(bool(int(early)), float(delay)), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:]))
