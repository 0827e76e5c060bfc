"""How often runs are bad: the rates that are thought possible, and their weight before any run.

A good release may fail now and then, and a bad one pass: all that is supposed is that bad releases
fail clearly more often. Numpy is imported by this module and those that stand on it only: a search
whose runs are alike, and that asks for no confidence, doesn't need it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

TINY = 1e-300
"""What stands for 0 where its logarithm is taken or is divided by."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What is thought of a history before any run.

    ``unchanged`` and ``once`` are the weights of the outcome changing never and once; the rest is
    that of two changes and more, each a third as likely as one fewer. ``steady`` is the weight of
    no run ever being wrong, ``one_sided`` that of only good, or only bad, releases never being so.
    Else rates are ``nodes`` points, equally likely by the Jeffreys prior, and bad releases fail
    more often than good ones by ``least_difference`` at least. The values were chosen by
    simulation: more weight on ``steady`` saves runs where none is wrong, and is wrong more often
    than is said where bad releases often pass.
    """

    unchanged: float = 0.3
    once: float = 0.55
    steady: float = 0.15
    one_sided: float = 0.1
    nodes: int = 10
    least_difference: float = 0.2

    def changes(self, most: int) -> list[float]:
        """Return the weights of 0 to ``most`` changes."""
        rest = 1 - self.unchanged - self.once
        further = [rest * 2 / 3 ** (number + 1) for number in range(most - 1)]
        return [self.unchanged, self.once, *further][: most + 1]


PRIOR = Prior()


@dataclass(frozen=True, slots=True)
class Rates:
    """A grid of the rates of bad runs.

    ``rate`` are the single ones, for histories without a change, with their ``weight``. ``first``
    and ``second`` are pairs of indices into it, with ``pair_weight``: the rate before the first
    change, between the second and the third, and so on, and the other one.
    """

    rate: Floats
    weight: Floats
    first: Indices
    second: Indices
    pair_weight: Floats

    @property
    def upwards(self) -> NDArray[np.bool_]:
        """Whether the first rate of a pair is that of good releases."""
        return self.rate[self.first] < self.rate[self.second]

    def log_likelihood(self, good: Floats, bad: Floats) -> Floats:
        """Return the log-likelihood of so many good and bad runs, by position and single rate."""
        log_good = np.log(np.maximum(1.0 - self.rate, TINY))
        log_bad = np.log(np.maximum(self.rate, TINY))
        return np.asarray(np.outer(good, log_good) + np.outer(bad, log_bad))


@cache
def grid(prior: Prior) -> Rates:
    """Return the grid of ``prior``; its last two single rates are 0 and 1."""
    nodes = prior.nodes
    rate = np.append(np.sin(np.pi / 2 * (np.arange(nodes) + 0.5) / nodes) ** 2, [0.0, 1.0])
    free: list[tuple[int, int]] = []
    one_sided: list[tuple[int, int]] = []
    steady: list[tuple[int, int]] = []
    for a in range(nodes + 2):
        for b in range(nodes + 2):
            if abs(rate[a] - rate[b]) >= prior.least_difference:
                (free, one_sided, steady)[(a >= nodes) + (b >= nodes)].append((a, b))
    wavering = 1 - prior.steady - prior.one_sided
    kinds = ((free, wavering), (one_sided, prior.one_sided), (steady, prior.steady))
    pairs = np.array([pair for kind, _ in kinds for pair in kind])
    return Rates(
        rate=rate,
        weight=np.array([(1 - prior.steady) / nodes] * nodes + [prior.steady / 2] * 2),
        first=pairs[:, 0],
        second=pairs[:, 1],
        pair_weight=np.concatenate([[share / len(kind)] * len(kind) for kind, share in kinds]),
    )
