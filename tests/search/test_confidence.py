"""The posterior of a transition against numerical integration, and what must hold of it always."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisector.search.confidence import Counts, boundary_confidence

runs = st.tuples(st.integers(0, 6), st.integers(0, 6))


def likelihood(good: int, bad: int, steps: int = 20_000) -> float:
    """The probability of such runs at an unknown rate, Beta(½, ½), by summing over the rates.

    With rate = sin² t the prior's density is constant in t, so that midpoints are accurate.
    """
    width = math.pi / 2 / steps
    angles = ((step + 0.5) * width for step in range(steps))
    return (
        sum(math.sin(angle) ** (2 * bad) * math.cos(angle) ** (2 * good) for angle in angles)
        / steps
    )


def brute_force(counts: list[Counts], before: int, after: int) -> float:
    def evidence(stretch: list[Counts]) -> float:
        return likelihood(sum(good for good, _ in stretch), sum(bad for _, bad in stretch))

    boundaries = [
        evidence(counts[:place]) * evidence(counts[place:]) for place in range(1, len(counts))
    ]
    return sum(boundaries[before:after]) / (sum(boundaries) + evidence(counts))


@pytest.mark.parametrize(
    ("counts", "before", "after"),
    [
        ([(1, 0), (0, 1)], 0, 1),
        ([(2, 0), (0, 2)], 0, 1),
        ([(1, 0), (2, 0), (0, 2), (0, 1)], 1, 2),
        ([(2, 0), (0, 0), (0, 0), (0, 2)], 0, 3),
        ([(3, 1), (1, 3)], 0, 1),
        ([(0, 2), (2, 0), (1, 0)], 0, 1),
        ([(1, 1), (0, 0), (4, 0), (0, 5)], 2, 3),
    ],
)
def test_it_is_the_integral_over_all_rates(counts: list[Counts], before: int, after: int) -> None:
    expected = brute_force(counts, before, after)
    assert boundary_confidence(counts, before, after) == pytest.approx(expected, abs=1e-6)


@given(st.lists(runs, min_size=2, max_size=40), st.data())
def test_it_is_a_probability(counts: list[Counts], data: st.DataObject) -> None:
    before = data.draw(st.integers(0, len(counts) - 2))
    after = data.draw(st.integers(before + 1, len(counts) - 1))
    assert 0.0 <= boundary_confidence(counts, before, after) <= 1.0


@given(st.lists(runs, min_size=2, max_size=20))
def test_all_boundaries_and_none_at_all_are_everything(counts: list[Counts]) -> None:
    """Each boundary alone adds up to the whole stretch, and something is left for "none"."""
    parts = [boundary_confidence(counts, place, place + 1) for place in range(len(counts) - 1)]
    whole = boundary_confidence(counts, 0, len(counts) - 1)
    assert sum(parts) == pytest.approx(whole)
    assert whole < 1.0


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 20), st.integers(1, 20))
def test_more_runs_that_agree_never_make_it_less_sure(
    left: int, right: int, more_left: int, more_right: int
) -> None:
    few = boundary_confidence([(left, 0), (0, right)], 0, 1)
    many = boundary_confidence([(left + more_left, 0), (0, right + more_right)], 0, 1)
    assert many >= few


@given(st.lists(runs, min_size=2, max_size=20))
def test_good_and_bad_mean_the_same_to_it(counts: list[Counts]) -> None:
    """No direction: introduced is as sure as fixed is, from the same runs."""
    swapped = [(bad, good) for good, bad in counts]
    assert boundary_confidence(swapped, 0, 1) == pytest.approx(boundary_confidence(counts, 0, 1))


def test_a_release_that_was_not_tested_keeps_its_share() -> None:
    """The answer is the interval: what lies inside it is not decided by looking away."""
    interval = [(2, 0), (0, 0), (0, 2)]
    assert boundary_confidence(interval, 0, 1) == pytest.approx(boundary_confidence(interval, 1, 2))
    assert boundary_confidence(interval, 0, 2) == pytest.approx(
        2 * boundary_confidence(interval, 0, 1)
    )


def test_a_run_that_disagrees_makes_it_less_sure() -> None:
    agreeing = boundary_confidence([(4, 0), (0, 4)], 0, 1)
    disagreeing = boundary_confidence([(4, 0), (1, 4)], 0, 1)
    assert disagreeing < agreeing


def test_thousands_of_runs_do_not_overflow() -> None:
    assert boundary_confidence([(5000, 0), (0, 5000)], 0, 1) == pytest.approx(1.0)
    assert boundary_confidence([(5000, 5000)] * 50, 24, 25) < 0.05
