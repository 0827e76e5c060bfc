"""Numbers that may have stepped: what pairs of runs prove, how large a step is, where it lies.

All in logarithms, or in any other unit in which steps add up; positions and clocks are the
caller's business. Nothing here is random: the same numbers give the same answer.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import ceil, erf, exp, log, sqrt, tanh
from statistics import median

import numpy as np

_EDGES = (0.25, 0.5, 1.0, 2.0)
"""The steps that are bet on, in standard deviations of a difference."""

_STAKES = ((0.98, 2 / 3), (0.5, 1 / 3))
"""The most of its capital that a bet may put on one pair, and how much of all bets do."""

_MEDIAN = 0.9539
"""The median distance of two normal numbers whose standard deviation is 1."""

_EXACT = 30
"""So many numbers at most have their interval by counting all signs."""

_BLOCK = 12
"""The runs in which a machine hardly drifts."""

_TURNS = 6

OF_MEDIAN = 1.57
"""The variance of a median beside that of a mean, of normal numbers."""


def capital(differences: Sequence[float], least: float, spread: float) -> list[float]:
    """Return what bets that a step is larger than ``least`` have made of 1, after each pair.

    ``differences`` are those of interleaved pairs of runs, counted in the direction of the step,
    and ``spread`` is about their standard deviation; it must not come from them. Where the
    differences lie symmetrically around ``least`` or around less, no rule for stopping lets the
    capital pass c with a probability above 1/c: it is a nonnegative supermartingale (Ville), since
    given its size a deviation is as often negative, and what is staked grows with the size. See
    Ramdas et al., "Game-theoretic statistics and safe anytime-valid inference" (2023).
    """
    capitals = [(share / len(_EDGES), edge, most) for most, share in _STAKES for edge in _EDGES]
    wealth = [share for share, _, _ in capitals]
    told = []
    for difference in differences:
        deviation = difference - least
        size, sign = abs(deviation) / max(spread, 1e-12), 1 if deviation > 0 else -1
        for number, (_, edge, most) in enumerate(capitals):
            wealth[number] *= 1 + sign * min(most, tanh(edge * size))
        told.append(sum(wealth))
    return told


def center(numbers: Sequence[float], confidence: float = 0.95) -> tuple[float, float, float]:
    """Return where symmetric numbers are centred, with the ends of its interval.

    It is the median of the means of any two (Hodges and Lehmann), the interval is Wilcoxon's: exact
    for few, by the normal approximation for many; of fewer than 6, all that the means span.
    """
    values = np.asarray(numbers, dtype=float)
    size = len(values)
    rows, columns = np.triu_indices(size)
    means = np.sort((values[rows] + values[columns]) / 2)
    left_out = _left_out(size, confidence)
    middle = float(means[(len(means) - 1) // 2] + means[len(means) // 2]) / 2
    return middle, float(means[left_out]), float(means[-1 - left_out])


@cache
def _left_out(size: int, confidence: float) -> int:
    """Return how many means lie beyond each end of an interval that holds the centre that often.

    One that leaves k out misses it where Wilcoxon's signed-rank statistic is k or less.
    """
    if size > _EXACT:
        deviation = sqrt(size * (size + 1) * (2 * size + 1) / 24)
        return max(0, int(size * (size + 1) / 4 - _quantile(confidence) * deviation))
    ways = [1]  # by the sum of the ranks, of all 2 ** size signs
    for rank in range(1, size + 1):
        shifted = [0] * rank + ways
        ways = [one + other for one, other in zip([*ways, *[0] * rank], shifted)]
    missed, left_out = 0, -1
    while missed + ways[left_out + 1] <= (1 - confidence) / 2 * 2**size:
        left_out += 1
        missed += ways[left_out]
    return max(0, left_out)


def spread(series: Sequence[Sequence[float]]) -> float:
    """Return about the standard deviation of one run, from the runs of several releases in order.

    Neighbouring runs of each are compared, so that drift counts for little; the median is taken.
    """
    distances = [abs(later - earlier) for numbers in series for earlier, later in pairwise(numbers)]
    return median(distances) / _MEDIAN if distances else 0.0


def detrended(runs: Sequence[tuple[int, float]]) -> list[float]:
    """Return the numbers of runs, in order, without what the machine's drift adds to them.

    What neighbouring runs of several releases have in common is drift, as far as these ran at other
    times as well: levels and drift are fitted by turns (Buja, Hastie and Tibshirani, "Linear
    smoothers and additive models", 1989), by medians.
    """
    numbers = [number for _, number in runs]
    if len(numbers) < 2 * _BLOCK:
        return numbers
    owned: dict[int, list[int]] = {}
    for time, (position, _) in enumerate(runs):
        owned.setdefault(position, []).append(time)
    size = ceil(len(numbers) / _BLOCK)
    blocks = [range(b * _BLOCK, min(len(numbers), (b + 1) * _BLOCK)) for b in range(size)]
    drift, rest = [0.0] * size, list(numbers)
    for _ in range(_TURNS):
        for times in owned.values():
            level = median(numbers[t] - drift[t // _BLOCK] for t in times)
            for t in times:
                rest[t] = numbers[t] - level
        drift = [median(rest[t] for t in block) for block in blocks]
        middle = median(drift)
        drift = [one - middle for one in drift]
    return [number - drift[t // _BLOCK] for t, number in enumerate(numbers)]


def floor(series: Sequence[Sequence[float]], least: int = 2) -> float | None:
    """Return by how much the same release differs between two environments, in the median.

    Every other run of a release is in the one, the others in the other. None where nothing has
    ``least`` runs in both.
    """
    differences = [
        abs(median(numbers[::2]) - median(numbers[1::2]))
        for numbers in series
        if len(numbers) >= 2 * least
    ]
    return median(differences) if differences else None


@dataclass(frozen=True, slots=True)
class Levels:
    """The levels that were measured, in order: each with its variance, as far as it is known."""

    values: tuple[float, ...]
    variances: tuple[float, ...]


def levels(series: Sequence[Sequence[float]], deviation: float, jitter: float) -> Levels:
    """Return the medians of some releases' runs.

    ``deviation`` is that of one run. Those of releases between which nothing happened differ by
    about ``jitter`` nevertheless.
    """
    return Levels(
        tuple(median(numbers) for numbers in series),
        tuple(OF_MEDIAN * deviation**2 / len(numbers) + jitter**2 for numbers in series),
    )


class Segments:
    """Levels that are the same between changes: weighted squares, summed over any stretch."""

    def __init__(self, measured: Levels) -> None:
        weights = 1 / np.asarray(measured.variances)
        values = np.asarray(measured.values)
        self._weights = np.concatenate([[0.0], np.cumsum(weights)])
        self._sums = np.concatenate([[0.0], np.cumsum(weights * values)])
        self._squares = np.concatenate([[0.0], np.cumsum(weights * values**2)])
        self.size = len(values)

    def misfits(self, starts: np.ndarray | int, end: np.ndarray | int) -> np.ndarray:
        """Return how badly one level fits from each start to before the end, as chi square."""
        weight = self._weights[end] - self._weights[starts]
        total = self._sums[end] - self._sums[starts]
        square = self._squares[end] - self._squares[starts]
        return np.asarray(np.maximum(0.0, square - total**2 / weight))

    def level(self, start: int, end: int) -> float:
        """Return the level from a start to before an end."""
        weight = self._weights[end] - self._weights[start]
        return float((self._sums[end] - self._sums[start]) / weight)

    def changes(self, penalty: float, forbidden: Collection[int] = ()) -> list[int]:
        """Return before which numbers the level changes, each change worth its ``penalty``.

        It is the partition with the least misfit and penalties of all (Jackson et al., "An
        algorithm for optimal partitioning of data on an interval", 2005), without changes that are
        ``forbidden``.
        """
        best = np.full(self.size + 1, np.inf)
        best[0] = -penalty
        previous = [0] * (self.size + 1)
        open_ = np.array([start not in forbidden for start in range(self.size)])
        open_[0] = True
        for end in range(1, self.size + 1):
            starts = np.arange(end)
            costs = best[:end] + self.misfits(starts, end) + penalty
            costs[~open_[:end]] = np.inf
            previous[end] = int(np.argmin(costs))
            best[end] = costs[previous[end]]
        changes, end = [], self.size
        while end and previous[end]:
            end = previous[end]
            changes.append(end)
        return changes[::-1]

    def gains(self) -> np.ndarray:
        """Return how much better two levels fit than one, changing before each but the first."""
        splits = np.arange(1, self.size)
        both = self.misfits(0, splits) + self.misfits(splits, self.size)
        return np.asarray(self.misfits(0, self.size) - both)

    def shares(self, start: int, end: int, widths: Sequence[int]) -> np.ndarray:
        """Return how likely the one change of a stretch is to lie before each of its numbers.

        That is from the second on; ``widths`` are how many places there are before each of those.
        """
        splits = np.arange(start + 1, end)
        fits = -(self.misfits(start, splits) + self.misfits(splits, end)) / 2
        shares = np.asarray(widths, dtype=float) * np.exp(fits - fits.max())
        return np.asarray(shares / shares.sum())


def is_first(number: int) -> bool:
    """Return whether the old side of a pair runs first: in the order of Thue and Morse.

    ABBA BAAB: a drift over any few pairs that is a polynomial cancels.
    """
    return number.bit_count() % 2 == 0


def share(number: int) -> float:
    """Return the share of the doubt allowed that the test of one more place may use, from 1 on.

    However many places there come to be, they are 1 together.
    """
    return 1 / (number * (number + 1))


def _quantile(confidence: float) -> float:
    """Return how many standard deviations hold that much of a normal distribution."""
    low, high = 0.0, 10.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if erf(middle / sqrt(2)) < confidence else (low, middle)
    return high


def ratio(difference: float) -> float:
    """Return what a difference of logarithms is as a factor."""
    return exp(min(700.0, difference))


def logarithm(share_: float) -> float:
    """Return how much a logarithm grows where a number does by that share of it."""
    return log(1 + share_)
