"""What is searched side by side: the items, and what lies inside each transition between them.

Each is a search of its own over positions, as ``stages`` has it; what they share is what is in
flight, and what has been observed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.version import Version

from bisector.search import stages, weighing
from bisector.search.candidates import Item
from bisector.search.observed import Label
from bisector.search.stages import Question, Stage, Want
from bisector.search.transitions import Labels, only, positioned


@dataclass(frozen=True, slots=True)
class Front:
    """Items in order, what is asked about them, and the stages of that which are pursued.

    Where it is ``about`` some labels, any other decides nothing here. Where a ``confidence`` is
    asked for, runs that disagree are run again until it is reached.
    """

    items: Sequence[Item]
    question: Question
    allowed: Callable[[Stage], bool]
    about: Collection[Label] | None = None
    confidence: float | None = None

    def want(
        self, labels: Labels, flying: Collection[Version], idle: int
    ) -> tuple[Item, Stage] | None:
        """Return what to measure next beside what is in flight, and why; None where nothing is."""
        observed, positions = self._observed(labels), self._positions(flying)
        if self.confidence is None:
            wanted = stages.want(self.question, observed, positions, idle)
        else:
            wanted = weighing.want(self.question, observed, self.confidence, positions, idle)
        return next(self._allowed(wanted), None)

    def likely(self, labels: Labels, flying: Collection[Version]) -> list[Item]:
        """Return what may be wanted once one of those in flight is known.

        Where none of them is of this front, it is what is wanted now and has to wait.
        """
        observed, positions = self._observed(labels), self._positions(flying)
        wanted = stages.likely(self.question, observed, positions)
        waiting = () if wanted else (stages.want(self.question, observed, positions),)
        return [item for item, _ in self._allowed(*wanted, *waiting)]

    def outside(self, labels: Labels, flying: Collection[Version]) -> set[Version]:
        """Return those in flight that narrow nothing here any more."""
        observed = self._observed(labels)
        late = stages.outside(len(self.items), observed, self._positions(flying))
        return {self.items[position].key for position in late}

    def _observed(self, labels: Labels) -> Mapping[int, Sequence[Label]]:
        observed = positioned(self.items, labels)
        return observed if self.about is None else only(observed, self.about)

    def _positions(self, keys: Collection[Version]) -> list[int]:
        return [position for position, item in enumerate(self.items) if item.key in keys]

    def _allowed(self, *wants: Want | None) -> Iterator[tuple[Item, Stage]]:
        for want in wants:
            if want and self.allowed(want.stage):
                yield self.items[want.position], want.stage
