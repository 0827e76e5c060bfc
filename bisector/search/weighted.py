"""Bisection that asks first where the change is likeliest; a wrong guess costs one run at most."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence


def most(size: int) -> int:
    """Return how many questions ``choose`` leads to at most, with ``size`` places for a change.

    Plain bisection takes ⌈log2 size⌉; this one question more.
    """
    return math.ceil(math.log2(size)) + 1 if size > 1 else 0


def choose(
    low: int, high: int, weights: Sequence[float], left: int, untestable: Collection[int] = ()
) -> int | None:
    """Return the position to ask about, of those between a good ``low`` and a bad ``high``.

    ``weights[p]`` is how likely the change came with position ``p``. The question that halves the
    weight is best (Knuth, The Art of Computer Programming 3, 6.2.2), unless one answer would leave
    more places than the ``left - 1`` questions after it can tell apart. ``untestable`` positions
    are stepped around; None where nothing is left to ask about.
    """
    open_ = [position for position in range(low + 1, high) if position not in untestable]
    if not open_:
        return None
    reach = 2 ** max(0, left - 1)
    fair = [p for p in open_ if p - low <= reach and high - p <= reach]
    if not fair:
        middle = (low + high) / 2
        return min(open_, key=lambda position: abs(position - middle))
    total = sum(weights[low + 1 : high + 1]) or 1.0

    def imbalance(position: int) -> tuple[float, float]:
        before = sum(weights[low + 1 : position + 1]) / total
        return abs(before - 0.5), abs(position - (low + high) / 2)

    return min(fair, key=imbalance)
