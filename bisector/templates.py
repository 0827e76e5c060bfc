"""The templates of one command: each is made once, and where it can be before it is asked for."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from pathlib import Path

from bisector.errors import InstallerError
from bisector.task import Task, requirements_of
from bisector.template import Template, make

_LOOK_S = 0.1
FETCHERS = 2
"""How many are fetched at once, beside those that are asked for."""


class Templates:
    """The templates below ``folder``; close it when nothing is asked for any more.

    Those that are expected are made by ``spare`` threads, on cores that nothing is measured on;
    and by ``FETCHERS`` while they aren't in the cache, since what those wait for is the index.
    """

    def __init__(self, folder: Path, spare: int) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        self._made: dict[object, Future[Template]] = {}
        self._begun: dict[object, Future[Template]] = {}
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
        """Begin with the templates for these tasks, the likeliest first; no more with others."""
        with self._lock:
            self._expected = {_key(task): task for task in tasks}
            self._begin()

    def _begin(self) -> None:
        pool = self._fetchers if self._asking else self._spare
        wanted = self._expected if pool and not self._closing.is_set() else {}
        for key in self._begun.keys() - wanted.keys():
            if self._begun[key].cancel():  # nobody has
                del self._begun[key], self._made[key]
        for key, task in wanted.items():
            if pool and key not in self._made:
                made = pool.submit(self._make, task, self._closing)
                self._made[key] = self._begun[key] = made

    def get(self, task: Task, stopped: threading.Event | None = None) -> Template:
        """Return the template for a task, made now where it isn't yet; raises as ``make`` does.

        Where somebody makes it already, that is waited for, unless this is ``stopped``.
        """
        key, stopped = _key(task), stopped or self._closing
        while True:
            with self._lock:
                begun = self._begun.pop(key, None)
                if begun is not None and begun.cancel():  # nobody has, after all
                    del self._made[key]
                mine = key not in self._made
                made = self._made.setdefault(key, Future())
            if mine:
                self._fulfil(made, task, stopped)
            try:
                while not made.done():
                    wait([made], timeout=_LOOK_S)
                    if stopped.is_set() and not made.done():
                        raise InstallerError("making the environment was stopped")
                return made.result()
            except CancelledError:  # whoever made it was stopped
                continue
            except InstallerError:  # no release's fault: it is worth another try
                with self._lock:
                    if self._made.get(key) is made and made.done():
                        del self._made[key]
                if mine or stopped.is_set():
                    raise

    def _fulfil(self, made: Future[Template], task: Task, stopped: threading.Event) -> None:
        """Make a template for all who wait for it; where that is stopped, they see to it."""
        try:
            made.set_result(self._make(task, stopped))
        except BaseException as error:
            if not stopped.is_set():
                made.set_exception(error)
                return
            with self._lock:
                del self._made[_key(task)]
            made.cancel()
            raise

    def _make(self, task: Task, stopped: threading.Event) -> Template:
        asked = threading.Event()

        def asking() -> None:
            asked.set()
            with self._lock:
                self._asking = True
                self._begin()

        try:
            return make(task, self._folder / f"template-{next(self._numbers)}", stopped, asking)
        finally:
            with self._lock:
                self._asking = asked.is_set()


def _key(task: Task) -> object:
    """Return what must be the same for two measurements to have one template."""
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
