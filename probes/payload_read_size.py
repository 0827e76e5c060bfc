# /// script
# requires-python = ">=3.8"
# dependencies = ["aiohttp"]
#
# [tool.bisector]
# package = "aiohttp"
# range = ">=3.10,<3.13"
# timeout = 60
# cases = ["binary", "unbuffered", "text", "wide-text", "chunked"]
#
# [tool.bisector.documented]
# issue = "https://github.com/aio-libs/aiohttp/issues/11138"
# fix = "https://github.com/aio-libs/aiohttp/pull/11139"
#
# [[tool.bisector.claims]]
# document = "upload-memory"
# says = "With the fix, in 3.12.9 by the changelog, no more than 64 KiB are read at a time"
# outcome = "good"
# releases = ">=3.12.9"
#
# [[tool.bisector.claims]]
# document = "upload-memory"
# says = "A file is read whole if its size is given in the Content-Length header"
# outcome = "bad"
# releases = "some"
# case = "binary"
#
# [[tool.bisector.claims]]
# document = "upload-memory"
# says = "It is the Content-Length header that matters: without one, files are read in pieces"
# outcome = "good"
# releases = "all"
# case = "chunked"
# ///
"""Uploading a file must not read more than 64 KiB of it at a time.

The cases are a file opened in binary mode, one without a buffer, one in text mode with a byte per
character and one with two, and a binary one sent in chunks, without the Content-Length header.
"""

import asyncio
import io
import tempfile
from pathlib import Path
from typing import Any, List

import aiohttp
import probekit
from probekit import MIB

PAYLOAD_BYTES = 2 * MIB
MOST_BYTES = 64 * 1024


class Reads:
    """A file that notes the size of each piece that is read of it; mixed into a kind of file."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.sizes_bytes: List[int] = []

    def read(self, *size: Any) -> Any:
        """Read as the kind of file does, and note how many bytes that gave."""
        piece = super().read(*size)  # type: ignore[misc]  # the file it is mixed into has it
        self.sizes_bytes.append(len(piece.encode() if isinstance(piece, str) else piece))
        return piece


class Unbuffered(Reads, io.FileIO):
    """A file without a buffer."""


class Binary(Reads, io.BufferedReader):
    """A file in binary mode."""


class Text(Reads, io.TextIOWrapper):
    """A file in text mode."""


def opened(path: str, case: str) -> Any:
    """Return the file of that name, as *case* has it."""
    if case == "unbuffered":
        return Unbuffered(path)
    if case.endswith("text"):
        return Text(io.BufferedReader(io.FileIO(path)), encoding="utf-8")
    return Binary(io.FileIO(path))


async def upload(case: str) -> probekit.Verdict:
    """Upload a file; good if no piece that was read of it is larger than 64 KiB."""
    character = "\N{LATIN SMALL LETTER E WITH ACUTE}" if case == "wide-text" else "e"
    content = (character.encode() * PAYLOAD_BYTES)[:PAYLOAD_BYTES]
    with probekit.Server("raw") as server, tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "payload")
        path.write_bytes(content)
        async with aiohttp.ClientSession() as session:
            with opened(str(path), case) as payload:
                chunked = True if case == "chunked" else None
                async with session.put(server.url, data=payload, chunked=chunked) as response:
                    response.raise_for_status()
                largest, pieces = max(payload.sizes_bytes), len(payload.sizes_bytes)
                read = sum(payload.sizes_bytes)

    outcome = "good" if largest <= MOST_BYTES else "bad"
    reason = f"the largest of {pieces} pieces read was {largest / 1024:.0f} KiB"
    if read != PAYLOAD_BYTES:
        outcome, reason = "skip", f"{read} bytes were read of a file of {PAYLOAD_BYTES}"
    metrics = {"largest_read_bytes": largest, "reads": pieces, "payload_bytes": PAYLOAD_BYTES}
    return probekit.Verdict(outcome, reason, metrics)


if __name__ == "__main__":
    chosen = probekit.case("binary", "unbuffered", "text", "wide-text", "chunked")
    probekit.report(asyncio.run(upload(chosen)))
