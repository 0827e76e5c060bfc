# /// script
# requires-python = ">=3.8"
# dependencies = ["urllib3"]
#
# [tool.bisector]
# package = "urllib3"
# range = ">=1.26.14,<2.2"
# timeout = 60
#
# [tool.bisector.documented]
# issue = "https://github.com/urllib3/urllib3/issues/3009"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "By their yanks 2.0.0 and 2.0.1 truncate a large compressed body that is streamed"
# outcome = "bad"
# releases = ">=2.0.0,<2.0.2"
#
# [[tool.bisector.claims]]
# document = "regressions"
# says = "By its changelog 2.0.2 gives all of it (urllib3 #3009)"
# outcome = "good"
# releases = ">=2.0.2"
# ///
"""A compressed body must be streamed to its end."""

from __future__ import annotations

import urllib3
from probekit import MIB, BodyServer, Verdict, report

BODY_BYTES = 4 * MIB
CHUNK_BYTES = 64 * 1024


def stream() -> Verdict:
    """Stream a body that is much smaller before it is decompressed."""
    with BodyServer() as server, urllib3.PoolManager() as manager:
        url = server.body_url(BODY_BYTES, gzip=1)
        response = manager.request("GET", url, preload_content=False)
        streamed = sum(map(len, response.stream(CHUNK_BYTES)))
    return Verdict(
        "good" if streamed == BODY_BYTES else "bad",
        f"{streamed} of {BODY_BYTES} bytes were streamed",
        {"streamed_bytes": streamed, "body_bytes": BODY_BYTES},
    )


if __name__ == "__main__":
    report(stream())
