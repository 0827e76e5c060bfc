"""Whose fault a transition is, in words: whole sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from histories import HOSTILE, found
from packaging.version import Version

from bisector.finding import (
    Axis,
    Blame,
    Cause,
    Cell,
    Change,
    Culprit,
    Finding,
    Kind,
    Transition,
)
from bisector.model import Outcome
from bisector.reports.answer import answer
from bisector.reports.as_json import finding_to_json
from bisector.reports.causes import culprit, steps, verdict, whose
from bisector.search.interpreters import AXIS as PYTHONS

CHANGE = Change("ham", "1.0", "3.0")


def step(kind: str, before: str, after: str, **more: object) -> Transition:
    return Transition(Kind(kind), Version(before), Version(after), **more)  # type: ignore[arg-type]  # as named


HAM = Culprit(CHANGE, (step("introduced", "1.1", "2.0"),))
EGGS = Culprit(Change("eggs", "4", "5"))


RELEASES = Axis()


def because(cause: Cause | None, over: str = "", axis: Axis = RELEASES) -> Finding:
    """Return the finding that spam went bad in 1.2, and why."""
    finding = found("ggbb")
    transition = replace(finding.transitions[0], cause=cause)
    return replace(finding, transitions=(transition,), over=over, axis=axis)


def told(cause: Cause | None, over: str = "", axis: Axis = RELEASES) -> str:
    finding = because(cause, over, axis)
    return verdict(finding, finding.transitions[0])


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        (None, ""),
        (Cause(Blame.PACKAGE), ""),
        (Cause(Blame.UNDECIDED, why="nobody knows"), ""),
        (
            Cause(Blame.DEPENDENCY, culprits=(HAM,)),
            "That is not spam's own: ham 1.1 → 2.0 did it.",
        ),
        (
            Cause(Blame.DEPENDENCY, culprits=(HAM, EGGS)),
            "That is not spam's own: ham 1.1 → 2.0 and eggs 4 → 5 did it together.",
        ),
        (
            Cause(Blame.DEPENDENCY, why="it didn't come out again"),
            "That is not spam's own: what is installed beside it did it.",
        ),
        (
            Cause(Blame.DEPENDENCY, culprits=(Culprit(Change("ham", None, "1.0")),)),
            "That is not spam's own: ham 1.0, which came in, did it.",
        ),
        (
            Cause(Blame.TOGETHER, culprits=(HAM,)),
            "It takes spam 1.2 together with ham 1.1 → 2.0.",
        ),
        (
            Cause(Blame.TOGETHER, culprits=(Culprit(Change("ham", "1.0", None)),)),
            "It takes spam 1.2 together with ham 1.0, which went.",
        ),
        (Cause(Blame.EITHER), "spam 1.2 or what came in with it: either alone does it."),
    ],
)
def test_what_stands_beside_a_transition(cause: Cause | None, sentence: str) -> None:
    """Nothing where it is the package's own, undecided, or nobody asked."""
    assert told(cause) == sentence
    went = "spam went bad in 1.2; 1.1 is the last good release before it."
    assert answer(because(cause)) == " ".join(filter(None, (went, sentence)))


def test_over_days_it_is_always_what_is_beside() -> None:
    assert told(Cause(Blame.DEPENDENCY, culprits=(HAM,)), "spam 1.5") == "ham 1.1 → 2.0 did it."
    assert told(Cause(Blame.DEPENDENCY), "spam 1.5") == ""


def test_over_interpreters_it_is_one_of_them_that_comes_in() -> None:
    together, either = Cause(Blame.TOGETHER, culprits=(HAM,)), Cause(Blame.EITHER)
    assert told(together, "spam 1.5", PYTHONS) == "It takes Python 1.2 together with ham 1.1 → 2.0."
    assert told(either, "spam 1.5", PYTHONS) == (
        "Python 1.2 or what came in with it: either alone does it."
    )
    assert told(Cause(Blame.INTERPRETER), "spam 1.5", PYTHONS) == ""
    assert whose(because(Cause(Blame.INTERPRETER), "spam 1.5", PYTHONS)) == ()


def test_the_same_verdict_on_several_transitions_is_said_once() -> None:
    finding = found("ggbbgg")
    cause = Cause(Blame.DEPENDENCY, culprits=(HAM,))
    both = tuple(replace(transition, cause=cause) for transition in finding.transitions)
    assert answer(replace(finding, transitions=both)) == (
        "spam went bad in 1.2; 1.1 is the last good release before it. "
        "It was fixed in 1.4; 1.3 is the last bad release before it. "
        "That is not spam's own: ham 1.1 → 2.0 did it."
    )


