"""What has been observed at each position, and what that says: verdicts, boundaries, gaps.

Everything here is in positions ``0 .. size-1`` and labels; what a position stands for is the
caller's business, and so is what makes two failures the same one.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from bisector.finding import Kind
from bisector.model import Outcome

Label = Hashable
"""What a run says: ``Outcome.GOOD``, ``Outcome.UNTESTABLE`` where it decided nothing, or a failure.

Any other value is a failure, and equal ones are the same failure; where there is but one,
``Outcome.BAD`` will do.
"""

Observations = Mapping[int, Sequence[Label]]
"""The labels of the runs at each position."""


Key = TypeVar("Key")


class Verdict(Enum):
    """What all the runs at one position say together."""

    UNTESTED = "untested"
    GOOD = "good"
    BAD = "bad"
    UNTESTABLE = "untestable"
    CONFLICTING = "conflicting"

    @property
    def decided(self) -> bool:
        """Whether a transition may lean on it."""
        return self in (Verdict.GOOD, Verdict.BAD)

    @property
    def fails(self) -> bool:
        """Whether all runs that decided anything failed alike."""
        return self is Verdict.BAD

    @property
    def failure(self) -> Label:
        """The failure, where it is one."""
        return Outcome.BAD if self.fails else None


@dataclass(frozen=True, slots=True)
class Failing:
    """The verdict where all runs that decided anything failed, by one ``failure`` of several."""

    failure: Label

    @property
    def decided(self) -> bool:
        """Whether a transition may lean on it."""
        return True

    @property
    def fails(self) -> bool:
        """Whether all runs that decided anything failed alike."""
        return True

    @property
    def value(self) -> str:
        """What people call it."""
        return Verdict.BAD.value


Seen = Verdict | Failing
"""What all the runs at one position say together, failures told apart."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """Two neighbouring decided positions whose labels differ; nothing between is decided."""

    kind: Kind
    before: int
    after: int


def alone(labels: Mapping[Key, Sequence[Label]], failure: Label) -> dict[Key, Sequence[Outcome]]:
    """Return the outcomes of runs where one ``failure`` alone is bad; others tell nothing."""
    known, nothing = {Outcome.GOOD: Outcome.GOOD, failure: Outcome.BAD}, Outcome.UNTESTABLE

    def told(runs: Sequence[Label]) -> list[Outcome]:
        if runs and runs.count(runs[0]) == len(runs):  # as nearly always, be they thousands
            return [known.get(runs[0], nothing)] * len(runs)
        return [known.get(label, nothing) for label in runs]

    return {key: told(runs) for key, runs in labels.items()}


def verdict(runs: Sequence[Outcome]) -> Verdict:
    """Return what ``runs`` say together, all failures being one."""
    seen = together(runs)
    return Verdict.BAD if isinstance(seen, Failing) else seen


def together(runs: Sequence[Label]) -> Seen:
    """Return what ``runs`` say together; a run that decided nothing never outvotes one that did."""
    if not runs:
        return Verdict.UNTESTED
    decided = set(runs) - {Outcome.UNTESTABLE}
    if len(decided) > 1:
        return Verdict.CONFLICTING
    if not decided:
        return Verdict.UNTESTABLE
    label = decided.pop()
    named = {Outcome.GOOD: Verdict.GOOD, Outcome.BAD: Verdict.BAD}
    return named[label] if isinstance(label, Outcome) else Failing(label)


def verdicts(size: int, observations: Observations) -> list[Seen]:
    """Return the verdict of each position."""
    return [together(observations.get(position, ())) for position in range(size)]


def boundaries(size: int, observations: Observations) -> tuple[Boundary, ...]:
    """Return where the label changes between neighbouring decided positions, in order."""
    return tuple(changes(verdicts(size, observations)))


def inferred(seen: Sequence[Seen]) -> list[Seen]:
    """Return the verdicts with those between decided neighbours that agree filled in."""
    filled = list(seen)
    for before, after in gaps(seen):
        if before >= 0 and after < len(seen) and seen[before] == seen[after]:
            filled[before + 1 : after] = [seen[before]] * (after - before - 1)
    return filled


def longest_untested(size: int, observations: Observations) -> int:
    """Return U: no run of equal labels longer than U positions can have been missed."""
    seen = verdicts(size, observations)
    return max((after - before - 1 for before, after in gaps(seen)), default=0)


def changes(seen: Sequence[Seen]) -> Iterator[Boundary]:
    """Yield where the verdict changes between neighbouring decided positions, in order."""
    decided = [position for position, verdict in enumerate(seen) if verdict.decided]
    for before, after in itertools.pairwise(decided):
        if seen[before] != seen[after]:
            kind = Kind.INTRODUCED if seen[after].fails else Kind.FIXED
            both = seen[before].fails and seen[after].fails
            yield Boundary(Kind.CHANGED if both else kind, before, after)


def tight(seen: Sequence[Seen]) -> Iterator[Boundary]:
    """Yield the boundaries between whose two sides nothing is left to try."""
    for boundary in changes(seen):
        if Verdict.UNTESTED not in seen[boundary.before : boundary.after]:
            yield boundary


def gaps(seen: Sequence[Seen]) -> list[tuple[int, int]]:
    """Return the pairs of neighbouring decided positions, the two outsides counting as decided."""
    decided = [-1, *(p for p, verdict in enumerate(seen) if verdict.decided), len(seen)]
    return list(itertools.pairwise(decided))
