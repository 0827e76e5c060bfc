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
# case = "any"
# document = "aiohttp-large-downloads"
# says = "With iter_any(), the body streams as it becomes available"
# outcome = "good"
# releases = "all"
# ///
"""What has arrived of a download must be handed over at once."""

import asyncio
from typing import AsyncIterator, Callable, Dict

import aiohttp
import probekit
from probekit import MIB

ARRIVED_BYTES = 1000
PATIENCE_S = 1.0


async def readany(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Yield what has arrived, until nothing more does."""
    while True:
        chunk = await response.content.readany()
        if not chunk:
            break
        yield chunk


WAYS: Dict[str, Callable[[aiohttp.ClientResponse], AsyncIterator[bytes]]] = {
    "readany": readany,
    "chunks": lambda response: response.content.iter_chunked(MIB),
    "any": lambda response: response.content.iter_any(),
}


async def download(way: str) -> probekit.Verdict:
    """Ask for the next chunk when little has come and no more will; good if it is there.

    Bad if the client goes on waiting: for a chunk of the size that was asked for.
    """
    received = 0
    with probekit.BodyServer() as server:
        url = server.body_url(MIB, stall=ARRIVED_BYTES)
        async with aiohttp.ClientSession() as session:
            async with session.get(url) as response:
                try:
                    chunk = await asyncio.wait_for(WAYS[way](response).__anext__(), PATIENCE_S)
                    received = len(chunk)
                except asyncio.TimeoutError:
                    pass
            await asyncio.sleep(0.01)  # a connection may enter the pool a little later
            pool = probekit.pool(session.connector)

    return probekit.Verdict(
        "good" if received else "bad",
        f"{received} of the {ARRIVED_BYTES} bytes that had arrived were handed over "
        f"within {PATIENCE_S:.0f} s",
        {"received_bytes": received, "arrived_bytes": ARRIVED_BYTES},
        pool,
    )


if __name__ == "__main__":
    probekit.report(asyncio.run(download(probekit.case(*WAYS))))
