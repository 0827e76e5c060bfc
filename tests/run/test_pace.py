"""What comes slowly is told from what doesn't come, whenever it is looked at."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisector.run.pace import LEAST_BYTES_S, SILENT_S, Pace

looks = st.lists(st.floats(0.1, 3.0), min_size=1, max_size=80)


def times(pauses: list[float]) -> list[float]:
    return [sum(pauses[: number + 1]) for number in range(len(pauses))]


@given(looks, st.floats(1.0, 60.0))
def test_what_comes_fast_enough_is_never_given_up(pauses: list[float], patience_s: float) -> None:
    pace = Pace("it has sent next to nothing", patience_s, 0.0)
    assert not any(pace.given_up(at, 1.01 * LEAST_BYTES_S * at) for at in times(pauses))


@given(looks, st.floats(1.0, 60.0), st.floats(0.0, 0.99))
def test_what_hardly_comes_is_given_up_once_it_was_waited_for(
    pauses: list[float], patience_s: float, share: float
) -> None:
    pace = Pace("it has sent next to nothing", patience_s, 0.0)
    for at in times(pauses):
        why = pace.given_up(at, share * LEAST_BYTES_S * at)
        assert bool(why) == (at >= patience_s)
        if why:
            return


@given(looks, st.floats(4.0, 60.0), st.floats(0.0, 100.0))
def test_a_burst_is_waited_for_as_long_as_a_beginning(
    pauses: list[float], patience_s: float, before: float
) -> None:
    """What came at once, however much, is no reason to wait longer for what comes after."""
    pace = Pace("it has sent next to nothing", patience_s, 0.0)
    pace.begin(before)
    much = 10.0**12
    assert not pace.given_up(before + 0.1, much)
    given_up = [bool(pace.given_up(before + 0.1 + at, much)) for at in times(pauses)]
    assert given_up.index(True) if True in given_up else True
    assert [at >= patience_s for at in times(pauses)] == given_up


def test_silence_is_said_and_said_again(caplog: pytest.LogCaptureFixture) -> None:
    pace = Pace("the index has sent next to nothing", 30.0, 0.0)
    with caplog.at_level(logging.WARNING):
        for second in range(1, 28):
            assert not pace.given_up(float(second), 10.0 * second)
    assert [record.getMessage() for record in caplog.records] == [
        f"the index has sent next to nothing for {s:.0f} s; it is given up after 30 s"
        for s in (SILENT_S, SILENT_S + 10, SILENT_S + 20)
    ]
