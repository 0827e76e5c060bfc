"""The loop: ask what is wanted, have it measured, tell what is known; then say what was learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from packaging.version import Version

from bisector.finding import Finding, Stopped
from bisector.model import Measurement
from bisector.search.candidates import Item
from bisector.search.knowledge import Knowledge, keys
from bisector.search.observed import Verdict
from bisector.search.scheduler import Running, pursue
from bisector.search.stages import Stage

Start = Callable[[Item], Running]
"""Starts one measurement of an item."""

Expect = Callable[[Sequence[Item]], None]
"""Is told of the items of which one may be measured next, so that it can be made ready."""


Posterior = Callable[[], Mapping[tuple[Version, Version], float]]
"""Returns how likely the outcome changed between each two neighbours; it takes milliseconds."""


class Listener(Protocol):
    """What is told of a search while it goes on; every method may be called at any time."""

    def started(self, item: Item, stage: Stage) -> None:
        """A measurement of ``item`` has been handed out."""

    def finished(self, measurement: Measurement, verdicts: Mapping[Version, Verdict], /) -> None:
        """A measurement is complete; ``verdicts`` are those of all candidates now."""

    def believed(self, posterior: Posterior, /) -> None:
        """Runs may disagree: ``posterior`` returns then where the outcome may have changed."""

    def stopped(self, item: Item) -> None:
        """A measurement that is no longer wanted has been stopped."""

    def settled(self, finding: Finding, assure_s: float) -> None:
        """The transitions are settled; what is untested is looked at for ``assure_s`` more."""


class Bisection:
    """One search that goes on from what is known; ``expect`` None where nothing can be prepared."""

    def __init__(
        self,
        knowledge: Knowledge,
        start: Start,
        *,
        clock: Callable[[], float],
        listener: Listener,
        expect: Expect | None = None,
    ) -> None:
        self.knowledge = knowledge
        self.listener = listener
        self.expect = expect
        self.measured = 0
        self._start = start
        self._clock = clock

    def run(self) -> Finding:
        """Search until the transitions are settled, then assure; return what was learned.

        An interrupt is no error: what was known by then is returned, and ``stopped`` says so
        unless the transitions were settled already.
        """
        began = self._clock()
        knowledge, options = self.knowledge, self.knowledge.options
        settled = False
        try:
            self._pursue(lambda stage: stage < Stage.ASSURE)
            settled = True
            if knowledge.stopped:
                return knowledge.finding()
            assure_s = options.assuring_s(self._clock() - began if self.measured else 0.0)
            if knowledge.main(lambda _: True).want(knowledge.labels(), (), idle=1) is None:
                assure_s = 0.0
            self.listener.settled(knowledge.finding(), assure_s)
            deadline = self._clock() + assure_s
            self._pursue(lambda stage: stage < Stage.ASSURE or self._clock() < deadline)
        except KeyboardInterrupt:
            if not settled:
                knowledge.stopped = Stopped.INTERRUPTED
        return knowledge.finding()

    def _pursue(self, allowed: Callable[[Stage], bool]) -> None:
        """Measure what is wanted while its stage is ``allowed``, on all fronts at once."""
        pursue(_Pursuit(self, allowed), self._start, self.knowledge.options.jobs)


class _Pursuit:
    """What one search has on its agenda while the stages ``allowed`` are pursued."""

    def __init__(self, bisection: Bisection, allowed: Callable[[Stage], bool]) -> None:
        self.bisection = bisection
        self.knowledge = bisection.knowledge
        self.main = self.knowledge.main(allowed)
        self.narrowing: set[Version] = set()

    def next(self, flying: Sequence[Item], idle: int, /) -> Item | None:
        wanted = self.knowledge.want(self.main, flying, idle)
        if wanted is None:
            return None
        item, stage = wanted
        if self.bisection.measured == self.knowledge.options.max_probes:
            if stage < Stage.ASSURE:
                self.knowledge.stopped = Stopped.MAX_PROBES
            return None
        self.bisection.measured += 1
        self.bisection.listener.started(item, stage)
        self.narrowing.discard(item.key)  # what was stopped may be wanted for itself
        if stage is Stage.NARROW:
            self.narrowing.add(item.key)
        return item

    def waiting(self, flying: Sequence[Item], /) -> None:
        if self.bisection.expect:
            self.bisection.expect(self.knowledge.likely(self.main, flying))

    def done(self, item: Item, measurement: Measurement, /) -> None:
        run = self.knowledge.add(item, measurement)
        self.bisection.listener.finished(run, self.knowledge.verdicts())
        self.bisection.listener.believed(self.knowledge.posterior)

    def unwanted(self, flying: Sequence[Item], /) -> list[Item]:
        late = self.knowledge.outside(self.main, self.narrowing & keys(flying))
        unwanted = [item for item in flying if item.key in late]
        for item in unwanted:
            self.bisection.listener.stopped(item)
            self.bisection.measured -= 1
        return unwanted
