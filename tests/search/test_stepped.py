"""What is said of a series of numbers: by release, in the number's own unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from statistics import median

import pytest
from histories import FIRST, release
from packaging.version import Version

from bisector.model import Conditions, Interpreter, Plan, Probe
from bisector.search import stepped
from bisector.search.metric import Metric
from bisector.search.releases import Releases
from bisector.search.stages import Stage
from bisector.search.stepping import SMALLEST, Stepping, Wanted
from bisector.series import Series

PEAK = Metric("peak_memory_bytes")
HELD = Conditions(Interpreter("", "3.11.7", "cpython", "linux-x86_64", ()))


def candidates(size: int) -> Releases:
    """As many releases, 1.0, 1.1 and on."""
    listed = tuple(release(Version(f"1.{number}"), number) for number in range(size))
    assert listed[0].upload_time == FIRST
    plan = Plan(candidates=listed, prereleases=(), excluded=())
    return Releases(Probe("eggs", "spam", "Eggs must be fresh."), plan, HELD)


def searched(
    levels: Sequence[float | None], spread: float, *, differences: bool = False
) -> tuple[Stepping, Series]:
    """A search of such levels, None where there is no number, whose runs differ by ``spread``."""
    stepping = Stepping(len(levels), differences=differences)
    run(stepping, lambda wanted: levels[wanted.position], spread)
    return stepping, stepped.series(candidates(len(levels)), stepping, PEAK)


def run(
    stepping: Stepping, level: Callable[[Wanted], float | None], spread: float, pairs: int = 99
) -> None:
    """Run what is wanted to the end of the search, or until so many pairs of a place are there."""
    random = Random(3)
    while wanted := stepping.next(0, assure=False):
        if any(verdict.pairs >= pairs for verdict in stepping.verdicts()):
            break
        number, noise = level(wanted), random.gauss(0, spread)
        stepping.add(wanted.position, None if number is None else number + noise)


def claimed(size: int, level: Callable[[int], float], *, each: int = 3) -> Stepping:
    """A search in which so many runs of each position are there, a thousandth apart."""
    stepping = Stepping(size)
    for position in range(size):
        for number in range(each):
            stepping.replay(position, level(position) * (1 + number / 1000))
    return stepping


def test_a_release_has_the_median_and_the_ends_of_its_own_runs() -> None:
    stepping, series = searched([100.0] * 6 + [150.0] * 6, 1.0)
    runs: dict[int, list[float]] = {}
    for position, number in stepping.runs:
        runs.setdefault(position, []).append(number)
    assert list(series.levels) == [Version(f"1.{position}") for position in sorted(runs)]
    for position, numbers in runs.items():
        level = series.levels[Version(f"1.{position}")]
        known = median(numbers), min(numbers), max(numbers), len(numbers)
        assert (level.median, level.lowest, level.highest, level.runs) == known
        assert level.interval is not None
        assert level.interval[0] < level.median < level.interval[1]


@pytest.mark.parametrize(
    ("level", "spread", "differences"), [(100.0, 1.0, False), (0.0, 1.0, True), (1e6, 1e3, True)]
)
@pytest.mark.parametrize("each", [4, 12])
def test_an_interval_holds_the_level_at_95_percent(
    level: float, spread: float, differences: bool, each: int
) -> None:
    held = []
    for seed in range(30):
        random, stepping = Random(seed), Stepping(9, differences=differences)
        for position in [*range(9)] * each:
            stepping.add(position, random.gauss(level, spread))
        for one in stepped.series(candidates(9), stepping, PEAK).levels.values():
            assert one.interval
            held.append(one.interval[0] <= level <= one.interval[1])
    assert 0.91 <= sum(held) / len(held) <= 0.98


def test_of_single_runs_no_interval_is_known() -> None:
    stepping = claimed(9, lambda position: 100.0 + position, each=1)
    series = stepped.series(candidates(9), stepping, PEAK)
    assert {(level.runs, level.interval) for level in series.levels.values()} == {(1, None)}
    assert (series.noise, series.floor) == (0.0, None)


def test_a_factor_is_a_share_of_what_it_was() -> None:
    _, series = searched([100.0] * 6 + [150.0] * 6, 0.5)
    (step,) = series.steps
    assert (step.before, step.after, step.up) == (Version("1.5"), Version("1.6"), True)
    assert [step.old, step.new] == pytest.approx([100, 150], rel=0.02)
    assert (step.relative, series.relative) == (True, True)
    assert step.interval[0] <= step.change <= step.interval[1]
    assert step.change == pytest.approx(0.5, rel=0.05)
    assert 0.95 <= step.confidence < 1
    assert step.pairs > 0
    assert (series.drift, series.suspected) == (None, ())
    assert series.noise == pytest.approx(0.005, rel=0.9)
    assert (series.metric, series.unit, series.per) == ("peak_memory_bytes", "bytes", "")


@pytest.mark.parametrize("unit", [0.001, 1.0, 1000.0])
def test_a_difference_is_in_the_unit_of_the_number(unit: float) -> None:
    levels = [0.0] * 6 + [2.8 * unit] * 6
    _, series = searched(levels, 0.01 * unit, differences=True)
    (step,) = series.steps
    assert (step.relative, series.relative) == (False, False)
    assert step.change == pytest.approx(2.8 * unit, abs=0.1 * unit)
    assert step.interval[0] <= step.change <= step.interval[1]
    assert series.noise == pytest.approx(0.01 * unit, rel=0.5)
    assert series.seen is not None
    assert series.noise < series.seen < 10 * series.noise


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [(1e-150, 1e150, 1e300), (1e150, 1e-150, -1.0), (1e-300, 1e300, None), (1e300, 1e-300, -1.0)],
)
def test_the_largest_and_smallest_numbers_have_a_share(
    old: float, new: float, change: float | None
) -> None:
    """1e600 of what it was is no number any more: then it is a large one."""
    stepping = claimed(9, lambda position: old if position < 4 else new)
    (step,) = stepped.series(candidates(9), stepping, PEAK).suspected
    if change is None:
        assert 1e300 < step.change < float("inf")
    else:
        assert step.change == pytest.approx(change, rel=0.01)


@pytest.mark.parametrize("differences", [False, True])
def test_the_floor_is_how_far_two_environments_are_apart(differences: bool) -> None:
    """Every other run is in the one environment, and 5 more than those in the other."""
    stepping = Stepping(9, differences=differences)
    for position in range(9):
        for number in range(6):
            stepping.add(position, 100.0 + 5 * (number % 2))
    series = stepped.series(candidates(9), stepping, PEAK)
    assert series.floor == pytest.approx(5 if differences else 0.05, rel=0.05)


def test_what_was_asked_for_is_said() -> None:
    stepping = Stepping(4, least=0.2)
    assert stepped.series(candidates(4), stepping, PEAK, "byte").least == 0.2
    assert stepped.series(candidates(4), stepping, PEAK, "byte").per == "byte"
    assert stepped.series(candidates(4), Stepping(4), PEAK).least == SMALLEST == 0.01


def test_it_goes_down_as_well() -> None:
    _, series = searched([150.0] * 6 + [100.0] * 6, 0.5)
    (step,) = series.steps
    assert step.change == pytest.approx(-1 / 3, rel=0.05)
    assert not step.up


def test_releases_without_a_number_are_named_between_the_two_sides() -> None:
    _, series = searched([100.0] * 5 + [None, None] + [150.0] * 5, 0.5)
    (step,) = series.steps
    assert (step.before, step.after) == (Version("1.4"), Version("1.7"))
    assert step.untested == (Version("1.5"), Version("1.6"))
    assert Version("1.5") not in series.levels


def test_several_steps_are_in_the_order_of_their_releases() -> None:
    _, series = searched([100.0] * 8 + [105.0] * 8 + [200.0] * 8, 0.1)
    assert [str(step.before) for step in series.steps] == ["1.7", "1.15"]


def test_a_step_that_was_found_first_stands_behind_an_earlier_one() -> None:
    levels = [100.0] * 8 + [120.0] * 8 + [200.0] * 8
    stepping = Stepping(24)
    for position in (0, 14, 15, 16, 17, 23):
        for number in range(3):
            stepping.replay(position, levels[position] * (1 + number / 1000))
    run(stepping, lambda wanted: levels[wanted.position], 0.1)
    assert [place.before for place in stepping.places] == [15, 7]
    series = stepped.series(candidates(24), stepping, PEAK)
    assert [str(step.before) for step in series.steps] == ["1.7", "1.15"]


def test_a_flat_series_says_what_would_have_been_seen() -> None:
    _, series = searched([100.0] * 12, 0.5)
    assert (series.steps, series.suspected, series.drift) == ((), (), None)
    assert series.seen is not None
    assert 0 < series.noise < series.seen < 0.2


def test_what_rises_little_by_little_is_a_drift_and_no_step() -> None:
    _, series = searched([10 * 1.004**position for position in range(40)], 0.01)
    assert series.steps == ()
    assert series.drift is not None
    assert (series.drift.before, series.drift.after) == (Version("1.0"), Version("1.39"))
    assert series.drift.change == pytest.approx(1.004**39 - 1, rel=0.1)
    within = {Version(f"1.{position}") for position in range(1, 39)}
    assert set(series.drift.untested) == within - series.levels.keys()
    assert within & series.levels.keys()


@pytest.mark.parametrize(
    "level", [lambda position: 100 if position < 4 else 150, lambda position: 100 + 2 * position]
)
def test_what_pairs_of_runs_refute_is_neither_found_nor_suspected(
    level: Callable[[int], float],
) -> None:
    """A step, or a drift, among the first runs, and nothing of it in those made to tell."""
    stepping = claimed(9, level)
    run(stepping, lambda w: 100 if w.stage is Stage.CONFIRM else level(w.position), 0.05)
    assert any(verdict.refuted for verdict in stepping.verdicts())
    series = stepped.series(candidates(9), stepping, PEAK)
    assert (series.steps, series.suspected, series.drift) == ((), (), None)


def test_a_search_that_ended_among_its_pairs_has_a_suspicion_by_these() -> None:
    """The medians are those of the pairs, in which the machine is slower than it was before."""
    stepping = claimed(9, lambda position: 100 if position < 4 else 104)
    run(stepping, lambda wanted: 100.5 if wanted.position < 4 else 104.5, 0.02, pairs=2)
    series = stepped.series(candidates(9), stepping, PEAK)
    assert series.steps == ()
    (suspicion,) = series.suspected
    assert (suspicion.before, suspicion.after) == (Version("1.3"), Version("1.4"))
    assert [suspicion.old, suspicion.new] == pytest.approx([100.5, 104.5], abs=0.1)
    assert 0 < suspicion.pairs < 6
    assert 0 < suspicion.confidence < 0.95


def test_a_search_that_ended_before_any_pair_has_a_suspicion() -> None:
    stepping = claimed(9, lambda position: 100 if position < 4 else 150)
    series = stepped.series(candidates(9), stepping, PEAK)
    assert series.steps == ()
    (suspicion,) = series.suspected
    assert (suspicion.before, suspicion.after) == (Version("1.3"), Version("1.4"))
    assert (suspicion.pairs, suspicion.confidence) == (0, 0.0)
    assert suspicion.change == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("differences", [False, True])
def test_nothing_is_known_of_no_number(differences: bool) -> None:
    stepping = Stepping(4, differences=differences)
    stepping.add(0, None)
    series = stepped.series(candidates(4), stepping, PEAK)
    assert (series.levels, series.steps, series.seen, series.noise) == ({}, (), None, 0.0)
