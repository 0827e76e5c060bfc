"""What it takes to say that a change still holds, or doesn't any more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from histories import found
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from bisector.finding import Kind, Transition
from bisector.search import noise, replayed
from bisector.series import Series, Step

CHANGE = Transition(Kind.INTRODUCED, Version("1.0"), Version("1.1"))


@pytest.mark.parametrize(
    ("then", "now", "any_failure", "holds"),
    [
        ("gb", "gb", False, True),
        ("gb", "gg", False, False),
        ("gb", "bb", False, False),
        ("gb", "bg", False, False),
        ("gb", "gu", False, None),
        ("gb", "ub", False, None),
        ("gb", "uu", False, None),
        ("gb", "gc", True, True),
        ("gc", "gc", False, True),
        ("gc", "gh", False, False),
        ("gc", "gh", True, True),
    ],
)
def test_a_change_holds_where_its_failure_comes_again(
    then: str, now: str, any_failure: bool, holds: bool | None
) -> None:
    (failure,) = found(then).failures
    again = found(now)
    verdict = replayed.transition_holds(CHANGE, failure, again, any_failure=any_failure)
    assert verdict is holds


@given(st.sampled_from([0.8, 0.9, 0.95, 0.99]), st.lists(st.tuples(st.integers(0, 9), st.just(9))))
def test_a_release_that_fails_now_and_then_seldom_passes_all_runs(
    confidence: float, shares: list[tuple[int, int]]
) -> None:
    number = replayed.runs(confidence, shares)
    failed = [bad for bad, _ in shares if bad]
    passing = 1 - sum(failed) / (9 * len(failed)) if failed else 0.0
    assert number == 60 or passing**number <= (1 - confidence) * (1 + 1e-9)
    assert number >= noise.confirmations(confidence)
    if passing ** noise.confirmations(confidence) <= 1 - confidence:
        assert number == noise.confirmations(confidence)


def test_a_failure_that_hardly_ever_comes_is_not_waited_for() -> None:
    assert replayed.runs(0.95, [(1, 1000)]) == replayed.runs(0.95, [(1, 10**6)]) == 60


def test_no_change_is_said_to_be_gone_while_it_is_not_decided() -> None:
    """Both sides passed, but the search hadn't come to its end."""
    (failure,) = found("gb").failures
    passed = found("gg")
    for decided, holds in ((True, False), (False, None)):
        again = replace(passed, decided=decided)
        assert replayed.transition_holds(CHANGE, failure, again, any_failure=False) is holds


def test_the_side_that_fails() -> None:
    fixed = Transition(Kind.FIXED, Version("1.0"), Version("1.1"))
    assert replayed.bad_side(CHANGE) == Version("1.1")
    assert replayed.bad_side(fixed) == Version("1.0")


def test_only_runs_that_are_good_or_bad_decide() -> None:
    history = found("gub")
    decided = [replayed.decided(history, Version(v)) for v in ("1.0", "1.1", "1.2", "1.3")]
    assert decided == [True, False, True, False]


def step(change: float) -> Step:
    """A step up or down by a share."""
    sides = Version("1.0"), Version("1.1")
    interval = (change - 0.01, change + 0.01)
    return Step(*sides, 1.0, 1.0 + change, change, interval, True, confidence=0.99, pairs=6)


@pytest.mark.parametrize(
    ("now", "decided", "holds"),
    [
        ((0.1,), True, True),
        ((0.9,), True, True),
        ((-0.5,), True, False),
        ((), True, False),
        ((), False, None),
        ((-0.5, 0.1), False, True),
    ],
)
def test_a_step_holds_where_the_number_goes_the_same_way_again(
    now: tuple[float, ...], decided: bool, holds: bool | None
) -> None:
    series = Series("seconds", 0.01, {}, steps=tuple(map(step, now)))
    again = replace(found("gg"), series=series, decided=decided)
    assert replayed.step_holds(step(0.5), again) is holds


def test_without_a_series_no_step_can_be_told() -> None:
    assert replayed.step_holds(step(0.5), found("gg")) is None
