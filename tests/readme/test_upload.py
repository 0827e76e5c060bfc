"""Uploading a file must not read all of it into memory."""

import asyncio
import tracemalloc
from pathlib import Path

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

MIB = 1024 * 1024


async def upload(path: Path) -> None:
    async def handle(request: web.Request) -> web.Response:
        async for _ in request.content.iter_any():
            pass
        return web.Response()

    app = web.Application()
    app.router.add_post("/", handle)
    async with TestServer(app) as server, ClientSession() as session:
        with path.open("rb") as file:
            async with session.post(server.make_url("/"), data=file) as response:
                assert response.status == 200


def test_upload_is_streamed(tmp_path: Path) -> None:
    path = tmp_path / "big"
    with path.open("wb") as file:
        file.truncate(32 * MIB)
    tracemalloc.start()
    asyncio.run(upload(path))
    assert tracemalloc.get_traced_memory()[1] < 16 * MIB
