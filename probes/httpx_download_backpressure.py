# /// script
# requires-python = ">=3.8"
# dependencies = ["httpx"]
#
# [tool.bisector]
# package = "httpx"
# range = ">=0.23"
# timeout = 60
# cases = ["chunks", "any", "raw"]
#
# [[tool.bisector.claims]]
# case = "chunks"
# document = "httpx-streaming"
# says = "A slow sink throttles the read, memory stays flat, and the server slows down"
# outcome = "good"
# releases = "all"
# ///
"""A download that is read slowly must slow the server down instead of filling the memory."""

import asyncio
from typing import AsyncIterator, Callable, Dict

import httpx
import probekit
from probekit import MIB

SIZE = 256 * MIB
CHUNK_BYTES = 64 * 1024

WAYS: Dict[str, Callable[[httpx.Response], AsyncIterator[bytes]]] = {
    "chunks": lambda response: response.aiter_bytes(CHUNK_BYTES),
    "any": lambda response: response.aiter_bytes(),
    "raw": lambda response: response.aiter_raw(),
}


async def download(way: str) -> probekit.Verdict:
    """Take one chunk, wait until the server can send no more, and then read on.

    Good if the client holds little of the body and the server still has most of it, bad if the
    client holds a quarter or more, or reading on fails. Undecided if the system's own buffers
    swallowed most of the body, so that the client was never asked to hold it.
    """
    with probekit.BodyServer() as server:
        async with httpx.AsyncClient() as client:
            async with client.stream("GET", server.body_url(SIZE)) as response:
                stream = WAYS[way](response)
                with probekit.MemoryGrowth() as growth:
                    received = len(await stream.__anext__())
                    sent = await server.sent_at_most()
                buffered = sent - received
                went_on = True
                try:
                    while received < sent + 8 * MIB and received < SIZE:
                        received += len(await asyncio.wait_for(stream.__anext__(), 10))
                except (httpx.HTTPError, asyncio.TimeoutError, StopAsyncIteration):
                    went_on = False
            pool = probekit.httpx_pool(client)

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
