"""What the numbers of some positions look like: their levels, where these change, what would tell.

This is for finding where to look; what is found is proved by pairs of runs made afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import ceil, log, sqrt
from statistics import median

import numpy as np

from bisector.search import steps

_AIM = 0.05
"""The step that is to be seen wherever it is measured, where nothing else is asked for."""

_GRID = 9
_PENALTY = 6.0
_SURE = 0.8
_DOUBTFUL = 5.0
_CLEAR = 3.3
"""Standard deviations from which on a level is another one: that of the penalty of a change."""

Batch = list[int]


@dataclass(frozen=True, slots=True)
class Scale:
    """How numbers are shown so that steps add up: their logarithm, or divided by a ``divisor``.

    ``least`` is the smallest step that counts.
    """

    least: float
    divisor: float | None = None

    def __call__(self, number: float) -> float:
        """Return what a number is shown as."""
        return log(number) if self.divisor is None else number / self.divisor


@dataclass(frozen=True, slots=True)
class Noticed:
    """A change of the level that lies between two neighbouring measured positions.

    It is ``located`` where that is rather sure; else running ``unclear`` tells.
    """

    before: int
    after: int
    change: float
    located: bool
    unclear: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What a series is asked for: its ``size``, the step to be seen, the most runs of a position.

    ``rounds`` are those of the coarse look.
    """

    size: int
    aim: float | None = None
    rounds: int = 10
    runs: int = 24


