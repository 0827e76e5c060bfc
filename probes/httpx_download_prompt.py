# /// script
# requires-python = ">=3.8"
# dependencies = ["httpx"]
#
# [tool.bisector]
# package = "httpx"
# range = ">=0.23"
# timeout = 60
# cases = ["chunks", "any", "raw"]
# ///
"""What has arrived of a download must be handed over at once."""

import asyncio
from typing import AsyncIterator, Callable, Dict

import httpx
import probekit
from probekit import MIB

ARRIVED_BYTES = 1000
PATIENCE_S = 1.0

WAYS: Dict[str, Callable[[httpx.Response], AsyncIterator[bytes]]] = {
    "chunks": lambda response: response.aiter_bytes(MIB),
    "any": lambda response: response.aiter_bytes(),
    "raw": lambda response: response.aiter_raw(),
}


async def download(way: str) -> probekit.Verdict:
    """Ask for the next chunk when little has come and no more will; good if it is there.

    Bad if the client goes on waiting: for a chunk of the size that was asked for.
    """
    received = 0
    with probekit.BodyServer() as server:
        url = server.body_url(MIB, stall=ARRIVED_BYTES)
        async with httpx.AsyncClient() as client:
            async with client.stream("GET", url) as response:
                try:
                    chunk = await asyncio.wait_for(WAYS[way](response).__anext__(), PATIENCE_S)
                    received = len(chunk)
                except asyncio.TimeoutError:
                    pass
            pool = probekit.httpx_pool(client)

    return probekit.Verdict(
        "good" if received else "bad",
        f"{received} of the {ARRIVED_BYTES} bytes that had arrived were handed over "
        f"within {PATIENCE_S:.0f} s",
        {"received_bytes": received, "arrived_bytes": ARRIVED_BYTES},
        pool,
    )


if __name__ == "__main__":
    probekit.report(asyncio.run(download(probekit.case(*WAYS))))
