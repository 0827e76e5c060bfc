"""Where measurements are made: here, on threads of this machine."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from bisector.environment.pool import Installations
from bisector.environment.task import Task
from bisector.environment.workspace import remove
from bisector.measure.measure import measure
from bisector.model import Measurement, Reason
from bisector.search.bisection import Stop
from bisector.store.runs import Claim, Store

Start = Callable[[Task], "Future[Measurement]"]
"""Starts one measurement."""

_PATIENCE_S = 1.0


class Workers(Protocol):
    """What measures for the searches of one command, one search after the other."""

    @property
    def jobs(self) -> int:
        """How many measurements are made at once, or at most before a search is measured for."""

    def expect(self, tasks: Sequence[Task]) -> None:
        """Be told which measurements may be wanted next, the likeliest first."""

    def begin(self, tasks: Sequence[Task]) -> None:
        """Begin to measure what may be started soon; what isn't then decides nothing."""

    def measuring(self, template: Task, /) -> AbstractContextManager[tuple[Start, Stop]]:
        """Give what starts and what stops a measurement, of tasks that need what ``template`` does.

        Each is stored as it completes. When the context is left, what still ran is stopped.
        """


class _Run(NamedTuple):
    """A measurement under way, and how to stop it."""

    task: Task
    measured: Future[Measurement]
    stopped: threading.Event
    claim: Claim

    def stop(self) -> None:
        """Stop it, be it running or not begun."""
        self.stopped.set()
        self.measured.cancel()


class Threads:
    """Threads of this machine, which share installations below a folder; close it at the end."""

    def __init__(self, jobs: int | None, store: Store, folder: Path) -> None:
        cores = os.cpu_count() or 1
        self.jobs = jobs or cores
        self._store = store
        self._tidying = ThreadPoolExecutor(1)  # the next measurement needn't wait for it
        spare = max(0, cores - self.jobs)
        self._installations = Installations(folder, spare, self._tidying.submit)
        self._pool = ThreadPoolExecutor(self.jobs)
        self._runs: list[_Run] = []
        self._early: list[_Run] = []
        self._stops: list[threading.Event] = []

    def close(self) -> None:
        """Stop what is being made and measured that nobody asked for."""
        self._stop_all()
        self._pool.shutdown()
        self._installations.close()
        self._tidying.shutdown()

    def _discard(self, place: Path) -> None:
        self._tidying.submit(remove, place)

    def expect(self, tasks: Sequence[Task]) -> None:
        """Make ready for these tasks on the cores that are left over, if any are."""
        self._installations.expect(tasks)

    def begin(self, tasks: Sequence[Task]) -> None:
        """Begin to measure these; none is stored before it is started."""
        self._early = [self._run(task) for task in tasks]

    def _run(self, task: Task) -> _Run:
        stopped = threading.Event()
        self._stops.append(stopped)  # beforehand: an interrupt may come as soon as it runs
        claim = self._store.claim(task.probe, task.conditions, task.release)
        run = _Run(task, self._pool.submit(self._measure, task, stopped, claim), stopped, claim)
        self._runs.append(run)
        return run

    def _measure(self, task: Task, stopped: threading.Event, claim: Claim) -> Measurement:
        """Return the next run of a task, made by another driver meanwhile or else here."""
        ends = time.monotonic() + _PATIENCE_S

        def given_up() -> bool:
            if time.monotonic() > ends:
                # Each of two drivers may wait for what the other has made and nobody asked for.
                for run in list(self._early):
                    run.claim.release()
            return stopped.is_set()

        elsewhere = claim.wait(given_up)
        if elsewhere is not None:
            return elsewhere
        return measure(task, stopped, self._installations.lent, self._discard)

    def _keep(self, run: _Run, kept: Future[Measurement]) -> None:
        """Store what was measured, and pass it on."""
        try:
            measurement = run.measured.result()
            # What was stopped decided nothing; what had ended by then is complete.
            cut_off = run.stopped.is_set() and measurement.reason is Reason.ENVIRONMENT
            if not (cut_off or measurement.cached):
                self._store.save(run.task.probe, run.task.conditions, measurement)
        except BaseException as error:
            run.claim.release()
            kept.set_exception(error)
        else:
            run.claim.release(made=measurement.reason is not Reason.ENVIRONMENT)
            kept.set_result(measurement)

    def _stop_all(self) -> None:
        runs, self._runs, self._early = self._runs, [], []
        stops, self._stops = self._stops, []
        for stopped in stops:
            stopped.set()
        for run in runs:
            run.stop()
        wait([run.measured for run in runs])
        for run in runs:
            run.claim.release()  # of those that nobody asked for

    @contextmanager
    def measuring(self, template: Task, /) -> Iterator[tuple[Start, Stop]]:
        """Give what starts and what stops a measurement; each is stored as it completes."""
        runs: dict[Future[Measurement], _Run] = {}
        for early in self._early:
            if early.task.conditions != template.conditions:
                early.stop()
                early.claim.release()

        def start(task: Task) -> Future[Measurement]:
            run = next((early for early in self._early if early.task == task), None)
            if run:
                self._early.remove(run)
                run = run._replace(task=task)  # it says when the index was asked
            else:
                run = self._run(task)
            kept = Future[Measurement]()
            kept.set_running_or_notify_cancel()  # it can be stopped, not cancelled
            runs[kept] = run
            run.measured.add_done_callback(lambda _: self._keep(run, kept))
            return kept

        def stop(kept: Future[Measurement]) -> None:
            runs[kept].stop()

        try:
            yield start, stop
        finally:
            self._installations.expect(())
            self._stop_all()
