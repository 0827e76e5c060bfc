"""What has been observed at each position, and what that says: verdicts, boundaries, gaps.

Everything here is in positions ``0 .. size-1`` and outcomes; what a position stands for is the
caller's business.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from bisector.finding import Kind
from bisector.model import Outcome

Observations = Mapping[int, Sequence[Outcome]]
"""What the runs at each position came out at."""


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


@dataclass(frozen=True, slots=True)
class Boundary:
    """Two neighbouring decided positions whose outcomes differ; nothing between is decided."""

    kind: Kind
    before: int
    after: int


def verdict(runs: Sequence[Outcome]) -> Verdict:
    """Return what ``runs`` say together; a run that decided nothing never outvotes one that did."""
    if not runs:
        return Verdict.UNTESTED
    good, bad = Outcome.GOOD in runs, Outcome.BAD in runs
    if good and bad:
        return Verdict.CONFLICTING
    if good or bad:
        return Verdict.GOOD if good else Verdict.BAD
    return Verdict.UNTESTABLE


def verdicts(size: int, observations: Observations) -> list[Verdict]:
    """Return the verdict of each position."""
    return [verdict(observations.get(position, ())) for position in range(size)]


def boundaries(size: int, observations: Observations) -> tuple[Boundary, ...]:
    """Return where the outcome changes between neighbouring decided positions, in order."""
    return tuple(changes(verdicts(size, observations)))


def inferred(seen: Sequence[Verdict]) -> list[Verdict]:
    """Return the verdicts with those between decided neighbours that agree filled in."""
    filled = list(seen)
    for before, after in gaps(seen):
        if before >= 0 and after < len(seen) and seen[before] is seen[after]:
            filled[before + 1 : after] = [seen[before]] * (after - before - 1)
    return filled


def longest_untested(size: int, observations: Observations) -> int:
    """Return U: no run of equal outcomes longer than U positions can have been missed."""
    seen = verdicts(size, observations)
    return max((after - before - 1 for before, after in gaps(seen)), default=0)


def changes(seen: Sequence[Verdict]) -> Iterator[Boundary]:
    """Yield where the verdict changes between neighbouring decided positions, in order."""
    decided = [position for position, verdict in enumerate(seen) if verdict.decided]
    for before, after in itertools.pairwise(decided):
        if seen[before] is not seen[after]:
            kind = Kind.INTRODUCED if seen[after] is Verdict.BAD else Kind.FIXED
            yield Boundary(kind, before, after)


def tight(seen: Sequence[Verdict]) -> Iterator[Boundary]:
    """Yield the boundaries between whose two sides nothing is left to try."""
    for boundary in changes(seen):
        if Verdict.UNTESTED not in seen[boundary.before : boundary.after]:
            yield boundary


def gaps(seen: Sequence[Verdict]) -> list[tuple[int, int]]:
    """Return the pairs of neighbouring decided positions, the two outsides counting as decided."""
    decided = [-1, *(p for p, verdict in enumerate(seen) if verdict.decided), len(seen)]
    return list(itertools.pairwise(decided))