def cells(*told: tuple[str, str, str]) -> tuple[Cell, ...]:
    return tuple(Cell(Version(v), beside, Outcome(outcome)) for v, beside, outcome in told)


OWN = cells(("1.1", "of its own time", "good"), ("1.2", "of its own time", "bad"))
CROSSED = cells(("1.1", "of 1.2", "good"), ("1.2", "of 1.1", "bad"))


@pytest.mark.parametrize(
    ("cause", "lines"),
    [
        (None, ()),
        (Cause(Blame.PACKAGE), ()),
        (
            Cause(Blame.PACKAGE, (*OWN, *CROSSED)),
            (
                (
                    "introduced 1.1 → 1.2: spam's own; with dependencies of its own time, 1.1 is "
                    "good and 1.2 is bad; with dependencies of 1.2, 1.1 is good; "
                    "with dependencies of 1.1, 1.2 is bad"
                ),
            ),
        ),
        (
            Cause(Blame.EITHER, CROSSED),
            (
                (
                    "introduced 1.1 → 1.2: either of both; with dependencies of 1.2, 1.1 is good; "
                    "with dependencies of 1.1, 1.2 is bad"
                ),
            ),
        ),
        (
            Cause(Blame.TOGETHER, culprits=(HAM, EGGS)),
            ("introduced 1.1 → 1.2: both together; ham 1.1 → 2.0 and eggs 4 → 5 did it together",),
        ),
        (
            Cause(Blame.DEPENDENCY, OWN, why="it didn't come out again"),
            (
                (
                    "introduced 1.1 → 1.2: not spam's own; with dependencies of its own time, "
                    "1.1 is good and 1.2 is bad; it didn't come out again"
                ),
            ),
        ),
        (
            Cause(Blame.UNDECIDED, CROSSED, why="1.1 can't be tested"),
            ("introduced 1.1 → 1.2: undecided, 1.1 can't be tested",),
        ),
    ],
)
def test_whose_fault_it_is_with_what_that_was_told_from(
    cause: Cause | None, lines: Sequence[str]
) -> None:
    assert whose(because(cause)) == tuple(lines)


@pytest.mark.parametrize(
    ("transitions", "words", "more"),
    [
        ((), "ham 1.0 → 3.0", ()),
        ((step("introduced", "1.1", "2.0"),), "ham 1.1 → 2.0", ()),
        (
            (step("introduced", "1.1", "2.0", zoom=(Version("1.1"), Version("2.0b1"))),),
            "ham 1.1 → 2.0 (already in 2.0b1)",
            (),
        ),
        (
            (step("introduced", "1.1", "2.0", untested=(Version("1.5"),)),),
            "ham 1.1 → 2.0",
            ("went bad in 2.0; 1.1 is the last good one, 1 between untested",),
        ),
        (
            (
                step("introduced", "1.1", "1.2"),
                step("fixed", "1.4", "1.5"),
                step("introduced", "2.0", "2.1"),
            ),
            "ham 1.1 → 1.2, 1.4 → 1.5, 2.0 → 2.1",
            (
                "went bad in 1.2; 1.1 is the last good one",
                "was fixed in 1.5; 1.4 is the last bad one",
                "went bad in 2.1; 2.0 is the last good one",
            ),
        ),
    ],
)
def test_a_culprit_as_narrow_as_is_known(
    transitions: tuple[Transition, ...], words: str, more: Sequence[str]
) -> None:
    found_in = Culprit(CHANGE, transitions)
    assert culprit(found_in) == words
    assert steps(found_in) == tuple(more)


def test_the_cause_stands_in_json_as_it_is_stored() -> None:
    assert finding_to_json(because(Cause(Blame.DEPENDENCY, OWN[:1], (EGGS,), "why")))[
        "transitions"
    ][0]["cause"] == {
        "blame": "dependency",
        "cells": [
            {
                "version": "1.1",
                "dependencies": "of its own time",
                "outcome": "good",
                "detail": "",
            }
        ],
        "culprits": [
            {
                "change": {"name": "eggs", "before": "4", "after": "5"},
                "transitions": [],
                "why": "",
            }
        ],
        "why": "why",
    }
    assert "cause" not in finding_to_json(because(None))["transitions"][0]


def test_nothing_that_somebody_else_wrote_reaches_a_terminal_as_it_is() -> None:
    hostile = Culprit(Change(HOSTILE, HOSTILE, HOSTILE), why=HOSTILE)
    cause = Cause(Blame.DEPENDENCY, culprits=(hostile,), why=HOSTILE)
    finding = because(cause)
    for text in (culprit(hostile), told(cause), *whose(finding), answer(finding)):
        assert text.isprintable()
