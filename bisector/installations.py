"""The installations of one command: lent to its runs, and made before they are asked for.

An environment that a run left as it was is as good as a new one; it is looked at before it is lent
again, and another takes its place where anything in it was changed.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

from bisector.errors import InstallerError
from bisector.installation import Installation, make
from bisector.installer import InstallFailedError, NotCachedError
from bisector.task import Task, requirements_of
from bisector.workspace import remove

_LOOK_S = 0.1
FETCHERS = 2
"""How many are fetched at once, beside those that are asked for."""


class Installations:
    """The installations below ``folder``; close it when nothing is asked for any more.

    Those that are expected are made by ``spare`` threads, on cores that nothing is measured on;
    and by ``FETCHERS`` while they aren't in the cache, since what those wait for is the index.
    ``later`` is handed work, and its arguments, that nobody waits for.
    """

    def __init__(self, folder: Path, spare: int, later: Callable[..., object]) -> None:
        self._folder = folder
        self._later = later
        self._numbers = itertools.count()
        self._there: Counter[object] = Counter()  # be they lent or idle
        self._idle: defaultdict[object, list[Installation]] = defaultdict(list)
        self._ahead: dict[object, Future[Installation]] = {}
        self._failed: dict[object, Exception] = {}
        self._expected: dict[object, Task] = {}
        self._asking = False
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._spare = ThreadPoolExecutor(spare) if spare else None
        self._fetchers = ThreadPoolExecutor(FETCHERS)

    def close(self) -> None:
        """Stop what is being made, and wait for that."""
        with self._lock:
            self._closing.set()
        for pool in filter(None, (self._spare, self._fetchers)):
            pool.shutdown(cancel_futures=True)

    def expect(self, tasks: Sequence[Task]) -> None:
        """Begin with what these tasks need, the likeliest first; no more with others."""
        with self._lock:
            self._expected = {_key(task): task for task in tasks}
            self._begin()

    def _begin(self) -> None:
        pool = self._fetchers if self._asking else self._spare
        wanted = self._expected if pool and not self._closing.is_set() else {}
        for key in self._ahead.keys() - wanted.keys():
            if self._ahead[key].cancel():  # nobody has begun
                del self._ahead[key]
        for key, task in wanted.items():
            if pool and not (self._there[key] or key in self._ahead or key in self._failed):
                self._ahead[key] = pool.submit(self._make, task, self._closing)

    @contextmanager
    def lent(self, task: Task, stopped: threading.Event | None = None) -> Iterator[Installation]:
        """Give what a task needs to one run, made now where there is none; raises as ``make`` does.

        What is being made ahead is waited for, unless this is ``stopped``.
        """
        key = _key(task)
        made = self._unchanged(key) or self._new(task, key, stopped or self._closing)
        try:
            yield made
        finally:
            with self._lock:
                self._idle[key].append(made)
            self._later(self._look_at, key, made)

    def _unchanged(self, key: object) -> Installation | None:
        """Return one that nothing was changed in; those that something was are given up."""
        while True:
            with self._lock:
                if not self._idle[key]:
                    return None
                made = self._idle[key].pop()
            # What a run left behind may have written since it was looked at.
            if made.unchanged():
                return made
            with self._lock:
                self._give_up(key, made)

    def _look_at(self, key: object, made: Installation) -> None:
        """Give up one that a run has changed, so that another may be made before it is wanted."""
        if made.unchanged():
            return
        with self._lock:
            if made in self._idle[key]:
                self._idle[key].remove(made)
                self._give_up(key, made)
                self._begin()

    def _give_up(self, key: object, made: Installation) -> None:
        self._there[key] -= 1
        self._later(remove, made.environment.prefix)

    def _new(self, task: Task, key: object, stopped: threading.Event) -> Installation:
        with self._lock:
            if key in self._failed:
                raise self._failed[key]
            ahead = self._ahead.pop(key, None)
        if ahead is None or ahead.cancel():  # nobody has begun
            return self._make(task, stopped)
        while not wait([ahead], timeout=_LOOK_S).done:
            if stopped.is_set():
                with self._lock:
                    self._ahead.setdefault(key, ahead)
                raise InstallerError("making the environment was stopped")
        try:
            return ahead.result()
        except InstallerError:  # no release's fault: it is worth another try
            return self._make(task, stopped)

    def _make(self, task: Task, stopped: threading.Event) -> Installation:
        key, asked = _key(task), threading.Event()

        def asking() -> None:
            asked.set()
            with self._lock:
                self._asking = True
                self._begin()

        prefix = self._folder / f"env-{next(self._numbers)}"
        with self._lock:
            self._there[key] += 1
        try:
            return make(task, prefix, stopped, asking)
        except BaseException as error:
            self._later(remove, prefix)
            with self._lock:
                self._there[key] -= 1
                if isinstance(error, (InstallFailedError, NotCachedError)):
                    self._failed[key] = error
            raise
        finally:
            with self._lock:
                self._asking = asked.is_set()


def _key(task: Task) -> object:
    """Return what must be the same for two measurements to need the same installation."""
    held = task.conditions
    return (
        task.release,
        tuple(requirements_of(task.probe, held, task.release)),
        task.probe.package,
        held.interpreter,
        held.policy,
        held.constraints,
        task.installer,
    )
