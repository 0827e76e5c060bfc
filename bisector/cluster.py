"""Measurements on the workers of an existing Dask cluster, by its own futures executor.

What is sent is the task: the probe's text, the release, what is held and how to install it. The
workers make the environments, from their own caches. A measurement whose worker is lost is made
again elsewhere; where a worker itself fails, no release is blamed, and others are asked.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING

from bisector import __version__, remote
from bisector.bisection import Stop, Submit
from bisector.errors import BisectorError, UsageError, WorkersError
from bisector.measure import Task, now
from bisector.model import Measurement, Outcome, Probe, Reason, Release
from bisector.remote import Answer, Needs
from bisector.request import Request
from bisector.store import Store

if TYPE_CHECKING:
    from distributed import Client

Warn = Callable[[str], None]

_CONNECT_S = 5
_LOOK_S = 1.0
_GRACE_S = 15.0
_MOST_FAILURES = 3
_SHOWN = 3


def check(request: Request, probes: Sequence[Probe]) -> None:
    """Raise UsageError where the request names half a cluster, or asks what none can do."""
    if request.executor != "dask":
        if request.scheduler:
            raise UsageError("--scheduler is given without a cluster", "add --executor dask")
        return
    if not request.scheduler:
        raise UsageError(
            "--executor dask needs the address of a scheduler", "give --scheduler tcp://host:8786"
        )
    for probe in probes:
        if not probe.reports:
            raise UsageError(
                f"{probe.title or probe.name} runs in your folder, which a cluster's workers "
                "don't have",
                "make it a probe, a script with [tool.bisector] that reports: its text is sent",
            )
    if request.keep_environments:
        raise UsageError(
            "--keep-environments keeps them on this machine, and a cluster's workers make them "
            "on theirs",
            "measure the release in question again with --executor threads",
        )


@contextmanager
def connected(address: str, jobs: int | None, store: Store, warn: Warn) -> Iterator[Cluster]:
    """Give the cluster whose scheduler is at ``address``; raises UsageError or WorkersError."""
    try:
        import distributed
    except ImportError as error:
        raise UsageError(
            "--executor dask needs distributed, which isn't installed",
            "pip install 'bisector[dask]'",
        ) from error
    # What goes wrong is said by what comes of it here; its own log lines say it to experts.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        client = distributed.Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise WorkersError(
            f"no scheduler answers at {address}: {_first_line(error)}",
            "give --scheduler the address that `dask scheduler` prints, like tcp://host:8786",
        ) from error
    with client:
        yield Cluster(client, address, jobs, store, warn)


class Cluster:
    """A Dask cluster; ``jobs`` is that many, or by default all threads of the workers that fit."""

    def __init__(
        self, client: Client, address: str, jobs: int | None, store: Store, warn: Warn
    ) -> None:
        self.client = client
        self.address = address
        self.jobs = jobs or 1
        self._asked = jobs
        self._store = store
        self._warn = warn
        try:
            there = client.run_on_scheduler(_version)
        except Exception as error:  # whatever unpickling raises there
            there = f"none ({_first_line(error)})"
        if there != __version__:
            raise WorkersError(
                f"the scheduler at {address} has bisector {there}, and the driver {__version__}",
                "install the same bisector, with its extra dask, on the scheduler and the workers",
            )

    @contextmanager
    def measuring(self, template: Task) -> Iterator[tuple[Submit, Stop]]:
        """Give what starts and what stops a measurement; each is stored as it completes."""
        flights = _Flights(self, template, self._store, self._warn)
        self.jobs = self._asked or flights.threads
        with flights.attended():
            yield flights.submit, flights.stop


def _version() -> str:
    return __version__


@dataclass(eq=False)
class _Flight:
    """A measurement under way: where it may run, and where it has failed."""

    release: Release
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


class _Flights:
    """The measurements of one search, and the workers that they may run on."""

    def __init__(self, cluster: Cluster, template: Task, store: Store, warn: Warn) -> None:
        self._client = cluster.client
        self._address = cluster.address
        self._template = template
        self._needs: Needs = remote.needs(template)
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

    def submit(self, release: Release) -> Future[Measurement]:
        """Start a measurement; what is returned can't be cancelled, only stopped."""
        flight = _Flight(release, Future())
        flight.wanted.set_running_or_notify_cancel()
        with self._lock:
            self._flights[flight.wanted] = flight
            self._send(flight)
        return flight.wanted

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
        flight.allowed = frozenset(self._fit - flight.failed)
        # One for each: shutting it down is the one way to release a task that has ended.
        executor = self._client.get_executor(workers=sorted(flight.allowed), pure=False)
        task = replace(self._template, release=flight.release)
        flight.executor = executor
        flight.running = executor.submit(remote.run, task)
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
                task = self._template
                self._store.save(task.probe, task.conditions, measurement)
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
            raise WorkersError(
                f"the connection to the scheduler at {self._address} was lost",
                "what was measured is kept: the same command goes on from there",
            )
        try:
            answer = flight.running.result()
        except KilledWorker as error:
            return self._blank(
                flight, f"{error.allowed_failures + 1} workers were lost while they measured it"
            )
        except BisectorError:
            raise
        except Exception as error:
            raise WorkersError(
                f"a worker could not measure: {type(error).__name__}: {_first_line(error)}",
                "look at its log, and whether its Python and packages are those of the driver",
            ) from error
        measured = answer.measurement
        if measured is not None and measured.reason is not Reason.ENVIRONMENT:
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

    def _blank(self, flight: _Flight, detail: str) -> Measurement:
        return Measurement(
            version=flight.release.version,
            outcome=Outcome.UNTESTABLE,
            reason=Reason.ENVIRONMENT,
            detail=detail,
            started=now(),
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
                lost = [f for f in self._flights.values() if not f.allowed & alive.keys()]
                for flight in lost:
                    if self._fit - flight.failed:
                        flight.release_task()
                        self._send(flight)
            if monotonic() - alone_since > _GRACE_S:
                for flight in lost:
                    self._end(
                        flight,
                        WorkersError(
                            f"no worker at {self._address} is left that can measure",
                            "what was measured is kept: the same command goes on from there",
                        ),
                    )

    def _judge(self, workers: Collection[str]) -> dict[str, str]:
        """Ask workers whether they fit; return why those don't that don't, having said so."""
        if not workers:
            return {}
        told = self._client.run(
            remote.unfit, self._needs, workers=sorted(workers), on_error="return"
        )
        unfit = {worker: _why(said) for worker, said in told.items() if said}
        with self._lock:
            self._judged |= told.keys()
            self._fit |= told.keys() - unfit.keys()
            some = bool(self._fit)
        for line in _grouped(unfit) if some else ():
            self._warn(f"warning: not used: {line}")
        return unfit


def _why(said: object) -> str:
    if isinstance(said, ModuleNotFoundError):
        return f"it has no {said.name}"
    return f"{type(said).__name__}: {said}" if isinstance(said, Exception) else str(said)


def _grouped(unfit: dict[str, str]) -> list[str]:
    """Return one line per reason, with the workers that it holds for."""
    reasons = defaultdict(list)
    for worker, why in sorted(unfit.items()):
        reasons[why].append(worker)
    return [
        f"{', '.join(workers[:_SHOWN])}"
        + (f" and {len(workers) - _SHOWN} more" if workers[_SHOWN:] else "")
        + f": {why}"
        for why, workers in reasons.items()
    ]


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
