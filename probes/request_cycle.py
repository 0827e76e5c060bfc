# /// script
# requires-python = ">=3.8"
# dependencies = ["aiohttp"]
#
# [tool.bisector]
# package = "aiohttp"
# range = ">=3.10,<3.13"
# timeout = 60
# cases = [
#   "idle", "close", "reuse", "open", "raise", "broken-json", "http-exception", "not-found",
#   "cut-off", "collected",
# ]
#
# [tool.bisector.documented]
# issue = "https://github.com/aio-libs/aiohttp/issues/10548"
# fix = "https://github.com/aio-libs/aiohttp/pull/3462"
# case = "idle"
#
# [[tool.bisector.claims]]
# document = "request-memory"
# says = "A handler that reads JSON and returns, as printed, leaves its request in a cycle"
# outcome = "bad"
# releases = "some"
# case = "idle"
#
# [[tool.bisector.claims]]
# document = "request-memory"
# says = "The fix is pull request 3462; no release before 4.0 contains it, so all are affected"
# outcome = "bad"
# releases = "all"
# case = "idle"
#
# [[tool.bisector.claims]]
# document = "request-memory"
# says = "It is an exception in the handler that leaves the request in a cycle"
# outcome = "bad"
# releases = "some"
# case = "raise"
#
# [[tool.bisector.claims]]
# document = "request-memory"
# says = "It is an exception while a request is handled that leaves the request in a cycle"
# outcome = "bad"
# releases = "some"
# case = "http-exception"
#
# [[tool.bisector.claims]]
# document = "request-memory"
# says = "The fix, in 3.11.14 by the changelog, breaks the cycles that an exception leaves"
# outcome = "good"
# releases = ">=3.11.14"
# case = "raise"
#
# [[tool.bisector.claims]]
# document = "request-memory"
# says = "The fix, in 3.11.14 by the changelog, breaks the cycles that an exception leaves"
# outcome = "good"
# releases = ">=3.11.14"
# case = "http-exception"
#
# [[tool.bisector.claims]]
# document = "request-memory"
# says = "The cycles prevent garbage collection, so that memory grows and grows"
# outcome = "bad"
# releases = "some"
# case = "collected"
#
# [[tool.bisector.claims]]
# document = "request-memory"
# says = "A maintainer found that what is left does become unreachable and gets cleaned up"
# outcome = "good"
# releases = "all"
# case = "collected"
# ///
"""A web server must free a request that it has finished with, without a garbage collection.

All cases but the last few have a handler that reads JSON and returns:

``idle``            the client takes the answer and closes a connection that was kept alive
``close``           the client asks for the connection to be closed after the answer
``reuse``           the client makes all its requests on one connection
``open``            the client keeps its connections, which are idle as requests are counted
``raise``           the handler raises an error of its own, once it has read the JSON
``broken-json``     the JSON is broken, which the handler leaves to raise
``http-exception``  the handler raises one of the package's own HTTP exceptions
``not-found``       no handler has that path
``cut-off``         the client goes away before all of the body is sent
``collected``       as ``idle``, and then a garbage collection is made after all
"""

import asyncio
import contextlib
import gc
import logging
import re

import probekit
from aiohttp import web

TIMES = 50


def alive() -> int:
    """Return how many requests are in memory."""
    return sum(type(thing) is web.Request for thing in gc.get_objects())


class Service:
    """A web server, and a client that talks to it as a case has it."""

    def __init__(self, case: str) -> None:
        self._case = case
        self._handled = asyncio.Event()
        app = web.Application()
        app.router.add_post("/", self._handle)
        self.runner = web.AppRunner(app)

    async def _handle(self, request: web.Request) -> web.Response:
        self._handled.set()
        await request.json()
        if self._case == "raise":
            raise RuntimeError("on purpose")
        if self._case == "http-exception":
            raise web.HTTPBadRequest
        return web.Response()

    async def request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Make a request and take the answer, or wait until it is handled and half a body read."""
        body = b"not JSON" if self._case == "broken-json" else b"{}"
        head = [
            "POST {} HTTP/1.1".format("/none" if self._case == "not-found" else "/"),
            "Host: localhost",
            "Content-Length: {}".format(len(body) * (2 if self._case == "cut-off" else 1)),
            "Connection: {}".format("close" if self._case == "close" else "keep-alive"),
        ]
        writer.write("\r\n".join([*head, "", ""]).encode() + body)
        if self._case == "cut-off":
            await self._handled.wait()
            self._handled.clear()
        else:
            answer = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)\ncontent-length: *(\d+)", answer)
            await reader.readexactly(int(length[1]) if length else 0)

    async def requests(self, times: int) -> int:
        """Make so many requests; return how many of them stay in memory, one after a connection."""
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        each = times if self._case == "reuse" else 1
        writers = []
        for _ in range(times // each):
            reader, writer = await asyncio.open_connection(*self.runner.addresses[0])
            writers.append(writer)
            for _ in range(each):
                await self.request(reader, writer)
            if self._case != "open":
                await self._leave(writer)
        left = await self._settle(expect_connections=self._case == "open")
        for writer in writers:
            await self._leave(writer)
        await self.runner.cleanup()
        return left

    async def _leave(self, writer: asyncio.StreamWriter) -> None:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def _settle(self, *, expect_connections: bool) -> int:
        """Wait until the connections are gone, and a little for their tasks to end."""
        assert self.runner.server is not None
        while self.runner.server.connections and not expect_connections:
            await asyncio.sleep(0.001)
        for _ in range(20):
            if not alive():
                break
            await asyncio.sleep(0.005)
        if self._case == "collected":
            gc.collect()
        return alive()


async def serve(case: str) -> probekit.Verdict:
    """Serve as the case has it, the garbage collector held off; good if every request is freed.

    A connection may keep its last request: bad if most requests of those connections are left.
    """
    logging.getLogger("aiohttp").addHandler(logging.NullHandler())
    service = Service(case)
    gc.disable()
    left = await service.requests(TIMES)
    gc.collect()
    left_after_collection = alive()

    outcome = "good" if left <= TIMES / 10 else "bad" if left > TIMES / 2 else "skip"
    reason = f"of {TIMES} requests, {left} were still in memory"
    metrics = {
        "left": left,
        "left_after_leaving_and_collection": left_after_collection,
        "requests": TIMES,
    }
    return probekit.Verdict(outcome, reason, metrics)


if __name__ == "__main__":
    chosen = probekit.case(
        "idle",
        "close",
        "reuse",
        "open",
        "raise",
        "broken-json",
        "http-exception",
        "not-found",
        "cut-off",
        "collected",
    )
    probekit.report(asyncio.run(serve(chosen)))
