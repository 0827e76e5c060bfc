# /// script
# requires-python = ">=3.8"
# dependencies = ["aiohttp"]
#
# [tool.bisector]
# package = "aiohttp"
# range = ">=3.10,<3.13"
# timeout = 60
# cases = ["left", "drained", "unread", "unclosed", "dropped"]
# ///
"""A download that is left early must not keep its connection."""

import asyncio
import gc
from typing import Optional

import aiohttp
import probekit
from probekit import MIB

SIZE = 16 * MIB
CHUNK_BYTES = 64 * 1024
CASES = ("left", "drained", "unread", "unclosed", "dropped")


async def leave(
    case: str, session: aiohttp.ClientSession, url: str
) -> Optional[aiohttp.ClientResponse]:
    """Begin a download and leave it as the case has it; return the response if it is kept."""
    if case in ("left", "drained"):
        async with session.get(url) as response:
            async for _ in response.content.iter_chunked(CHUNK_BYTES):
                if case == "left":
                    break
        return None
    response = await session.get(url)
    if case == "unread":
        return response
    async for _ in response.content.iter_chunked(CHUNK_BYTES):
        break
    return None if case == "dropped" else response


async def download(case: str) -> probekit.Verdict:
    """Download with a single connection, leave, and ask for something else.

    The block of the response is ``left`` after one chunk, or once it is ``drained``. Without a
    block, the response is kept ``unread`` or, after one chunk, ``unclosed``, or it is ``dropped``
    so that the garbage collector can find it. Good if the connection is free for the next
    request, whether it was kept or replaced.
    """
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # tells of what is dropped
    error = ""
    with probekit.BodyServer() as server:
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(connector=connector) as session:
            kept = await leave(case, session, server.body_url(SIZE))
            gc.collect()
            await asyncio.sleep(0.05)  # a connection may be closed or enter the pool a little later
            pool = probekit.pool(connector)
            patience_s = 1 if pool["in_use"] else 10
            try:
                response = await asyncio.wait_for(session.get(server.body_url(1)), patience_s)
                await response.read()
            except (aiohttp.ClientError, asyncio.TimeoutError) as raised:
                error = type(raised).__name__
            del kept

    state = f"{pool['idle']} idle, {pool['in_use']} in use"
    return probekit.Verdict(
        "bad" if error else "good",
        f"{state} after leaving; the next request " + (f"got {error}" if error else "was answered"),
        {"idle": pool["idle"], "in_use": pool["in_use"], "error": error},
        pool,
    )


if __name__ == "__main__":
    probekit.report(asyncio.run(download(probekit.case(*CASES))))
