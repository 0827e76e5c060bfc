"""How sure a change is where no runs disagree: never surer than histories bear out."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisector.finding import Kind
from bisector.search.alike import sureness
from bisector.search.observed import Boundary

runs = st.dictionaries(st.integers(0, 60), st.integers(1, 4), min_size=2, max_size=20)


def boundary(tested: list[int], number: int) -> Boundary:
    return Boundary(Kind.INTRODUCED, tested[number], tested[number + 1])


@given(runs, st.data())
def test_another_run_like_the_others_makes_nothing_less_sure(
    counts: dict[int, int], data: st.DataObject
) -> None:
    tested = sorted(counts)
    change = boundary(tested, data.draw(st.integers(0, len(tested) - 2)))
    before = sureness(counts, change)
    assert 0.0 <= before < 1.0
    for side in (change.before, change.after):
        assert sureness(counts | {side: counts[side] + 1}, change) >= before


@given(runs, st.data())
def test_it_is_the_same_read_backwards(counts: dict[int, int], data: st.DataObject) -> None:
    tested = sorted(counts)
    change = boundary(tested, data.draw(st.integers(0, len(tested) - 2)))
    mirrored = Boundary(Kind.FIXED, 60 - change.after, 60 - change.before)
    backwards = {60 - position: number for position, number in counts.items()}
    assert sureness(backwards, mirrored) == pytest.approx(sureness(counts, change))


@given(runs, st.data())
def test_a_change_beside_it_counts_only_what_lies_between(
    counts: dict[int, int], data: st.DataObject
) -> None:
    """Runs beyond another change tell nothing of this one."""
    tested = sorted(counts)
    first = data.draw(st.integers(0, len(tested) - 2))
    change, others = boundary(tested, first), [boundary(tested, n) for n in range(first)][-1:]
    told = sureness(counts, change, others)
    for position in tested[: max(0, first - 1)]:
        assert sureness(counts | {position: 99}, change, others) == pytest.approx(told)


@pytest.mark.parametrize("doubt", [0.05, 0.2])
@pytest.mark.parametrize("rate", [0.3, 0.5, 0.7, 0.9])
def test_few_searches_are_led_astray_surely_and_without_a_contradiction(
    rate: float, doubt: float
) -> None:
    """Bad releases fail that often, good ones never; both sides are run until it is sure."""
    random = Random(str(rate))
    wrong = 0
    for _ in range(2000):
        size, place = 64, random.randint(1, 63)
        counts: dict[int, int] = {}

        def run(position: int, place: int = place, counts: dict[int, int] = counts) -> bool:
            counts[position] = counts.get(position, 0) + 1
            return position >= place and random.random() < rate

        low, high = 0, size - 1
        if run(low) or not run(high):
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if run(middle) else (middle, high)
        agreed = True
        while agreed and sureness(counts, Boundary(Kind.INTRODUCED, low, high)) < 1 - doubt:
            agreed = not run(low) and run(high)
        wrong += agreed and high != place
    assert wrong <= 2000 * doubt + 3 * (2000 * doubt * (1 - doubt)) ** 0.5