class Landscape:
    """The numbers of all ``runs`` in order, as they are now; positions ``blank`` have none.

    No change is looked for between the two neighbours of each of ``closed``.
    """

    def __init__(
        self,
        asked: Asked,
        runs: Sequence[tuple[int, float]],
        blank: frozenset[int],
        scale: Scale,
        closed: frozenset[tuple[int, int]] = frozenset(),
    ) -> None:
        self.asked = asked
        self.blank = blank
        self.scale = scale
        self._closed = closed
        shown = [(position, scale(number)) for position, number in runs]
        series: dict[int, list[float]] = {position: [] for position, _ in sorted(shown)}
        for (position, _), number in zip(shown, steps.detrended(shown)):
            series[position].append(number)
        self.positions = list(series)
        self._series = list(series.values())
        self.noise = steps.spread(self._series)
        self.deviation = max(self.noise, scale.least / 20)
        self.measured = steps.levels(self._series, self.deviation, scale.least / 4)

    @cached_property
    def floor(self) -> float | None:
        """By how much the same release differs between two environments."""
        return steps.floor(self._series, least=1)

    def rounds(self) -> Batch:
        """Return which of those to run once more, so that a step would be seen there."""
        wanted = self._wanted()
        known = {p: len(numbers) for p, numbers in zip(self.positions, self._series)}
        spots = grid(self.asked.size)[-1]
        # A level at an end has no neighbour beyond that would bear it out.
        ends = {spots[0], spots[-1]} if wanted > 2 else set()
        few = [p for p in spots if known.get(p, wanted * 2) < wanted * (2 if p in ends else 1)]
        return few[::-1] if few and known[few[0]] % 2 else few

    def _wanted(self) -> int:
        """Return how many runs of a position it takes for a step to be seen there."""
        aim = self.asked.aim or _AIM
        runs = (_CLEAR / aim) ** 2 * steps.OF_MEDIAN * self.deviation**2
        return min(self.asked.rounds, max(2, ceil(runs)))

    @cached_property
    def noticed(self) -> list[Noticed]:
        """The changes of the level, in order."""
        positions = self.positions
        if len(positions) < 2:
            return []
        segments = steps.Segments(self.measured)
        gaps = [b - a for a, b in pairwise(positions)]
        closed = {n + 1 for n, pair in enumerate(pairwise(positions)) if pair in self._closed}
        penalty = _PENALTY + 2 * log(len(positions))
        changes = segments.changes(penalty, closed)
        noticed = []
        bounds = [0, *changes, segments.size]
        for start, _, end in zip(bounds, bounds[1:], bounds[2:]):
            widths = [0 if n in closed else gaps[n - 1] for n in range(start + 1, end)]
            shares = segments.shares(start, end, widths)
            ranked = [start + 1 + int(n) for n in np.argsort(-shares, kind="stable")]
            best = ranked[0]
            rivals = [n for n in ranked[1:] if shares[n - start - 1] > (1 - _SURE) / 4]
            between = sorted({n for r in rivals for n in range(min(r, best), max(r, best))})
            open_ = [n for n in between if len(self._series[n]) < self.asked.runs]
            located = bool(shares[best - start - 1] >= _SURE) or not open_
            unclear = max(open_, key=lambda n: self.measured.variances[n], default=best)
            size = segments.level(best, end) - segments.level(start, best)
            noticed.append(
                Noticed(positions[best - 1], positions[best], size, located, positions[unclear])
            )
        return noticed

    def doubtful(self) -> Batch:
        """Return what tells whether there is a change where there may well be one, if any.

        That is where two levels fit better than they mostly do by chance, not enough to be one.
        """
        if len(self.positions) < 2 or self.noticed:
            return []
        gains = steps.Segments(self.measured).gains()
        split = 1 + int(np.argmax(gains))
        if gains[split - 1] < _DOUBTFUL:
            return []
        beside = [split - 1, split]
        beside += [split - 2] if split > 1 else []
        beside += [split + 1] if split + 1 < len(self.positions) else []
        few = [n for n in beside if len(self._series[n]) < self.asked.runs]
        return [self.positions[n] for n in few] if few == beside else []

    def is_step(self, noticed: Noticed) -> bool:
        """Return whether its two positions may differ by as much as counts."""
        if not noticed.located or self.inside(noticed.before, noticed.after):
            return False
        one, other = map(self.positions.index, (noticed.before, noticed.after))
        change = self.measured.values[other] - self.measured.values[one]
        error = sqrt(self.measured.variances[one] + self.measured.variances[other])
        directed = change if noticed.change > 0 else -change
        return directed + 2 * error > self.scale.least < abs(noticed.change)

    def narrow(self) -> Batch:
        """Return what tells more of where a change lies; nothing where all is known of each."""
        for noticed in self.noticed:
            if abs(noticed.change) <= self.scale.least / 2:
                continue
            before, after = noticed.before, noticed.after
            if not noticed.located:
                return self._beside([noticed.unclear] * 2, before, after, noticed.change)
            if inside := self.inside(before, after):
                middle = inside[len(inside) // 2]
                return self._beside([middle] * 2, before, after, noticed.change)
        return []

    def _beside(self, batch: Batch, before: int, after: int, change: float) -> Batch:
        """Return a batch with runs of its neighbours, unless drift could hardly matter."""
        if self.noise * 8 < abs(change):
            return batch
        sides = [p for p in (before, after) if p not in batch]
        return [*batch[:1], *sides, *batch[1:]]

    def halve(self) -> Batch:
        """Return the middle of the longest stretch in which nothing was run."""
        known = {*self.positions, *self.blank}
        untested = [p for p in range(self.asked.size) if p not in known]
        if not untested:
            return []
        bounds = [-1, *sorted(known), self.asked.size]
        before, after = max(pairwise(bounds), key=lambda pair: pair[1] - pair[0])
        return [(before + after) // 2] * min(4, self._wanted())

    def inside(self, before: int, after: int) -> list[int]:
        """Return the positions between two that may have a number and weren't run."""
        return [p for p in range(before + 1, after) if p not in self.blank]

    def ends(self) -> tuple[int, int, float, float]:
        """Return the first and last position, how they differ, and the error of that."""
        values, variances = self.measured.values, self.measured.variances
        error = sqrt(variances[0] + variances[-1])
        return self.positions[0], self.positions[-1], values[-1] - values[0], error

    @property
    def seen(self) -> float:
        """The step that would have been seen at any position of the coarse look."""
        return _CLEAR * sqrt(median(self.measured.variances))


def grid(size: int) -> list[Batch]:
    """Return what is looked at before anything else: the ends, then some in between."""
    spots = [{round(s * (size - 1) / (count - 1)) for s in range(count)} for count in (2, _GRID)]
    return [sorted(some) for some in spots]


def changes(landscape: Landscape) -> Iterator[Noticed]:
    """Yield the changes that may be steps between neighbours."""
    return filter(landscape.is_step, landscape.noticed)
