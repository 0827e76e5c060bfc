"""What an index lists, what of it can be tested, and on which Python."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from packaging.version import Version

from bisector.model.outcome import Reason


@dataclass(frozen=True, slots=True)
class File:
    """One file of a release, as the index lists it."""

    filename: str
    url: str
    sha256: str | None = None
    size_bytes: int | None = None
    requires_python: str | None = None
    upload_time: datetime | None = None
    yanked: bool = False
    yanked_reason: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """One version of a project with the files that the index lists for it.

    ``yanked`` as PEP 592 has it for a release: every one of its files is yanked.
    ``upload_time`` is that of its earliest file, or None where the index gives none.
    """

    version: Version
    files: tuple[File, ...]
    yanked: bool = False
    yanked_reason: str = ""
    upload_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that environments are made from: its path, what it is, and the wheels it takes.

    ``tags`` are in the order of preference of :mod:`packaging.tags`. ``cache_tag`` is in the names
    of its compiled modules (PEP 3147); empty where it doesn't write any.
    """

    executable: str
    version: str
    implementation: str
    platform: str
    tags: tuple[str, ...] = field(repr=False)
    cache_tag: str = ""

    @property
    def series(self) -> str:
        """The ``X.Y`` of its version."""
        return ".".join(self.version.split(".")[:2])


@dataclass(frozen=True, slots=True)
class Excluded:
    """A release that can't be tested on the chosen interpreter, and why."""

    version: Version
    reason: Reason
    detail: str
    yanked: bool = False
    upload_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a search may look at, in version order or that of their upload, and what it can't.

    ``candidates`` are searched, ``prereleases`` are kept for the zoom, ``excluded`` can't be
    tested on the interpreter.
    """

    candidates: tuple[Release, ...]
    prereleases: tuple[Release, ...] = ()
    excluded: tuple[Excluded, ...] = ()
    by_upload: bool = False
