"""What an index says of one project: the releases that its files make, and how they are kept.

Pure: values in, values out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from packaging.utils import (
    NormalizedName,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from bisector.model import File, Release

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SCHEMA = "bisector/listing/1"
_LONGEST_VERSION = 128
"""Characters beyond which a version isn't one that anybody could install: it is in file names."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The releases of one project, in version order, as one index listed them at one time.

    ``project`` is spelled as the index spells it, ``name`` is normalized, ``source`` is the
    index without credentials. ``left_aside`` are the files whose names are not those of a wheel
    or an sdist of this project. ``etag`` is the index's own mark of this state of its page.
    """

    project: str
    name: NormalizedName
    source: str
    releases: tuple[Release, ...]
    fetched: datetime
    left_aside: tuple[str, ...] = ()
    etag: str = ""
    from_cache: bool = field(default=False, compare=False)
    warnings: tuple[str, ...] = field(default=(), compare=False)


def group(
    name: NormalizedName, files: Iterable[File]
) -> tuple[tuple[Release, ...], tuple[str, ...]]:
    """Return the releases that files make, in version order, and the file names that fit none."""
    by_version: dict[Version, list[File]] = {}
    left_aside: list[str] = []
    for file in files:
        version = _version(name, file.filename)
        if version is None:
            left_aside.append(file.filename)
        else:
            by_version.setdefault(version, []).append(file)
    releases = tuple(_release(version, by_version[version]) for version in sorted(by_version))
    return releases, tuple(left_aside)


def pack(listing: Listing) -> bytes:
    """Return the listing for the disk: in columns, which load in half the time of objects."""
    files = [file for release in listing.releases for file in release.files]
    document = {
        "schema": SCHEMA,
        "project": listing.project,
        "name": listing.name,
        "source": listing.source,
        "fetched": listing.fetched.isoformat(),
        "etag": listing.etag,
        "left_aside": listing.left_aside,
        "versions": [str(release.version) for release in listing.releases],
        "counts": [len(release.files) for release in listing.releases],
        "filename": [file.filename for file in files],
        "url": [file.url for file in files],
        "sha256": [file.sha256 for file in files],
        "size_bytes": [file.size_bytes for file in files],
        "requires_python": [file.requires_python for file in files],
        "upload_time": [file.upload_time and file.upload_time.isoformat() for file in files],
        "yanked": [file.yanked for file in files],
        "yanked_reason": [file.yanked_reason for file in files],
    }
    return json.dumps(document, separators=(",", ":")).encode()


def unpack(body: bytes) -> Listing:
    """Return the listing that was packed; raise ValueError where the body is anything else."""
    try:
        document = json.loads(body)
        if document["schema"] != SCHEMA:
            raise ValueError(f"schema {document['schema']!r} instead of {SCHEMA!r}")
        columns = [_column(document, name, kinds) for name, kinds in _COLUMNS.items()]
        files = [File(*row) for row in zip(*columns, strict=True)]
        releases, start = [], 0
        for version, count in zip(document["versions"], document["counts"], strict=True):
            if count < 1:
                raise ValueError("a release without files")
            releases.append(_release(Version(version), files[start : start + count]))
            start += count
        if start != len(files):
            raise ValueError("files that belong to no release")
        return Listing(
            project=_text(document["project"]),
            name=NormalizedName(_text(document["name"])),
            source=_text(document["source"]),
            releases=tuple(releases),
            fetched=_moment(document["fetched"]),
            left_aside=tuple(map(_text, document["left_aside"])),
            etag=_text(document["etag"]),
        )
    except (KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"not a packed listing: {error!r}"[:200]) from error


_COLUMNS: dict[str, tuple[type, ...]] = {
    "filename": (str,),
    "url": (str,),
    "sha256": (str, type(None)),
    "size_bytes": (int, type(None)),
    "requires_python": (str, type(None)),
    "upload_time": (str, type(None)),
    "yanked": (bool,),
    "yanked_reason": (str,),
}
"""The fields of a file, in their order, each with the types that it may have."""


def _column(document: dict[str, Any], name: str, kinds: tuple[type, ...]) -> list[Any]:
    column: list[Any] = document[name]
    if not set(map(type, column)) <= set(kinds):
        raise TypeError(f"{name} of another type")
    return [text and _moment(text) for text in column] if name == "upload_time" else column


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(timezone.utc)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} instead of text")
    return value


def _version(name: NormalizedName, filename: str) -> Version | None:
    """Return the version that a file name carries; None where it is no file of the project."""
    if not filename.isprintable() or set(filename) & set("/\\"):
        return None
    try:
        if filename.endswith(".whl"):
            project, version, *_ = parse_wheel_filename(filename)
        else:
            project, version = parse_sdist_filename(filename)
    except ValueError:  # no such name, or one with a number of more digits than Python reads
        return None
    fits = canonicalize_name(project) == name and len(str(version)) <= _LONGEST_VERSION
    return version if fits else None


def _release(version: Version, files: Sequence[File]) -> Release:
    # A release is yanked where all its files are: https://peps.python.org/pep-0592/
    yanked = all(file.yanked for file in files)
    reasons = dict.fromkeys(file.yanked_reason for file in files if file.yanked_reason)
    times = [file.upload_time for file in files if file.upload_time]
    return Release(
        version=version,
        files=tuple(files),
        yanked=yanked,
        yanked_reason="; ".join(reasons) if yanked else "",
        upload_time=min(times, default=None),
    )
