"""Which runs are under way, so that drivers at once share them instead of making them twice.

A claim is a lock on one byte of a file in the results folder: the system takes it back however
its owner ends. Where locks can't be had, a run is made twice at worst.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

NAME = ".claims"
_LOOK_S = 0.05


class Claims:
    """The claims of this process on what is stored below one folder."""

    def __init__(self, root: Path) -> None:
        self._path = root / NAME
        self._lock = threading.Lock()
        self._file: int | None = None

    def take(self, named: str, given_up: Callable[[], bool]) -> int | None:
        """Claim what is ``named`` as soon as no other process does; return what to release.

        None where claims can't be had, or where it was ``given_up`` meanwhile.
        """
        place = int.from_bytes(hashlib.sha256(named.encode()).digest()[:7], "big")
        while not given_up():
            try:
                with self._lock:
                    file = self._opened()
                    with suppress(BlockingIOError):
                        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
                        return place
            except OSError:
                return None
            time.sleep(_LOOK_S)
        return None

    def release(self, place: int) -> None:
        """Let others claim it."""
        with self._lock, suppress(OSError):
            fcntl.lockf(self._opened(), fcntl.LOCK_UN, 1, place)

    def _opened(self) -> int:
        """Return the file, which stays open: closing it would release every claim (POSIX)."""
        if self._file is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, flags, 0o666)
        return self._file
