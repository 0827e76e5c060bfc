"""Work that is done before it is asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

from bisector.errors import InstallerError

Asked = TypeVar("Asked")
Done = TypeVar("Done")

_LOOK_S = 0.1


class Ahead(Generic[Asked, Done]):
    """What is likely to be asked for is done by ``threads`` of their own; by none, nothing is."""

    def __init__(self, threads: int, do: Callable[[Asked], Done]) -> None:
        self._do = do
        self._begun: dict[object, Future[Done]] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(threads) if threads else None

    def close(self) -> None:
        """Leave what nobody has begun, and wait for the rest; nothing may be expected any more."""
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def expect(self, wanted: Mapping[object, Asked]) -> None:
        """Begin with these, known by their keys, the likeliest first; no more with others."""
        if not self._pool:
            return
        with self._lock:
            for key in self._begun.keys() - wanted.keys():
                if self._begun[key].cancel():  # nobody has begun
                    del self._begun[key]
            for key, task in wanted.items():
                if key not in self._begun:
                    self._begun[key] = self._pool.submit(self._do, task)

    def take(self, key: object, stopped: threading.Event) -> Future[Done] | None:
        """Return what has been done, waiting while it is; None where nobody has begun.

        Raises InstallerError where this is ``stopped`` first: then it can still be taken.
        """
        with self._lock:
            begun = self._begun.pop(key, None)
        if begun is None or begun.cancel():
            return None
        while not wait([begun], timeout=_LOOK_S).done:
            if stopped.is_set():
                with self._lock:
                    self._begun.setdefault(key, begun)
                raise InstallerError("making the environment was stopped")
        return begun
