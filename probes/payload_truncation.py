# /// script
# requires-python = ">=3.8"
# dependencies = ["aiohttp"]
#
# [tool.bisector]
# package = "aiohttp"
# range = ">=3.10,<3.13"
# timeout = 60
# cases = ["bytesio", "file", "text", "bytes"]
#
# [tool.bisector.documented]
# issue = "https://github.com/aio-libs/aiohttp/issues/10325"
# fix = "https://github.com/aio-libs/aiohttp/pull/10915"
#
# [[tool.bisector.claims]]
# document = "connection-reuse"
# says = "A body longer than its Content-Length used to be sent beyond it"
# outcome = "bad"
# releases = "some"
#
# [[tool.bisector.claims]]
# document = "connection-reuse"
# says = "Pull request 10915, in 3.12.0 by the changelog, cuts a body at its Content-Length"
# outcome = "good"
# releases = ">=3.12.0"
# ///
"""A body longer than its Content-Length header must be cut there, not sent into the next request.

The cases are an ``io.BytesIO``, a file in binary mode, an ``io.StringIO``, and bytes.
"""

import asyncio
import io
import tempfile
from typing import Any, List

import aiohttp
import probekit

CONTENT = b"0123456789" * 2
LENGTH = 10


class Server:
    """Answers a request once its body is there, and notes what comes before the connection ends."""

    def __init__(self) -> None:
        self.excess_bytes: List[int] = []
        self._tasks: List["asyncio.Future[None]"] = []

    async def start(self) -> str:
        """Start to listen, and return where."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return "http://127.0.0.1:{}/".format(server.sockets[0].getsockname()[1])

    async def ended(self) -> None:
        """Wait for the connections to end."""
        await asyncio.gather(*self._tasks)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.append(asyncio.ensure_future(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(LENGTH)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.excess_bytes.append(len(await reader.read()))
        writer.close()


async def post(case: str) -> probekit.Verdict:
    """Post a body of twice the length given; good if the server gets no byte more than that."""
    server = Server()
    url = await server.start()
    with tempfile.TemporaryFile() as file:
        file.write(CONTENT)
        file.seek(0)
        bodies = {
            "bytesio": io.BytesIO(CONTENT),
            "file": file,
            "text": io.StringIO(CONTENT.decode()),
            "bytes": CONTENT,
        }
        body: Any = bodies[case]
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
            headers = {"Content-Length": str(LENGTH)}
            async with session.post(url, data=body, headers=headers) as response:
                response.raise_for_status()
        await server.ended()

    excess = sum(server.excess_bytes)
    return probekit.Verdict(
        "bad" if excess else "good",
        f"{excess} bytes were sent beyond a Content-Length of {LENGTH}",
        {"excess_bytes": excess, "length_bytes": LENGTH, "body_bytes": len(CONTENT)},
    )


if __name__ == "__main__":
    probekit.report(asyncio.run(post(probekit.case("bytesio", "file", "text", "bytes"))))
