# /// script
# requires-python = ">=3.8"
# dependencies = ["httpx"]
#
# [tool.bisector]
# package = "httpx"
# range = ">=0.23"
# timeout = 60
# cases = [
#   "content", "text", "json", "content_after_break", "after_break", "after_chunks", "after_exit",
# ]
#
# [[tool.bisector.claims]]
# case = "content"
# document = "httpx-streaming"
# says = "A streamed response has no .content until read: ResponseNotRead"
# outcome = "good"
# releases = "all"
#
# [[tool.bisector.claims]]
# case = "json"
# document = "httpx-streaming"
# says = "A streamed response has no .json() until read: ResponseNotRead"
# outcome = "good"
# releases = "all"
#
# [[tool.bisector.claims]]
# case = "content_after_break"
# document = "httpx-streaming"
# says = "After breaking out early, the body can be ResponseNotRead"
# outcome = "good"
# releases = "some"
# ///
"""A body that was not kept must not be handed out as if it were short or empty."""

import asyncio

import httpx
import probekit

SIZE = 512 * 1024
CHUNK_BYTES = 64 * 1024
UNREAD = ("content", "text", "json", "content_after_break")
CASES = (*UNREAD, "after_break", "after_chunks", "after_exit")


async def ask(case: str, client: httpx.AsyncClient, url: str) -> int:
    """Return the length of the body that the response gives, where it raises no error."""
    async with client.stream("GET", url) as response:
        if case == "content":
            return len(response.content)
        if case == "text":
            return len(response.text)
        if case == "json":
            return len(response.json())
        if case != "after_exit":
            async for _ in response.aiter_bytes(CHUNK_BYTES):
                if case.endswith("after_break"):
                    break
        if case == "content_after_break":
            return len(response.content)
        if case != "after_exit":
            return len(await response.aread())
    return len(await response.aread())


async def download(case: str) -> probekit.Verdict:
    """Ask a streamed response for its body: unread, after one chunk, all of them, or the block.

    Good if that raises an error or still gives everything, bad if it gives less. Where an
    attribute is asked for instead of ``aread()``, the error must be ``ResponseNotRead``.
    """
    error, returned = "", 0
    with probekit.BodyServer() as server:
        async with httpx.AsyncClient() as client:
            try:
                returned = await ask(case, client, server.body_url(SIZE))
            except (httpx.HTTPError, httpx.StreamError) as raised:
                error = type(raised).__name__
            pool = probekit.httpx_pool(client)

    good = error == "ResponseNotRead" if case in UNREAD else bool(error)
    return probekit.Verdict(
        "good" if good or returned == SIZE else "bad",
        error or f"got {returned} of {SIZE} bytes",
        {"error": error, "returned_bytes": returned, "payload_bytes": SIZE},
        pool,
    )


if __name__ == "__main__":
    probekit.report(asyncio.run(download(probekit.case(*CASES))))
