"""Measures the days of a search over time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

from packaging.version import Version

from bisector.environment.task import Task
from bisector.measure.threads import Start
from bisector.model import Measurement, Release
from bisector.search.bisection import Stop, Submit
from bisector.search.days import held


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
