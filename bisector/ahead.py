"""Makes environments before they are asked for, on cores that nothing is measured on."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from bisector.measure import Ready, Task, prepare

if TYPE_CHECKING:
    from typing_extensions import Self


class Ahead:
    """What may be wanted next is made by ``spare`` threads; use it as a context.

    What is expected no more is not begun; what was made for nothing goes with the ``folder``.
    """

    def __init__(self, spare: int, folder: Path) -> None:
        self._spare = spare
        self._folder = folder
        self._numbers = itertools.count()
        self._made: dict[Version, tuple[Task, Future[Ready]]] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def __enter__(self) -> Self:
        self._pool = ThreadPoolExecutor(max(self._spare, 1))
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._pool.shutdown(cancel_futures=True)

    def expect(self, tasks: Sequence[Task]) -> None:
        """Begin with what these tasks need, the likeliest first."""
        wanted = {task.release.version: task for task in tasks if self._spare and not task.keep}
        with self._lock:
            for version, (_, made) in list(self._made.items()):
                if version not in wanted and made.cancel():
                    del self._made[version]
            for version, task in wanted.items():
                if version not in self._made:
                    place = self._folder / f"ahead-{next(self._numbers)}"
                    made = self._pool.submit(prepare, task, place, self._closing)
                    self._made[version] = (task, made)

    def prepare(self, task: Task, prefix: Path, stopped: threading.Event | None = None) -> Ready:
        """Return what was made ahead for this very task, or make it now."""
        with self._lock:
            expected, made = self._made.pop(task.release.version, (None, None))
        if made is None or expected != task or made.cancel():
            return prepare(task, prefix, stopped)
        return made.result()
