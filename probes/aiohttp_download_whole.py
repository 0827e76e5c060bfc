# /// script
# requires-python = ">=3.8"
# dependencies = ["aiohttp"]
#
# [tool.bisector]
# package = "aiohttp"
# range = ">=3.10,<3.13"
# timeout = 60
# cases = ["readany", "chunks", "any", "read", "slow"]
#
# [[tool.bisector.claims]]
# case = "readany"
# document = "aiohttp-large-downloads"
# says = "Read with readany() and the defaults, files of several megabytes or more fail"
# outcome = "bad"
# releases = "some"
#
# [[tool.bisector.claims]]
# case = "readany"
# document = "aiohttp-large-downloads"
# says = "Downloads stop short at a seemingly arbitrary size"
# outcome = "bad"
# releases = "some"
#
# [[tool.bisector.claims]]
# case = "chunks"
# document = "aiohttp-large-downloads"
# says = "Read with iter_chunked() and chunks of 1 MiB, large files arrive"
# outcome = "good"
# releases = "all"
#
# [[tool.bisector.claims]]
# case = "any"
# document = "aiohttp-large-downloads"
# says = "Read with iter_any(), large files arrive"
# outcome = "good"
# releases = "all"
# ///
"""A download must arrive whole and unchanged, whatever its size and the way it is read."""

import asyncio
import hashlib
from typing import AsyncIterator, Callable, Dict

import aiohttp
import probekit
from probekit import MIB

SMALL = [(4 * MIB, framing) for framing in ("length", "chunked", "close", "length, then closed")]
LARGE = [(64 * MIB, "length"), (64 * MIB, "chunked")]


async def slow(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Yield small chunks, and be slower than the server."""
    async for chunk in response.content.iter_chunked(64 * 1024):
        yield chunk
        await asyncio.sleep(0.003)


async def read(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Yield the whole body at once."""
    yield await response.read()


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
    "read": read,
    "slow": slow,
}


async def download(way: str) -> probekit.Verdict:
    """Download with the defaults of a session; good if every body is what the server sent."""
    bodies = SMALL if way == "slow" else [*SMALL, *LARGE]
    wanted = {size: probekit.body_sha256(size) for size in {size for size, _ in bodies}}
    broken = []
    largest = 0
    with probekit.BodyServer() as server:
        async with aiohttp.ClientSession() as session:
            for size, framing in bodies:
                received, hashed, error = 0, hashlib.sha256(), ""
                url = server.body_url(size, framing)
                if framing == "length, then closed":
                    url = server.body_url(size, cut=size)
                try:
                    async with session.get(url) as response:
                        async for chunk in WAYS[way](response):
                            hashed.update(chunk)
                            received += len(chunk)
                except (aiohttp.ClientError, asyncio.TimeoutError) as raised:
                    error = f", then {type(raised).__name__}"
                if error or hashed.hexdigest() != wanted[size]:
                    broken.append(f"{received} of {size} bytes ({framing}){error}")
                largest = max(largest, received)
            await asyncio.sleep(0.01)  # a connection may enter the pool a little later
            pool = probekit.pool(session.connector)

    return probekit.Verdict(
        "bad" if broken else "good",
        f"{len(bodies) - len(broken)} of {len(bodies)} bodies of up to {max(wanted) // MIB} MiB "
        "arrived whole" + "".join(f"; {what}" for what in broken),
        {"bodies": len(bodies), "broken": len(broken), "largest_bytes": largest},
        pool,
    )


if __name__ == "__main__":
    probekit.report(asyncio.run(download(probekit.case(*WAYS))))
