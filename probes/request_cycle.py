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
# issue = "https://github.com/aio-libs/aiohttp/issues/10548"
# fix = "https://github.com/aio-libs/aiohttp/pull/3462"
# ///
"""Requests that a web server has finished with must not survive in reference cycles."""

import asyncio
import gc
import logging
import weakref
from typing import List

import probekit
from aiohttp import web

TIMES = 50

References = List["weakref.ref[web.Request]"]


def alive(references: References) -> int:
    """Return how many of the requests are still in memory."""
    return sum(reference() is not None for reference in references)


async def settle(runner: web.AppRunner, references: References) -> None:
    """Wait until the server has no connection left, and a little for its tasks to end."""
    assert runner.server is not None
    while runner.server.connections:
        await asyncio.sleep(0.001)
    for _ in range(20):
        if not alive(references):
            break
        await asyncio.sleep(0.005)


async def serve() -> probekit.Verdict:
    """Serve clients that leave once they have their answer, with the garbage collector held off.

    The server then cancels the task that waited for the next request, and the traceback of that
    may hold the last one. Half of the handlers return and half raise, as the issue has it. Good
    if every request is freed, bad if most of one half are left.
    """
    returned: References = []
    raised: References = []

    async def parse(request: web.Request) -> web.Response:
        (returned if request.path == "/return" else raised).append(weakref.ref(request))
        await request.json()
        return web.Response()

    logging.getLogger("aiohttp").addHandler(logging.NullHandler())
    app = web.Application()
    app.add_routes([web.post("/return", parse), web.post("/raise", parse)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = "http://{}:{}".format(*runner.addresses[0])

    gc.disable()
    await probekit.post_from_child(f"{url}/return", "{}", TIMES)
    await probekit.post_from_child(f"{url}/raise", "not JSON", TIMES)
    await settle(runner, returned + raised)
    left_returned, left_raised = alive(returned), alive(raised)
    gc.collect()
    left_after_collection = alive(returned + raised)
    await runner.cleanup()

    most = max(left_returned, left_raised)
    return probekit.Verdict(
        "good" if not most else "bad" if most > TIMES / 2 else "skip",
        f"of {TIMES} requests each, {left_returned} whose handler returned and {left_raised} "
        "whose handler raised were left to the garbage collector",
        {
            "left_returned": left_returned,
            "left_raised": left_raised,
            "left_after_collection": left_after_collection,
            "requests": len(returned + raised),
        },
    )


if __name__ == "__main__":
    probekit.report(asyncio.run(serve()))
