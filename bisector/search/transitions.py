"""The outcomes observed -> the transitions between candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.version import Version

from bisector.finding import Suspicion, Transition
from bisector.model import Outcome
from bisector.search import noise, observed
from bisector.search.candidates import Candidates, Item
from bisector.search.confidence import boundary_confidence
from bisector.search.noise import Assessment
from bisector.search.observed import Boundary

Outcomes = Mapping[Version, Sequence[Outcome]]
"""What the runs of each item came out at, by its key."""


def positioned(items: Sequence[Item], outcomes: Outcomes) -> dict[int, Sequence[Outcome]]:
    """Return the outcomes by the position of their item, as a search takes them."""
    return {
        position: outcomes[item.key] for position, item in enumerate(items) if item.key in outcomes
    }


def transitions(
    candidates: Candidates,
    outcomes: Outcomes,
    confirmations: int,
    assessment: Assessment | None = None,
) -> tuple[Transition, ...]:
    """Return where the outcome changes between neighbouring decided items, in their order.

    One is confirmed where both its sides have been run that often. Where there is an
    ``assessment`` it says which changes are sure enough, and how sure they are.
    """
    return tuple(_Transitions(candidates, outcomes, confirmations, assessment).all())


def suspicions(candidates: Candidates, assessment: Assessment) -> tuple[Suspicion, ...]:
    """Return the changes that are not as sure as was asked."""
    keys = [item.key for item in candidates.items]
    return tuple(
        Suspicion(
            kind=change.kind,
            before=keys[change.before],
            after=keys[change.after],
            confidence=change.confidence,
            earliest=keys[change.credible[0]],
            latest=keys[change.credible[1]],
        )
        for change in assessment.changes
        if not change.sure
    )


class _Transitions:
    """What it takes to tell of each boundary what it is."""

    def __init__(
        self,
        candidates: Candidates,
        outcomes: Outcomes,
        confirmations: int,
        assessment: Assessment | None = None,
    ) -> None:
        self.candidates = candidates
        self.outcomes = outcomes
        self.confirmations = confirmations
        self.items = candidates.items
        self.beside = candidates.beside()
        seen = positioned(self.items, outcomes)
        self.seen = observed.verdicts(len(self.items), seen)
        self.found = observed.boundaries(len(self.items), seen)
        self.sureness: dict[Boundary, float] = {}
        if assessment is not None:
            self.seen = noise.verdicts(len(self.items), seen, assessment)
            self.sureness = {
                Boundary(change.kind, change.before, change.after): change.confidence
                for change in assessment.changes
                if change.sure
            }
            self.found = tuple(self.sureness)
        self.inferred = observed.inferred(self.seen)
        self.counts = [
            (runs.count(Outcome.GOOD), runs.count(Outcome.BAD))
            for runs in (list(seen.get(p, ())) for p in range(len(self.items)))
        ]

    def all(self) -> list[Transition]:
        return [self._transition(number, found) for number, found in enumerate(self.found)]

    def _transition(self, number: int, boundary: Boundary) -> Transition:
        found, items = self.found, self.items
        first = found[number - 1].after if number else 0
        last = found[number + 1].before if number + 1 < len(found) else len(items) - 1
        before, after = items[boundary.before], items[boundary.after]
        return Transition(
            kind=boundary.kind,
            before=before.key,
            after=after.key,
            untested=tuple(self.candidates.between(boundary.before, boundary.after)),
            zoom=self._zoomed(before, after),
            after_not_yanked=self._first_beside(boundary.after),
            confidence=self.sureness[boundary]
            if self.sureness
            else boundary_confidence(
                self.counts[first : last + 1], boundary.before - first, boundary.after - first
            ),
            parting=self.candidates.parting(boundary.before, boundary.after, self._alike),
            confirmed=all(
                sum(self.counts[side]) >= self.confirmations
                for side in (boundary.before, boundary.after)
            ),
        )

    def _alike(self, one: int, other: int) -> bool:
        return self.inferred[one].decided and self.inferred[one] is self.inferred[other]

    def _zoomed(self, before: Item, after: Item) -> tuple[Version, Version] | None:
        """Return what lies inside a transition that it has been narrowed to, if it has been."""
        items = [before, *self.candidates.inside(before, after), after]
        seen = positioned(items, self.outcomes)
        for inner in observed.boundaries(len(items), seen):
            if all(p in seen for p in range(inner.before, inner.after)):
                sides = items[inner.before].key, items[inner.after].key
                return sides if sides != (before.key, after.key) else None
        return None

    def _first_beside(self, after: int) -> Version | None:
        """Return the first decided one of those that stand for ``after``, where any do.

        None where its outcome differs.
        """
        for position in self.beside.get(after, ()):
            if self.seen[position].decided:
                alike = self.seen[position] is self.seen[after]
                return self.items[position].key if alike else None
        return None
