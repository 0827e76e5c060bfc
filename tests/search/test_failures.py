"""What each run says to a search: good, a failure's class, or nothing decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from bisector.model import Measurement, Outcome, Reason, Signature
from bisector.search.failures import apart, counted, kind, labels, missing, narrowed, told

FRESH = Signature("AssertionError", "3 of 40 eggs are stale", "spam/eggs.py:fry", 1)
SEGFAULT = Signature(frame="spam/eggs.py:fry", signal="SIGSEGV")
U = Outcome.UNTESTABLE

signatures = st.builds(
    Signature,
    exception=st.sampled_from(["", "KeyError", "OSError"]),
    message=st.sampled_from(["", "row 7", "row 12", "column 7"]),
    frame=st.sampled_from(["", "spam.py:fry", "spam.py:boil"]),
    status=st.sampled_from([1, 2, None]),
    signal=st.sampled_from(["", "SIGSEGV"]),
)


def run(
    version: str, outcome: str, signature: Signature | None = None, reason: Reason | None = None
) -> Measurement:
    return Measurement(Version(version), Outcome(outcome), reason, signature=signature)


def by_version(runs: Sequence[Measurement]) -> Mapping[Version, Sequence[Measurement]]:
    found: dict[Version, list[Measurement]] = {}
    for measured in runs:
        found.setdefault(measured.version, []).append(measured)
    return found


@pytest.mark.parametrize("reason", list(Reason))
def test_what_ran_and_failed_is_a_failure_also_where_it_was_kept_as_none(reason: Reason) -> None:
    """Nothing decided is what was not run, what the probe skips, and the machine's fault."""
    failures = {Reason.IMPORT_FAILED, Reason.TIMEOUT, Reason.BUILD_FAILED}
    before = run("1.0", "untestable", FRESH, reason)
    after = counted(before)
    assert after == replace(before, outcome=Outcome.BAD if reason in failures else U)
    assert counted(run("1.0", "good")) == run("1.0", "good")


def test_each_failure_has_a_label_and_all_that_hangs_is_one() -> None:
    found = labels(
        by_version(
            [
                run("1.0", "bad", None, Reason.TIMEOUT),
                run("1.1", "bad", FRESH, Reason.TIMEOUT),
                run("1.2", "good"),
                run("1.3", "bad", SEGFAULT),
                run("1.4", "bad", FRESH),
                run("1.5", "untestable", FRESH),
                run("1.6", "bad", FRESH, Reason.BUILD_FAILED),
                run("1.7", "bad"),
            ]
        )
    )
    assert list(found.values()) == [[0], [0], [Outcome.GOOD], [1], [2], [U], [3], [4]]


def test_a_release_that_fails_now_so_now_otherwise_has_one_failure() -> None:
    """And what else fails in one of these ways has it too: it isn't always the same."""
    runs = by_version(
        [
            run("1.0", "bad", FRESH),
            run("1.1", "bad", FRESH),
            run("1.1", "bad", SEGFAULT),
            run("1.2", "bad", SEGFAULT),
        ]
    )
    assert labels(runs) == {Version("1.0"): [0], Version("1.1"): [0, 0], Version("1.2"): [0]}


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.sampled_from(["good", "bad", "untestable"]),
            st.none() | signatures,
        ),
        max_size=12,
    )
)
def test_only_what_failed_is_labelled_a_failure(
    listed: list[tuple[int, str, Signature | None]],
) -> None:
    runs = by_version([run(f"1.{n}", said, signature) for n, said, signature in listed])
    for any_failure in (False, True):
        found = labels(runs, any_failure=any_failure)
        for version, measured in runs.items():
            for one, label in zip(measured, found[version]):
                assert (label in (Outcome.GOOD, U)) == (one.outcome is not Outcome.BAD)
                assert one.outcome is Outcome.BAD or label is one.outcome
                assert not any_failure or label is one.outcome


def test_one_failure_alone_may_be_asked_for() -> None:
    burnt = replace(run("1.0", "bad", FRESH), detail="eggs", output_tail="burnt\n")
    other = replace(burnt, outcome=U, reason=Reason.DIFFERENT_FAILURE)
    assert narrowed(burnt, "burn") == narrowed(burnt, "of 40") == narrowed(burnt, "^eggs$") == burnt
    assert narrowed(burnt, "raw") == other
    assert narrowed(run("1.0", "good"), "raw") == run("1.0", "good")
    assert apart(burnt, kind(FRESH, None)) == burnt
    assert apart(burnt, kind(SEGFAULT, None)) == other
    assert apart(burnt, kind(None, Reason.TIMEOUT)) == other


@pytest.mark.parametrize(
    ("signature", "is_missing"),
    [
        (Signature("AttributeError", "no 'fry'", line="check.py:3"), True),
        (Signature("TypeError", "unexpected keyword argument 'hot'", line="check.py:3"), True),
        (Signature("ImportError", "cannot import name 'fry'", line="check.py:1"), True),
        (Signature(message="unrecognized arguments: --fry", status=2), True),
        (Signature("AttributeError", "no 'fry'", "spam.py:fry", line="check.py:3"), False),
        (Signature("ValueError", "no 'fry'", line="check.py:3"), False),
        (Signature("AttributeError", "no 'fry'"), False),
        (Signature(status=1), False),
        (None, False),
    ],
)
def test_what_a_script_asks_for_itself_may_not_be_there_yet(
    signature: Signature | None, is_missing: bool
) -> None:
    assert missing(run("1.0", "bad", signature)) is is_missing


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        (None, ""),
        (FRESH, "AssertionError: 3 of 40 eggs are stale (in spam/eggs.py:fry)"),
        (Signature("KeyError", status=1), "KeyError"),
        (Signature(message="it took more than 150M"), "it took more than 150M"),
        (SEGFAULT, "died of SIGSEGV (in spam/eggs.py:fry)"),
        (Signature(status=77), "exit status 77"),
    ],
)
def test_a_failure_in_a_few_words(signature: Signature | None, words: str) -> None:
    assert told(signature) == words
