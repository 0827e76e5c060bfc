# /// script
# requires-python = ">=3.8"
# dependencies = ["httpx"]
#
# [tool.bisector]
# package = "httpx"
# range = ">=0.23"
# timeout = 60
# cases = ["chunks", "any", "raw", "read"]
#
# [[tool.bisector.claims]]
# case = "chunks"
# document = "httpx-streaming"
# says = "With gzip, the decompressed size drives memory, not the size on the wire"
# outcome = "bad"
# releases = "all"
#
# [[tool.bisector.claims]]
# case = "raw"
# document = "httpx-streaming"
# says = "With aiter_raw(), one gets the compressed bytes"
# outcome = "good"
# releases = "all"
# ///
"""A compressed download must not take memory in proportion to its size once decompressed."""

import asyncio
from typing import AsyncIterator, Callable, Dict

import httpx
import probekit
from probekit import MIB

SIZES = (MIB, 16 * MIB, 64 * MIB)
CHUNK_BYTES = 64 * 1024


async def read(response: httpx.Response) -> AsyncIterator[bytes]:
    """Yield the whole body at once."""
    await response.aread()
    yield response.content


WAYS: Dict[str, Callable[[httpx.Response], AsyncIterator[bytes]]] = {
    "chunks": lambda response: response.aiter_bytes(CHUNK_BYTES),
    "any": lambda response: response.aiter_bytes(),
    "raw": lambda response: response.aiter_raw(),
    "read": read,
}


async def download(way: str) -> probekit.Verdict:
    """Download zero bytes, of which a thousand are one on the wire; good if the peak stays flat.

    Bytes of peak memory are counted per byte of the decompressed body.
    """
    growth, received, largest_chunk = {}, 0, 0
    with probekit.BodyServer() as server:
        async with httpx.AsyncClient() as client:
            for size in (MIB, *SIZES):  # the first is no part of the growth
                received = 0
                with probekit.MemoryGrowth() as grown:
                    async with client.stream("GET", server.body_url(size, gzip=1)) as response:
                        async for chunk in WAYS[way](response):
                            received += len(chunk)
                            largest_chunk = max(largest_chunk, len(chunk))
                            del chunk
                    wire = int(response.headers["Content-Length"])
                if received != (wire if way == "raw" else size):
                    raise RuntimeError(f"received {received} bytes")
                growth[size] = grown.bytes
            pool = probekit.httpx_pool(client)

    return probekit.memory_verdict(
        growth, grown.exact, pool, wire_bytes=wire, largest_chunk_bytes=largest_chunk
    )


if __name__ == "__main__":
    probekit.report(asyncio.run(download(probekit.case(*WAYS))))
