"""How sure a change is where no two runs of a position disagree: what else may look like that.

The change may lie elsewhere, and releases have come out wrong by chance, each time alike. How often
they do is not known, so it is taken to be what makes that likeliest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from bisector.search.observed import Boundary

_RATES = tuple(n / 20 for n in range(1, 17))
"""How often a run may be wrong: bad releases fail more often than good ones, by 0.2 at least."""


def sureness(runs: Mapping[int, int], boundary: Boundary, others: Sequence[Boundary] = ()) -> float:
    """Return how sure it is that a change is where ``runs`` by position put it.

    Each place of a change is as likely as any other before any run. A place beside the boundary's
    explains the runs between the two if all of those were wrong, and none of those beyond was; the
    doubt is the sum over the places, on the side and at the rate where it is largest. Whatever that
    rate is, of all searches no more than a share of d are led to a wrong place without a
    contradiction and with a doubt of d or less: each path that a search can take has a probability
    of 1 by the number of places where no run is wrong, and of that times its doubt where it leads
    astray. ``others`` are the other boundaries.
    """
    first = max((b.after for b in others if b.after <= boundary.before), default=-1)
    last = min((b.before for b in others if b.before >= boundary.after), default=None)
    tested = sorted(position for position, number in runs.items() if number)
    left = [p for p in reversed(tested) if first <= p <= boundary.before]
    right = [p for p in tested if p >= boundary.after and (last is None or p <= last)]
    ends = [
        max((b.before for b in others if b.after == first), default=None),
        min((b.after for b in others if b.before == last), default=None),
    ]
    before = _explained(runs, left, ends[0], sum(runs[p] for p in right))
    after = _explained(runs, right, ends[1], sum(runs[p] for p in left))
    return max(0.0, 1 - max(before, after) / (boundary.after - boundary.before))


def _explained(runs: Mapping[int, int], side: Sequence[int], end: int | None, others: int) -> float:
    """Return the weight of the places beyond each of ``side``, the nearest first."""
    widths = [abs(q - p) for p, q in pairwise(side)]
    widths.append(1 if end is None or not side else abs(side[-1] - end))
    wrong = 0
    places = []
    for position, width in zip(side, widths):
        wrong += runs[position]
        places.append((width, wrong))
    return max(
        sum(width * rate**number for width, number in places) * (1 - rate) ** others
        for rate in _RATES
    )
