"""A search over the days on which the dependencies of one release changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

from packaging.version import Version

from bisector.finding import Axis, Finding
from bisector.model import Conditions, Plan, Policy, Probe, Release
from bisector.search.blame.attribution import attribute_days
from bisector.search.blame.narrowing import Laboratory
from bisector.search.candidates import Candidates, Item, Trial


def date_of(version: Version) -> str:
    """Return the date that a version stands for, as people write it."""
    return "-".join(f"{part:02d}" for part in version.release)


AXIS = Axis(
    noun="day",
    introduced="went bad with the dependencies of {after}; those of {before} are the last good "
    "ones",
    fixed="was fixed with the dependencies of {after}; those of {before} are the last bad ones",
    unchanged="with dependencies of {count} from {first} to {last}",
    title="changed with its dependencies",
    side="the dependencies of {after}",
    shown=date_of,
)


class Days(Candidates):
    """One release with the dependencies of different days.

    ``over`` names the release, and ``conditions`` are those that all days have in common.
    """

    axis = AXIS

    def __init__(
        self,
        probe: Probe,
        release: Release,
        conditions: Conditions,
        items: tuple[Item, ...],
        over: str,
    ) -> None:
        self.probe = probe
        self.conditions = conditions
        self.items = items
        self.over = over
        # Reports list releases; a day is one there whose version is its date.
        self.plan = Plan(tuple(Release(item.key, (), upload_time=item.when) for item in items))
        self._release = release

    def trial(self, item: Item, /) -> Trial:
        """Return the measurement of the release with the dependencies of a day."""
        return Trial(self.probe, self._release, held(self.conditions, item), item.label)

    def attributed(self, finding: Finding, laboratory: Laboratory, /) -> Finding:
        """Return the finding with the dependencies that each transition takes."""
        return attribute_days(finding, self._release, laboratory)


def positions(first: datetime, uploads: Iterable[datetime]) -> tuple[Item, ...]:
    """Return the day after ``first``, and after each of the ``uploads`` later than that.

    A day stands for all that was uploaded before it began, in UTC; its key is its date.
    """
    days = {moment.astimezone(timezone.utc).date() for moment in uploads if moment > first}
    days.add(first.astimezone(timezone.utc).date())
    return tuple(_position(day + timedelta(days=1)) for day in sorted(days))


def _position(day: date) -> Item:
    midnight = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
    return Item(Version(f"{day.year}.{day.month}.{day.day}"), day.isoformat(), midnight)


def held(conditions: Conditions, day: Item) -> Conditions:
    """Return the conditions with dependencies of a day."""
    return replace(
        conditions,
        policy=Policy.ONE_DAY,
        day=f"{day.when:%Y-%m-%d}",
        constraints=(),
        wheels={},
        resolved="",
        resolved_for="",
    )
