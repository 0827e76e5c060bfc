"""Lets runs go side by side, and one alone where what it took may be the others' doing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_MATTERS = 0.25
"""The share of a run's time in company from which on that may have kept it from its end."""

_LOOK_S = 0.05


@dataclass
class Stay:
    """One run: since when, and how long others went beside it."""

    since: float
    beside_s: float = 0.0
    ended: float = 0.0

    @property
    def was_crowded(self) -> bool:
        """Whether others went beside it for as long as may matter."""
        return self.beside_s >= _MATTERS * (self.ended - self.since)


class Company:
    """The runs that go on now, on one machine."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._going: list[Stay] = []
        self._seen = 0.0
        self._alone = 0

    @contextmanager
    def together(self, given_up: Callable[[], bool]) -> Iterator[Stay]:
        """Go beside others, once nobody goes alone or waits for that."""
        with self._changed:
            self._wait(lambda: not self._alone, given_up)
            stay = self._enter()
        try:
            yield stay
        finally:
            self._leave(stay)

    @contextmanager
    def alone(self, given_up: Callable[[], bool]) -> Iterator[Stay]:
        """Go alone, once those that go on have ended; others wait meanwhile."""
        with self._changed:
            self._alone += 1
            try:
                self._wait(lambda: not self._going, given_up)
            except BaseException:
                self._alone -= 1
                raise
            stay = self._enter()
        try:
            yield stay
        finally:
            with self._changed:
                self._alone -= 1
                self._leave(stay)

    def _wait(self, ready: Callable[[], bool], given_up: Callable[[], bool]) -> None:
        while not (ready() or given_up()):
            self._changed.wait(_LOOK_S)

    def _enter(self) -> Stay:
        now = self._count()
        stay = Stay(now)
        self._going.append(stay)
        return stay

    def _leave(self, stay: Stay) -> None:
        with self._changed:
            stay.ended = self._count()
            self._going.remove(stay)
            self._changed.notify_all()

    def _count(self) -> float:
        """Add the time since anything changed to those that went beside each other."""
        now = self._clock()
        if len(self._going) > 1:
            for stay in self._going:
                stay.beside_s += now - self._seen
        self._seen = now
        return now
