# /// script
# requires-python = ">=3.8"
# dependencies = ["aiohttp"]
#
# [tool.bisector]
# package = "aiohttp"
# range = ">=3.10,<3.13"
# timeout = 60
# cases = ["readany", "chunks", "any", "read", "joined", "forward"]
#
# [[tool.bisector.claims]]
# case = "readany"
# document = "aiohttp-large-downloads"
# says = "The entire file is not loaded into memory, as it is read in chunks"
# outcome = "good"
# releases = "all"
#
# [[tool.bisector.claims]]
# case = "chunks"
# document = "aiohttp-large-downloads"
# says = "Streaming with iter_chunked() avoids holding the file in memory"
# outcome = "good"
# releases = "all"
#
# [[tool.bisector.claims]]
# case = "any"
# document = "aiohttp-large-downloads"
# says = "Streaming with iter_any() avoids holding the file in memory"
# outcome = "good"
# releases = "all"
#
# [[tool.bisector.claims]]
# case = "read"
# document = "aiohttp-large-downloads"
# says = "Without streaming, the entire file is held in memory"
# outcome = "bad"
# releases = "all"
#
# [[tool.bisector.claims]]
# case = "read"
# document = "httpx-streaming"
# says = "Every high-level client, as httpx, buffers the entire body to read it"
# outcome = "bad"
# releases = "all"
# ///
"""A download must not take memory in proportion to its size."""

import asyncio
from typing import Awaitable, Callable, Dict

import aiohttp
import probekit
from probekit import MIB

SIZES = (MIB, 16 * MIB, 64 * MIB)
CHUNK_BYTES = 64 * 1024

Response = aiohttp.ClientResponse


async def readany(response: Response) -> int:
    """Take what has arrived, until nothing more does."""
    received, chunk = 0, b"-"
    while chunk:
        chunk = await response.content.readany()
        received += len(chunk)
    return received


async def chunks(response: Response) -> int:
    """Take chunks of one size."""
    return sum([len(chunk) async for chunk in response.content.iter_chunked(CHUNK_BYTES)])


async def any_size(response: Response) -> int:
    """Take chunks of whatever size they arrive in."""
    return sum([len(chunk) async for chunk in response.content.iter_any()])


async def read(response: Response) -> int:
    """Take everything at once."""
    return len(await response.read())


async def joined(response: Response) -> int:
    """Take chunks, and join them."""
    return len(b"".join([chunk async for chunk in response.content.iter_chunked(CHUNK_BYTES)]))


WAYS: Dict[str, Callable[[Response], Awaitable[int]]] = {
    "readany": readany,
    "chunks": chunks,
    "any": any_size,
    "read": read,
    "joined": joined,
}


async def download(way: str) -> probekit.Verdict:
    """Download bodies of several sizes; good if the peak hardly rises with the size.

    Bytes of peak memory per byte of body are near 0 if a body passes through, and 1 or more if
    it is held: 2 where its pieces and the whole are there at once.
    """
    growth = {}
    with probekit.BodyServer() as server, probekit.Server("raw") as sink:

        async def run(size: int) -> None:
            async with session.get(server.body_url(size)) as response:
                if way == "forward":
                    async with session.post(
                        sink.url, data=response.content.iter_chunked(CHUNK_BYTES)
                    ) as answer:
                        answer.raise_for_status()
                elif await WAYS[way](response) != size:
                    raise RuntimeError("the body was cut short")

        async with aiohttp.ClientSession() as session:
            await run(MIB)  # what is imported and allocated once is no part of the growth
            for size in SIZES:
                with probekit.MemoryGrowth() as grown:
                    await run(size)
                growth[size] = grown.bytes
            await asyncio.sleep(0.01)  # a connection may enter the pool a little later
            pool = probekit.pool(session.connector)

    return probekit.memory_verdict(growth, grown.exact, pool)


if __name__ == "__main__":
    probekit.report(asyncio.run(download(probekit.case(*WAYS, "forward"))))
