"""The installations of one command: lent to its runs, and made before they are asked for.

An environment that a run left as it was is as good as a new one; it is looked at before it is lent
again, and another takes its place where anything in it was changed.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bisector.environment.ahead import Ahead
from bisector.environment.installers.messages import (
    InstallFailedError,
    NotCachedError,
    SilentError,
)
from bisector.environment.release import Installation, fetch, make
from bisector.environment.task import Task, requirements_of
from bisector.environment.workspace import remove
from bisector.errors import InstallerError

FETCHERS = 2
"""How many are fetched at once, beside those that are asked for."""


class Installations:
    """The installations below ``folder``; close it when nothing is asked for any more.

    Those that are expected are made by ``spare`` threads, on cores that nothing is measured on,
    and those that weren't before are fetched by ``FETCHERS``, since what that waits for is mostly
    the index. ``later`` is handed work, and its arguments, that nobody waits for.
    """

    def __init__(self, folder: Path, spare: int, later: Callable[..., object]) -> None:
        self._folder = folder
        self._later = later
        self._numbers = itertools.count()
        self._there: Counter[object] = Counter()  # be they lent or idle
        self._idle: defaultdict[object, list[Installation]] = defaultdict(list)
        self._failed: dict[object, Exception] = {}
        self._expected: dict[object, Task] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._made: Ahead[Task, Installation] = Ahead(
            spare, lambda task: self._make(task, self._closing)
        )
        self._fetched: Ahead[Task, None] = Ahead(FETCHERS, lambda task: fetch(task, self._closing))

    def close(self) -> None:
        """Stop what is being made, and wait for that."""
        with self._lock:
            self._closing.set()
        self._made.close()
        self._fetched.close()

    def expect(self, tasks: Sequence[Task]) -> None:
        """Begin with what these tasks need, the likeliest first; no more with others."""
        with self._lock:
            self._expected = {_key(task): task for task in tasks}
            self._begin()

    def _begin(self) -> None:
        if not self._closing.is_set():
            wanted = {
                key: task
                for key, task in self._expected.items()
                if not (self._there[key] or key in self._failed)
            }
            self._fetched.expect(wanted)
            self._made.expect(wanted)

    @contextmanager
    def lent(self, task: Task, stopped: threading.Event | None = None) -> Iterator[Installation]:
        """Give what a task needs to one run, made now where there is none; raises as ``make`` does.

        What is being made ahead is waited for, unless this is ``stopped``.
        """
        key = _key(task)
        installation = self._unchanged(key) or self._new(task, key, stopped or self._closing)
        try:
            yield installation
        finally:
            with self._lock:
                self._idle[key].append(installation)
            self._later(self._look_at, key, installation)

    def _unchanged(self, key: object) -> Installation | None:
        """Return one that nothing was changed in; those that something was are given up."""
        while True:
            with self._lock:
                if not self._idle[key]:
                    return None
                installation = self._idle[key].pop()
            # What a run left behind may have written since it was looked at.
            if installation.unchanged():
                return installation
            with self._lock:
                self._give_up(key, installation)

    def _look_at(self, key: object, installation: Installation) -> None:
        """Give up one that a run has changed, so that another may be made before it is wanted."""
        if installation.unchanged():
            return
        with self._lock:
            if installation in self._idle[key]:
                self._idle[key].remove(installation)
                self._give_up(key, installation)
                self._begin()

    def _give_up(self, key: object, installation: Installation) -> None:
        self._there[key] -= 1
        self._later(remove, installation.environment.prefix)

    def _new(self, task: Task, key: object, stopped: threading.Event) -> Installation:
        with self._lock:
            if key in self._failed:
                raise self._failed[key]
        if ahead := self._made.take(key, stopped):
            try:
                return ahead.result()
            except SilentError:
                raise
            except InstallerError:  # no release's fault: it is worth another try
                pass
        return self._make(task, stopped)

    def _make(self, task: Task, stopped: threading.Event) -> Installation:
        key = _key(task)
        prefix = self._folder / f"env-{next(self._numbers)}"
        with self._lock:
            self._there[key] += 1
        try:
            self._fetched.take(key, stopped)
            return make(task, prefix, stopped)
        except BaseException as error:
            self._later(remove, prefix)
            with self._lock:
                self._there[key] -= 1
                if isinstance(error, (InstallFailedError, NotCachedError)):
                    self._failed[key] = error
            raise


def _key(task: Task) -> object:
    """Return what must be the same for two measurements to need the same installation."""
    conditions = task.conditions
    return (
        task.release,
        tuple(requirements_of(task.probe, conditions, task.release)),
        task.probe.package,
        conditions.interpreter,
        conditions.dependencies,
        conditions.constraints,
        task.installer,
        task.guard.mode,
        task.environment,
    )
