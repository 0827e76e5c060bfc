"""Tells a release that can't be had from a machine on which nothing can be measured any more.

One file that an index refuses, or one that was cut off, must not end a search; an index that is
down, or a full disk, must.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bisector.environment.task import Task
from bisector.errors import InstallerError
from bisector.finding import Finding
from bisector.inputs.request import Request
from bisector.measure.workers import Start, Workers
from bisector.model import Measurement, Outcome
from bisector.search.scheduler import Running
from bisector.session.scope import listed
from bisector.store.runs import Store

LOOKED_AT = 3
"""After so many releases in a row that can't be had, index and disk are looked at."""

MOST = 12
"""So many end a search that has had none, whatever index and disk seem to be like."""

_KEPT = "what was measured is kept: the same command goes on from there"


class Patient:
    """Workers that give up once there is no use in measuring any more.

    ``folder`` is on the disk that is measured on. What is measured is stored in ``store``, which
    need not be one that can be written before there is anything.
    """

    def __init__(self, workers: Workers, request: Request, folder: Path, store: Store) -> None:
        self._workers = workers
        self._request = request
        self._folder = folder
        self._store = store
        self._writable = False
        self._row = 0
        self._had = False
        self._lock = threading.Lock()

    @property
    def jobs(self) -> int:
        """How many measurements are made at once."""
        return self._workers.jobs

    def expect(self, tasks: Sequence[Task]) -> None:
        """Be told which measurements may be wanted next."""
        self._workers.expect(tasks)

    def begin(self, tasks: Sequence[Task]) -> None:
        """Begin to measure what may be started soon."""
        self._workers.begin(tasks)

    @contextmanager
    def measuring(self, template: Task, /) -> Iterator[Start]:
        """Give what starts a measurement; one raises where index, disk or installer are of no use.

        That is IndexUnavailableError or InstallerError.
        """
        with self._workers.measuring(template) as start:
            yield lambda task: self._watched(start, task)

    def _watched(self, start: Start, task: Task) -> Running:
        if not self._writable:
            self._store.prepare()
            self._writable = True
        running = start(task)
        outer: Future[Measurement] = Future()
        outer.set_running_or_notify_cancel()  # it can be stopped, not cancelled
        stopped = threading.Event()

        def end(inner: Future[Measurement]) -> None:
            try:
                run = inner.result()
                if not (stopped.is_set() or self._request.offline):
                    self._count(run, task.probe.package)
            except BaseException as error:
                outer.set_exception(error)
            else:
                outer.set_result(run)

        def stop() -> None:
            stopped.set()
            running.stop()

        running.measured.add_done_callback(end)
        return Running(outer, stop)

    def check(self, package: str) -> None:
        """Raise IndexUnavailableError or InstallerError where index or disk can't be used now."""
        try:
            with tempfile.TemporaryFile(dir=self._folder) as file:
                file.write(bytes(1 << 16))
        except OSError as error:
            raise InstallerError(
                f"nothing can be written to {self._folder}: {error.strerror}",
                "free the disk, or move uv's cache with UV_CACHE_DIR: environments lie beside it",
            ) from error
        if package:
            listed(package, replace(self._request, refresh=True))

    def accept(self, finding: Finding) -> Finding:
        """Return what a search found, unless the machine is why it found no more.

        Raises IndexUnavailableError or InstallerError where index or disk can't be used, or where
        nothing could be had.
        """
        missing = [run for run in finding.measurements if _not_had(run)]
        if missing and not finding.stopped:
            self.check(finding.probe.package)
        return refuse_nothing(finding)

    def _count(self, run: Measurement, package: str) -> None:
        with self._lock:
            self._row = self._row + 1 if _not_had(run) else 0
            self._had = self._had or not self._row
            row, had = self._row, self._had
        if row >= MOST and not had:
            raise InstallerError(
                f"none of {row} releases could be installed, no release's fault: {run.detail}",
                _KEPT,
            )
        if row and row % LOOKED_AT == 0:
            self.check(package)


def refuse_nothing(finding: Finding) -> Finding:
    """Return a finding, unless all that it is about could not be had: raise InstallerError."""
    runs = finding.measurements
    missing = [run for run in runs if _not_had(run)]
    decided = any(run.outcome is not Outcome.UNTESTABLE for run in runs)
    if missing and not decided and not finding.stopped and len(missing) == len(runs):
        raise InstallerError(
            f"nothing could be installed, no release's fault: {missing[-1].detail}", _KEPT
        )
    return finding


def _not_had(run: Measurement) -> bool:
    return not run.installed and run.of_machine
