"""What is said where runs disagree: it is true of the runs, and claims no more than they tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from packaging.version import Version
from sample_findings import CONDITIONS, releases, run

from bisector.finding import Axis, Finding, Kind, Suspicion
from bisector.model import Plan, Probe
from bisector.reports import failing
from bisector.reports.answer import answer
from bisector.search.knowledge import Knowledge, Options
from bisector.search.releases import Releases

PROBE = Probe("race", "spam", "It must not lose a race.")
OUTCOMES = {"g": "good", "b": "bad", "-": "no-verdict"}


def found(histories: Sequence[str], confidence: float = 0.95) -> Finding:
    """What is known of releases whose runs came out like that, one letter a run."""
    versions = [f"1.{n}" for n in range(len(histories))]
    runs = {
        Version(version): [run("spam", version, OUTCOMES[letter], 45.0) for letter in history]
        for version, history in zip(versions, histories)
        if history
    }
    candidates = Releases(PROBE, Plan(releases(versions)), CONDITIONS)
    return Knowledge(candidates, runs, Options(confidence=confidence)).finding()


def test_what_fails_throughout_is_no_reason_for_a_pin() -> None:
    """Nor for affected releases: what the only run of one says is as much chance as the rest."""
    finding = found(["gbgbgbgb", "b", "gbbggb", "g", "gbgbgbgb", "b"] * 6 + ["gbgbgbgb"])
    assert finding.decided
    assert answer(finding).startswith(
        "No change found: it fails at random throughout, in about 52% of runs (82 of 158). No "
    )
    assert finding.affected == ()
    assert failing.pin(finding) == ""
    assert not finding.bad_at_newest


@pytest.mark.parametrize(
    ("longest", "noun", "said"),
    [
        (0, "release", "No release fails far more or far less often, 95% sure."),
        (1, "release", "No stretch of more than 1 release fails far more or far less often, "),
        (4, "interpreter", "No stretch of more than 4 interpreters fails far more or far less "),
    ],
)
def test_how_long_a_stretch_would_have_been_noticed(longest: int, noun: str, said: str) -> None:
    finding = replace(found(["gbgbgbgb"] * 12), longest_unseen=longest, axis=Axis(noun=noun))
    assert said in answer(finding)


def test_nothing_is_said_of_stretches_where_half_may_differ() -> None:
    finding = replace(found(["gbgbgbgb"] * 12), longest_unseen=None)
    assert "far more" not in answer(finding)


def test_a_single_failure_is_not_throughout() -> None:
    finding = replace(found(["ggg"] * 12 + ["gbg"] + ["ggg"] * 11), decided=True)
    assert "No change found: it failed in 1 of 72 runs, as if at random." in answer(finding)


@pytest.mark.parametrize(("confidence", "verb"), [(0.07, "may have gone"), (0.87, "probably went")])
def test_what_is_hardly_likely_is_not_called_probable(confidence: float, verb: str) -> None:
    one, other = Version("1.4"), Version("1.9")
    suspicion = Suspicion(Kind.INTRODUCED, one, other, confidence, one, other)
    finding = replace(found(["gb", "b"]), suspicions=(suspicion,))
    assert f"Undecided: it {verb} bad after 1.4 and by 1.9; most likely in 1.9, " in answer(finding)


@pytest.mark.parametrize("histories", [["gb", "g", "g", "b"], ["bg", "", "b", "-"], ["gb", "g"]])
def test_nothing_else_is_said_of_releases_where_it_is_undecided(histories: Sequence[str]) -> None:
    finding = found(histories)
    assert not finding.decided
    assert "No change found" not in answer(finding)
    assert "could not be tested" not in answer(finding)


@pytest.mark.parametrize(
    "untestable", [{6: "-" * 2}, dict.fromkeys(range(4, 20), "-"), dict.fromkeys(range(14), "-")]
)
def test_what_cannot_be_tested_leaves_no_doubt_of_the_rest(untestable: Mapping[int, str]) -> None:
    """Nothing will ever be known of it, however often the others are run."""
    finding = found([untestable.get(p, "gbgbgbgbgbgb") for p in range(24)])
    assert finding.decided
    assert answer(finding).startswith("No change found: it fails at random throughout")
