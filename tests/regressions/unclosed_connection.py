"""A program that leaves its connection open must still end."""

import asyncio

import aiosqlite


async def main():
    db = await aiosqlite.connect(":memory:")
    async with db.execute("select 1") as cursor:
        print(await cursor.fetchone())


asyncio.run(main())
