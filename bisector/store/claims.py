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
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from bisector.model import Conditions, Measurement, Probe, Release
from bisector.store import keys

if TYPE_CHECKING:
    from bisector.store.runs import Store

NAME = ".claims"
_LOOK_S = 0.05


class Claims:
    """The claims of this process on what is stored below one folder."""

    def __init__(self, root: Path) -> None:
        self._path = root / NAME
        self._lock = threading.Lock()
        self._file: int | None = None

    def take(self, name: str) -> bool:
        """Claim what has that name; return False where another process does.

        True as well where claims can't be had.
        """
        try:
            with self._lock:
                fcntl.lockf(self._opened(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(name))
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def release(self, name: str) -> None:
        """Let others claim it."""
        with self._lock, suppress(OSError):
            fcntl.lockf(self._opened(), fcntl.LOCK_UN, 1, _place(name))

    def _opened(self) -> int:
        """Return the file, which stays open: closing it would release every claim (POSIX)."""
        if self._file is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, flags, 0o666)
        return self._file


def _place(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")


@dataclass
class Known:
    """What a driver knows of the runs of one search: their digests, and how many of each release.

    ``begun`` are the numbers of those that it is about to make.
    """

    digests: set[str] = field(default_factory=set)
    runs: Counter[Version] = field(default_factory=Counter)
    begun: set[tuple[Version, int]] = field(default_factory=set)

    def add(self, version: Version, digests: Iterable[str]) -> None:
        """Count the runs of a release that have these digests, each once."""
        new = {digest for digest in digests if digest not in self.digests}
        self.digests |= new
        self.runs[version] += len(new)

    def begin(self, version: Version) -> int:
        """Return the number of the next run of a release, from 0."""
        number = self.runs[version]
        while (version, number) in self.begun:
            number += 1
        self.begun.add((version, number))
        return number


class Claim:
    """A run that a driver is about to make, for all that want it; release it in the end.

    Drivers number the runs of a release alike, in the order in which they are stored: one that is
    already there isn't made again, whoever made it and whenever it was noticed. Nothing is shared
    by who did not ask for what is stored: there all is measured anew.
    """

    def __init__(
        self, store: Store, probe: Probe, conditions: Conditions, release: Release
    ) -> None:
        self._store = store
        self._of = probe, conditions, release
        self._known = store.known(probe, conditions)
        self._number = 0
        self._name = ""
        self._digest = ""
        self._lock = threading.RLock()
        self._over = False
        if self._known:
            with store.lock:
                self._number = self._known.begin(release.version)
            self._name = f"{keys.short(probe, conditions)} {release.version} {self._number}"

    def take(self) -> bool:
        """Claim the run if nobody else makes it, nor has made it; return whether that is so."""
        if not self._known:
            return True
        with self._lock:
            return self._held() and self._store.nth(*self._of, self._number) is None

    def wait(self, given_up: Callable[[], bool]) -> Measurement | None:
        """Wait while another makes the run; return it, or None where it is to be made here.

        That is also what is returned where it was ``given_up`` or released.
        """
        while self._known:
            with self._lock:
                if self._over:
                    return None
                if self._held():
                    run = None
                    if found := self._store.nth(*self._of, self._number):
                        run, self._digest = found
                    return run
            if given_up():
                return None
            time.sleep(_LOOK_S)
        return None

    def keep(self, run: Measurement, conditions: Conditions, *, counted: bool) -> None:
        """Store the run, unless another driver did; it is known here where it is ``counted``.

        What isn't will be taken as another's by whoever asks for it. The ``conditions`` are those
        that were claimed, but for when they were resolved. Raises UsageError.
        """
        probe, _, release = self._of
        if not self._digest:
            _, self._digest = self._store.put(probe, conditions, run)
        if counted and self._known:
            with self._store.lock:
                self._known.add(release.version, [self._digest])

    def release(self) -> None:
        """Let others have the run, or make it; once is enough."""
        with self._lock:
            if self._over or not self._known:
                return
            self._over = True
            self._store.claims.release(self._name)
        with self._store.lock:
            self._known.begun.discard((self._of[2].version, self._number))

    def _held(self) -> bool:
        return self._store.claims.take(self._name)
