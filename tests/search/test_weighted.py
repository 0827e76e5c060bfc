"""Weighted bisection: it finds the change, and a wrong guess never costs more than one run."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from bisector.search.weighted import choose, most


def asked(
    size: int, change: int, weights: list[float], broken: frozenset[int]
) -> tuple[int, int, int]:
    """How many decided questions it takes, and between which positions the change is then."""
    low, high, left, untestable = -1, size - 1, most(size), set[int]()
    runs = 0
    while (position := choose(low, high, weights, left, untestable)) is not None:
        assert low < position < high
        if position in broken:
            untestable.add(position)
            continue
        runs, left = runs + 1, left - 1
        low, high = (low, position) if position >= change else (position, high)
    return runs, low, high


@st.composite
def searches(draw: st.DrawFn) -> tuple[int, int, list[float], frozenset[int]]:
    size = draw(st.integers(1, 80))
    change = draw(st.integers(0, size - 1))
    weight = st.one_of(st.floats(0, 100), st.just(0.05))
    weights = draw(st.lists(weight, min_size=size, max_size=size))
    broken = draw(st.frozensets(st.integers(0, size - 1), max_size=5))
    return size, change, weights, broken


@given(searches())
def test_it_finds_the_change_with_at_most_one_run_more_than_plain_bisection(
    search: tuple[int, int, list[float], frozenset[int]],
) -> None:
    size, change, weights, _ = search

    runs, low, high = asked(size, change, weights, frozenset())

    assert (low, high) == (change - 1, change)
    assert runs <= (math.ceil(math.log2(size)) if size > 1 else 0) + 1


@given(searches())
def test_nothing_is_blamed_that_could_not_be_asked_about(
    search: tuple[int, int, list[float], frozenset[int]],
) -> None:
    size, change, weights, broken = search

    _, low, high = asked(size, change, weights, broken)

    assert low < change <= high
    assert set(range(low + 1, high)) <= broken


@given(st.integers(4, 80), st.data())
def test_a_right_guess_takes_two_runs(size: int, data: st.DataObject) -> None:
    change = data.draw(st.integers(1, size - 2))
    weights = [0.05] * size
    weights[change] = 100.0

    runs, _, _ = asked(size, change, weights, frozenset())

    assert runs <= max(2, math.ceil(math.log2(size)) - 1)
