# /// script
# requires-python = ">=3.8"
# dependencies = ["httpx"]
#
# [tool.bisector]
# package = "httpx"
# range = ">=0.23"
# timeout = 60
# cases = ["length", "chunked", "close", "reset", "gzip"]
#
# [[tool.bisector.claims]]
# case = "length"
# document = "httpx-streaming"
# says = "Whether a download is complete must be verified against Content-Length"
# outcome = "bad"
# releases = "some"
# ///
"""A download that is cut short must end in an error."""

import asyncio
from typing import Dict, Tuple

import httpx
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


async def take(way: str, client: httpx.AsyncClient, url: str) -> int:
    """Return how many bytes of the body came."""
    async with client.stream("GET", url) as response:
        if way == "read":
            return len(await response.aread())
        return sum([len(chunk) async for chunk in response.aiter_bytes(64 * 1024)])


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
        async with httpx.AsyncClient() as client:
            for way in ("chunks", "read"):
                errors[way] = ""
                try:
                    received = max(received, await take(way, client, url))
                except (httpx.HTTPError, OSError) as error:
                    errors[way] = type(error).__name__
            pool = probekit.httpx_pool(client)

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
