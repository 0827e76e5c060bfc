"""The posterior of the places against a sum over every history, and what must hold of it always."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bisector.search.choice import choose
from bisector.search.posterior import Counts, Posterior
from bisector.search.rates import TINY, Prior, grid

FEW = Prior(nodes=4)
MOST = 3
runs = st.tuples(st.integers(0, 3), st.integers(0, 3))
small = st.integers(2, 7).flatmap(
    lambda size: st.tuples(
        st.just(size), st.dictionaries(st.integers(0, size - 1), runs, min_size=1, max_size=size)
    )
)
large = st.integers(2, 200).flatmap(
    lambda size: st.tuples(
        st.just(size), st.dictionaries(st.integers(0, size - 1), runs, min_size=1, max_size=20)
    )
)


History = tuple[tuple[int, ...], float, float]
"""The places of its changes, and the rates of bad runs before the first and after it."""


def weighed(size: int, counts: Counts) -> list[tuple[History, float]]:
    """Return every history with its probability."""
    rates, weights = grid(FEW), FEW.changes(MOST)
    steady = [((rate, rate), share) for rate, share in zip(rates.rate, rates.weight)]
    pairs = zip(rates.rate[rates.first], rates.rate[rates.second])
    changing = list(zip(pairs, rates.pair_weight))
    found: list[tuple[History, float]] = []
    for number in range(min(MOST, size - 1) + 1):
        share = weights[number] / math.comb(size - 1, number)
        for places in itertools.combinations(range(1, size), number):
            for (first, second), weight in changing if number else steady:
                evidence = 1.0
                for position, (good, bad) in counts.items():
                    rate = (first, second)[sum(place <= position for place in places) % 2]
                    evidence *= (1 - rate) ** good * rate**bad
                found.append(((places, first, second), share * weight * evidence))
    total = sum(weight for _, weight in found)
    return [(history, weight / total) for history, weight in found]


def brute_force(size: int, counts: Counts) -> tuple[float, list[float], list[float]]:
    """Return P(no change), and by gap P(introduced) and P(fixed), by summing over all histories."""
    tested = sorted(position for position in counts if sum(counts[position]))
    introduced, fixed = [0.0] * (len(tested) - 1), [0.0] * (len(tested) - 1)
    unchanged = 0.0
    for (places, first, second), share in weighed(size, counts):
        unchanged += 0.0 if places else share
        rate = {p: (first, second)[sum(q <= p for q in places) % 2] for p in range(size)}
        for gap, (before, after) in enumerate(itertools.pairwise(tested)):
            introduced[gap] += share * (rate[before] < rate[after])
            fixed[gap] += share * (rate[before] > rate[after])
    return unchanged, introduced, fixed


@given(small)
@settings(max_examples=40, deadline=None)
def test_it_is_the_sum_over_all_histories(history: tuple[int, dict[int, tuple[int, int]]]) -> None:
    size, counts = history
    if any(map(sum, counts.values())):
        posterior = Posterior(size, counts, MOST, FEW)
        unchanged, introduced, fixed = brute_force(size, counts)
        assert posterior.unchanged == pytest.approx(unchanged)
        assert list(posterior.introduced) == pytest.approx(introduced)
        assert list(posterior.fixed) == pytest.approx(fixed)


@given(small)
@settings(max_examples=40, deadline=None)
def test_stretches_are_the_sum_over_all_of_their_length(
    history: tuple[int, dict[int, tuple[int, int]]],
) -> None:
    size, counts = history
    posterior = Posterior(size, counts, MOST, FEW)
    for longest in range(size if any(map(sum, counts.values())) else 0):
        longer = sum(
            share
            for (places, _, _), share in weighed(size, counts)
            if len(places) == 2 and places[1] - places[0] > longest
        )
        assert posterior.stretch(longest) == pytest.approx(longer)


@given(large, st.floats(0.001, 0.5))
@settings(deadline=None)
def test_no_longer_stretch_than_may_be_unseen_is_likely(
    history: tuple[int, dict[int, tuple[int, int]]], doubt: float
) -> None:
    """And any shorter one is: were two changes as likely as none before any run."""
    size, counts = history
    posterior = Posterior(size, counts)
    unseen = posterior.unseen(doubt)
    odds = Prior().unchanged / Prior().changes(2)[2]
    longer = [odds * posterior.stretch(longest) for longest in (unseen, max(0, unseen - 1))]
    shares = [one / (one + posterior.unchanged + TINY) for one in longer]
    assert shares[0] <= doubt + 1e-9
    assert unseen == 0 or shares[1] > doubt - 1e-9
    assert posterior.unchanged_but(size) == pytest.approx(posterior.unchanged + posterior.stretch())
    assert posterior.unchanged_but(0) == pytest.approx(posterior.unchanged)


@given(large)
@settings(deadline=None)
def test_good_and_bad_mean_the_same_to_it(history: tuple[int, dict[int, tuple[int, int]]]) -> None:
    size, counts = history
    one = Posterior(size, counts)
    other = Posterior(size, {p: (bad, good) for p, (good, bad) in counts.items()})
    assert other.unchanged == pytest.approx(one.unchanged)
    assert list(other.introduced) == pytest.approx(list(one.fixed))


@given(large)
@settings(deadline=None)
def test_what_was_not_run_keeps_its_weight(
    history: tuple[int, dict[int, tuple[int, int]]],
) -> None:
    """All that a position without runs may be adds up, to the probability of some change."""
    size, counts = history
    posterior = Posterior(size, counts)
    for position in {0, size // 2, size - 1} - set(posterior.tested):
        assert posterior.at(position).sum() == pytest.approx(1 - posterior.unchanged)


def test_no_runs_say_what_was_thought_before() -> None:
    prior = Prior()
    assert Posterior(50, {}, 1).unchanged == pytest.approx(
        prior.unchanged / (prior.unchanged + prior.once)
    )


def test_thousands_of_runs_do_not_overflow() -> None:
    alternating = {p: (0, 2000) if 100 <= p < 300 else (2000, 0) for p in range(0, 512, 4)}
    posterior = Posterior(512, alternating)
    assert posterior.unchanged == pytest.approx(0)
    assert np.flatnonzero(posterior.introduced > 0.99).tolist() == [24]
    assert np.flatnonzero(posterior.fixed > 0.99).tolist() == [74]


@given(large, st.sets(st.integers(0, 199)))
@settings(deadline=None)
def test_what_it_chooses_can_be_run(
    history: tuple[int, dict[int, tuple[int, int]]], untestable: set[int]
) -> None:
    size, counts = history
    posterior = Posterior(size, counts)
    chosen = choose(posterior, untestable)
    assert chosen is None or 0 <= chosen < size
    assert chosen in posterior.tested or chosen not in untestable


def test_of_two_that_tell_as_much_the_cheaper_one_is_chosen() -> None:
    posterior = Posterior(3, {0: (1, 0), 2: (1, 0)})
    assert choose(posterior, {1}, {0: 1.0, 2: 5.0}) == 0
    assert choose(posterior, {1}, {0: 5.0, 2: 1.0}) == 2
