"""Asks a package index for the page of a project, as often and as long as there is use in it.

To be imported late: aiohttp costs 0.2 s.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp
from packaging.utils import NormalizedName

from bisector import settings
from bisector.errors import IndexUnavailableError
from bisector.run.pace import LEAST_BYTES_S, Pace
from bisector.settings import IndexSource

ACCEPT = (
    "application/vnd.pypi.simple.v1+json, "
    "application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1, */*;q=0.01"
)
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_LOOK_S = 0.5
_AN_ANSWER = 2 * LEAST_BYTES_S


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an index is waited for, how often it is asked again, how much it may answer.

    ``patience_s`` is for how long it may send next to nothing, ``total_s`` what one answer takes.
    """

    attempts: int = 4
    first_pause_s: float = 0.5
    longest_pause_s: float = 20.0
    patience_s: float = field(default_factory=settings.patience_s)
    total_s: float = 600.0
    body_bytes: int = 256 << 20

    def pause_s(self, attempt: int, retry_after_s: float = 0.0) -> float:
        """Return the pause after a failed attempt, counted from 0: longer each time, and uneven."""
        backoff_s = self.first_pause_s * 2.0**attempt * random.uniform(0.5, 1.5)  # noqa: S311  # no secret
        return min(max(backoff_s, retry_after_s), self.longest_pause_s)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an index answered, and the address that it came from in the end."""

    body: bytes
    base_url: str
    etag: str = ""


class UnreachableError(IndexUnavailableError):
    """The index gave no answer at all, so that an older one may stand in."""


class _Received:
    """What has come so far."""

    def __init__(self) -> None:
        self.bytes = 0.0

    def answered(self) -> None:
        """Count the beginning of an answer as much as it takes not to be silent."""
        self.bytes += _AN_ANSWER


def ask(name: NormalizedName, source: IndexSource, etag: str, limits: Limits) -> Answer | None:
    """Return the index's answer for a project; None where ``etag`` still stands.

    Raises IndexUnavailableError: UnreachableError where it gave no answer at all.
    """
    return asyncio.run(_patiently(name, source, etag, limits))


async def _patiently(
    name: NormalizedName, source: IndexSource, etag: str, limits: Limits
) -> Answer | None:
    """Return what asking gives, unless next to nothing comes for too long."""
    clock, received = asyncio.get_running_loop().time, _Received()
    waits = f"{urlsplit(source.shown).netloc} has sent next to nothing of the page of {name}"
    pace = Pace(waits, limits.patience_s, clock())
    asking = asyncio.ensure_future(_ask(name, source, etag, limits, received))
    look_s = min(_LOOK_S, limits.patience_s / 4)
    try:
        while not (await asyncio.wait({asking}, timeout=look_s))[0]:
            if why := pace.given_up(clock(), received.bytes):
                raise UnreachableError(
                    why,
                    f"check the network and the address ({source.set_by}), or take another "
                    "--index-url; UV_HTTP_TIMEOUT says how many seconds to wait",
                )
        return asking.result()
    finally:
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError, IndexUnavailableError):
            await asking


async def _ask(
    name: NormalizedName, source: IndexSource, etag: str, limits: Limits, received: _Received
) -> Answer | None:
    """Return the index's answer, asked for as often as it takes."""
    url = f"{source.url.rstrip('/')}/{name}/"
    host = urlsplit(source.shown).netloc
    timeout = aiohttp.ClientTimeout(total=limits.total_s)
    headers = {"Accept": ACCEPT, "User-Agent": "bisector"}
    if etag:
        headers["If-None-Match"] = etag
    failure = ""
    # With trust_env, proxies and netrc are those of the environment.
    async with aiohttp.ClientSession(headers=headers, timeout=timeout, trust_env=True) as session:
        for attempt in range(limits.attempts):
            retry_after_s = 0.0
            try:
                async with session.get(url) as response:
                    received.answered()
                    if response.status not in _PASSING:
                        return await _answer(response, name, source, limits, received)
                    failure = f"{host} answers {response.status}"
                    retry_after_s = _retry_after_s(response.headers.get("Retry-After", ""))
            except aiohttp.ClientSSLError as error:
                raise IndexUnavailableError(
                    f"the certificate of {host} is not trusted, or TLS fails with it",
                    "SSL_CERT_FILE names the certificates to trust",
                ) from error
            except asyncio.TimeoutError:
                failure = f"{host} doesn't answer in time"
            except aiohttp.ClientConnectorDNSError as error:
                failure = f"the name {error.host} can't be resolved"
            except aiohttp.ClientConnectorError as error:  # its host may be that of a proxy
                failure = f"{error.host}:{error.port} can't be reached ({_cause(error)})"
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
                failure = f"{host} breaks off its answer ({_cause(error)})"
            except (aiohttp.ClientError, ValueError) as error:
                raise IndexUnavailableError(
                    f"{host} can't be asked ({type(error).__name__})",
                    f"it is {source.set_by}; proxies are taken from the environment",
                ) from error
            if attempt + 1 < limits.attempts:
                await asyncio.sleep(limits.pause_s(attempt, retry_after_s))
    raise UnreachableError(
        f"{failure}, asked {limits.attempts} times for {name}",
        f"check the network and the address ({source.set_by}), or take another --index-url",
    )


async def _answer(
    response: aiohttp.ClientResponse,
    name: NormalizedName,
    source: IndexSource,
    limits: Limits,
    received: _Received,
) -> Answer | None:
    """Return the answer that a final response is, or raise the error that it is."""
    if response.status == 304:
        return None
    if response.status in (404, 410):
        raise source.without(name)
    if response.status in (401, 403, 407):
        raise IndexUnavailableError(
            f"{source.shown} refuses to list {name} ({response.status})",
            "credentials are taken from netrc, or from https://user:password@host in the address",
        )
    if response.status != 200:
        raise IndexUnavailableError(
            f"{source.shown} answers {response.status} for {name}",
            f"is it a package index? It is {source.set_by}",
        )
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        received.bytes += len(chunk)
        if len(body) > limits.body_bytes:
            raise IndexUnavailableError(
                f"{source.shown} answers for {name} with more than {limits.body_bytes >> 20} MiB"
            )
    return Answer(bytes(body), str(response.url), response.headers.get("ETag", ""))


def _cause(error: Exception) -> str:
    """Return what the system calls a failed connection, without addresses that may be secret."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else type(error).__name__


def _retry_after_s(header: str) -> float:
    """Return the seconds that a Retry-After header asks for, a number or a date; 0 without one."""
    if header.strip().isdecimal():
        return float(header)
    with contextlib.suppress(ValueError, TypeError):
        return (parsedate_to_datetime(header) - datetime.now(timezone.utc)).total_seconds()
    return 0.0
