"""Where measurements are made: here, on threads of this machine."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from bisector.ahead import Ahead
from bisector.bisection import Stop
from bisector.measure import Prepare, Ready, Task, measure, prepare
from bisector.model import Measurement, Reason
from bisector.store import Store

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
    """The threads of this machine, which share one folder to make environments in.

    With ``sharing``, an environment serves every probe that needs the same release under the
    same conditions; a probe's second run of a release has a fresh one all the same.
    """

    def __init__(self, jobs: int | None, store: Store, folder: Path, *, sharing: bool) -> None:
        self.jobs = jobs or os.cpu_count() or 1
        self._store = store
        self._folder = folder
        self._sharing = sharing
        self._shared: dict[object, Future[Ready]] = {}
        self._used: set[object] = set()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._ahead = Ahead(0, folder)

    def expect(self, tasks: Sequence[Task]) -> None:
        """Make ready for these tasks on the cores that are left over, if any are."""
        self._ahead.expect(tasks)

    @contextmanager
    def measuring(self, _template: Task, /) -> Iterator[tuple[Start, Stop]]:
        """Give what starts and what stops a measurement; each is stored as it completes."""
        events: dict[Future[Measurement], threading.Event] = {}
        spare = 0 if self._sharing else max(0, (os.cpu_count() or 1) - self.jobs)
        self._ahead = Ahead(spare, self._folder)
        preparing: Prepare = self._share if self._sharing else self._ahead.prepare

        def work(task: Task, stopped: threading.Event) -> Measurement:
            measurement = measure(task, stopped, preparing)
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

        with self._ahead, ThreadPoolExecutor(self.jobs) as pool:
            try:
                yield start, stop
            finally:
                self._closing.set()
                for stopped in events.values():
                    stopped.set()
                pool.shutdown(cancel_futures=True)
                self._closing.clear()

    def _share(self, task: Task, prefix: Path, stopped: threading.Event | None = None) -> Ready:
        """Return an environment that other probes have used or will, or a fresh one.

        One that others will use is made to the end also where this run of it is stopped.
        """
        held = task.conditions
        where = (
            task.probe.package,
            task.release.version,
            held.interpreter.executable,
            held.policy,
            held.constraints,
            (*task.probe.dependencies, *held.requirements),
        )
        use = (where, task.probe.name, task.probe.case)
        with self._lock:
            fresh = use in self._used
            self._used.add(use)
            made = None if fresh else self._shared.get(where)
            mine = made is None and not fresh
            number = len(self._shared)
            if mine:
                made = self._shared[where] = Future()
        if made is None:
            return prepare(task, prefix, stopped)
        if mine:
            try:
                made.set_result(prepare(task, self._folder / f"shared-{number}", self._closing))
            except BaseException as error:
                made.set_exception(error)
        return made.result()
