# /// script
# requires-python = ">=3.8"
# dependencies = ["aiohttp"]
#
# [tool.bisector]
# package = "aiohttp"
# range = ">=3.10,<3.13"
# timeout = 60
#
# [tool.bisector.documented]
# issue = "https://github.com/aio-libs/aiohttp/issues/10325"
# fix = "https://github.com/aio-libs/aiohttp/pull/10915"
# bad = ["3.12"]
# ///
"""Posting an empty file-like object must leave the connection in the pool."""

import asyncio
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

import aiohttp
import probekit

ATTEMPTS = 20


class Client:
    """A session that counts the connections it opens, and its single worker thread."""

    def __init__(self) -> None:
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

    async def opened(self, url: str, body: Callable[[], Any], *, busy: bool, times: int) -> int:
        """Post *body()* so many *times* in turn, and return how many connections that opened.

        A body that is read in a thread races with the server's answer. With *busy* the thread is
        kept from it until the answer is there, so that the answer always wins.
        """
        before = self._opened
        for _ in range(times):
            answered = threading.Event()
            if busy:
                self._thread.submit(answered.wait, 1)
            async with self.session.post(url, data=body(), headers={"Content-Length": "0"}):
                answered.set()
            await asyncio.sleep(0.002)  # a connection may enter the pool a little later
        return self._opened - before


async def post() -> probekit.Verdict:
    """Post empty bodies one after another; good if they share a connection, bad if most don't.

    Undecided if bytes, which need no reading, don't share a connection either.
    """
    client = Client()
    control = 0
    opened = {}
    with probekit.Server("raw") as raw, probekit.Server("web") as web:
        async with client.session:
            for kind, server in (("raw", raw), ("web", web)):
                await client.opened(server.url, bytes, busy=False, times=1)
                for busy in (False, True):
                    control += await client.opened(server.url, bytes, busy=busy, times=ATTEMPTS)
                for name, busy in (("free", False), ("busy", True)):
                    opened[f"opened_{kind}_{name}"] = await client.opened(
                        server.url, io.BytesIO, busy=busy, times=ATTEMPTS
                    )
            pool = probekit.pool(client.session.connector)

    most = max(opened.values())
    outcome = "bad" if most > ATTEMPTS / 2 else "good" if most <= ATTEMPTS / 10 else "skip"
    reason = f"{ATTEMPTS} requests in turn opened up to {most} new connections"
    if control:
        outcome, reason = "skip", "requests without a file opened new connections too"
    metrics = {**opened, "opened_control": control, "attempts": ATTEMPTS}
    return probekit.Verdict(outcome, reason, metrics, pool)


if __name__ == "__main__":
    probekit.report(asyncio.run(post()))
