# /// script
# dependencies = ["aiohttp"]
#
# [tool.bisector]
# package = "aiohttp"
# range = ">=3.10,<3.13"
# ///
"""Uploading a file must not take more memory the larger the file is."""

import asyncio
import json
import re
import tempfile
from pathlib import Path
from subprocess import PIPE, Popen
from sys import executable

import aiohttp

SERVER = """
import asyncio
async def serve(reader, writer):
    head = (await reader.readuntil(b"\\r\\n\\r\\n")).lower()
    left = int(head.partition(b"content-length:")[2].split()[0])
    while left:
        left -= len(await reader.read(min(left, 65536)))
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


async def upload(port: int, size: int) -> int:
    """Upload so many bytes; return the peak memory of this process up to now, in bytes."""
    with tempfile.TemporaryFile() as file:
        file.truncate(size)
        async with aiohttp.ClientSession() as session:
            (await session.put(f"http://127.0.0.1:{port}/", data=file)).raise_for_status()
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


with Popen([executable, "-c", SERVER], stdout=PIPE) as server:
    port = int(server.stdout.readline())
    sizes = [mib << 20 for mib in (4, 8, 16, 32)]
    points = [[size, asyncio.run(upload(port, size))] for size in sizes]
    server.kill()

growth = {"per": "byte", "points": points}
print(json.dumps({"bisector": 1, "outcome": "good", "metrics": {"growth_bytes": growth}}))
