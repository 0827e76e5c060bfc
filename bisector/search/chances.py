"""How likely it is, where runs disagree, that the outcome changed between two neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from bisector.model import Outcome
from bisector.search import noise, observed
from bisector.search.assessment import MOST_CHANGES
from bisector.search.observed import Observations
from bisector.search.weighing import Assessments

Chance = tuple[int, int, float]
"""Two neighbouring positions with runs, and the probability of a change between them."""


def chances(size: int, observations: Observations, assessments: Assessments) -> list[Chance]:
    """Return where the outcome may have changed, by the posterior over all histories.

    It is that of the first failure whose runs disagree with others of the same position; empty
    where none do.
    """
    for failure, assessment in assessments.items():
        runs = observed.alone(observations, failure)
        if noise.doubtful(size, runs):
            return _posterior(size, runs, len(assessment.changes))
    return []


def _posterior(size: int, runs: Observations, changes: int) -> list[Chance]:
    from bisector.search.posterior import Posterior  # it needs numpy, as in `noise`

    counts = {
        position: (list(labels).count(Outcome.GOOD), list(labels).count(Outcome.BAD))
        for position, labels in runs.items()
    }
    most = min(MOST_CHANGES, 2 + 2 * (changes // 2))
    posterior = Posterior(size, counts, most)
    shares: Sequence[float] = (posterior.introduced + posterior.fixed).tolist()
    return [(*gap, min(1.0, share)) for gap, share in zip(pairwise(posterior.tested), shares)]
