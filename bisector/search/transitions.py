"""The labels observed -> the transitions between candidates, and what is so of one failure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from packaging.version import Version

from bisector.finding import Suspicion, Transition
from bisector.model import Outcome
from bisector.search import noise, observed
from bisector.search.assessment import Assessment
from bisector.search.candidates import Candidates, Item
from bisector.search.observed import Boundary, Label, Verdict

Labels = Mapping[Version, Sequence[Label]]
"""The labels of the runs of each item, by its key."""

Position = TypeVar("Position")


def positioned(items: Sequence[Item], labels: Labels) -> dict[int, Sequence[Label]]:
    """Return the labels by the position of their item, as a search takes them."""
    return {position: labels[item.key] for position, item in enumerate(items) if item.key in labels}


def only(
    labels: Mapping[Position, Sequence[Label]], about: Collection[Label]
) -> dict[Position, Sequence[Label]]:
    """Return the labels with every one that is not ``about`` deciding nothing."""
    return {
        position: [label if label in about else Outcome.UNTESTABLE for label in runs]
        for position, runs in labels.items()
    }


def transitions(
    candidates: Candidates,
    labels: Labels,
    failure: Label,
    confirmations: int,
    assessment: Assessment | None = None,
) -> tuple[Transition, ...]:
    """Return where a ``failure`` comes and goes between neighbouring items, in their order.

    One is confirmed where both its sides have been run that often. What fails otherwise doesn't say
    whether it would fail so as well: it lies inside, as what could not be tested does.
    Where there is an ``assessment`` of the failure it says which changes are sure enough, and how
    sure; else that comes of how often both sides have been run.
    """
    return tuple(_Transitions(candidates, labels, failure, confirmations, assessment).all())


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
        labels: Labels,
        failure: Label,
        confirmations: int,
        assessment: Assessment | None,
    ) -> None:
        self.candidates = candidates
        self.outcomes = outcomes = observed.alone(labels, failure)
        self.otherwise = {
            version
            for version, runs in labels.items()
            if not set(runs) <= {Outcome.GOOD, Outcome.UNTESTABLE, failure}
        }
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
        return [self._transition(boundary) for boundary in self.found]

    def _transition(self, boundary: Boundary) -> Transition:
        items = self.items
        runs = min(sum(self.counts[side]) for side in (boundary.before, boundary.after))
        before, after = items[boundary.before], items[boundary.after]
        between = self.candidates.between(boundary.before, boundary.after)
        return Transition(
            kind=boundary.kind,
            before=before.key,
            after=after.key,
            untested=tuple(v for v in between if v not in self.otherwise),
            otherwise=tuple(v for v in between if v in self.otherwise),
            zoom=self._zoomed(before, after),
            after_not_yanked=self._first_beside(boundary.after),
            confidence=self.sureness.get(boundary, noise.sureness(runs)),
            parting=self.candidates.parting(boundary.before, boundary.after, self._alike),
            confirmed=runs >= self.confirmations,
        )

    def _alike(self, one: int, other: int) -> bool:
        return self.inferred[one].decided and self.inferred[one] == self.inferred[other]

    def _zoomed(self, before: Item, after: Item) -> tuple[Version, Version] | None:
        """Return what lies inside a transition that it has been narrowed to, if it has been."""
        items = [before, *self.candidates.inside(before, after), after]
        seen = positioned(items, self.outcomes)
        if Verdict.CONFLICTING in observed.verdicts(len(items), seen):
            return None
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
                alike = self.seen[position] == self.seen[after]
                return self.items[position].key if alike else None
        return None
