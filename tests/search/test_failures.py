"""Which failures are the same one, and which of them a search is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from bisector.model import Measurement, Outcome, Reason, Signature
from bisector.search.failures import alike, apart, sought, told

FRESH = Signature("AssertionError", "3 of 40 eggs at 0x7f1c are stale", "spam/eggs.py:fry", 1)
SEGFAULT = Signature(frame="spam/eggs.py:fry", signal="SIGSEGV")

signatures = st.builds(
    Signature,
    exception=st.sampled_from(["", "KeyError", "OSError"]),
    message=st.sampled_from(["", "row 7", "row 12", "column 7"]),
    frame=st.sampled_from(["", "spam.py:fry", "spam.py:boil"]),
    status=st.sampled_from([1, 2, None]),
    signal=st.sampled_from(["", "SIGSEGV"]),
)


def run(version: str, outcome: str, signature: Signature | None = None) -> Measurement:
    return Measurement(Version(version), Outcome(outcome), signature=signature)


def by_version(runs: Sequence[Measurement]) -> Mapping[Version, Sequence[Measurement]]:
    found: dict[Version, list[Measurement]] = {}
    for measured in runs:
        found.setdefault(measured.version, []).append(measured)
    return found


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({}, True),
        ({"message": "41 of 5 eggs at 0xbeef are stale"}, True),
        ({"message": "no eggs", "frame": "spam/eggs.py:fry"}, True),
        ({"frame": "spam/eggs.py:boil"}, True),
        ({"message": "no eggs", "frame": "spam/eggs.py:boil"}, False),
        ({"message": "no eggs", "frame": ""}, False),
        ({"exception": "ValueError"}, False),
        ({"status": 2}, False),
        ({"status": None, "signal": "SIGABRT"}, False),
    ],
)
def test_what_makes_two_failures_the_same(changed: dict[str, str], same: bool) -> None:
    """The same type and end, and then the same message but for numbers, or the same function."""
    assert alike(FRESH, replace(FRESH, **changed)) is same  # type: ignore[arg-type]  # of a table


def test_messages_that_differ_count_where_no_function_of_the_package_is_known() -> None:
    nowhere = replace(FRESH, frame="")
    assert not alike(nowhere, replace(nowhere, message="no eggs"))
    assert alike(Signature(status=1), Signature(status=1))
    assert not alike(Signature(status=1), Signature(status=2))


@given(st.none() | signatures, st.none() | signatures)
def test_being_the_same_failure_goes_both_ways(
    one: Signature | None, other: Signature | None
) -> None:
    """And what a probe says itself to be bad, without a signature, is never another failure."""
    assert alike(one, other) == alike(other, one)
    assert alike(one, one)
    assert alike(one, None)


def test_a_search_is_about_the_newest_release_that_fails() -> None:
    """In version order, whatever was measured first; by the last of its runs."""
    other = Signature("KeyError", status=1)
    runs = by_version(
        [
            run("1.10", "good"),
            run("1.9", "bad", other),
            run("1.9", "bad", FRESH),
            run("1.2", "bad", SEGFAULT),
            run("1.11", "untestable", SEGFAULT),
        ]
    )
    assert sought(runs) is FRESH
    assert sought(runs, [Version("1.2")]) is SEGFAULT
    assert sought(runs, [Version("1.2"), Version("1.9")]) is FRESH
    assert sought(runs, [Version("1.10"), Version("7")]) is FRESH
    assert sought(by_version([run("1.0", "good"), run("1.1", "bad")])) is None
    assert sought({}) is None
    assert sought({Version("1"): []}) is None


def test_what_fails_otherwise_decided_nothing_and_keeps_what_it_said() -> None:
    runs = by_version([run("1.0", "bad", SEGFAULT), run("1.1", "good"), run("1.2", "bad", FRESH)])
    assert apart(runs, FRESH) == {
        Version("1.0"): [
            replace(
                run("1.0", "untestable", SEGFAULT),
                reason=Reason.DIFFERENT_FAILURE,
            )
        ],
        Version("1.1"): [run("1.1", "good")],
        Version("1.2"): [run("1.2", "bad", FRESH)],
    }


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.sampled_from(["good", "bad", "untestable"]),
            st.none() | signatures,
        ),
        max_size=12,
    ),
    st.none() | signatures,
)
def test_telling_apart_takes_outcomes_away_and_adds_none(
    listed: list[tuple[int, str, Signature | None]], wanted: Signature | None
) -> None:
    """Every run is still there; only bad ones change, to nothing; twice is once."""
    runs = by_version([run(f"1.{n}", said, signature) for n, said, signature in listed])
    told_apart = apart(runs, wanted)
    assert apart(told_apart, wanted) == told_apart
    for version, measured in runs.items():
        assert len(told_apart[version]) == len(measured)
        for before, after in zip(measured, told_apart[version]):
            other = before.outcome is Outcome.BAD and not alike(before.signature, wanted)
            assert after.outcome is (Outcome.UNTESTABLE if other else before.outcome)
            assert after.signature == before.signature


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        (None, ""),
        (FRESH, "AssertionError: 3 of 40 eggs at 0x7f1c are stale (in spam/eggs.py:fry)"),
        (Signature("KeyError", status=1), "KeyError"),
        (Signature(message="it took more than 150.0 MiB"), "it took more than 150.0 MiB"),
        (SEGFAULT, "died of SIGSEGV (in spam/eggs.py:fry)"),
        (Signature(status=77), "exit status 77"),
    ],
)
def test_a_failure_in_a_few_words(signature: Signature | None, words: str) -> None:
    assert told(signature) == words
