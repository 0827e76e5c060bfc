"""Runs that may be wrong -> where the outcome changes, how surely, and at which rates runs are bad.

A history is a chain of good and bad positions, whose runs are bad at two unknown rates. Given the
rates, a forward and a backward pass (Rabiner, 1989) over the positions with runs sums over all
histories, each place of a change being as likely as any other; the rates are summed over on a grid.
Positions without runs, untestable or not looked at, so keep their prior weight.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from functools import cache, cached_property
from itertools import pairwise
from math import comb

import numpy as np

from bisector.search.rates import PRIOR, TINY, Floats, Prior, grid

Counts = Mapping[int, tuple[int, int]]
"""The good and the bad runs of each position that has any."""


class Posterior:
    """What ``counts`` say of ``size`` positions among which the outcome changes ``most`` times.

    ``tested`` are the positions with runs, in order, and a gap is what lies between two of them:
    gap ``n`` is that after the tested position ``n``.
    """

    def __init__(self, size: int, counts: Counts, most: int = 2, prior: Prior = PRIOR) -> None:
        self.size = size
        self.most = max(1, min(most, size - 1))
        self.rates = grid(prior)
        self.tested = [position for position in sorted(counts) if sum(counts[position])]
        self._weights = prior.changes(self.most)
        good = np.array([counts[position][0] for position in self.tested], dtype=float)
        bad = np.array([counts[position][1] for position in self.tested], dtype=float)
        logs = self.rates.log_likelihood(good, bad)
        self._first, self._second = logs[:, self.rates.first], logs[:, self.rates.second]
        evidence = self._pass(self._first, self._second)
        none = np.log(self.rates.weight * self._weights[0]) + logs.sum(axis=0)
        changed = np.log(self.rates.pair_weight) + evidence
        self._evidence = float(np.logaddexp.reduce([*none, *changed]))
        self.unchanged_at: Floats = np.exp(none - self._evidence)
        """P(no change, a rate of bad runs), by rate."""
        self.changed_at: Floats = np.exp(changed - self._evidence)
        """P(some change, two rates), by pair of rates."""

    @property
    def unchanged(self) -> float:
        """The probability of no change at all."""
        return float(self.unchanged_at.sum())

    @property
    def gaps(self) -> list[int]:
        """The number of places for a change in each gap."""
        return [after - before for before, after in pairwise(self.tested)]

    @cached_property
    def bad(self) -> Floats:
        """P(bad, and some change), by tested position."""
        return np.asarray(self.sides(self.states)[1].sum(axis=1))

    @cached_property
    def introduced(self) -> Floats:
        """P(good before a gap and bad after it), by gap."""
        return self._changes[0]

    @cached_property
    def fixed(self) -> Floats:
        """P(bad before a gap and good after it), by gap."""
        return self._changes[1]

    def stretch(self, longer_than: int = 0) -> float:
        """Return P(two changes, and more positions between them than so many)."""
        if self.most < 2 or longer_than > self.size - 3:
            return 0.0
        gains = np.cumsum(self._second - self._first, axis=0)
        before = np.searchsorted(self.tested, np.arange(1, self.size))
        gained = np.concatenate([np.zeros((1, gains.shape[1])), gains])[before]
        begun = np.logaddexp.accumulate(-gained, axis=0)[: -1 - longer_than]
        ended = gained[1 + longer_than :]
        weight = self.rates.pair_weight * self._weights[2] / comb(self.size - 1, 2)
        each = np.log(weight) + self._first.sum(axis=0)
        return float(np.exp(begun + ended + each - self._evidence).sum())

    def unchanged_but(self, longest: int) -> float:
        """Return P(no change, or two and no more positions between them than so many)."""
        return self.unchanged + self.stretch() - self.stretch(longest)

    def unseen(self, doubt: float) -> int:
        """Return the most positions of a stretch that may differ, where nothing changed.

        A longer one has a probability of ``doubt`` at most, were it as likely as no change before
        any run: how often there is none would otherwise say how often one is missed.
        """
        odds = self._weights[0] / self._weights[2] if self.most > 1 else 0.0

        def surely(longest: int) -> bool:
            longer = odds * self.stretch(longest)
            return longer <= doubt * (longer + self.unchanged)

        return bisect_left(range(self.size), True, key=surely)

    def at(self, position: int) -> Floats:
        """Return P(k changes before an untested ``position``, two rates), by k and pair."""
        number = sum(tested < position for tested in self.tested)
        since = self.tested[number - 1] if number else 0
        until = self.tested[number] if number < len(self.tested) else self.size - 1
        before = _ways(position - since, self.most) @ self._before(number - 1)
        both = before * (_ways(until - position, self.most).T @ self._after(number))
        states: Floats = both / np.maximum(both.sum(axis=0), TINY) * self.changed_at
        return states

    def sides(self, states: Floats) -> tuple[Floats, Floats]:
        """Return ``states`` as P(good, two rates) and P(bad, two rates), by position and pair."""
        even, odd = states[:, 0::2].sum(axis=1), states[:, 1::2].sum(axis=1)
        upwards = self.rates.upwards
        return np.where(upwards, even, odd), np.where(upwards, odd, even)

    def _pass(self, first: Floats, second: Floats) -> Floats:
        """Go over the tested positions and back; return the log-evidence by pair of rates."""
        higher = np.maximum(first, second)
        self._seen = np.empty((len(self.tested), self.most + 1, first.shape[1]))
        self._seen[:, 0::2] = np.exp(first - higher)[:, None]
        self._seen[:, 1::2] = np.exp(second - higher)[:, None]
        evidence = higher.sum(axis=0)
        self._forward = np.empty_like(self._seen)
        self._backward = np.empty_like(self._seen)
        since = 0
        for number, position in enumerate(self.tested):
            state = _ways(position - since, self.most) @ self._before(number - 1)
            state *= self._seen[number]
            total = np.maximum(state.sum(axis=0), TINY)
            self._forward[number] = state / total
            evidence += np.log(total)
            since = position
        rest = _ways(self.size - 1 - since, self.most).T @ self._after(len(self.tested))
        last = (self._before(len(self.tested) - 1) * rest).sum(axis=0)
        until = self.size - 1
        for number in reversed(range(len(self.tested))):
            later = _ways(until - self.tested[number], self.most).T @ self._after(number + 1)
            self._backward[number] = later / np.maximum(later.max(axis=0), TINY)
            until = self.tested[number]
        return np.asarray(evidence + np.log(np.maximum(last, TINY)))

    def _before(self, number: int) -> Floats:
        """Return the weight of k changes up to a tested position; -1 is the first of all."""
        if number >= 0:
            return np.asarray(self._forward[number])
        state = np.zeros((self.most + 1, len(self.rates.first)))
        state[0] = 1.0
        return state

    def _after(self, number: int) -> Floats:
        """Return the weight of the runs from a tested position on, after k changes."""
        if number < len(self.tested):
            return np.asarray(self._seen[number] * self._backward[number])
        weights = [0.0] + [
            self._weights[k] / max(1, comb(self.size - 1, k)) for k in range(1, self.most + 1)
        ]
        return np.repeat(np.array(weights)[:, None], len(self.rates.first), axis=1)

    @cached_property
    def states(self) -> Floats:
        """P(k changes before, two rates), by tested position, k and pair."""
        both = self._forward * self._backward
        return np.asarray(both / np.maximum(both.sum(axis=1), TINY)[:, None] * self.changed_at)

    @cached_property
    def _changes(self) -> tuple[Floats, Floats]:
        gaps = self.gaps
        introduced, fixed = np.zeros(len(gaps)), np.zeros(len(gaps))
        if not gaps:
            return introduced, fixed
        before, after = self._forward[:-1], self._seen[1:] * self._backward[1:]
        ways = np.array([_ways(gap, self.most) for gap in gaps])
        total = ((ways @ before) * after).sum(axis=1)
        share = self.changed_at / np.maximum(total, TINY)
        upwards = self.rates.upwards
        for step in range(1, self.most + 1, 2):
            both = before[:, : self.most + 1 - step] * after[:, step:]
            both *= (ways[:, step, :1] * share)[:, None]
            even, odd = both[:, 0::2].sum(axis=1), both[:, 1::2].sum(axis=1)
            introduced += np.where(upwards, even, odd).sum(axis=1)
            fixed += np.where(upwards, odd, even).sum(axis=1)
        return introduced, fixed


@cache
def _ways(places: int, most: int) -> Floats:
    """Return in how many ways k changes become j among so many places, as [j, k]."""
    ways = np.zeros((most + 1, most + 1))
    for before in range(most + 1):
        for after in range(before, most + 1):
            ways[after, before] = comb(places, after - before)
    return ways
