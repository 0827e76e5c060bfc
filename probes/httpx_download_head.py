# /// script
# requires-python = ">=3.8"
# dependencies = ["httpx"]
#
# [tool.bisector]
# package = "httpx"
# range = ">=0.23"
# timeout = 60
# cases = ["headers", "status"]
#
# [[tool.bisector.claims]]
# case = "headers"
# document = "httpx-streaming"
# says = "Headers are there before the body, so that it need not be downloaded"
# outcome = "good"
# releases = "all"
#
# [[tool.bisector.claims]]
# case = "status"
# document = "httpx-streaming"
# says = "As resp.status, the status is there before the body"
# outcome = "good"
# releases = "all"
# ///
"""The status and headers of a download must be known before its body comes."""

import asyncio

import httpx
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
        async with httpx.AsyncClient() as client:
            try:
                response = await asyncio.wait_for(
                    client.send(
                        client.build_request("GET", server.body_url(SIZE, stall=0)), stream=True
                    ),
                    PATIENCE_S,
                )
            except asyncio.TimeoutError:
                pass
            else:
                known["status"] = getattr(
                    response, "status" if what == "status" else "status_code", 0
                )
                known["content_length"] = int(response.headers["Content-Length"])
                await response.aclose()
            pool = probekit.httpx_pool(client)

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
