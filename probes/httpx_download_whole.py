# /// script
# requires-python = ">=3.8"
# dependencies = ["httpx"]
#
# [tool.bisector]
# package = "httpx"
# range = ">=0.23"
# timeout = 60
# cases = ["chunks", "any", "raw", "read", "slow"]
# ///
"""A download must arrive whole and unchanged, whatever its size and the way it is read."""

import asyncio
import hashlib
from typing import AsyncIterator, Callable, Dict

import httpx
import probekit
from probekit import MIB

SMALL = [(4 * MIB, framing) for framing in ("length", "chunked", "close", "length, then closed")]
LARGE = [(64 * MIB, "length"), (64 * MIB, "chunked")]


async def slow(response: httpx.Response) -> AsyncIterator[bytes]:
    """Yield small chunks, and be slower than the server."""
    async for chunk in response.aiter_bytes(64 * 1024):
        yield chunk
        await asyncio.sleep(0.003)


async def read(response: httpx.Response) -> AsyncIterator[bytes]:
    """Yield the whole body at once."""
    await response.aread()
    yield response.content


WAYS: Dict[str, Callable[[httpx.Response], AsyncIterator[bytes]]] = {
    "chunks": lambda response: response.aiter_bytes(MIB),
    "any": lambda response: response.aiter_bytes(),
    "raw": lambda response: response.aiter_raw(),
    "read": read,
    "slow": slow,
}


async def download(way: str) -> probekit.Verdict:
    """Download with the defaults of a client; good if every body is what the server sent."""
    bodies = SMALL if way == "slow" else [*SMALL, *LARGE]
    wanted = {size: probekit.body_sha256(size) for size in {size for size, _ in bodies}}
    broken = []
    largest = 0
    with probekit.BodyServer() as server:
        async with httpx.AsyncClient() as client:
            for size, framing in bodies:
                received, hashed, error = 0, hashlib.sha256(), ""
                url = server.body_url(size, framing)
                if framing == "length, then closed":
                    url = server.body_url(size, cut=size)
                try:
                    async with client.stream("GET", url) as response:
                        async for chunk in WAYS[way](response):
                            hashed.update(chunk)
                            received += len(chunk)
                except httpx.HTTPError as raised:
                    error = f", then {type(raised).__name__}"
                if error or hashed.hexdigest() != wanted[size]:
                    broken.append(f"{received} of {size} bytes ({framing}){error}")
                largest = max(largest, received)
            pool = probekit.httpx_pool(client)

    return probekit.Verdict(
        "bad" if broken else "good",
        f"{len(bodies) - len(broken)} of {len(bodies)} bodies of up to {max(wanted) // MIB} MiB "
        "arrived whole" + "".join(f"; {what}" for what in broken),
        {"bodies": len(bodies), "broken": len(broken), "largest_bytes": largest},
        pool,
    )


if __name__ == "__main__":
    probekit.report(asyncio.run(download(probekit.case(*WAYS))))
