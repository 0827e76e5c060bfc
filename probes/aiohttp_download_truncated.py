# /// script
# requires-python = ">=3.8"
# dependencies = ["aiohttp"]
#
# [tool.bisector]
# package = "aiohttp"
# range = ">=3.10,<3.13"
# timeout = 60
# cases = ["length", "chunked", "close", "reset", "gzip"]
#
# [[tool.bisector.claims]]
# case = "length"
# document = "aiohttp-large-downloads"
# says = "A connection that closes too early leaves a short file, and no error"
# outcome = "bad"
# releases = "some"
#
# [[tool.bisector.claims]]
# case = "close"
# document = "aiohttp-large-downloads"
# says = "A connection that closes too early leaves a short file, and no error"
# outcome = "bad"
# releases = "some"
# ///
"""A download that is cut short must end in an error."""

import asyncio
from typing import Dict, Tuple

import aiohttp
import probekit
from probekit import MIB

SIZE = MIB
HALF = SIZE // 2
ENDS: Dict[str, Tuple[str, Dict[str, int]]] = {
    "length": ("length", {"cut": HALF}),
    "chunked": ("chunked", {"cut": HALF}),
    "close": ("close", {"cut": HALF}),
    "reset": ("close", {"reset": HALF}),
    "gzip": ("close", {"gzip": 1, "cut": 500}),
}


async def take(way: str, session: aiohttp.ClientSession, url: str) -> int:
    """Return how many bytes of the body came."""
    async with session.get(url) as response:
        if way == "read":
            return len(await response.read())
        return sum([len(chunk) async for chunk in response.content.iter_chunked(64 * 1024)])


async def download(end: str) -> probekit.Verdict:
    """Download a body that the server cuts in the middle, in chunks and as a whole.

    Good if both ways raise an error, bad if one hands out what came as if it were everything.
    ``length`` and ``chunked`` say where a body ends, ``gzip`` does so within the body, and
    ``close`` does not, so that nothing but a reset connection can tell.
    """
    framing, options = ENDS[end]
    errors = {}
    received = 0
    with probekit.BodyServer() as server:
        url = server.body_url(SIZE, framing, **options)
        async with aiohttp.ClientSession() as session:
            for way in ("chunks", "read"):
                errors[way] = ""
                try:
                    received = max(received, await take(way, session, url))
                except (aiohttp.ClientError, OSError) as error:
                    errors[way] = type(error).__name__
            await asyncio.sleep(0.01)  # a connection may enter the pool a little later
            pool = probekit.pool(session.connector)

    silent = [way for way, error in errors.items() if not error]
    said = ", ".join(f"{error or 'no error'} ({way})" for way, error in errors.items())
    return probekit.Verdict(
        "bad" if silent else "good",
        f"{said} for a body that was cut short",
        {
            "error_chunks": errors["chunks"],
            "error_read": errors["read"],
            "received_bytes": received,
            "payload_bytes": SIZE,
        },
        pool,
    )


if __name__ == "__main__":
    probekit.report(asyncio.run(download(probekit.case(*ENDS))))
