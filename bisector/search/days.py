"""The days on which the dependencies of one release changed: positions of a search over time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

from packaging.version import Version

from bisector.environment.task import Task
from bisector.measure.threads import Start
from bisector.model import Conditions, Measurement, Release
from bisector.search.bisection import Stop, Submit


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


def measuring(task: Task, start: Start, stop: Stop) -> tuple[Submit, Stop]:
    """Return what starts and what stops the measurement of a day: of the task's release on it."""
    behind: dict[Future[Measurement], Future[Measurement]] = {}

    def submit(position: Release) -> Future[Measurement]:
        told: Future[Measurement] = Future()
        told.set_running_or_notify_cancel()  # it can be stopped, not cancelled
        made = start(replace(task, conditions=held(task.conditions, position)))
        behind[told] = made
        made.add_done_callback(_telling(told, position.version))
        return told

    return submit, lambda told: stop(behind[told])


def _telling(told: Future[Measurement], version: Version) -> Callable[[Future[Measurement]], None]:
    def done(made: Future[Measurement]) -> None:
        if error := made.exception():
            told.set_exception(error)
        else:
            told.set_result(replace(made.result(), version=version))

    return done
