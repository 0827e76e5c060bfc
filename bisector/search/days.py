"""The days on which the dependencies of one release changed: positions of a search over time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

from packaging.version import Version

from bisector.model import Conditions, Release


def positions(first: datetime, uploads: Iterable[datetime]) -> tuple[Release, ...]:
    """Return the day after ``first``, and after each of the ``uploads`` later than that.

    A day stands for all that was uploaded before it began, in UTC; its version is its date.
    """
    days = {moment.astimezone(timezone.utc).date() for moment in uploads if moment > first}
    days.add(first.astimezone(timezone.utc).date())
    return tuple(_position(day + timedelta(days=1)) for day in sorted(days))


def _position(day: date) -> Release:
    midnight = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
    return Release(Version(f"{day.year}.{day.month}.{day.day}"), (), upload_time=midnight)


def held(conditions: Conditions, position: Release) -> Conditions:
    """Return the conditions with dependencies of that day."""
    day = position.upload_time
    return replace(
        conditions,
        policy=f"{day:%Y-%m-%d}",
        constraints=(),
        wheels={},
        resolved="",
        resolved_for="",
    )
