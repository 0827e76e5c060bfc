# /// script
# requires-python = ">=3.8"
# dependencies = ["aiohttp"]
#
# [tool.bisector]
# package = "aiohttp"
# range = ">=3.10,<3.13"
# timeout = 60
#
# [tool.bisector.documented]
# issue = "https://github.com/aio-libs/aiohttp/issues/11138"
# fix = "https://github.com/aio-libs/aiohttp/pull/11139"
# good = ["3.11.18"]
# bad = ["3.12.7"]
#
# [[tool.bisector.claims]]
# document = "upload-memory"
# says = "It shows up under Python 3.11.11"
# outcome = "bad"
# releases = "some"
# python = "==3.11.*"
#
# [[tool.bisector.claims]]
# document = "upload-memory"
# says = "The commit in its signature, of 22 May 2025 and first in 3.12.0b1, is what did it"
# outcome = "bad"
# releases = ">=3.12.0b1,<3.12.9"
#
# [[tool.bisector.claims]]
# document = "upload-memory"
# says = "Pull request 11139, in 3.12.9 by the changelog, fixes it"
# outcome = "good"
# releases = ">=3.12.9"
# ///
"""Uploading a file opened in binary mode must not read all of it into memory."""

import asyncio
import tempfile
from pathlib import Path

import aiohttp
import probekit
from probekit import MIB

PAYLOAD_BYTES = 32 * MIB


async def upload() -> probekit.Verdict:
    """Upload a file; good if memory grows by no more than a quarter of its size."""
    with probekit.Server("raw") as server, tempfile.NamedTemporaryFile() as file:
        file.truncate(PAYLOAD_BYTES)
        path = Path(file.name)
        async with aiohttp.ClientSession() as session:
            with path.open("rb") as payload, probekit.MemoryGrowth() as growth:
                async with session.put(server.url, data=payload) as response:
                    response.raise_for_status()
            await asyncio.sleep(0.01)  # a connection may enter the pool a little later
            pool = probekit.pool(session.connector)

    return probekit.Verdict(
        "good" if growth.bytes <= PAYLOAD_BYTES / 4 else "bad",
        f"grew by {growth.bytes / MIB:.1f} MiB for a {PAYLOAD_BYTES // MIB} MiB upload",
        {
            "growth_bytes": growth.bytes,
            "growth_exact": growth.exact,
            "payload_bytes": PAYLOAD_BYTES,
        },
        pool,
    )


if __name__ == "__main__":
    probekit.report(asyncio.run(upload()))
