"""What measures: how a measurement is started, and what searches ask of those who start it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from bisector.environment.task import Task
from bisector.search.scheduler import Running

Start = Callable[[Task], Running]
"""Starts one measurement."""


class Workers(Protocol):
    """What measures for the searches of one command, one search after the other."""

    @property
    def jobs(self) -> int:
        """How many measurements are made at once, or at most before a search is measured for."""

    def expect(self, tasks: Sequence[Task]) -> None:
        """Be told which measurements may be wanted next, the likeliest first."""

    def begin(self, tasks: Sequence[Task]) -> None:
        """Begin to measure what may be started soon; what isn't then decides nothing."""

    def measuring(self, template: Task, /) -> AbstractContextManager[Start]:
        """Give what starts a measurement, of tasks that need what ``template`` does.

        Each is stored as it completes. When the context is left, what still ran is stopped.
        """
