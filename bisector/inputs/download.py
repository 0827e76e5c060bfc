"""Fetches one file of a release, and keeps it: it is asked for once and never changes."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from bisector import atomic
from bisector.errors import IndexUnavailableError
from bisector.model import File

_MOST_BYTES = 128 << 20
_TOTAL_S = 60.0


def fetched(file: File, cache_dir: Path, *, offline: bool = False) -> Path:
    """Return where the file lies, from the index if need be.

    Raises IndexUnavailableError where it can't be had, or isn't the one that was listed.
    """
    named = re.sub(r"[^\w.+!-]", "_", file.filename)
    digest = file.sha256 or hashlib.sha256(file.url.encode()).hexdigest()
    path = cache_dir / digest[:2] / f"{digest[:16]}-{named}"
    if path.is_file():
        return path
    parts = urlsplit(file.url)
    if parts.scheme == "file":
        from urllib.request import url2pathname  # it costs 7 ms

        return Path(url2pathname(parts.path))
    if offline:
        raise IndexUnavailableError(f"{file.filename} isn't cached, and --offline was given")
    import asyncio  # imported late, as aiohttp is

    content = asyncio.run(_asked(file))
    if file.sha256 and hashlib.sha256(content).hexdigest() != file.sha256:
        raise IndexUnavailableError(f"the index serves another {file.filename} than it listed")
    try:
        atomic.write(path, content)
    except OSError as error:
        raise IndexUnavailableError(
            f"{file.filename} can't be kept: {os.strerror(error.errno or 0)}"
        ) from error
    return path


async def _asked(file: File) -> bytes:
    import asyncio

    import aiohttp  # imported late: it costs 0.2 s

    timeout = aiohttp.ClientTimeout(total=_TOTAL_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.get(file.url, headers={"User-Agent": "bisector"}) as response,
        ):
            if response.status != 200:
                raise IndexUnavailableError(
                    f"the index answers {response.status} for {file.filename}"
                )
            body = bytearray()
            async for chunk in response.content.iter_chunked(1 << 18):
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise IndexUnavailableError(f"{file.filename} is too large to be looked into")
            return bytes(body)
    except (aiohttp.ClientError, asyncio.TimeoutError) as error:
        raise IndexUnavailableError(
            f"{file.filename} can't be fetched ({type(error).__name__})"
        ) from error
