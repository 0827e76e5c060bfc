"""The measurements of one search that are under way on a cluster's workers.

Tasks are sent through the cluster's own ``concurrent.futures`` executor, to the workers that fit.
A measurement whose worker is lost is made again elsewhere; where a worker itself fails, no release
is blamed, and others are asked.
"""

from __future__ import annotations

import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from bisector.environment.resolutions import now
from bisector.environment.task import Task
from bisector.errors import WorkersError
from bisector.measure.dask import worker
from bisector.measure.dask.worker import Answer, Needs
from bisector.model import Measurement, Outcome, Reason
from bisector.search.scheduler import Running
from bisector.store.runs import Store

if TYPE_CHECKING:
    from distributed import Client

Warn = Callable[[str], None]

_LOOK_S = 1.0
_GRACE_S = 15.0
_MOST_FAILURES = 3
_SHOWN = 3
_KEPT = "what was measured is kept: the same command goes on from there"


@dataclass(eq=False)
class _Flight:
    """A measurement under way: where it may run, and where it has failed."""

    task: Task
    wanted: Future[Measurement]
    running: Future[Answer] = field(default_factory=Future)
    executor: Executor | None = None
    allowed: frozenset[str] = frozenset()
    failed: set[str] = field(default_factory=set)

    def release_task(self) -> None:
        """Tell the scheduler that nobody wants the task: it is stopped, or its result dropped.

        A result that is wanted still is computed again where the worker that holds it is lost.
        """
        if self.executor:
            with suppress(Exception):  # the scheduler may be what is lost
                self.executor.shutdown(wait=False)


