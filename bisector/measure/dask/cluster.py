"""An existing Dask cluster: what can be asked of it, and the way there.

What is sent is the task: the probe's text, the release, what is held and how to install it. The
workers make the environments, from their own caches.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bisector import __version__
from bisector.environment.task import Task
from bisector.errors import UsageError, WorkersError
from bisector.inputs.request import Request
from bisector.measure.dask.pending import Flights, Warn, first_line
from bisector.measure.workers import Start
from bisector.model import Probe
from bisector.store.runs import Store

if TYPE_CHECKING:
    from distributed import Client

_CONNECT_S = 5


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
    # What goes wrong is said here; its log would add tracebacks. Its loggers have levels each.
    for name in list(logging.Logger.manager.loggerDict):
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = distributed.Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise WorkersError(
            f"no scheduler answers at {address}: {first_line(error)}",
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
        self._asked = jobs
        self._store = store
        self._warned: set[str] = set()
        self._warn = warn
        try:
            there = client.run_on_scheduler(_version)
        except Exception as error:  # whatever unpickling raises there
            there = f"none that can be imported: {first_line(error)}"
        if there != __version__:
            raise WorkersError(
                f"the driver has bisector {__version__}, and the scheduler at {address} {there}",
                "install the same bisector, with its extra dask, on the scheduler and the workers",
            )
        # Searches are planned before it is known which workers fit them: at most, all do.
        self.jobs: int = jobs or max(1, sum(client.nthreads().values()))

    def expect(self, tasks: Sequence[Task]) -> None:
        """Do nothing: the workers make their environments as they come to need them."""

    def begin(self, tasks: Sequence[Task]) -> None:
        """Do nothing: which workers fit is judged when a search begins."""

    @contextmanager
    def measuring(self, template: Task, /) -> Iterator[Start]:
        """Give what starts a measurement; each is stored as it completes."""
        flights = Flights(self.client, self.address, template, self._store, self._once)
        self.jobs = self._asked or flights.threads
        with flights.attended():
            yield flights.start

    def _once(self, warning: str) -> None:
        """Warn of what is the same for every search only once."""
        if warning not in self._warned:
            self._warned.add(warning)
            self._warn(warning)


def _version() -> str:
    return __version__
