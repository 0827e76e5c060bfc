"""The releases of a project, from a package index or from the listing kept of it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from bisector import atomic, settings
from bisector.errors import IndexUnavailableError, UsageError
from bisector.inputs import listing
from bisector.inputs.listing import Listing
from bisector.settings import IndexSource

if TYPE_CHECKING:
    import aiohttp

ACCEPT = (
    "application/vnd.pypi.simple.v1+json, "
    "application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1, */*;q=0.01"
)
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an index is waited for, how often it is asked again, how much it may answer."""

    attempts: int = 4
    first_pause_s: float = 0.5
    longest_pause_s: float = 20.0
    connect_s: float = 10.0
    read_s: float = 30.0
    total_s: float = 300.0
    body_bytes: int = 256 << 20

    def pause_s(self, attempt: int, retry_after_s: float = 0.0) -> float:
        """How long to wait after a failed attempt, counted from 0: longer each time, and uneven."""
        backoff_s = self.first_pause_s * 2.0**attempt * random.uniform(0.5, 1.5)  # noqa: S311  # no secret
        return min(max(backoff_s, retry_after_s), self.longest_pause_s)


@dataclass(frozen=True, slots=True)
class _Answer:
    body: bytes
    base_url: str
    etag: str = ""


class _UnreachableError(IndexUnavailableError):
    """The index gave no answer at all, so that an older one may stand in."""


def releases(
    project: str,
    source: IndexSource,
    cache_dir: Path,
    *,
    offline: bool = False,
    refresh: bool = False,
    limits: Limits = Limits(),
    now: datetime | None = None,
) -> Listing:
    """The project's releases: as cached up to ten minutes ago, else as the index has them now.

    ``offline`` takes what is cached, however old; ``refresh`` takes nothing that is cached. An
    index that can't be reached is stood in for by an older listing, with a warning.
    """
    if offline and refresh:
        raise UsageError("a listing can't be both refreshed and read offline", "choose one")
    try:
        name = canonicalize_name(project, validate=True)
    except InvalidName as error:
        raise UsageError(
            f"{project!r} is not the name of a project",
            "a name is letters, digits, '-', '_' and '.', like zope.interface",
        ) from error
    now = now or datetime.now(timezone.utc)
    if urlsplit(source.url).scheme == "file":
        return _read(_from_folder(name, source), project, name, source, now)
    path = _cache_path(cache_dir, name, source)
    cached, warnings = _load(path, name, source)
    if cached and not refresh and (offline or timedelta() <= now - cached.fetched < settings.FRESH):
        return cached
    if offline:
        raise IndexUnavailableError(
            f"no listing of {name} from {source.shown} is cached", "run once without --offline"
        )
    import asyncio  # imported late, as aiohttp is: a fresh listing needs neither

    etag = cached.etag if cached and not refresh else ""
    try:
        answer = asyncio.run(_ask(name, source, etag, limits))
    except _UnreachableError as error:
        if not cached:
            raise
        if refresh:
            error.hint = f"--offline uses the listing of {cached.fetched:%Y-%m-%d %H:%M} UTC"
            raise
        stale = f"{error.message}; using the listing of {cached.fetched:%Y-%m-%d %H:%M} UTC"
        return replace(cached, warnings=(*warnings, stale))
    if answer is not None:
        found = _read(answer, project, name, source, now)
    elif cached:
        found = replace(cached, fetched=now)
    else:
        raise IndexUnavailableError(f"{source.shown} answers as if {name} were cached already")
    try:
        atomic.write(path, listing.pack(found))
    except OSError as error:
        warnings += (f"the listing of {name} can't be cached: {error}",)
    return replace(found, warnings=warnings)


def _read(
    answer: _Answer, project: str, name: NormalizedName, source: IndexSource, now: datetime
) -> Listing:
    """The listing that an answer holds."""
    try:
        page = listing.parse(answer.body, answer.base_url)
    except ValueError as error:
        raise IndexUnavailableError(
            f"{source.shown} answers for {name} with {error}",
            f"an index speaks PEP 503 or PEP 691; this one is {source.set_by}",
        ) from error
    found, left_aside = listing.group(name, page.files)
    spelled = page.project if canonicalize_name(page.project) == name else project
    return Listing(spelled, name, source.shown, found, now, left_aside, answer.etag)


