"""Release lines: releases that share major.minor, kept up side by side, fixes backported to each.

In version order a line's last release stands before the next line's first, which may be older by
years. What differs between the two then needn't have changed from one to the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from packaging.version import Version

from bisector.model import Release


def line(version: Version) -> str:
    """Return the name of a version's release line, like ``1.4``."""
    epoch = f"{version.epoch}!" if version.epoch else ""
    return f"{epoch}{version.major}.{version.minor}"


def late(releases: Sequence[Release]) -> tuple[int, ...]:
    """Return the positions of lines' last releases that came after a later line had begun.

    ``releases`` are in version order; those without an upload time are never late.
    """
    last = {line(release.version): position for position, release in enumerate(releases)}
    return tuple(
        position
        for position in last.values()
        if any(_before(later, releases[position]) for later in releases[position + 1 :])
    )


def parting(
    releases: Sequence[Release], before: int, after: int, alike: Callable[[int, int], bool]
) -> bool:
    """Return whether two neighbours belong to lines that had parted before they came to differ.

    ``after`` was then uploaded before ``before``, and the newest release below it that there was
    at that time is ``alike``: nothing changed from one of the two to the other.
    """
    first = releases[after]
    if line(releases[before].version) == line(first.version):
        return False
    if not _before(first, releases[before]):
        return False
    origin = _origin(releases, after)
    return origin is not None and alike(origin, after)


def origins(releases: Sequence[Release]) -> dict[int, int]:
    """Return where each line came from: by its first release, the newest below it at that time.

    Lines that came of the release just before them in version order are left out.
    """
    found = {}
    for position in range(1, len(releases)):
        if line(releases[position - 1].version) != line(releases[position].version):
            origin = _origin(releases, position)
            if origin is not None and origin != position - 1:
                found[position] = origin
    return found


def _origin(releases: Sequence[Release], position: int) -> int | None:
    """Return the newest of the releases below one that there was when it was uploaded."""
    known = (p for p in range(position - 1, -1, -1) if _before(releases[p], releases[position]))
    return next(known, None)


def _before(one: Release, other: Release) -> bool:
    times: list[datetime] = [r.upload_time for r in (one, other) if r.upload_time]
    return len(times) == 2 and times[0] < times[1]
