"""What measures: how a measurement is started, and what searches ask of those who start it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
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


class Later:
    """Workers that are there once there is something to measure; close them at the end.

    They are ``jobs`` at once, and what ``make`` returns.
    """

    def __init__(self, jobs: int, make: Callable[[], AbstractContextManager[Workers]]) -> None:
        self.jobs = jobs
        self._make = make
        self._workers: Workers | None = None
        self._stack = ExitStack()

    def close(self) -> None:
        """Close them, if they are there."""
        self._stack.close()

    def expect(self, tasks: Sequence[Task]) -> None:
        """Be told which measurements may be wanted next, the likeliest first."""
        if tasks or self._workers:
            self._there().expect(tasks)

    def begin(self, tasks: Sequence[Task]) -> None:
        """Begin to measure what may be started soon; what isn't then decides nothing."""
        if tasks:
            self._there().begin(tasks)

    @contextmanager
    def measuring(self, template: Task, /) -> Iterator[Start]:
        """Give what starts a measurement, see `Workers`."""
        begun: list[Start] = []
        with ExitStack() as stack:

            def start(task: Task) -> Running:
                if not begun:
                    begun.append(stack.enter_context(self._there().measuring(template)))
                return begun[0](task)

            if self._workers:  # it may have begun with what isn't wanted
                begun.append(stack.enter_context(self._workers.measuring(template)))
            yield start

    def _there(self) -> Workers:
        if self._workers is None:
            self._workers = self._stack.enter_context(self._make())
        return self._workers
