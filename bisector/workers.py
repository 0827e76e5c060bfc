"""Where measurements are made: here, on threads of this machine."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from bisector.bisection import Stop
from bisector.installations import Installations
from bisector.measure import measure
from bisector.model import Measurement, Reason
from bisector.store import Store
from bisector.task import Task
from bisector.workspace import remove

Start = Callable[[Task], "Future[Measurement]"]
"""Starts one measurement."""


class Workers(Protocol):
    """What measures for the searches of one command, one search after the other."""

    @property
    def jobs(self) -> int:
        """How many measurements are made at once, or at most before a search is measured for."""

    def expect(self, tasks: Sequence[Task]) -> None:
        """Be told which measurements may be wanted next, the likeliest first."""

    def measuring(self, template: Task, /) -> AbstractContextManager[tuple[Start, Stop]]:
        """Give what starts and what stops a measurement, of tasks that need what ``template`` does.

        Each is stored as it completes. When the context is left, what still ran is stopped.
        """


class Threads:
    """Threads of this machine, which share installations below a folder; close it at the end."""

    def __init__(self, jobs: int | None, store: Store, folder: Path) -> None:
        cores = os.cpu_count() or 1
        self.jobs = jobs or cores
        self._store = store
        self._tidying = ThreadPoolExecutor(1)  # the next measurement needn't wait for it
        spare = max(0, cores - self.jobs)
        self._installations = Installations(folder, spare, self._discard)

    def close(self) -> None:
        """Stop what is being made for measurements that nobody asked for."""
        self._installations.close()
        self._tidying.shutdown()

    def _discard(self, place: Path) -> None:
        self._tidying.submit(remove, place)

    def expect(self, tasks: Sequence[Task]) -> None:
        """Make ready for these tasks on the cores that are left over, if any are."""
        self._installations.expect(tasks)

    @contextmanager
    def measuring(self, _template: Task, /) -> Iterator[tuple[Start, Stop]]:
        """Give what starts and what stops a measurement; each is stored as it completes."""
        events: dict[Future[Measurement], threading.Event] = {}

        def work(task: Task, stopped: threading.Event) -> Measurement:
            measurement = measure(task, stopped, self._installations.lent, self._discard)
            # What was stopped decided nothing; what had ended by then is complete.
            if not (stopped.is_set() and measurement.reason is Reason.ENVIRONMENT):
                self._store.save(task.probe, task.conditions, measurement)
            return measurement

        def start(task: Task) -> Future[Measurement]:
            stopped = threading.Event()
            future = pool.submit(work, task, stopped)
            events[future] = stopped
            return future

        def stop(future: Future[Measurement]) -> None:
            events[future].set()
            future.cancel()

        with ThreadPoolExecutor(self.jobs) as pool:
            try:
                yield start, stop
            finally:
                self._installations.expect(())
                for stopped in events.values():
                    stopped.set()
                pool.shutdown(cancel_futures=True)
