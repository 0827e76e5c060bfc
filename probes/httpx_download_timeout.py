# /// script
# requires-python = ">=3.8"
# dependencies = ["httpx"]
#
# [tool.bisector]
# package = "httpx"
# range = ">=0.23"
# timeout = 60
# cases = ["stalled", "default", "total", "no_head", "drip", "slow_consumer"]
#
# [[tool.bisector.claims]]
# case = "stalled"
# document = "httpx-streaming"
# says = "With a read timeout, a stream that stalls ends in ReadTimeout"
# outcome = "good"
# releases = "all"
#
# [[tool.bisector.claims]]
# case = "default"
# document = "httpx-streaming"
# says = "The default timeout may not bound a stream that falls silent"
# outcome = "bad"
# releases = "some"
#
# [[tool.bisector.claims]]
# case = "total"
# document = "httpx-streaming"
# says = "A timeout of asyncio gives the whole download a limit"
# outcome = "good"
# releases = "all"
#
# [[tool.bisector.claims]]
# case = "drip"
# document = "httpx-streaming"
# says = "A read timeout is a deadline for each chunk, not for all of them"
# outcome = "good"
# releases = "all"
# ///
"""A download must be given up when the server falls silent, and only then."""

import asyncio
import time
from typing import Dict, List, Tuple

import httpx
import probekit
from probekit import MIB

TIMEOUT_S = 0.4
CASES = ("stalled", "default", "total", "no_head", "drip", "slow_consumer")
EXPECTED: Dict[str, Tuple[str, ...]] = {
    "stalled": ("ReadTimeout",),
    "default": ("ReadTimeout",),
    "total": ("TimeoutError",),
    "no_head": ("TimeoutError",),
}


def open_client(case: str) -> httpx.AsyncClient:
    """Return a client with the timeout that the case has."""
    if case == "default":
        return httpx.AsyncClient()
    read_s = None if case in ("total", "no_head") else TIMEOUT_S
    return httpx.AsyncClient(timeout=httpx.Timeout(None, read=read_s))


async def take(client: httpx.AsyncClient, url: str, rest_s: float, received: List[int]) -> None:
    """Download, adding to *received* what came; rest once on the way."""
    async with client.stream("GET", url) as response:
        async for chunk in response.aiter_bytes():
            received.append(len(chunk))
            if len(received) == 2:
                await asyncio.sleep(rest_s)


async def download(case: str) -> probekit.Verdict:
    """Download with a timeout of 0.4 s, and see whether the client gives up.

    It must for a body that stops halfway, through a timeout for silence (``stalled``), through
    one for the whole download (``total``) or by ``default``, and for an answer that does not
    even begin (``no_head``, through the one for the whole), and then give up the connection
    too; where no default for silence is set, 1.5 s are waited. It must not where a few bytes
    come every 0.1 s for twice the timeout (``drip``), nor where the consumer pauses for that
    long (``slow_consumer``); as a loaded machine can be late, it is asked up to three times.
    """
    gives_up = case in EXPECTED
    rest_s = 2 * TIMEOUT_S if case == "slow_consumer" else 0
    with probekit.BodyServer() as server:
        if case == "no_head":
            url, size = server.body_url(MIB, mute=1), MIB
        elif gives_up:
            url, size = server.body_url(MIB, stall=MIB // 2), MIB
        elif case == "drip":
            url, size = server.body_url(128, block=16, pause=0.1), 128
        else:
            url, size = server.body_url(16 * MIB), 16 * MIB
        async with open_client(case) as client:
            await take(client, server.body_url(1), 0, [])  # so that a connection is there
            read_s = client.timeout.read
            # httpx has no timeout for all of it: that of asyncio is used
            total_s = TIMEOUT_S if case in ("total", "no_head") else None
            patience_s = 1.5 if case == "default" and read_s is None else 10.0
            for _ in range(1 if gives_up else 3):
                received: List[int] = []
                begun = time.monotonic()
                task = asyncio.ensure_future(
                    asyncio.wait_for(take(client, url, rest_s, received), total_s)
                )
                await asyncio.wait([task], timeout=patience_s)
                waited_s = time.monotonic() - begun
                error = "none, still waiting"
                if task.done():
                    raised = task.exception()
                    error = type(raised).__name__ if raised else ""
                task.cancel()
                await asyncio.wait([task])
                if not error:
                    break
            pool = probekit.httpx_pool(client)

    if gives_up:
        good = error in EXPECTED[case] and waited_s >= TIMEOUT_S / 2 and not pool["in_use"]
    else:
        good = not error and sum(received) == size
    return probekit.Verdict(
        "good" if good else "bad",
        f"{sum(received)} of {size} bytes in {waited_s:.1f} s; error: {error or 'none'}; "
        f"timeouts: {read_s} s of silence, {total_s} s in all",
        {
            "error": error,
            "waited_s": round(waited_s, 2),
            "read_timeout_s": read_s,
            "total_timeout_s": total_s,
            "received_bytes": sum(received),
            "payload_bytes": size,
        },
        pool,
    )


if __name__ == "__main__":
    probekit.report(asyncio.run(download(probekit.case(*CASES))))
