"""Runs that may be wrong -> the changes among them, each with its confidence, and what to run next.

All in positions, whose runs are good, bad by one failure, or decided nothing; what a position
stands for is the caller's business. As long as no two runs of a position disagree, what the plain
search comes to is only made as sure as was asked; from the first contradiction on what is run next
is what tells most.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, log
from typing import TYPE_CHECKING

from bisector.finding import Kind
from bisector.model import Outcome
from bisector.search import alike, observed
from bisector.search.observed import Boundary, Observations, Seen, Verdict

if TYPE_CHECKING:
    from bisector.search.posterior import Counts, Posterior

LEAST_RUNS = 2
"""Runs without which no side of a change, and no end of a history without one, is settled."""

_BY_CHANCE = 0.2
"""How often two runs of each side that are alike come of a wrong place, at the worst.

Where a bad release passes every other time, a bisection of it is led by coins. Of the 2(N - 1)
places and directions each is then come to with probability 2 to the minus its runs (Kraft's
inequality): with log2 N + 2 runs until it is narrowed, and one more of each side, that is 1/8 or a
little less. The rest is for what goes wrong after runs disagree. Each further pair divides by 4.
This is what is known of a change by the runs of its two sides alone; `alike` reckons with all.
"""

MOST_CONFIRMATIONS = 12
"""Runs of each side of a change beyond which more, all alike, would not make it surer."""

MOST_CHANGES = 8
"""Changes that a history whose runs disagree may have."""

_SHORT = 1 / 16
"""The part of all positions that a stretch may take up which differs and isn't looked for.

To see a single one takes nearly as many runs of each position as it takes of a side in all.
"""

_WEIGHED = 0.75
"""The part of the doubt asked for that a posterior may use up.

The rest is for searches that are led astray before any two runs disagree (see `alike`), and for
few runs that look clearer than they are: a posterior is right on the average of all rates.
"""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the outcome, which lies most likely between ``before`` and ``after``.

    ``confidence`` is how often that is so, at least; nothing between them has any run. It lies
    between the two positions of ``credible`` with at least the confidence asked for, where it can.
    It is ``sure`` where that is reached, and nothing between the two sides can be run.
    """

    kind: Kind
    before: int
    after: int
    confidence: float
    credible: tuple[int, int]
    sure: bool


@dataclass(frozen=True, slots=True)
class Assessment:
    """What runs say together.

    ``unchanged`` is the probability of no change at all; ``changes`` are none where it is the
    likeliest. ``bad`` are the positions with runs that are more likely bad than good, where there
    are changes. ``doubt`` is the probability that some of this is wrong. It is ``settled`` where it
    is as sure as was asked, nothing between the two sides of a change can be run, and each has
    been run twice. Else ``next`` is what to run, if anything can be. ``unseen`` is how long a
    stretch may be that differs all the same where it is settled that nothing changed, and runs
    disagree (see ``Posterior.unseen``).
    """

    unchanged: float
    changes: tuple[Change, ...]
    bad: frozenset[int]
    doubt: float
    settled: bool
    next: int | None
    unseen: int | None = None


def assess(
    size: int,
    counts: Counts,
    confidence: float = 0.95,
    *,
    untestable: Collection[int] = (),
    costs: Mapping[int, float] | None = None,
    busy: Collection[int] = (),
) -> Assessment:
    """Return what ``counts`` say of ``size`` positions in order, whatever runs disagree.

    Positions that are ``untestable`` are never the next one. ``costs`` are those of a run, by
    position and in any unit, where they aren't all alike. Those that are ``busy`` are being run.
    All changes together, or there being none, have to reach ``confidence``.
    """
    from bisector.search.choice import choose
    from bisector.search.posterior import Posterior

    most = 2
    posterior = Posterior(size, counts, most)
    changes, bad = _changes(posterior, confidence, untestable)
    while len(changes) == most < min(MOST_CHANGES, size - 1):
        most += 2
        posterior = Posterior(size, counts, most)
        changes, bad = _changes(posterior, confidence, untestable)
    short = int(size * _SHORT)
    sures = [change.confidence for change in changes] or [posterior.unchanged_but(short)]
    doubt = min(1.0, sum(1 - sure for sure in sures))
    inside = [p for change in changes for p in range(change.before + 1, change.after)]
    tight = all(position in untestable for position in inside)
    sure = tight and doubt <= 1 - confidence
    sides = [side for change in changes for side in (change.before, change.after)]
    once = [side for side in sides if sum(counts[side]) < LEAST_RUNS]
    following = None
    if sure and once:
        following = next((side for side in once if side not in busy), None)
    elif not sure:
        following = choose(posterior, untestable, costs, busy)
    settled = sure and not once
    # Half the doubt is for a change that is stated where there is another.
    unseen = posterior.unseen((1 - confidence) / 2) if settled and not changes else None
    return Assessment(posterior.unchanged, changes, bad, doubt, settled, following, unseen)


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
    return alike.sureness(runs, boundary, others)


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

    Within what a change that is not sure may lie in nothing is decided, nor where runs disagree
    and there is no change.
    """
    seen = observed.verdicts(size, observations)
    if not (doubtful(size, observations) and assessment.changes):
        return seen
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


def _changes(
    posterior: Posterior, confidence: float, untestable: Collection[int]
) -> tuple[tuple[Change, ...], frozenset[int]]:
    """Return the changes of the likeliest history, and its bad positions with runs."""
    if posterior.unchanged >= 0.5 or len(posterior.tested) < 2:
        return (), frozenset()
    bad = [bool(2 * share >= 1 - posterior.unchanged) for share in posterior.bad]
    turns = [n for n, (one, other) in enumerate(pairwise(bad)) if one is not other]
    changes = []
    for turn, last, following in zip(turns, [-1, *turns], [*turns[1:], len(bad) - 1]):
        kind = Kind.INTRODUCED if bad[turn + 1] else Kind.FIXED
        shares = posterior.introduced if bad[turn + 1] else posterior.fixed
        gaps = range(last + 1, following)
        changes.append(_change(posterior, kind, shares.tolist(), gaps, confidence, untestable))
    return tuple(changes), frozenset(p for p, is_bad in zip(posterior.tested, bad) if is_bad)


def _change(
    posterior: Posterior,
    kind: Kind,
    shares: list[float],
    gaps: range,
    confidence: float,
    untestable: Collection[int],
) -> Change:
    """Return the change that lies in one of ``gaps``, which have these ``shares`` of it."""

    def sure_by(share: float) -> float:
        return max(0.0, 1 - (1 - share) / _WEIGHED)

    best = max(gaps, key=lambda gap: shares[gap] / posterior.gaps[gap])
    low = high = best
    credible = shares[best]
    while sure_by(credible) < confidence and (low > gaps[0] or high < gaps[-1]):
        below = shares[low - 1] if low > gaps[0] else -1.0
        above = shares[high + 1] if high < gaps[-1] else -1.0
        low, high = (low - 1, high) if below >= above else (low, high + 1)
        credible += max(below, above)
    tested = posterior.tested
    return Change(
        kind,
        tested[best],
        tested[best + 1],
        sure_by(shares[best]),
        (tested[low], tested[high + 1]),
        sure_by(shares[best]) >= confidence
        and all(p in untestable for p in range(tested[best] + 1, tested[best + 1])),
    )
