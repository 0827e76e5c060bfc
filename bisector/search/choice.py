"""What to run next where runs may be wrong: what tells most about the places, per second."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from bisector.search.posterior import Posterior
from bisector.search.rates import TINY, Floats

_CUTS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Where a gap is tried, from its first to its last position."""

_FEW = 8
"""Tested positions up to which every gap is tried."""

_HARDLY = 0.005
"""The probability of a change in a gap below which it isn't tried otherwise."""


def choose(
    posterior: Posterior,
    untestable: Collection[int],
    costs: Mapping[int, float] | None = None,
    busy: Collection[int] = (),
) -> int | None:
    """Return the position whose next run tells most, in bits by cost; None where none can be run.

    What a run tells is the mutual information of its outcome and of what it is a run of: a good
    position, a bad one, or one of a history without a change; the rates are integrated over.
    ``costs`` are relative; a position has 1 where nothing is said. Those that are ``busy`` are
    not chosen.
    """
    inside = _untested(posterior, untestable)
    positions = [*posterior.tested, *inside]
    if not positions:
        return None
    states = posterior.states
    if inside:
        states = np.concatenate([states, [posterior.at(position) for position in inside]])
    told = _information(posterior, states)
    told /= [(costs or {}).get(position, 1.0) for position in positions]
    idle = [number for number, position in enumerate(positions) if position not in busy]
    return positions[max(idle, key=lambda number: float(told[number]))] if idle else None


def _information(posterior: Posterior, states: Floats) -> Floats:
    """Return the bits that a run tells, by the states of its position as ``at`` gives them."""
    rates = posterior.rates
    first, second = rates.rate[rates.first], rates.rate[rates.second]
    good, bad = posterior.sides(states)
    unchanged = np.full(len(states), posterior.unchanged)
    groups = (
        (good.sum(axis=1), good @ np.minimum(first, second)),
        (bad.sum(axis=1), bad @ np.maximum(first, second)),
        (unchanged, np.full(len(states), posterior.unchanged_at @ rates.rate)),
    )
    failing = sum(joint for _, joint in groups)
    known = sum(share * _entropy(joint / np.maximum(share, TINY)) for share, joint in groups)
    return np.asarray(_entropy(np.asarray(failing)) - known)


def _untested(posterior: Posterior, untestable: Collection[int]) -> list[int]:
    """Return a few positions of each stretch in which a change may lie."""
    edges = [-1, *posterior.tested, posterior.size]
    changes = [1.0, *(posterior.introduced + posterior.fixed), 1.0]
    found = []
    for before, after, share in zip(edges, edges[1:], changes):
        if share >= _HARDLY or len(posterior.tested) <= _FEW:
            inside = [p for p in range(before + 1, after) if p not in untestable]
            cuts = {inside[int((len(inside) - 1) * cut)] for cut in _CUTS if inside}
            found += sorted(cuts)
    return found


def _entropy(probability: Floats) -> Floats:
    """Return the bits of an outcome that has this probability."""
    p = np.clip(probability, TINY, 1.0)
    q = np.clip(1.0 - probability, TINY, 1.0)
    return np.asarray(-p * np.log2(p) - q * np.log2(q))
