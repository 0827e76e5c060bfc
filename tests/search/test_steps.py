"""What pairs of runs prove, and what the search for steps finds: of flat series nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisector.search import metric, steps
from bisector.search.landscape import grid
from bisector.search.stages import Stage
from bisector.search.stepping import Stepping

numbers = st.floats(-5, 5)


def searched(
    levels: Sequence[float | None], random: Random, deviation: float = 0.001, *, assure: int = 0
) -> tuple[Stepping, int]:
    """A search of a series with such levels, None where there is no number; and its runs."""
    stepping, runs = Stepping(len(levels)), 0
    while wanted := stepping.next(0, assure=assure > 0):
        assure -= wanted.stage is Stage.ASSURE
        level = levels[wanted.position]
        noise = math.exp(random.gauss(0, deviation))
        stepping.add(wanted.position, None if level is None else level * noise)
        runs += 1
        assert runs < 1000
    return stepping, runs


def accepted(stepping: Stepping) -> list[tuple[int, int]]:
    """Where there is a step."""
    found = [verdict.place for verdict in stepping.verdicts() if verdict.accepted]
    return sorted((place.before, place.after) for place in found if not place.drift)


@given(st.lists(numbers, min_size=1, max_size=9), st.floats(0, 1), st.floats(0.01, 3))
def test_bets_on_symmetric_differences_are_fair(
    deviations: list[float], least: float, spread: float
) -> None:
    """Over all signs of the deviations, each as likely, the capital is 1 at every time."""
    sizes = [abs(deviation) for deviation in deviations]
    ways = [
        [size if way >> place & 1 else -size for place, size in enumerate(sizes)]
        for way in range(1 << len(sizes))
    ]
    capitals = [
        steps.capital([least + deviation for deviation in way], least, spread) for way in ways
    ]
    for at_once in zip(*capitals):
        assert sum(at_once) / len(ways) <= 1 + 1e-6
    if all(size > 1e-9 for size in sizes):
        assert sum(capital[-1] for capital in capitals) / len(ways) == pytest.approx(1)


@given(st.lists(numbers, min_size=1, max_size=12), st.floats(0, 1))
def test_a_larger_difference_never_counts_for_less(deviations: list[float], more: float) -> None:
    """So that what is smaller than the least step proves no more than one that is as large."""
    lower = steps.capital(deviations[:1], 0.0, 1.0)[0]
    higher = steps.capital([deviations[0] + more], 0.0, 1.0)[0]
    assert higher >= lower - 1e-12


def test_capital_passes_a_bound_as_seldom_as_it_must() -> None:
    """Stopped as soon as it is past 20, it is past 20 in at most one of 20 flat histories."""
    random = Random(1)
    passed = sum(
        max(steps.capital([random.gauss(0, 1) ** 3 for _ in range(60)], 0.0, 1.0)) >= 20
        for _ in range(600)
    )
    assert passed / 600 <= 0.05


@given(st.lists(numbers, min_size=1, max_size=20), st.floats(-3, 3))
def test_a_centre_moves_with_its_numbers(values: list[float], by: float) -> None:
    middle, low, high = steps.center(values)
    assert low <= middle <= high
    moved = steps.center([value + by for value in values])
    assert moved == pytest.approx((middle + by, low + by, high + by), abs=1e-9)


def test_an_interval_holds_the_centre_as_often_as_it_says() -> None:
    random = Random(2)
    held = 0
    for _ in range(400):
        _, low, high = steps.center([random.gauss(0, 1) for _ in range(15)])
        held += low <= 0 <= high
    assert held / 400 >= 0.92


@given(
    st.lists(st.floats(-3, 3), min_size=1, max_size=7),
    st.floats(0.1, 5),
    st.lists(st.floats(0.1, 2), min_size=7, max_size=7),
)
def test_changes_are_the_best_of_all_partitions(
    values: list[float], penalty: float, variances: list[float]
) -> None:
    size = len(values)
    segments = steps.Segments(steps.Levels(tuple(values), tuple(variances[:size])))

    def cost(changes: list[int]) -> float:
        bounds = [0, *changes, size]
        fits = (float(segments.misfits(a, b)) for a, b in pairwise(bounds))
        return sum(fits) + penalty * len(changes)

    every = [
        [place for place in range(1, size) if way >> (place - 1) & 1]
        for way in range(1 << size - 1)
    ]
    found = segments.changes(penalty)
    assert cost(found) <= min(map(cost, every)) + 1e-6


@pytest.mark.parametrize("size", range(1, 13))
def test_an_interval_of_few_counts_all_signs(size: int) -> None:
    """It leaves out as many means as it may: with one more it would hold too seldom."""
    sums = [
        sum(rank for rank in range(1, size + 1) if signs >> rank - 1 & 1)
        for signs in range(1 << size)
    ]
    values = [float(3**n) for n in range(size)]  # whose means all differ
    means = sorted((one + other) / 2 for n, one in enumerate(values) for other in values[n:])
    _, low, high = steps.center(values)
    left_out = means.index(low)
    assert means[-1 - left_out] == high

    def missed(left_out: int) -> float:
        return 2 * sum(total <= left_out for total in sums) / len(sums)

    assert left_out == 0 or missed(left_out) <= 0.05
    assert missed(left_out + 1) > 0.05


def test_the_interval_of_a_step_holds_it_though_the_search_stopped_when_it_was_sure() -> None:
    """Runs that make one stop are larger, mostly: those made afterwards say how large it is."""
    held = found = 0
    for seed in range(300):
        stepping, _ = searched([1.0] * 4 + [1.05] * 4, Random(seed), 0.02)
        for verdict in stepping.verdicts():
            if verdict.accepted and (verdict.place.before, verdict.place.after) == (3, 4):
                found += 1
                held += verdict.step[1] <= math.log(1.05) <= verdict.step[2]
                assert verdict.sized
    assert found > 200
    assert held / found > 0.925  # 0.961 of eight pairs, less three standard deviations


def test_drift_is_taken_out_and_levels_stay() -> None:
    random = Random(3)
    runs = [
        (p, (1.0 if p > 4 else 0.0) + 0.3 * (turn + p / 9) / 12 + random.gauss(0, 0.005))
        for turn in range(12)
        for p in range(9)
    ]
    straight = steps.detrended(runs)
    first = [number for (p, _), number in zip(runs, straight) if p == 2]
    last = [number for (p, _), number in zip(runs, straight) if p == 7]
    assert max(first) - min(first) < 0.1
    assert sum(last) / 12 - sum(first) / 12 == pytest.approx(1, abs=0.05)


@given(st.integers(2, 400))
def test_the_coarse_look_has_both_ends(size: int) -> None:
    ends, spots = grid(size)
    assert ends == [0, size - 1]
    assert {0, size - 1} <= {*spots}
    assert len(spots) <= 9


@pytest.mark.parametrize("factor", [1.05, 0.9, 1.4])
@pytest.mark.parametrize("size", [2, 3, 17, 200])
def test_a_step_is_found_anywhere(size: int, factor: float) -> None:
    for seed in range(3):
        random = Random(f"{size} {factor} {seed}")
        place = random.randrange(1, size)
        levels: list[float | None] = [10 * (factor if p >= place else 1.0) for p in range(size)]
        stepping, _ = searched(levels, random)
        assert accepted(stepping) == [(place - 1, place)]
        (verdict,) = stepping.verdicts()
        assert verdict.step[1] - 0.01 < math.log(factor) < verdict.step[2] + 0.01


def test_positions_without_a_number_are_stepped_around() -> None:
    levels: list[float | None] = [1.0] * 10 + [None] * 3 + [1.5] * 10
    levels[0] = levels[-1] = None
    stepping, _ = searched(levels, Random(4))
    assert accepted(stepping) == [(9, 13)]


def test_what_rises_and_falls_again_is_found_when_there_is_time() -> None:
    levels = [1.0] * 20 + [2.0] * 2 + [1.0] * 20
    stepping, _ = searched(levels, Random(5), assure=200)
    assert accepted(stepping) == [(19, 20), (21, 22)]


def test_drift_is_no_step() -> None:
    levels = [10 * 1.004**p for p in range(40)]
    stepping, _ = searched(levels, Random(6))
    assert accepted(stepping) == []
    drifts = [verdict for verdict in stepping.verdicts() if verdict.accepted]
    assert [(v.place.before, v.place.after, v.place.drift) for v in drifts] == [(0, 39, True)]


def test_stored_runs_lead_to_the_same_answer() -> None:
    levels = [1.0] * 11 + [1.2] * 19
    stepping, _ = searched(levels, Random(7), 0.02)
    again = Stepping(30)
    for position, number in stepping.runs:
        again.replay(position, number)
    assert again.next(0, assure=False) is None
    assert accepted(again) == accepted(stepping) == [(10, 11)]


@pytest.mark.parametrize("workers", [2, 3])
def test_runs_count_in_the_order_in_which_they_began(workers: int) -> None:
    """Those of a batch that are made at once may end in another."""
    levels = [1.0] * 11 + [1.2] * 19
    random, stepping = Random(8), Stepping(30)
    runs: list[tuple[int, float]] = []
    flying: list[int] = []
    while True:
        wanted = stepping.next(len(flying), assure=False) if len(flying) < workers else None
        if wanted is not None:
            drift = 1.001 ** len(runs)
            flying.append(len(runs))
            runs.append((wanted.position, levels[wanted.position] * random.gauss(drift, 0.02)))
        elif flying:
            ended = flying.pop(random.randrange(len(flying)))
            stepping.add(*runs[ended], f"{ended:05}")
        else:
            break
    again = Stepping(30)
    for number, run in enumerate(runs):
        again.replay(*run, f"{number:05}")
    assert stepping.runs == runs
    assert again.numbers == stepping.numbers
    assert accepted(again) == accepted(stepping) == [(10, 11)]


@pytest.mark.parametrize("deviation", [0.001, 0.02, 0.05])
def test_flat_series_have_no_step(deviation: float) -> None:
    """At most one of 20 may be wrong; some runs take much longer than they should."""
    false = 0
    for seed in range(20):
        random = Random(f"{deviation} {seed}")
        stepping, _ = searched([100.0] * 50, random, deviation)
        false += bool(accepted(stepping))
    assert false <= 1


points = st.lists(
    st.tuples(st.integers(0, 1000), st.integers(-1000, 1000)), min_size=2, max_size=8
).filter(lambda pairs: len({x for x, _ in pairs}) > 1)


@given(points, st.floats(-2, 2), st.floats(-100, 100))
def test_no_other_line_fits_better_than_the_slope(
    pairs: list[tuple[int, int]], turn: float, shift: float
) -> None:
    """Of all lines, that with the slope through the means has the least squares."""
    slope = metric.slope(pairs)
    assert slope is not None
    middle, height = (sum(part) / len(pairs) for part in zip(*pairs))

    def misfit(slope: float, shift: float) -> float:
        return float(sum((y - height - shift - slope * (x - middle)) ** 2 for x, y in pairs))

    assert misfit(slope, 0) <= misfit(slope + turn, shift) + 1e-6


def test_sizes_that_say_nothing_have_no_slope() -> None:
    assert metric.slope([(1, 2)]) is None
    assert metric.slope([(1, 2), (1, 3)]) is None
    assert metric.slope([(1, 1e308), (2, -1e308), (3, 1e308)]) in (None, pytest.approx(0))


def test_slopes_about_nothing_have_no_step() -> None:
    """Where nothing grows a slope is 0 and its noise either way: there are no factors then."""
    random = Random(11)
    false = 0
    for _ in range(30):
        stepping = Stepping(12, differences=True)
        while wanted := stepping.next(0, assure=False):
            stepping.add(wanted.position, random.gauss(0, 0.001))
        false += bool(accepted(stepping))
    assert false <= 4  # 1.5 are expected at 95 %, and more come in one of 50 such thirties


def test_a_slope_that_rises_from_nothing_is_found() -> None:
    random = Random(5)
    stepping = Stepping(20, differences=True)
    while wanted := stepping.next(0, assure=False):
        stepping.add(wanted.position, random.gauss(2.8 if wanted.position > 8 else 0.0, 0.001))
    assert accepted(stepping) == [(8, 9)]
