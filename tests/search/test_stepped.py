"""What is said of a series of numbers: by release, in the number's own unit."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from statistics import median

import pytest
from histories import FIRST, release
from packaging.version import Version

from bisector.model import Conditions, Interpreter, Plan, Probe
from bisector.search import stepped
from bisector.search.metric import Metric
from bisector.search.releases import Releases
from bisector.search.stepping import Stepping
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
    random = Random(3)
    stepping = Stepping(len(levels), differences=differences)
    while wanted := stepping.next(0, assure=False):
        level, noise = levels[wanted.position], random.gauss(0, spread)
        stepping.add(wanted.position, None if level is None else level + noise)
    return stepping, stepped.series(candidates(len(levels)), stepping, PEAK)


def test_a_release_has_the_median_and_the_ends_of_its_own_runs() -> None:
    stepping, series = searched([100.0] * 6 + [150.0] * 6, 1.0)
    runs: dict[int, list[float]] = {}
    for position, number in stepping.runs:
        runs.setdefault(position, []).append(number)
    assert series.levels.keys() == {Version(f"1.{position}") for position in runs}
    for position, numbers in runs.items():
        level = series.levels[Version(f"1.{position}")]
        known = median(numbers), min(numbers), max(numbers), len(numbers)
        assert (level.median, level.lowest, level.highest, level.runs) == known
        assert level.interval is not None
        assert level.interval[0] < level.median < level.interval[1]


def test_most_intervals_of_levels_hold_the_level() -> None:
    levels = [100.0] * 30 + [150.0] * 30
    _, series = searched(levels, 1.0)
    held = [
        level.interval[0] <= levels[version.release[1]] <= level.interval[1]
        for version, level in series.levels.items()
        if level.interval
    ]
    assert len(held) >= 9
    assert sum(held) >= 0.7 * len(held)


def test_a_factor_is_a_share_of_what_it_was() -> None:
    _, series = searched([100.0] * 6 + [150.0] * 6, 0.5)
    (step,) = series.steps
    assert (step.before, step.after, step.up) == (Version("1.5"), Version("1.6"), True)
    assert [step.old, step.new] == pytest.approx([100, 150], rel=0.02)
    assert (step.relative, series.relative) == (True, True)
    assert step.interval[0] <= step.change <= step.interval[1]
    assert step.change == pytest.approx(0.5, rel=0.05)
    assert step.confidence >= 0.95
    assert step.pairs > 0
    assert series.noise == pytest.approx(0.005, rel=0.9)
    assert (series.metric, series.unit, series.per) == ("peak_memory_bytes", "bytes", "")


def test_a_difference_is_in_the_unit_of_the_number() -> None:
    _, series = searched([0.0] * 6 + [2.8] * 6, 0.01, differences=True)
    (step,) = series.steps
    assert (step.relative, series.relative) == (False, False)
    assert step.change == pytest.approx(2.8, abs=0.1)
    assert step.interval[0] <= step.change <= step.interval[1]
    assert series.noise == pytest.approx(0.01, rel=0.9)


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


def test_a_search_that_ended_before_any_pair_has_a_suspicion() -> None:
    stepping = Stepping(9)
    for position in range(9):
        for number in (1.0, 1.001, 0.999):
            stepping.replay(position, number * (100 if position < 4 else 150))
    series = stepped.series(candidates(9), stepping, PEAK)
    assert series.steps == ()
    (suspicion,) = series.suspected
    assert (suspicion.before, suspicion.after) == (Version("1.3"), Version("1.4"))
    assert (suspicion.pairs, suspicion.confidence) == (0, 0.0)
    assert suspicion.change == pytest.approx(0.5, rel=0.05)


def test_nothing_is_known_of_no_number() -> None:
    stepping = Stepping(4)
    series = stepped.series(candidates(4), stepping, PEAK)
    assert (series.levels, series.steps, series.seen, series.noise) == ({}, (), None, 0.0)
