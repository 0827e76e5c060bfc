"""Measures here, on threads of this machine."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

from bisector.environment.pool import Installations
from bisector.environment.task import Task
from bisector.environment.workspace import remove
from bisector.measure.company import Company
from bisector.measure.measure import Lent, measure
from bisector.measure.reading import STILL_RUNNING
from bisector.measure.workers import Start
from bisector.model import Measurement
from bisector.search.scheduler import Running
from bisector.store.runs import Store

_PATIENCE_S = 1.0
_log = logging.getLogger("bisector")


class _Run:
    """One measurement: it is stored as it completes, or when it is wanted if that is later.

    Of several drivers that want the same run, the one that claims it makes it. What nobody asked
    for yet is begun only where no other driver makes it.
    """

    def __init__(self, task: Task, store: Store, *, wanted: bool) -> None:
        self.task = task
        self.measured: Future[Measurement] | None = None
        self._store = store
        self._wanted = wanted
        self._begun = False
        self._kept = False
        self._complete: Measurement | None = None
        self._claim = store.claim(task.probe, task.conditions, task.release)
        self._stopped = threading.Event()
        self._lock = threading.Lock()

    def measure(
        self,
        lent: Lent,
        discard: Callable[[Path], object],
        give_way: Callable[[], object],
        company: Company,
    ) -> Measurement:
        """Return what the task measured, or what another driver did of it meanwhile.

        ``give_way`` lets others have what nobody asked for yet: each of two drivers may wait for
        that of the other. ``company`` are the runs beside it.
        """
        ends = time.monotonic() + _PATIENCE_S

        def given_up() -> bool:
            if time.monotonic() > ends:
                give_way()
            return self._stopped.is_set()

        try:
            elsewhere = self._claim.wait(given_up)
            self._begun = True
            measurement = elsewhere or self._made(lent, discard, company)
            with self._lock:
                self._complete = measurement
                self._keep()
        except BaseException:
            self.release()
            raise
        return measurement

    def _made(self, lent: Lent, discard: Callable[[Path], object], company: Company) -> Measurement:
        """Return what the task measures: alone, where beside others it came to no end in time."""
        given_up = self._stopped.is_set
        with company.together(given_up) as stay:
            run = measure(self.task, self._stopped, lent, discard)
        if run.detail != STILL_RUNNING or not stay.was_crowded or given_up():
            return run
        _log.warning(
            "%s was still running at the time limit, beside other runs: it is run again, alone",
            run.version,
        )
        with company.alone(given_up):
            return measure(self.task, self._stopped, lent, discard)

    def release(self) -> None:
        """Let another driver make it."""
        self._claim.release()

    def give_way(self) -> None:
        """Let other drivers have it: as it is, or as it will be, or to be made by them."""
        with self._lock:
            self._wanted = self._wanted or self._begun
            self._keep()
        if not self._begun and self.measured and self.measured.cancel():
            self.release()

    def want(self, task: Task) -> None:
        """Let it count, as the measurement of a task that is equal but for when it was resolved."""
        with self._lock:
            self.task, self._wanted = task, True
            self._keep()

    def take(self) -> bool:
        """Claim it; return False where another driver makes it, or has made it."""
        return self._claim.take()

    def stop(self) -> None:
        """Stop it, be it running or not begun."""
        self._stopped.set()
        if self.measured:
            self.measured.cancel()

    def _keep(self) -> None:
        """Store what is both complete and wanted."""
        if not (self._wanted and self._complete) or self._kept:
            return
        self._kept = True
        # What the machine failed at is measured again; what was stopped counts as that.
        if not self._complete.of_machine:
            counted = not self._stopped.is_set()
            self._claim.keep(self._complete, self.task.conditions, counted=counted)
        self._claim.release()


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
        self._company = Company()
        self._runs: list[_Run] = []
        self._early: list[_Run] = []

    def close(self) -> None:
        """Stop what is being made and measured that nobody asked for."""
        self._stop_all()
        self._pool.shutdown()
        self._installations.close()
        self._tidying.shutdown()

    def expect(self, tasks: Sequence[Task]) -> None:
        """Make ready for these tasks on the cores that are left over, if any are."""
        self._installations.expect(tasks)

    def begin(self, tasks: Sequence[Task]) -> None:
        """Begin to measure those that no other driver does; none is stored before it is started."""
        for task in tasks:
            run = _Run(task, self._store, wanted=False)
            if run.take():
                self._early.append(run)
                self._submit(run)
            else:
                run.release()

    @contextmanager
    def measuring(self, template: Task, /) -> Iterator[Start]:
        """Give what starts a measurement; each is stored as it completes."""
        others = [run for run in self._early if run.task.conditions != template.conditions]
        for early in others:
            self._early.remove(early)
            early.stop()
            early.release()
        try:
            yield self._start
        finally:
            self._installations.expect(())
            self._stop_all()

    def _start(self, task: Task) -> Running:
        run = next((early for early in self._early if early.task == task), None)
        if run and run.measured and not run.measured.cancelled():
            self._early.remove(run)
            run.want(task)
            return Running(run.measured, run.stop)
        run = _Run(task, self._store, wanted=True)
        return Running(self._submit(run), run.stop)

    def _submit(self, run: _Run) -> Future[Measurement]:
        self._runs.append(run)  # beforehand: an interrupt may come as soon as it runs
        lent, discard = self._installations.lent, self._discard
        give_way, company = self._give_way, self._company
        run.measured = self._pool.submit(run.measure, lent, discard, give_way, company)
        return run.measured

    def _stop_all(self) -> None:
        runs, self._runs, self._early = self._runs, [], []
        for run in runs:
            run.stop()
        wait([run.measured for run in runs if run.measured])
        for run in runs:
            run.release()  # of those that nobody asked for

    def _give_way(self) -> None:
        for run in list(self._early):
            run.give_way()

    def _discard(self, folder: Path) -> None:
        self._tidying.submit(remove, folder)
