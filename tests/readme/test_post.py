"""Posting an empty file must leave the connection open for the next request."""

import asyncio
import io

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

REQUESTS = 10


async def connections() -> int:
    seen = set()

    async def handle(request: web.Request) -> web.Response:
        await request.read()
        seen.add(request.transport)
        return web.Response()

    app = web.Application()
    app.router.add_post("/", handle)
    async with TestServer(app) as server, ClientSession() as session:
        for _ in range(REQUESTS):
            async with session.post(server.make_url("/"), data=io.BytesIO()) as response:
                await response.read()
    return len(seen)


def test_connections_are_kept() -> None:
    assert asyncio.run(connections()) < REQUESTS / 2
