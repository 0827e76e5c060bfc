# /// script
# requires-python = ">=3.8"
# dependencies = ["aiohttp"]
#
# [tool.bisector]
# package = "aiohttp"
# range = ">=3.10,<3.13"
# timeout = 60
# cases = [
#   "bytesio-length", "bytesio", "bytes-length", "file-length", "file", "text-length", "text",
#   "filled-length", "filled",
# ]
#
# [tool.bisector.documented]
# issue = "https://github.com/aio-libs/aiohttp/issues/10325"
# fix = "https://github.com/aio-libs/aiohttp/pull/10915"
# bad = ["3.12"]
# case = "bytesio-length"
#
# [[tool.bisector.claims]]
# document = "connection-reuse"
# says = "An empty io.BytesIO with a Content-Length of 0 has its connection closed"
# outcome = "bad"
# releases = "some"
# case = "bytesio-length"
#
# [[tool.bisector.claims]]
# document = "connection-reuse"
# says = "It surfaces only under concurrency: posts one after the other keep their connection"
# outcome = "good"
# releases = "all"
# case = "bytesio-length"
#
# [[tool.bisector.claims]]
# document = "connection-reuse"
# says = "It shows up under Python 3.11.1"
# outcome = "bad"
# releases = "some"
# python = "==3.11.*"
# case = "bytesio-length"
#
# [[tool.bisector.claims]]
# document = "connection-reuse"
# says = "It shows up under Python 3.9"
# outcome = "bad"
# releases = "some"
# python = "==3.9.*"
# case = "bytesio-length"
#
# [[tool.bisector.claims]]
# document = "connection-reuse"
# says = "It shows up under Python 3.10"
# outcome = "bad"
# releases = "some"
# python = "==3.10.*"
# case = "bytesio-length"
#
# [[tool.bisector.claims]]
# document = "connection-reuse"
# says = "It shows up under Python 3.12"
# outcome = "bad"
# releases = "some"
# python = "==3.12.*"
# case = "bytesio-length"
#
# [[tool.bisector.claims]]
# document = "connection-reuse"
# says = "Pull request 10915, in 3.12.0 by the changelog, fixes it"
# outcome = "good"
# releases = ">=3.12.0"
#
# [[tool.bisector.claims]]
# document = "connection-reuse"
# says = "The same post with empty bytes for a body keeps its connection"
# outcome = "good"
# releases = "all"
# case = "bytes-length"
#
# [[tool.bisector.claims]]
# document = "connection-reuse"
# says = "It takes a payload of 0 bytes: one of some bytes keeps its connection"
# outcome = "good"
# releases = "all"
# case = "filled-length"
# ///
"""Posting a file-like object must leave the connection in the pool.

The cases are what is posted: an empty ``io.BytesIO``, which is what the document posts; empty
bytes; an empty file in binary mode; an empty ``io.StringIO``; an ``io.BytesIO`` of some bytes. Each
with a Content-Length header given by hand (``-length``), and all but the bytes without one.
"""

import asyncio
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from tempfile import NamedTemporaryFile
from typing import Any, Callable, Dict

import aiohttp
import probekit

ATTEMPTS = 20
CONTENT = b"some bytes"


class Body:
    """Calls *read_from* after each time that it is read from; mixed into something file-like."""

    def __init__(self, source: Any, read_from: Callable[[], object]) -> None:
        super().__init__(source)  # type: ignore[call-arg]  # object takes no source
        self._read_from = read_from

    def read(self, *size: Any) -> Any:
        """Read as always."""
        piece = super().read(*size)  # type: ignore[misc]  # nor has object a read
        self._read_from()
        return piece


class BytesBody(Body, io.BytesIO):
    """Bytes in memory."""


class TextBody(Body, io.StringIO):
    """Text in memory."""


class FileBody(Body, io.BufferedReader):
    """A file in binary mode."""


class Client:
    """A session that counts the connections it opens, and its single worker thread."""

    def __init__(self, empty_file: str) -> None:
        self._bodies: Dict[str, Callable[[Callable[[], object]], Any]] = {
            "bytes": lambda _: b"",
            "bytesio": lambda read_from: BytesBody(b"", read_from),
            "file": lambda read_from: FileBody(io.FileIO(empty_file), read_from),
            "text": lambda read_from: TextBody("", read_from),
            "filled": lambda read_from: BytesBody(CONTENT, read_from),
        }
        self._opened = 0
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_start.append(self._count)
        self.session = aiohttp.ClientSession(
            trace_configs=[trace], timeout=aiohttp.ClientTimeout(total=10)
        )
        self._thread = ThreadPoolExecutor(max_workers=1)
        asyncio.get_running_loop().set_default_executor(self._thread)

    async def _count(self, *_: object) -> None:
        self._opened += 1

    async def opened(self, url: str, case: str, *, busy: bool, times: int) -> int:
        """Post what *case* says so many *times* in turn; return how many connections that opened.

        What is still to be done once all of a file was read is done in a thread, and races with
        the server's answer. With *busy* the thread is kept from it until the answer is there, so
        that the answer always wins.
        """
        name, _, header = case.partition("-")
        length = len(CONTENT) if name == "filled" else 0
        headers = {"Content-Length": str(length)} if header else None
        before = self._opened
        for _ in range(times):
            answered = threading.Event()

            def keep(answered: threading.Event = answered) -> None:
                self._thread.submit(answered.wait, 1)

            body = self._bodies[name](keep if busy else bool)
            async with self.session.post(url, data=body, headers=headers):
                answered.set()
            await asyncio.sleep(0.002)  # a connection may enter the pool a little later
        return self._opened - before


async def post(case: str) -> probekit.Verdict:
    """Post bodies one after another; good if they share a connection, bad if most don't.

    Undecided if bytes, which need no reading, don't share a connection either.
    """
    control = 0
    opened = {}
    with probekit.Server("raw") as raw, probekit.Server("web") as web, NamedTemporaryFile() as file:
        client = Client(file.name)
        async with client.session:
            for kind, server in (("raw", raw), ("web", web)):
                await client.opened(server.url, "bytes", busy=False, times=1)
                control += await client.opened(
                    server.url, "bytes-length", busy=False, times=ATTEMPTS
                )
                for name, busy in (("free", False), ("busy", True)):
                    opened[f"opened_{kind}_{name}"] = await client.opened(
                        server.url, case, busy=busy, times=ATTEMPTS
                    )
            pool = probekit.pool(client.session.connector)

    most = max(opened.values())
    outcome = "bad" if most > ATTEMPTS / 2 else "good" if most <= ATTEMPTS / 10 else "skip"
    reason = f"{ATTEMPTS} requests in turn opened up to {most} new connections"
    if control and not case.startswith("bytes-"):
        outcome, reason = "skip", "requests without a file opened new connections too"
    metrics = {**opened, "opened_control": control, "attempts": ATTEMPTS}
    return probekit.Verdict(outcome, reason, metrics, pool)


if __name__ == "__main__":
    chosen = probekit.case(
        "bytesio-length",
        "bytesio",
        "bytes-length",
        "file-length",
        "file",
        "text-length",
        "text",
        "filled-length",
        "filled",
    )
    probekit.report(asyncio.run(post(chosen)))
