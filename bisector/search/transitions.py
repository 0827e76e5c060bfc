"""The labels observed -> the transitions between candidates, and what is so of one failure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from packaging.version import Version

from bisector.finding import Transition
from bisector.model import Outcome
from bisector.search import observed
from bisector.search.candidates import Candidates, Item
from bisector.search.confidence import boundary_confidence
from bisector.search.observed import Boundary, Label

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


def of_failure(labels: Labels, failure: Label) -> dict[Version, Sequence[Outcome]]:
    """Return the outcomes of the runs where one ``failure`` alone is bad; others tell nothing."""
    known = {Outcome.GOOD: Outcome.GOOD, failure: Outcome.BAD}
    return {
        version: [known.get(label, Outcome.UNTESTABLE) for label in runs]
        for version, runs in labels.items()
    }


def transitions(
    candidates: Candidates, labels: Labels, failure: Label, confirmations: int
) -> tuple[Transition, ...]:
    """Return where a ``failure`` comes and goes between neighbouring items, in their order.

    One is confirmed where both its sides have been run that often. What fails otherwise doesn't say
    whether it would fail so as well: it lies inside, as what could not be tested does.
    """
    return tuple(_Transitions(candidates, labels, failure, confirmations).all())


class _Transitions:
    """What it takes to tell of each boundary what it is."""

    def __init__(
        self, candidates: Candidates, labels: Labels, failure: Label, confirmations: int
    ) -> None:
        self.candidates = candidates
        self.outcomes = outcomes = of_failure(labels, failure)
        self.otherwise = {
            version
            for version, runs in labels.items()
            if any(run not in (Outcome.GOOD, Outcome.UNTESTABLE, failure) for run in runs)
        }
        self.confirmations = confirmations
        self.items = candidates.items
        self.beside = candidates.beside()
        seen = positioned(self.items, outcomes)
        self.seen = observed.verdicts(len(self.items), seen)
        self.inferred = observed.inferred(self.seen)
        self.found = observed.boundaries(len(self.items), seen)
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
        between = self.candidates.between(boundary.before, boundary.after)
        return Transition(
            kind=boundary.kind,
            before=before.key,
            after=after.key,
            untested=tuple(v for v in between if v not in self.otherwise),
            otherwise=tuple(v for v in between if v in self.otherwise),
            zoom=self._zoomed(before, after),
            after_not_yanked=self._first_beside(boundary.after),
            confidence=boundary_confidence(
                self.counts[first : last + 1], boundary.before - first, boundary.after - first
            ),
            parting=self.candidates.parting(boundary.before, boundary.after, self._alike),
            confirmed=all(
                sum(self.counts[side]) >= self.confirmations
                for side in (boundary.before, boundary.after)
            ),
        )

    def _alike(self, one: int, other: int) -> bool:
        return self.inferred[one].decided and self.inferred[one] == self.inferred[other]

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
                alike = self.seen[position] == self.seen[after]
                return self.items[position].key if alike else None
        return None