def _from_folder(name: NormalizedName, source: IndexSource) -> _Answer:
    """The page of a project in a folder of pages."""
    from urllib.request import url2pathname  # it costs 7 ms

    url = f"{source.url.rstrip('/')}/{name}/"
    try:
        page = Path(url2pathname(urlsplit(url).path), "index.html").read_bytes()
        return _Answer(page, url)
    except OSError as error:
        raise _unknown(name, source) from error


async def _ask(
    name: NormalizedName, source: IndexSource, etag: str, limits: Limits
) -> _Answer | None:
    """The index's answer, asked for as often as it takes; None where ``etag`` still stands."""
    import asyncio

    import aiohttp  # imported late: it costs 0.2 s

    url = f"{source.url.rstrip('/')}/{name}/"
    host = urlsplit(source.shown).netloc
    timeout = aiohttp.ClientTimeout(
        total=limits.total_s, sock_connect=limits.connect_s, sock_read=limits.read_s
    )
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
                    if response.status not in _PASSING:
                        return await _answer(response, name, source, limits)
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
            except aiohttp.ClientError as error:
                raise IndexUnavailableError(
                    f"{host} can't be asked ({type(error).__name__})",
                    f"it is {source.set_by}; proxies are taken from the environment",
                ) from error
            if attempt + 1 < limits.attempts:
                await asyncio.sleep(limits.pause_s(attempt, retry_after_s))
    raise _UnreachableError(
        f"{failure}, asked {limits.attempts} times for {name}",
        f"check the network and the address ({source.set_by}), or take another --index-url",
    )


async def _answer(
    response: aiohttp.ClientResponse, name: NormalizedName, source: IndexSource, limits: Limits
) -> _Answer | None:
    """The answer that a final response is, or the error that it is."""
    if response.status == 304:
        return None
    if response.status in (404, 410):
        raise _unknown(name, source)
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
    async for chunk in response.content.iter_chunked(1 << 18):
        body += chunk
        if len(body) > limits.body_bytes:
            raise IndexUnavailableError(
                f"{source.shown} answers for {name} with more than {limits.body_bytes >> 20} MiB"
            )
    return _Answer(bytes(body), str(response.url), response.headers.get("ETag", ""))


def _unknown(name: NormalizedName, source: IndexSource) -> IndexUnavailableError:
    return IndexUnavailableError(
        f"there is no project {name} on {source.shown}",
        f"check the spelling, and the index ({source.set_by}); --index-url names another",
    )


def _cause(error: Exception) -> str:
    """What the system calls a failed connection, without addresses that may hold secrets."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else type(error).__name__


def _retry_after_s(header: str) -> float:
    """The seconds that a Retry-After header asks for, as a number or as a date; 0 without one."""
    if header.strip().isdecimal():
        return float(header)
    with contextlib.suppress(ValueError, TypeError):
        return (parsedate_to_datetime(header) - datetime.now(timezone.utc)).total_seconds()
    return 0.0


def _cache_path(cache_dir: Path, name: NormalizedName, source: IndexSource) -> Path:
    index = hashlib.sha256(source.shown.rstrip("/").encode()).hexdigest()[:16]
    return cache_dir / "listings" / index / f"{name}.json"


def _load(
    path: Path, name: NormalizedName, source: IndexSource
) -> tuple[Listing | None, tuple[str, ...]]:
    """The cached listing, if there is one that can be read, and a warning if it can't."""
    try:
        cached = listing.unpack(path.read_bytes())
        if cached.name != name:
            raise ValueError(f"it lists {cached.name}")
    except FileNotFoundError:
        return None, ()
    except (OSError, ValueError) as error:
        return None, (f"{path} is left aside: {error}",)
    return replace(cached, source=source.shown, from_cache=True), ()
