"""Runs that may be wrong -> the changes among them, each with its confidence, and what to run next.

All in positions, whose runs are good, bad by one failure, or decided nothing; what a position
stands for is the caller's business. As long as no two runs of a position disagree, what the plain
search comes to is only made as sure as was asked; from the first contradiction on what is run next
is what tells most.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import ceil, log

from bisector.model import Outcome
from bisector.search import alike, observed
from bisector.search.assessment import LEAST_RUNS, Assessment, Change, assess
from bisector.search.observed import Boundary, Observations, Seen, Verdict

_BY_CHANCE = 0.2
"""How often two runs of each side that are alike come of a wrong place, at the worst.

Where a bad release passes every other time, a bisection of it is led by coins. Of the 2(N - 1)
places and directions each is then come to with probability 2 to the minus its runs (Kraft's
inequality): with log2 N + 2 runs until it is narrowed, and one more of each side, that is 1/8 or a
little less. The rest is for what goes wrong after runs disagree. Each further pair divides by 4.
This is what is known of a change by the runs of its two sides alone; `alike` reckons with all.
"""

_AGREEING = 0.6
"""The part of the doubt asked for that may be left where no runs of a position disagree.

The rest is for the searches whose runs do: with all of it here, some rates took up most of it.
"""

MOST_CONFIRMATIONS = 12
"""Runs of each side of a change beyond which more, all alike, would not make it surer."""


def weigh(
    size: int, observations: Observations, confidence: float, busy: Collection[int] = ()
) -> Assessment:
    """Return what ``observations`` say of ``size`` positions in order.

    As long as they are alike at each position, every change between them counts, and their sides
    are run until all of them together are as sure as was asked. Where there is none, both ends are
    run again: twice where all is good, since all has been looked at then, and as often as a
    change's sides where all is bad.
    """
    counts = {
        position: (list(runs).count(Outcome.GOOD), list(runs).count(Outcome.BAD))
        for position, runs in observations.items()
    }
    if doubtful(size, observations):
        untestable = [p for p, (good, bad) in counts.items() if not good + bad]
        return assess(size, counts, confidence, untestable=untestable, busy=busy)
    runs = {position: sum(both) for position, both in counts.items()}
    found = observed.boundaries(size, observations)
    changes = tuple(
        Change(
            kind=boundary.kind,
            before=boundary.before,
            after=boundary.after,
            confidence=_agreeing(runs, boundary, found),
            credible=(boundary.before, boundary.after),
            sure=True,
        )
        for boundary in found
    )
    bad = frozenset(position for position, (_, bad) in counts.items() if bad)
    tested = [position for position in sorted(runs) if runs[position]]
    most = confirmations(confidence) if bad else LEAST_RUNS
    few = [end for end in tested[-1:] + tested[:1] if runs[end] < most]
    doubt = sum(1 - change.confidence for change in changes)
    sure = doubt <= 1 - confidence
    if changes:
        by_doubt = sorted(zip(changes, found), key=lambda pair: pair[0].confidence)
        sides = [side for _, one in by_doubt for side in _surest(runs, one, found) if not sure]
        # A side that decides nothing any more, run after run, is given up.
        few = [
            side
            for side in sides
            if runs[side] < MOST_CONFIRMATIONS and len(observations[side]) < 2 * MOST_CONFIRMATIONS
        ]
    return Assessment(
        unchanged=0.0 if changes else 1.0,
        changes=changes,
        bad=bad,
        doubt=min(1.0, doubt),
        settled=bool(tested) and sure,
        next=next((position for position in few if position not in busy), None),
    )


def _agreeing(runs: Mapping[int, int], boundary: Boundary, found: Sequence[Boundary]) -> float:
    """Return how sure one of the boundaries ``found`` is, where no runs disagree."""
    others = [one for one in found if one is not boundary]
    return max(0.0, 1 - (1 - alike.sureness(runs, boundary, others)) / _AGREEING)


def _surest(runs: Mapping[int, int], boundary: Boundary, found: Sequence[Boundary]) -> list[int]:
    """Return both sides of a boundary, first that whose next run makes it surest."""
    others = [one for one in found if one is not boundary]

    def after(side: int) -> tuple[float, int]:
        more = {**runs, side: runs[side] + 1}
        return -alike.sureness(more, boundary, others), runs[side]

    return sorted((boundary.before, boundary.after), key=after)


def doubtful(size: int, observations: Observations) -> bool:
    """Return whether runs of one position disagree."""
    return Verdict.CONFLICTING in observed.verdicts(size, observations)


def verdicts(size: int, observations: Observations, assessment: Assessment) -> list[Seen]:
    """Return what is made of each position: good and bad as ``assessment`` has it.

    Within what a change that is not sure may lie in nothing is decided, nor anywhere where runs
    disagree and there is no change: what a release's only run says is as much chance as the rest.
    """
    seen = observed.verdicts(size, observations)
    if not doubtful(size, observations):
        return seen
    if not assessment.changes:
        return [Verdict.CONFLICTING if verdict.decided else verdict for verdict in seen]
    believed: list[Seen] = [
        (Verdict.BAD if position in assessment.bad else Verdict.GOOD)
        if verdict.decided or verdict is Verdict.CONFLICTING
        else verdict
        for position, verdict in enumerate(seen)
    ]
    for change in assessment.changes:
        if not change.sure:
            for position in range(change.credible[0] + 1, change.credible[1]):
                believed[position] = seen[position]
    return believed


def confirmations(confidence: float) -> int:
    """Return how often both sides of a change are run where no runs disagree."""
    if confidence > sureness(MOST_CONFIRMATIONS):
        return MOST_CONFIRMATIONS
    return LEAST_RUNS + max(0, ceil(log(_BY_CHANCE / (1 - confidence), 4) - 1e-9))


def sureness(runs: int) -> float:
    """Return how sure a change is both sides of which were run so often, all of them alike."""
    return max(0.0, 1 - _BY_CHANCE * 4.0 ** (LEAST_RUNS - runs))
