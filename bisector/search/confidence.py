"""Repeated outcomes -> how sure a transition is.

The model is that of git_bayesect: on each side of a boundary runs are bad at an unknown rate,
Beta(½, ½) on each, and every boundary, as well as "no transition", has the same prior weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, lgamma, log, pi

Counts = tuple[int, int]
"""The good and the bad runs at one position."""


def boundary_confidence(counts: Sequence[Counts], before: int, after: int) -> float:
    """Return the posterior probability, 0 to 1, of one change between ``before`` and ``after``.

    ``counts`` are those of a stretch of positions in which the outcome changes once; untested
    positions, with ``(0, 0)``, keep their prior weight.
    """
    total_good = sum(good for good, _ in counts)
    total_bad = sum(bad for _, bad in counts)
    weights = []
    left_good = left_bad = 0
    for good, bad in counts[:-1]:
        left_good += good
        left_bad += bad
        weights.append(
            _log_evidence(left_good, left_bad)
            + _log_evidence(total_good - left_good, total_bad - left_bad)
        )
    no_transition = _log_evidence(total_good, total_bad)
    highest = max([no_transition, *weights])
    scaled = [exp(weight - highest) for weight in weights]
    return sum(scaled[before:after]) / (sum(scaled) + exp(no_transition - highest))


def _log_evidence(good: int, bad: int) -> float:
    """Return log B(½ + bad, ½ + good) / B(½, ½)."""
    return lgamma(bad + 0.5) + lgamma(good + 0.5) - lgamma(good + bad + 1) - log(pi)
