"""What is searched side by side: the candidates, and the pre-releases in each transition.

Each is a search of its own over positions, as ``search`` has it; what they share is the releases
that are in flight, and what has been observed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from packaging.version import Version

from bisector.model import Release
from bisector.search import stages, transitions
from bisector.search.stages import Question, Stage, Want
from bisector.search.transitions import Outcomes


@dataclass(frozen=True, slots=True)
class Front:
    """Releases in order, what is asked about them, and the stages of that which are pursued."""

    releases: Sequence[Release]
    question: Question
    allowed: Callable[[Stage], bool]

    def want(
        self, outcomes: Outcomes, flying: Collection[Version], idle: int
    ) -> tuple[Release, Stage] | None:
        """Return what to measure next beside what is in flight, and why; None where nothing is."""
        observed = transitions.positioned(self.releases, outcomes)
        wanted = stages.want(self.question, observed, self._places(flying), idle)
        return next(self._allowed(wanted), None)

    def likely(self, outcomes: Outcomes, flying: Collection[Version]) -> list[Release]:
        """Return what may be wanted once one of those in flight is known.

        Where none of them is of this front, it is what is wanted now and has to wait.
        """
        observed, places = transitions.positioned(self.releases, outcomes), self._places(flying)
        wanted = stages.likely(self.question, observed, places)
        waiting = () if wanted else (stages.want(self.question, observed, places),)
        return [release for release, _ in self._allowed(*wanted, *waiting)]

    def outside(self, outcomes: Outcomes, flying: Collection[Version]) -> set[Version]:
        """Return those in flight that narrow nothing here any more."""
        observed = transitions.positioned(self.releases, outcomes)
        late = stages.outside(len(self.releases), observed, self._places(flying))
        return {self.releases[place].version for place in late}

    def _places(self, versions: Collection[Version]) -> list[int]:
        return [p for p, release in enumerate(self.releases) if release.version in versions]

    def _allowed(self, *wants: Want | None) -> Iterator[tuple[Release, Stage]]:
        for want in wants:
            if want and self.allowed(want.stage):
                yield self.releases[want.position], want.stage
