"""What documents say, beside what was measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from histories import HOSTILE, found

from bisector.model import Claim, Documented, Outcome, Probe
from bisector.reports.claims import ClaimRow, claims

PROBE = Probe("eggs", "spam")


def documented(letters: str, version: str, outcome: str) -> ClaimRow:
    given: Any = {outcome: (version,)}
    probe = Probe("eggs", "spam", documented=Documented("an issue", **given))
    (row,) = claims(found(letters, probe=probe))
    assert row.document == "an issue"
    return row


def claimed(letters: str, outcome: Outcome, releases: str) -> ClaimRow:
    probe = Probe("eggs", "spam", claims=(Claim("a page", "They rot", outcome, releases),))
    (row,) = claims(found(letters, probe=probe))
    assert (row.document, row.says) == ("a page", "They rot")
    return row


@pytest.mark.parametrize(
    ("letters", "version", "outcome", "sentence", "agrees"),
    [
        ("gb", "1.0", "good", "1.0 is good; measured good: agrees", True),
        ("gb", "1.1", "bad", "1.1 is bad; measured bad: agrees", True),
        ("gb", "1.0", "bad", "1.0 is bad; measured good: CONTRADICTED", False),
        ("!b", "1.0", "bad", "1.0 is bad; measured bad and good: undecided", None),
        ("g-b", "1.1", "bad", "1.1 is bad; not looked at: undecided", None),
        ("gb", "1.9", "bad", "1.9 is bad; not looked at: undecided", None),
        ("ub", "1.0", "bad", "1.0 is bad; untestable: out-of-limits: undecided", None),
        ("xb", "1.0", "bad", "1.0 is bad; untestable: no wheel for cp311: undecided", None),
        ("gb", "1.x", "bad", "1.x is bad; not looked at: undecided", None),
    ],
)
def test_a_documented_version_is_what_its_own_runs_say(
    letters: str, version: str, outcome: str, sentence: str, agrees: bool | None
) -> None:
    row = documented(letters, version, outcome)
    assert (row.sentence, row.agrees) == (sentence, agrees)


@pytest.mark.parametrize(
    ("letters", "outcome", "releases", "measured", "agrees"),
    [
        ("ggbbg", "bad", "some", "bad on 2 of 5 releases measured (1.2 to 1.3)", True),
        ("ggggg", "bad", "some", "not reproduced on any of 5 releases measured", False),
        ("g", "bad", "some", "not reproduced on 1 release measured", False),
        ("g-g", "bad", "some", "not reproduced on any of 2 releases measured", None),
        ("gug", "bad", "some", "not reproduced on any of 2 releases measured", False),
        ("gxg", "bad", "some", "not reproduced on any of 2 releases measured", False),
        ("b-g", "bad", "some", "bad on 1 of 2 releases measured (1.0)", True),
        ("g!g", "bad", "some", "not reproduced on any of 3 releases measured", None),
        ("g!b", "bad", "some", "bad on 1 of 3 releases measured (1.2)", True),
        ("gg-", "good", "all", "good on 2 of 2 releases measured (1.0 to 1.1)", True),
        ("gbg", "good", "all", "good on 2 of 3 releases measured (1.0 to 1.2), not on 1.1", False),
        ("g!g", "good", "all", "good on 2 of 3 releases measured (1.0 to 1.2)", None),
        ("!bg", "good", "all", "good on 1 of 3 releases measured (1.2), not on 1.1", False),
        ("gbb", "bad", ">=1.1", "bad on 2 of 2 releases measured (1.1 to 1.2)", True),
        ("gbb", "bad", ">=1.0", "bad on 2 of 3 releases measured (1.1 to 1.2), not on 1.0", False),
        ("gbb", "bad", ">=1.9", "not looked at", None),
        ("uuu", "bad", "all", "not looked at", None),
        (
            "gbbbbbg",
            "good",
            "all",
            "good on 2 of 7 releases measured (1.0 to 1.6), not on 5 releases from 1.1 to 1.5",
            False,
        ),
    ],
)
def test_a_claim_about_several_releases_is_what_all_of_them_say(
    letters: str, outcome: str, releases: str, measured: str, agrees: bool | None
) -> None:
    """Releases whose runs disagree, or that nobody looked at, may be as claimed or not."""
    row = claimed(letters, Outcome(outcome), releases)
    assert (row.measured, row.agrees) == (measured, agrees)


def test_a_claim_that_no_release_bears_out_is_a_result() -> None:
    assert claimed("ggg", Outcome.BAD, "some").sentence == (
        "They rot; not reproduced on any of 3 releases measured: CONTRADICTED"
    )


def test_hostile_claims_are_safe_text() -> None:
    probe = Probe(
        "eggs",
        "spam",
        documented=Documented(HOSTILE, HOSTILE, bad=(HOSTILE,)),
        claims=(Claim(HOSTILE, HOSTILE, Outcome.BAD, "some"),),
    )
    for row in claims(found("gb", probe=probe)):
        assert (row.document + row.sentence).isprintable()


def test_a_claim_about_another_interpreter_is_not_looked_at() -> None:
    """What was measured on one interpreter says nothing of another."""
    finding = found("gb")
    series = finding.conditions.interpreter.series
    about = [
        Claim("page", "it fails", Outcome.BAD, "some", python) for python in (f"=={series}.*", "<3")
    ]
    told = claims(replace(finding, probe=replace(finding.probe, claims=tuple(about))))
    assert [(row.measured, row.agrees) for row in told[-2:]] == [
        ("bad on 1 of 2 releases measured (1.1)", True),
        (f"not looked at: this search ran on Python {series}", None),
    ]
