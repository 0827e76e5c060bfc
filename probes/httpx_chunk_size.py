# /// script
# requires-python = ">=3.8"
# dependencies = ["httpx"]
#
# [tool.bisector]
# package = "httpx"
# range = ">=0.23"
# timeout = 60
# cases = ["small", "large"]
#
# [[tool.bisector.claims]]
# case = "small"
# document = "httpx-streaming"
# says = "With aiter_bytes(chunk_size), there is one bounded chunk at a time"
# outcome = "good"
# releases = "all"
#
# [[tool.bisector.claims]]
# case = "large"
# document = "httpx-streaming"
# says = "With aiter_bytes(chunk_size), chunks have a fixed size"
# outcome = "good"
# releases = "all"
# ///
"""The size of the chunks that a download is read in must be the one asked for."""

import asyncio
from typing import AsyncIterator, List

import httpx
import probekit
from probekit import MIB

SIZE = 4 * MIB
SMALL_BYTES = 4096


async def sizes(stream: AsyncIterator[bytes], rest_s: float) -> List[int]:
    """Return the sizes of the chunks, each taken after a rest in which a buffer can fill."""
    taken = []
    async for chunk in stream:
        taken.append(len(chunk))
        await asyncio.sleep(rest_s)
    return taken


async def download(case: str) -> probekit.Verdict:
    """Ask for chunks of 4 KiB (``small``) or of 1 MiB (``large``), and for some of any size.

    Good if no small one is larger than asked for, or if there are at most twice as many large
    ones as their size makes of the body.
    """
    chunk_bytes = SMALL_BYTES if case == "small" else MIB
    with probekit.BodyServer() as server:
        url = server.body_url(SIZE)
        async with httpx.AsyncClient() as client:
            async with client.stream("GET", url) as response:
                taken = await sizes(
                    response.aiter_bytes(chunk_bytes), 0 if case == "small" else 0.01
                )
            async with client.stream("GET", url) as response:
                any_size = await sizes(response.aiter_bytes(), 0.01)
            pool = probekit.httpx_pool(client)

    few = len(taken) <= 2 * SIZE // MIB
    good = max(taken) <= SMALL_BYTES if case == "small" else few
    return probekit.Verdict(
        "good" if good else "bad",
        f"chunks of {chunk_bytes} bytes: {len(taken)} of up to {max(taken)}; "
        f"of any size: {len(any_size)} of up to {max(any_size)}",
        {
            "chunks": len(taken),
            "largest_chunk_bytes": max(taken),
            "any_size_chunks": len(any_size),
            "any_size_largest_bytes": max(any_size),
        },
        pool,
    )


if __name__ == "__main__":
    probekit.report(asyncio.run(download(probekit.case("small", "large"))))
