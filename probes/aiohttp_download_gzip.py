# /// script
# requires-python = ">=3.8"
# dependencies = ["aiohttp"]
#
# [tool.bisector]
# package = "aiohttp"
# range = ">=3.10,<3.13"
# timeout = 60
# cases = ["chunks", "any", "raw", "read"]
# ///
"""A compressed download must not take memory in proportion to its size once decompressed."""

import asyncio
from typing import AsyncIterator, Callable, Dict

import aiohttp
import probekit
from probekit import MIB

SIZES = (MIB, 16 * MIB, 64 * MIB)
CHUNK_BYTES = 64 * 1024


async def read(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Yield the whole body at once."""
    yield await response.read()


WAYS: Dict[str, Callable[[aiohttp.ClientResponse], AsyncIterator[bytes]]] = {
    "chunks": lambda response: response.content.iter_chunked(CHUNK_BYTES),
    "any": lambda response: response.content.iter_any(),
    "raw": lambda response: response.content.iter_any(),
    "read": read,
}


async def download(way: str) -> probekit.Verdict:
    """Download zero bytes, of which a thousand are one on the wire; good if the peak stays flat.

    Bytes of peak memory are counted per byte of the decompressed body. Undecided if the body is
    refused, as later releases do with what expands too far at once.
    """
    growth, received, largest_chunk = {}, 0, 0
    with probekit.BodyServer() as server:
        async with aiohttp.ClientSession(auto_decompress=way != "raw") as session:
            for size in (MIB, *SIZES):  # the first is no part of the growth
                received = 0
                with probekit.MemoryGrowth() as grown:
                    async with session.get(server.body_url(size, gzip=1)) as response:
                        async for chunk in WAYS[way](response):
                            received += len(chunk)
                            largest_chunk = max(largest_chunk, len(chunk))
                            del chunk
                    wire = int(response.headers["Content-Length"])
                if received != (wire if way == "raw" else size):
                    raise RuntimeError(f"received {received} bytes")
                growth[size] = grown.bytes
            await asyncio.sleep(0.01)  # a connection may enter the pool a little later
            pool = probekit.pool(session.connector)

    return probekit.memory_verdict(
        growth, grown.exact, pool, wire_bytes=wire, largest_chunk_bytes=largest_chunk
    )


async def download_or_skip(way: str) -> probekit.Verdict:
    """Download, or say that it was refused."""
    try:
        return await download(way)
    except aiohttp.ClientPayloadError as error:
        return probekit.Verdict("skip", f"the body was refused: {' '.join(str(error).split())}")


if __name__ == "__main__":
    probekit.report(asyncio.run(download_or_skip(probekit.case(*WAYS))))
