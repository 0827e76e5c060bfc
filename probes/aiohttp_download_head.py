# /// script
# requires-python = ">=3.8"
# dependencies = ["aiohttp"]
#
# [tool.bisector]
# package = "aiohttp"
# range = ">=3.10,<3.13"
# timeout = 60
# cases = ["headers", "status"]
#
# [[tool.bisector.claims]]
# case = "headers"
# document = "aiohttp-large-downloads"
# says = "Content-Length tells beforehand how much is to come"
# outcome = "good"
# releases = "all"
# ///
"""The status and headers of a download must be known before its body comes."""

import asyncio

import aiohttp
import probekit
from probekit import MIB

SIZE = 64 * MIB
PATIENCE_S = 5.0


async def download(what: str) -> probekit.Verdict:
    """Ask a server that sends the head of its answer and no body; good if the head says enough.

    That is the status and the length of the body; or, for ``status``, the status under that
    name.
    """
    known = {"status": 0, "content_length": 0}
    with probekit.BodyServer() as server:
        async with aiohttp.ClientSession() as session:
            try:
                response = await asyncio.wait_for(
                    session.get(server.body_url(SIZE, stall=0)), PATIENCE_S
                )
            except asyncio.TimeoutError:
                pass
            else:
                known["status"] = response.status
                known["content_length"] = int(response.headers["Content-Length"])
                response.close()
            await asyncio.sleep(0.01)  # a connection may enter the pool a little later
            pool = probekit.pool(session.connector)

    good = known["status"] == 200 and (what == "status" or known["content_length"] == SIZE)
    return probekit.Verdict(
        "good" if good else "bad",
        f"before the body came, the status was {known['status'] or 'not known'} and the length "
        f"{known['content_length'] or 'not known'}",
        {**known, "payload_bytes": SIZE},
        pool,
    )


if __name__ == "__main__":
    probekit.report(asyncio.run(download(probekit.case("headers", "status"))))
