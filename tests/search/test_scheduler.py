"""The one loop, against agendas and workers that end in any order."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from bisector.model import Measurement, Outcome
from bisector.search.scheduler import Running, pursue


@dataclass
class World:
    """Wants all of a list, and nothing later than the first of those that ``suffice``."""

    wanted: list[int]
    suffice: frozenset[int] = frozenset()
    fails: frozenset[int] = frozenset()
    random: Random = field(default_factory=lambda: Random(0))
    running: dict[int, Future[Measurement]] = field(default_factory=dict)
    ended: list[int] = field(default_factory=list)
    stopped: list[int] = field(default_factory=list)
    most: int = 0

    def start(self, number: int) -> Running:
        self.running[number] = Future()
        self.most = max(self.most, len(self.running))
        return Running(self.running[number], lambda: self.stop(number))

    def stop(self, number: int) -> None:
        del self.running[number]
        self.stopped.append(number)

    def next(self, flying: Sequence[int], idle: int, /) -> int | None:
        assert set(flying) == set(self.running)
        assert idle >= 1
        return self.wanted.pop(0) if self.wanted else None

    def waiting(self, flying: Sequence[int], /) -> None:
        assert set(flying) == set(self.running)
        number = self.random.choice(list(flying))
        measured = self.running.pop(number)
        if number in self.fails:
            measured.set_exception(RuntimeError(f"{number}: the disk is full"))
        else:
            measured.set_result(Measurement(Version(str(number)), Outcome.GOOD))

    def done(self, number: int, measurement: Measurement, /) -> None:
        assert str(measurement.version) == str(number)
        self.ended.append(number)
        if number in self.suffice:
            self.wanted = [other for other in self.wanted if other < number]

    def unwanted(self, flying: Sequence[int], /) -> list[int]:
        enough = min(self.suffice & set(self.ended), default=None)
        return [number for number in flying if enough is not None and number > enough]


sizes, jobs, orders = st.integers(0, 12), st.integers(1, 5), st.randoms(use_true_random=False)


@given(sizes, jobs, orders, st.frozensets(st.integers(0, 12)))
def test_everything_wanted_ends_or_is_stopped_once(
    size: int, jobs: int, random: Random, suffice: frozenset[int]
) -> None:
    world = World(list(range(size)), suffice, random=random)
    pursue(world, world.start, jobs)
    assert not world.running
    assert world.most <= jobs
    assert len({*world.ended, *world.stopped}) == len(world.ended) + len(world.stopped)
    first = min((number for number in suffice if number < size), default=size - 1)
    assert set(range(first + 1)) <= set(world.ended)
    assert all(number > first for number in world.stopped)


def test_what_ends_while_another_is_told_of_is_told_of_too() -> None:
    """It is stored by then: an answer without it would differ from what is reported later."""

    class Late(World):
        def end(self, number: int) -> None:
            measured = self.running.pop(number)
            measured.set_result(Measurement(Version(str(number)), Outcome.GOOD))

        def next(self, _flying: Sequence[int], _idle: int, /) -> int | None:
            return self.wanted.pop(0) if self.wanted else None

        def waiting(self, _flying: Sequence[int], /) -> None:
            if 0 in self.running:
                self.end(0)

        def done(self, number: int, measurement: Measurement, /) -> None:
            super().done(number, measurement)
            for other in list(self.running):
                self.end(other)

    world = Late([0, 1, 2], suffice=frozenset({0}))
    pursue(world, world.start, 3)
    assert (sorted(world.ended), world.stopped) == ([0, 1, 2], [])


@given(sizes, jobs, orders, st.integers(0, 12))
def test_an_error_of_one_stops_all_others(
    size: int, jobs: int, random: Random, failing: int
) -> None:
    world = World(list(range(size + failing + 1)), fails=frozenset({failing}), random=random)
    with pytest.raises(RuntimeError, match=f"^{failing}: the disk is full$"):
        pursue(world, world.start, jobs)
    assert not world.running
    assert failing not in world.ended


def test_a_signal_that_does_not_wake_the_wait_is_acted_on_all_the_same() -> None:
    """As one that comes just before it; here another thread is the one that is woken."""
    code = """
        import signal, threading, time
        from concurrent.futures import Future
        from bisector.search.scheduler import Running, pursue
        class Agenda:
            wanted = [1]
            def next(self, flying, idle):
                return self.wanted.pop() if self.wanted else None
            def waiting(self, flying):
                threading.Thread(target=interrupt, daemon=True).start()
        def interrupt():
            time.sleep(0.1)
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
            time.sleep(600)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored behind a shell's &
        stopped = []
        try:
            pursue(Agenda(), lambda number: Running(Future(), lambda: stopped.append(number)), 1)
        except KeyboardInterrupt:
            print("interrupted", stopped)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "interrupted [1]\n"
