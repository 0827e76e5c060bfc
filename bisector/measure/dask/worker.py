"""What runs on the workers of a cluster: whether one can measure, and measuring there.

A worker's process isn't ours alone: others' tasks may run in it. So it never becomes a subreaper,
which would take their children for orphans of our runs.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from bisector import __version__, settings
from bisector.environment import interpreter
from bisector.environment.installers.choice import chosen
from bisector.environment.task import Task
from bisector.environment.workspace import workspace
from bisector.errors import BisectorError, UsageError
from bisector.measure.measure import measure
from bisector.model import Interpreter, Measurement

if TYPE_CHECKING:
    from distributed import Worker

_POLL_S = 0.1
_CLOSING = frozenset({"stopping", "stopped", "closing", "closed", "failed"})


@dataclass(frozen=True, slots=True)
class Needs:
    """What a worker must have; ``index_folder`` is empty where the index isn't a folder."""

    version: str
    interpreter: Interpreter
    installer: str
    index_folder: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker made of a task: a measurement, or how it failed and what to do about it."""

    worker: str
    measurement: Measurement | None = None
    failure: tuple[str, str] = ("", "")

    @property
    def decided(self) -> bool:
        """Whether the release was measured, and the machine not at fault."""
        return self.measurement is not None and not self.measurement.of_machine


def needs(task: Task) -> Needs:
    """Return what a worker must have to measure tasks like this one."""
    parts = urlsplit(task.installer.index_url)
    folder = unquote(parts.path) if parts.scheme == "file" else ""
    return Needs(__version__, task.conditions.interpreter, task.installer.name, folder)


async def unfit(needed: Needs) -> str:
    """Return why this worker can't measure; empty where it can. Leaves its event loop free."""
    return await asyncio.to_thread(_unfit, needed)


def _unfit(needed: Needs) -> str:
    if __version__ != needed.version:
        return f"it has bisector {__version__}, and the driver {needed.version}"
    if needed.index_folder and not Path(needed.index_folder).is_dir():
        return "it doesn't have the folder that is the index"
    try:
        counterpart(needed.interpreter)
        if why := chosen(needed.installer).unfit():
            return why
        with workspace(settings.cache_dir() / "work"):
            return ""
    except BisectorError as error:
        return error.message


@lru_cache
def counterpart(wanted: Interpreter) -> Interpreter:
    """Return this machine's interpreter of the same release, platform and wheels; UsageError.

    Only with such a one is a measurement what the driver keeps it as.
    """
    threads = "t" if wanted.tags[0].split("-")[1].endswith("t") else ""
    missing = ""
    for name in (None, f"{wanted.version}{threads}"):
        with suppress(UsageError):
            found = interpreter.find(name)
            same = (
                found.implementation == wanted.implementation
                and found.version == wanted.version
                and found.platform == wanted.platform
            )
            lacking = [tag for tag in wanted.tags if tag not in set(found.tags)]
            if same and not lacking:
                return found
            missing = f", only one that takes no {lacking[0]} wheel" if same else missing
    described = f"{wanted.implementation} {wanted.version} on {wanted.platform}"
    raise UsageError(
        f"it has no {described}{missing}", f"`uv python install {wanted.version}` there"
    )


def run(task: Task) -> Answer:
    """Measure on this worker, in a workspace and with an interpreter of its own.

    What fails is returned, not raised: a worker logs what a task raised with its arguments, and
    the index's address may carry a password. A run that was stopped has no answer; where it is
    wanted after all, as when the scheduler has just lost track of it, it is made again.
    """
    from distributed import Reschedule, get_worker

    worker = get_worker()
    with _unwanted(worker) as stopped:
        answer = _answer(task, worker.address, stopped)
    if stopped.is_set() and not answer.decided:
        raise Reschedule
    return answer


def _answer(task: Task, address: str, stopped: threading.Event) -> Answer:
    try:
        cache = settings.cache_dir()
        with workspace(cache / "work") as folder:
            own = replace(task.conditions, interpreter=counterpart(task.conditions.interpreter))
            here = replace(task, folder=folder, cwd=folder, cache=cache)
            here = replace(here, conditions=own, installer=task.installer.at(folder))
            return Answer(address, measure(here, stopped))
    except BisectorError as error:
        return Answer(address, failure=(error.message, error.hint))
    except OSError as error:
        return Answer(address, failure=(error.strerror or str(error), "look at its disk"))


@contextmanager
def _unwanted(worker: Worker) -> Iterator[threading.Event]:
    """Give an event that is set once the task that runs here isn't wanted any more.

    That is where the driver cancelled it, where the scheduler lost the driver, and where the
    worker closes. It is looked up in the worker's own state, which costs no message.
    """
    key = worker.get_current_task()
    stopped, over = threading.Event(), threading.Event()

    def watch() -> None:
        while not over.wait(_POLL_S):
            task = worker.state.tasks.get(key)
            if task is None or task.state == "cancelled" or worker.status.name in _CLOSING:
                stopped.set()
                return

    watching = threading.Thread(target=watch, name="bisector-unwanted", daemon=True)
    watching.start()
    try:
        yield stopped
    finally:
        over.set()
        watching.join()
