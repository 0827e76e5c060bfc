"""All runs, whichever disagree -> the changes among them, each with its confidence, and what next.

All in positions, by the posterior over every history; see `noise` for what goes before it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from bisector.finding import Kind

if TYPE_CHECKING:
    from bisector.search.posterior import Counts, Posterior

LEAST_RUNS = 2
"""Runs without which no side of a change, and no end of a history without one, is settled."""

MOST_CHANGES = 8
"""Changes that a history whose runs disagree may have."""

_SHORT = 1 / 16
"""The part of all positions that a stretch may take up which differs and isn't looked for.

To see a single one takes nearly as many runs of each position as it takes of a side in all.
"""

_WEIGHED = 0.5
"""The part of the doubt asked for that a posterior may use up.

The rest is for searches that are led astray before any two runs disagree (see `alike`), and for
few runs that look clearer than they are: a posterior is right on the average of all rates, and
least often where good and bad releases both come out wrong.
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
    disagree (see ``Posterior.unseen``); None where nothing is known of that.
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

    Positions that are ``untestable`` are never the next one, and whether anything changed is not
    about them. ``costs`` are those of a run, by position and in any unit, where they aren't all
    alike. Those that are ``busy`` are being run. All changes together, or there being none, have to
    reach ``confidence``.
    """
    from bisector.search.choice import choose
    from bisector.search.posterior import Posterior

    most = 2
    posterior = Posterior(size, counts, most)
    testable = _among_testable(posterior, counts, untestable)
    changes: tuple[Change, ...] = ()
    bad: frozenset[int] = frozenset()
    if testable.unchanged < 0.5 and len(testable.tested) > 1:
        changes, bad = _changes(posterior, confidence, untestable)
    while len(changes) == most < min(MOST_CHANGES, size - 1):
        most += 2
        posterior = Posterior(size, counts, most)
        changes, bad = _changes(posterior, confidence, untestable)
    short = int(testable.size * _SHORT)
    sures = [change.confidence for change in changes] or [testable.unchanged_but(short)]
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
    unseen = _unseen(testable, confidence) if settled and not changes else None
    return Assessment(testable.unchanged, changes, bad, doubt, settled, following, unseen)


def _among_testable(posterior: Posterior, counts: Counts, untestable: Collection[int]) -> Posterior:
    """Return what is known of the positions that can be run, as if there were no others.

    Whether something changed is about them: what only untestable ones may do can't be known.
    """
    from bisector.search.posterior import Posterior

    if not untestable:
        return posterior
    others = [position for position in range(posterior.size) if position not in untestable]
    numbered = enumerate(others)
    return Posterior(len(others), {n: counts[p] for n, p in numbered if p in counts})


def _unseen(testable: Posterior, confidence: float) -> int | None:
    """Return how long a stretch may be that differs all the same; None where about half may.

    Half of what may be used up is for changes that are stated where there are others.
    """
    longest = testable.unseen(_WEIGHED * (1 - confidence) / 2)
    return longest if 2 * longest < testable.size - 1 else None


def _changes(
    posterior: Posterior, confidence: float, untestable: Collection[int]
) -> tuple[tuple[Change, ...], frozenset[int]]:
    """Return the changes of the likeliest history that has some, and its bad positions with runs.

    None where it would be one that no position with runs shows.
    """
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
        return float(share ** (1 / _WEIGHED))  # near 1 it is 1 less the doubt by that part

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
