# /// script
# requires-python = ">=3.8"
# dependencies = ["aiohttp"]
#
# [tool.bisector]
# package = "aiohttp"
# range = ">=3.10,<3.13"
# timeout = 60
# cases = ["readany", "chunks", "any"]
#
# [[tool.bisector.claims]]
# document = "aiohttp-large-downloads"
# says = "If chunks are processed slower than they come, buffers pile up in memory"
# outcome = "bad"
# releases = "some"
#
# [[tool.bisector.claims]]
# case = "readany"
# document = "aiohttp-large-downloads"
# says = "A server faster than the default buffer makes the download stall"
# outcome = "bad"
# releases = "some"
# ///
"""A download that is read slowly must slow the server down instead of filling the memory."""

import asyncio
from typing import AsyncIterator, Callable, Dict

import aiohttp
import probekit
from probekit import MIB

SIZE = 256 * MIB
CHUNK_BYTES = 64 * 1024


async def readany(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Yield what has arrived, until nothing more does."""
    while True:
        chunk = await response.content.readany()
        if not chunk:
            break
        yield chunk


WAYS: Dict[str, Callable[[aiohttp.ClientResponse], AsyncIterator[bytes]]] = {
    "readany": readany,
    "chunks": lambda response: response.content.iter_chunked(CHUNK_BYTES),
    "any": lambda response: response.content.iter_any(),
}


async def download(way: str) -> probekit.Verdict:
    """Take one chunk, wait until the server can send no more, and then read on.

    Good if the client holds little of the body and the server still has most of it, bad if the
    client holds a quarter or more, or reading on fails. Undecided if the system's own buffers
    swallowed most of the body, so that the client was never asked to hold it.
    """
    with probekit.BodyServer() as server:
        async with aiohttp.ClientSession() as session:
            async with session.get(server.body_url(SIZE)) as response:
                stream = WAYS[way](response)
                with probekit.MemoryGrowth() as growth:
                    received = len(await stream.__anext__())
                    sent = await server.sent_at_most()
                buffered = sent - received
                went_on = True
                try:
                    while received < sent + 8 * MIB and received < SIZE:
                        received += len(await asyncio.wait_for(stream.__anext__(), 10))
                except (aiohttp.ClientError, asyncio.TimeoutError, StopAsyncIteration):
                    went_on = False
            await asyncio.sleep(0.01)  # a connection may enter the pool a little later
            pool = probekit.pool(session.connector)

    outcome = "skip"
    if growth.bytes >= SIZE / 4 or not went_on:
        outcome = "bad"
    elif growth.bytes <= SIZE / 16 and buffered <= SIZE / 2:
        outcome = "good"
    reason = (
        f"while nothing was read, the server sent {buffered / MIB:.1f} MiB of {SIZE // MIB} MiB "
        f"ahead and the client grew by {growth.bytes / MIB:.1f} MiB"
    )
    return probekit.Verdict(
        outcome,
        reason if went_on else f"{reason}; then reading on failed",
        {
            "buffered_bytes": buffered,
            "growth_bytes": growth.bytes,
            "growth_exact": growth.exact,
            "payload_bytes": SIZE,
        },
        pool,
    )


if __name__ == "__main__":
    probekit.report(asyncio.run(download(probekit.case(*WAYS))))
