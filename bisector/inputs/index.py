"""The releases of a project, from a package index or from the listing kept of it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta, timezone
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
    from bisector.inputs.asking import Limits


_NEVER = datetime.min.replace(tzinfo=timezone.utc)


def releases(
    project: str,
    source: IndexSource,
    cache_dir: Path,
    *,
    offline: bool = False,
    refresh: bool = False,
    limits: Limits | None = None,
    now: datetime | None = None,
) -> Listing:
    """Return the project's releases as cached in the last ten minutes, else as the index has them.

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
        url, body = _from_folder(name, source)
        return replace(_read(body, url, project, name, source), fetched=now)
    path = _cache_path(cache_dir, name, source)
    cached, warnings = _load(path, name, source)
    if cached and not refresh and (offline or timedelta() <= now - cached.fetched < settings.FRESH):
        return cached
    if offline:
        raise IndexUnavailableError(
            f"no listing of {name} from {source.shown} is cached", "run once without --offline"
        )
    from bisector.inputs import asking  # imported late: a fresh listing asks nobody

    etag = cached.etag if cached and not refresh else ""
    try:
        answer = asking.ask(name, source, etag, limits or asking.Limits())
    except asking.UnreachableError as error:
        if not cached:
            raise
        if refresh:
            error.hint = f"--offline uses the listing of {cached.fetched:%Y-%m-%d %H:%M} UTC"
            raise
        stale = f"{error.message}; using the listing of {cached.fetched:%Y-%m-%d %H:%M} UTC"
        return replace(cached, warnings=(*warnings, stale))
    if answer is not None:
        current = _read(answer.body, answer.base_url, project, name, source)
        current = replace(current, fetched=now, etag=answer.etag)
    elif cached:
        current = replace(cached, fetched=now)
    else:
        raise IndexUnavailableError(f"{source.shown} answers as if {name} were cached already")
    try:
        atomic.write(path, listing.pack(current))
    except OSError as error:
        warnings += (f"the listing of {name} can't be cached: {error}",)
    return replace(current, warnings=warnings)


def _read(
    body: bytes, base_url: str, project: str, name: NormalizedName, source: IndexSource
) -> Listing:
    """Return the listing that an answer holds."""
    try:
        from bisector.inputs import page  # a listing that is kept is no page

        read = page.parse(body, base_url)
    except ValueError as error:
        raise IndexUnavailableError(
            f"{source.shown} answers for {name} with {error}",
            f"an index speaks PEP 503 or PEP 691; this one is {source.set_by}",
        ) from error
    releases, left_aside = listing.group(name, read.files)
    spelled = read.project if canonicalize_name(read.project) == name else project
    return Listing(spelled, name, source.shown, releases, _NEVER, left_aside)


def _from_folder(name: NormalizedName, source: IndexSource) -> tuple[str, bytes]:
    """Return the address and the content of a project's page in a folder of pages."""
    from urllib.request import url2pathname  # it costs 7 ms

    url = f"{source.url.rstrip('/')}/{name}/"
    try:
        path = Path(url2pathname(urlsplit(url).path), "index.html")
        if not path.is_file():  # reading from a FIFO would never end
            raise FileNotFoundError(str(path))
        return url, path.read_bytes()
    except (OSError, ValueError) as error:
        raise source.without(name) from error


def _cache_path(cache_dir: Path, name: NormalizedName, source: IndexSource) -> Path:
    index = hashlib.sha256(source.shown.rstrip("/").encode()).hexdigest()[:16]
    return cache_dir / "listings" / index / f"{name}.json"


def _load(
    path: Path, name: NormalizedName, source: IndexSource
) -> tuple[Listing | None, tuple[str, ...]]:
    """Return the cached listing, if there is one that can be read, and a warning if it can't."""
    try:
        cached = listing.unpack(path.read_bytes())
        if cached.name != name:
            raise ValueError(f"it lists {cached.name}")
    except FileNotFoundError:
        return None, ()
    except (OSError, ValueError) as error:
        return None, (f"{path} is left aside: {error}",)
    return replace(cached, source=source.shown, from_cache=True), ()
