# /// script
# requires-python = ">=3.8"
# dependencies = ["httpx"]
#
# [tool.bisector]
# package = "httpx"
# range = ">=0.23"
# timeout = 60
# cases = ["left", "drained", "unread", "unclosed", "dropped"]
#
# [[tool.bisector.claims]]
# case = "left"
# document = "httpx-streaming"
# says = "Leaving the block without reading everything releases the connection"
# outcome = "good"
# releases = "all"
#
# [[tool.bisector.claims]]
# case = "drained"
# document = "httpx-streaming"
# says = "A block that exits cleanly returns the connection to the pool, or closes it"
# outcome = "good"
# releases = "all"
#
# [[tool.bisector.claims]]
# case = "unclosed"
# document = "httpx-streaming"
# says = "Breaking out early without closing can leak the connection"
# outcome = "bad"
# releases = "some"
# ///
"""A download that is left early must not keep its connection."""

import asyncio
import contextlib
import gc
from typing import Optional

import httpx
import probekit
from probekit import MIB

SIZE = 16 * MIB
CHUNK_BYTES = 64 * 1024
CASES = ("left", "drained", "unread", "unclosed", "dropped")


async def leave(case: str, client: httpx.AsyncClient, url: str) -> Optional[httpx.Response]:
    """Begin a download and leave it as the case has it; return the response if it is kept."""
    if case in ("left", "drained"):
        async with client.stream("GET", url) as response:
            async for _ in response.aiter_bytes(CHUNK_BYTES):
                if case == "left":
                    break
        return None
    response = await client.send(client.build_request("GET", url), stream=True)
    if case == "unread":
        return response
    async for _ in response.aiter_bytes(CHUNK_BYTES):
        break
    return None if case == "dropped" else response


async def download(case: str) -> probekit.Verdict:
    """Download with a single connection, leave, and ask for something else.

    The block of the response is ``left`` after one chunk, or once it is ``drained``. Without a
    block, the response is kept ``unread`` or, after one chunk, ``unclosed``, or it is ``dropped``
    so that the garbage collector can find it. Good if the connection is free for the next
    request, whether it was kept or replaced. The pool is that of httpcore: a change may be its
    own, and then moves with ``--dependencies released``.
    """
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # tells of what is dropped
    error = ""
    with probekit.BodyServer() as server:
        limits = httpx.Limits(max_connections=1)
        client = httpx.AsyncClient(limits=limits, timeout=httpx.Timeout(5, pool=1))
        kept = await leave(case, client, server.body_url(SIZE))
        gc.collect()
        await asyncio.sleep(0.05)  # a connection may be closed or enter the pool a little later
        pool = probekit.httpx_pool(client)
        try:
            await client.get(server.body_url(1))
        except httpx.HTTPError as raised:
            error = type(raised).__name__
        del kept
        with contextlib.suppress(RuntimeError):  # as old releases refuse to close what is in use
            await client.aclose()

    state = f"{pool['idle']} idle, {pool['in_use']} in use"
    return probekit.Verdict(
        "bad" if error else "good",
        f"{state} after leaving; the next request " + (f"got {error}" if error else "was answered"),
        {"idle": pool["idle"], "in_use": pool["in_use"], "error": error},
        pool,
    )


if __name__ == "__main__":
    probekit.report(asyncio.run(download(probekit.case(*CASES))))
