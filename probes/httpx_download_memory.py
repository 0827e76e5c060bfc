# /// script
# requires-python = ">=3.8"
# dependencies = ["httpx"]
#
# [tool.bisector]
# package = "httpx"
# range = ">=0.23"
# timeout = 60
# cases = ["chunks", "any", "raw", "read", "joined", "forward"]
#
# [[tool.bisector.claims]]
# case = "read"
# document = "httpx-streaming"
# says = "With .content, the entire body is buffered: memory grows in proportion to it"
# outcome = "bad"
# releases = "all"
#
# [[tool.bisector.claims]]
# case = "chunks"
# document = "httpx-streaming"
# says = "With aiter_bytes(chunk_size), memory stays flat, whatever the size"
# outcome = "good"
# releases = "all"
#
# [[tool.bisector.claims]]
# case = "forward"
# document = "httpx-streaming"
# says = "A byte iterator handed to the next request forwards without buffering"
# outcome = "good"
# releases = "all"
#
# [[tool.bisector.claims]]
# case = "joined"
# document = "httpx-streaming"
# says = "Joining the chunks of aiter_bytes() is buffering again"
# outcome = "bad"
# releases = "all"
# ///
"""A download must not take memory in proportion to its size."""

import asyncio
from typing import Awaitable, Callable, Dict

import httpx
import probekit
from probekit import MIB

SIZES = (MIB, 16 * MIB, 64 * MIB)
CHUNK_BYTES = 64 * 1024

Response = httpx.Response


async def chunks(response: Response) -> int:
    """Take chunks of one size."""
    return sum([len(chunk) async for chunk in response.aiter_bytes(CHUNK_BYTES)])


async def any_size(response: Response) -> int:
    """Take chunks of whatever size they arrive in."""
    return sum([len(chunk) async for chunk in response.aiter_bytes()])


async def raw(response: Response) -> int:
    """Take what has arrived as it is, were it compressed or not."""
    return sum([len(chunk) async for chunk in response.aiter_raw()])


async def read(response: Response) -> int:
    """Take everything at once, as ``get()`` does for ``.content``."""
    await response.aread()
    return len(response.content)


async def joined(response: Response) -> int:
    """Take chunks, and join them."""
    return len(b"".join([chunk async for chunk in response.aiter_bytes(CHUNK_BYTES)]))


WAYS: Dict[str, Callable[[Response], Awaitable[int]]] = {
    "chunks": chunks,
    "any": any_size,
    "raw": raw,
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
            async with client.stream("GET", server.body_url(size)) as response:
                if way == "forward":
                    answer = await client.post(sink.url, content=response.aiter_bytes(CHUNK_BYTES))
                    answer.raise_for_status()
                elif await WAYS[way](response) != size:
                    raise RuntimeError("the body was cut short")

        async with httpx.AsyncClient() as client:
            await run(MIB)  # what is imported and allocated once is no part of the growth
            for size in SIZES:
                with probekit.MemoryGrowth() as grown:
                    await run(size)
                growth[size] = grown.bytes
            pool = probekit.httpx_pool(client)

    return probekit.memory_verdict(growth, grown.exact, pool)


if __name__ == "__main__":
    probekit.report(asyncio.run(download(probekit.case(*WAYS, "forward"))))