class Flights:
    """The measurements of one search, and the workers that they may run on."""

    def __init__(
        self, client: Client, address: str, template: Task, store: Store, warn: Warn
    ) -> None:
        self._client = client
        self._address = address
        self._needs: Needs = worker.needs(template)
        self._store = store
        self._warn = warn
        self._lock = threading.RLock()
        self._flights: dict[Future[Measurement], _Flight] = {}
        self._ended: queue.SimpleQueue[tuple[_Flight, Future[Answer]] | None] = queue.SimpleQueue()
        self._over = threading.Event()
        self._judged: set[str] = set()
        self._fit: set[str] = set()
        alive = self._client.nthreads()
        unfit = self._judge(alive)
        if not self._fit:
            raise WorkersError(
                f"none of the {len(alive)} workers at {self._address} can measure"
                + "".join(f"; {line}" for line in _grouped(unfit)),
                "start workers that can: with this bisector, uv and this Python",
            )
        self.threads = sum(alive[worker] for worker in self._fit)

    def start(self, task: Task) -> Running:
        """Start a measurement."""
        flight = _Flight(task, Future())
        flight.wanted.set_running_or_notify_cancel()
        with self._lock:
            self._flights[flight.wanted] = flight
            self._send(flight)
        return Running(flight.wanted, lambda: self.stop(flight.wanted))

    def stop(self, wanted: Future[Measurement]) -> None:
        """Stop a measurement, be it running: the worker sees that its task is cancelled."""
        with self._lock:
            flight = self._flights.pop(wanted, None)
        if flight:
            flight.release_task()

    @contextmanager
    def attended(self) -> Iterator[None]:
        """Attend to the measurements meanwhile; at the end, stop what still runs."""
        threads = [
            threading.Thread(target=work, name=f"bisector-{work.__name__}", daemon=True)
            for work in (self._attend, self._watch)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for wanted in list(self._flights):
                self.stop(wanted)
            self._ended.put(None)
            for thread in threads:
                thread.join()

    def _send(self, flight: _Flight) -> None:
        """Hand a measurement to the workers that it hasn't failed on, or to any that fit.

        Where there are none, it waits until there are: to name no worker would mean them all.
        """
        flight.executor, flight.running = None, Future()
        flight.allowed = frozenset(self._fit - flight.failed or self._fit)
        if not flight.allowed:
            return
        # One for each: shutting it down is the one way to release a task that has ended.
        executor = self._client.get_executor(workers=sorted(flight.allowed), pure=False)
        flight.executor = executor
        try:
            flight.running = executor.submit(worker.run, flight.task)
        except Exception as error:  # what it raises where the connection is lost isn't documented
            self._end(flight, self._lost(error))
        else:
            flight.running.add_done_callback(lambda ended: self._ended.put((flight, ended)))

    def _attend(self) -> None:
        """Take what the workers answer, one answer after the other."""
        while ended := self._ended.get():
            flight, running = ended
            with self._lock:
                current = flight.wanted in self._flights and flight.running is running
            if not current:
                continue
            try:
                if not running.cancelled():
                    flight.release_task()
                measurement = self._measurement(flight)
                if measurement is None:
                    continue
                if not measurement.of_machine:
                    self._store.save(flight.task.probe, flight.task.conditions, measurement)
            except BaseException as error:
                self._end(flight, error)
            else:
                self._end(flight, measurement)

    def _end(self, flight: _Flight, result: Measurement | BaseException) -> None:
        with self._lock:
            if self._flights.pop(flight.wanted, None) is None:
                return
        if isinstance(result, BaseException):
            flight.wanted.set_exception(result)
        else:
            flight.wanted.set_result(result)

    def _measurement(self, flight: _Flight) -> Measurement | None:
        """Return what was measured; None where it is being measured again elsewhere."""
        from distributed import KilledWorker

        if flight.running.cancelled():
            raise self._lost()
        try:
            answer = flight.running.result()
        except KilledWorker as error:
            return Measurement(
                version=flight.task.release.version,
                outcome=Outcome.UNTESTABLE,
                reason=Reason.ENVIRONMENT,
                detail=f"{error.allowed_failures + 1} workers were lost while they measured it",
                started=now(),
            )
        except Exception as error:  # the probe's failures are measurements, the worker's answers
            raise WorkersError(
                f"a worker could not measure: {type(error).__name__}: {first_line(error)}",
                "look at its log, and whether its Python and packages are those of the driver",
            ) from error
        measured = answer.measurement
        if answer.decided:
            return measured
        with self._lock:
            flight.failed.add(answer.worker)
            if measured is None and answer.worker in self._fit:
                self._fit.discard(answer.worker)
                self._warn(f"warning: {answer.worker} isn't used any more: {answer.failure[0]}")
            others = self._fit - flight.failed
            if flight.wanted not in self._flights:
                return None
            if others and len(flight.failed) < _MOST_FAILURES:
                self._send(flight)
                return None
        if measured is None:
            message, hint = answer.failure
            raise WorkersError(f"{answer.worker}: {message}", hint)
        return measured

    def _lost(self, error: Exception | None = None) -> WorkersError:
        why = f": {first_line(error)}" if error else ""
        return WorkersError(
            f"the connection to the scheduler at {self._address} was lost{why}", _KEPT
        )

    def _watch(self) -> None:
        """Look now and then whether workers came or went.

        A task that only lost workers may run waits for them without end; those that their nanny
        starts again have other addresses.
        """
        alone_since = monotonic()
        while not self._over.wait(_LOOK_S):
            try:
                alive = self._client.nthreads()
                self._judge(alive.keys() - self._judged)
            except Exception:  # noqa: S112  # what flies is told that the scheduler is lost
                continue
            with self._lock:
                self._judged &= alive.keys()  # one that comes back there is another
                for worker in self._fit - alive.keys():
                    self._fit.discard(worker)
                    self._warn(f"warning: {worker} was lost; what it measured is measured again")
                if self._fit:
                    alone_since = monotonic()
                over = monotonic() - alone_since > _GRACE_S
                for flight in list(self._flights.values()):
                    if flight.allowed & alive.keys():
                        continue
                    flight.release_task()
                    self._send(flight)
                    if over:
                        problem = f"no worker at {self._address} is left that can measure"
                        self._end(flight, WorkersError(problem, _KEPT))

    def _judge(self, workers: Collection[str]) -> dict[str, str]:
        """Ask workers whether they fit; return why those don't that don't, having said so."""
        if not workers:
            return {}
        answers = self._client.run(
            worker.unfit, self._needs, workers=sorted(workers), on_error="return"
        )
        unfit = {worker: _why(answer) for worker, answer in answers.items() if answer}
        with self._lock:
            self._judged |= answers.keys()
            self._fit |= answers.keys() - unfit.keys()
            some = bool(self._fit)
        for line in _grouped(unfit) if some else ():
            self._warn(f"warning: not used: {line}")
        return unfit


def _why(answer: object) -> str:
    return (
        f"it can't be asked: {first_line(answer)}" if isinstance(answer, Exception) else str(answer)
    )


def _grouped(unfit: Mapping[str, str]) -> list[str]:
    """Return one line per reason, with the workers that it holds for."""
    reasons = defaultdict(list)
    for address, why in sorted(unfit.items()):
        reasons[why].append(address)
    return [
        f"{', '.join(workers[:_SHOWN])}"
        + (f" and {len(workers) - _SHOWN} more" if workers[_SHOWN:] else "")
        + f": {why}"
        for why, workers in reasons.items()
    ]


def first_line(error: BaseException) -> str:
    """Return what an error says, without what it adds for experts."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
