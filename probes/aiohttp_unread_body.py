# /// script
# requires-python = ">=3.8"
# dependencies = ["aiohttp"]
#
# [tool.bisector]
# package = "aiohttp"
# range = ">=3.10,<3.13"
# timeout = 60
# cases = ["after_break", "after_chunks", "after_exit"]
# ///
"""A body that was not kept must not be handed out as if it were short or empty."""

import asyncio

import aiohttp
import probekit

SIZE = 512 * 1024
CHUNK_BYTES = 64 * 1024
CASES = ("after_break", "after_chunks", "after_exit")


async def ask(case: str, session: aiohttp.ClientSession, url: str) -> bytes:
    """Return the body as the case asks for it, where that raises no error."""
    async with session.get(url) as response:
        if case != "after_exit":
            async for _ in response.content.iter_chunked(CHUNK_BYTES):
                if case == "after_break":
                    break
            return await response.read()
    return await response.read()


async def download(case: str) -> probekit.Verdict:
    """Ask a response for its body after one chunk of it, after all of them, or after the block.

    Good if that raises an error or still gives everything, bad if it gives less.
    """
    error, returned = "", 0
    with probekit.BodyServer() as server:
        async with aiohttp.ClientSession() as session:
            try:
                returned = len(await ask(case, session, server.body_url(SIZE)))
            except (aiohttp.ClientError, OSError, RuntimeError) as raised:
                error = type(raised).__name__
            await asyncio.sleep(0.01)  # a connection may enter the pool a little later
            pool = probekit.pool(session.connector)

    return probekit.Verdict(
        "good" if error or returned == SIZE else "bad",
        error or f"got {returned} of {SIZE} bytes",
        {"error": error, "returned_bytes": returned, "payload_bytes": SIZE},
        pool,
    )


if __name__ == "__main__":
    probekit.report(asyncio.run(download(probekit.case(*CASES))))
