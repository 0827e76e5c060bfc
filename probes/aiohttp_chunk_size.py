# /// script
# requires-python = ">=3.8"
# dependencies = ["aiohttp"]
#
# [tool.bisector]
# package = "aiohttp"
# range = ">=3.10,<3.13"
# timeout = 60
# cases = ["small", "large", "buffer"]
#
# [[tool.bisector.claims]]
# case = "small"
# document = "aiohttp-large-downloads"
# says = "With iter_chunked(), the size of the chunks is under control"
# outcome = "good"
# releases = "all"
#
# [[tool.bisector.claims]]
# case = "large"
# document = "aiohttp-large-downloads"
# says = "A chunk size of 1 MiB makes fewer reads than the default does"
# outcome = "good"
# releases = "all"
#
# [[tool.bisector.claims]]
# case = "buffer"
# document = "aiohttp-large-downloads"
# says = "The chunk size also changes how aiohttp handles its internal buffers"
# outcome = "good"
# releases = "all"
# ///
"""The size of the chunks that a download is read in must be the one asked for."""

import asyncio
from typing import AsyncIterator, List

import aiohttp
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
    ones as their size makes of the body. ``buffer`` asks for large ones, and is good if aiohttp
    then buffers more than it does by itself.
    """
    chunk_bytes = SMALL_BYTES if case == "small" else MIB
    with probekit.BodyServer() as server:
        url = server.body_url(SIZE)
        async with aiohttp.ClientSession() as session:
            async with session.get(url) as response:
                taken = await sizes(
                    response.content.iter_chunked(chunk_bytes), 0 if case == "small" else 0.01
                )
                limits = response.content.get_read_buffer_limits()
            async with session.get(url) as response:
                any_size = await sizes(response.content.iter_any(), 0.01)
                any_limits = response.content.get_read_buffer_limits()
            await asyncio.sleep(0.01)  # a connection may enter the pool a little later
            pool = probekit.pool(session.connector)

    if case == "small":
        good = max(taken) <= SMALL_BYTES
    elif case == "buffer":
        good = limits > any_limits
    else:
        good = len(taken) <= 2 * SIZE // MIB
    return probekit.Verdict(
        "good" if good else "bad",
        f"chunks of {chunk_bytes} bytes: {len(taken)} of up to {max(taken)}; "
        f"of any size: {len(any_size)} of up to {max(any_size)}",
        {
            "chunks": len(taken),
            "largest_chunk_bytes": max(taken),
            "any_size_chunks": len(any_size),
            "any_size_largest_bytes": max(any_size),
            "buffer_limit_bytes": limits[1],
            "any_size_buffer_limit_bytes": any_limits[1],
        },
        pool,
    )


if __name__ == "__main__":
    probekit.report(asyncio.run(download(probekit.case("small", "large", "buffer"))))
