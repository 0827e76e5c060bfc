"""The one loop: start what is wanted next, as much at once as there are jobs, and tell of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Protocol, TypeVar

from bisector.model import Measurement

Wanted = TypeVar("Wanted")

Result = TypeVar("Result")

_LOOK_S = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Running:
    """A measurement under way: what it will be, and what stops it, begun or not."""

    measured: Future[Measurement]
    stop: Callable[[], object]


class Agenda(Protocol[Wanted]):
    """What decides what is measured; each of ``flying`` is being measured now."""

    def next(self, flying: Sequence[Wanted], idle: int, /) -> Wanted | None:
        """Return what to measure next, one of ``idle`` that may be; None where nothing is now."""

    def waiting(self, flying: Sequence[Wanted], /) -> None:
        """Be told that all that can be started is, and the first of it to end is waited for."""

    def done(self, wanted: Wanted, measurement: Measurement, /) -> None:
        """Be told what was measured."""

    def unwanted(self, flying: Sequence[Wanted], /) -> Collection[Wanted]:
        """Return what needn't be measured any more; it is stopped."""


def ended(futures: Collection[Future[Result]]) -> set[Future[Result]]:
    """Return those of ``futures`` that are done, once one is.

    A signal that comes between Python's last look for one and a wait without an end is acted on
    after that wait: an interrupt just as a run begins would be one when it ends. So none is long.
    """
    while not (done := wait(futures, _LOOK_S, FIRST_COMPLETED).done):
        pass
    return done


def pursue(agenda: Agenda[Wanted], start: Callable[[Wanted], Running], jobs: int) -> None:
    """Measure what an agenda wants until it wants nothing more, at most ``jobs`` at once.

    Raises what starting or measuring raises; whatever still runs is stopped then.
    """
    flying: dict[Future[Measurement], tuple[Wanted, Running]] = {}

    def wanted() -> list[Wanted]:
        return [one for one, _ in flying.values()]

    try:
        while True:
            while idle := jobs - len(flying):
                following = agenda.next(wanted(), idle)
                if following is None:
                    break
                running = start(following)
                flying[running.measured] = following, running
            if not flying:
                return
            agenda.waiting(wanted())
            for measured in ended(flying):
                one, _ = flying.pop(measured)
                agenda.done(one, measured.result())
            # What has ended meanwhile is stored, and told of next.
            going_on = [one for measured, (one, _) in flying.items() if not measured.done()]
            unwanted = agenda.unwanted(going_on)
            for measured, (one, running) in list(flying.items()):
                if one in unwanted:
                    del flying[measured]
                    running.stop()
    finally:
        for _, running in flying.values():
            running.stop()
