"""The interpreters of a search, what measures one, and whose fault a change between two is."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from packaging.version import Version

from bisector.finding import Blame, Change, Finding, Kind, Transition
from bisector.model import (
    Conditions,
    Distribution,
    Excluded,
    Interpreter,
    Measurement,
    Outcome,
    Probe,
    Reason,
    Release,
)
from bisector.search.candidates import Trial
from bisector.search.interpreters import Interpreters, key
from bisector.search.knowledge import Knowledge, Options

GOOD, BAD, UNTESTABLE = Outcome.GOOD, Outcome.BAD, Outcome.UNTESTABLE
PROBE = Probe("eggs", "spam")
RELEASE = Release(Version("1.5"), ())
EXCLUDED = Excluded(Version("3.11.4"), Reason.NO_WHEEL, "no wheel for cp311")


def conditions(version: str) -> Conditions:
    return Conditions(Interpreter(f"python{version}", version, "cpython", "linux", ()))


def interpreters(*versions: str) -> Interpreters:
    return Interpreters(PROBE, RELEASE, [*map(conditions, versions)], [EXCLUDED], "spam 1.5")


def run(trial: Trial, outcome: Outcome, ham: str) -> Measurement:
    installed = (Distribution("ham", ham), Distribution("spam", "1.5"))
    return Measurement(trial.release.version, outcome, installed=installed)


class World:
    """Says what a trial comes out at, by its interpreter and the ham that it is pinned to."""

    jobs = 1

    def __init__(self, says: Callable[[str, str], Outcome]) -> None:
        self.says = says
        self.asked: list[tuple[str, str]] = []

    def measure(self, trials: Sequence[Trial], about: str) -> list[Measurement]:
        assert about
        return [self._run(trial) for trial in trials]

    def known(self, trial: Trial) -> Measurement | None:
        raise AssertionError(trial)

    def first(self, trials: Sequence[Trial], outcome: Outcome) -> int | None:
        outcomes = [self._run(trial).outcome for trial in trials]
        return outcomes.index(outcome) if outcome in outcomes else None

    def history(self, subject: Probe, held: Conditions, change: Change) -> tuple[Transition, ...]:
        assert "spam==1.5" in held.requirements
        assert (subject.package, change) == ("ham", Change("ham", "1.0", "2.0"))
        return (Transition(Kind.INTRODUCED, Version("1.1"), Version("1.2")),)

    def _run(self, trial: Trial) -> Measurement:
        held = trial.conditions
        assert (held.policy, trial.release, trial.label[:7]) == ("exact", RELEASE, "Python ")
        pins = dict(pin.split("==") for pin in (*held.requirements, *held.constraints))
        self.asked.append((held.interpreter.version, pins["ham"]))
        return run(trial, self.says(held.interpreter.version, pins["ham"]), pins["ham"])


def found(candidates: Interpreters, outcomes: Sequence[tuple[Outcome, str]]) -> Finding:
    """The finding of an outcome and a ham on each of the interpreters."""
    knowledge = Knowledge(candidates, {}, Options(confirmations=1))
    for item, (outcome, ham) in zip(candidates.items, outcomes):
        knowledge.add(item, run(candidates.trial(item), outcome, ham))
    return knowledge.finding()


def test_each_is_a_measurement_of_the_release_on_it() -> None:
    candidates = interpreters("3.9.18", "3.10.2", "3.12.0rc1")
    trials = [candidates.trial(item) for item in candidates.items]
    assert [trial.release for trial in trials] == [RELEASE] * 3
    pythons = [trial.conditions.interpreter.version for trial in trials]
    assert pythons == ["3.9.18", "3.10.2", "3.12.0rc1"]
    assert [str(item.key) for item in candidates.items] == pythons
    assert candidates.conditions == trials[-1].conditions


def test_a_development_build_has_the_version_that_it_is_on_the_way_to() -> None:
    assert key(Interpreter("", "3.15.0a1+", "cpython", "", ())) == Version("3.15.0a1")


def test_one_that_the_release_cannot_be_installed_on_lies_between() -> None:
    """Nothing untested is blamed: where the change came may be that one."""
    candidates = interpreters("3.9.18", "3.10.2", "3.11.7")
    finding = found(candidates, [(GOOD, "1.0"), (GOOD, "1.0"), (BAD, "1.0")])
    (transition,) = finding.transitions
    assert transition.untested == (EXCLUDED.version,)
    assert finding.axis.python_varies


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    ("by_python", "by_ham"), [*itertools.product(("was", "now", "untestable"), repeat=2)]
)
def test_whose_fault_it_is(kind: Kind, by_python: str, by_ham: str) -> None:
    """All that the two mixed combinations can say, beside the two ends that differ."""
    was, now = (GOOD, BAD) if kind is Kind.INTRODUCED else (BAD, GOOD)
    outcomes = {"was": was, "now": now, "untestable": UNTESTABLE}
    world = World(
        lambda python, ham: {
            ("3.10.2", "1.0"): was,
            ("3.12.1", "2.0"): now,
            ("3.12.1", "1.0"): outcomes[by_python],
            ("3.10.2", "2.0"): outcomes[by_ham],
        }[python, ham]
    )
    candidates = interpreters("3.10.2", "3.12.1")
    finding = candidates.attributed(found(candidates, [(was, "1.0"), (now, "2.0")]), world)
    (transition,) = finding.transitions
    assert transition.cause
    expected = {
        ("now", "now"): Blame.EITHER,
        ("now", "was"): Blame.INTERPRETER,
        ("now", "untestable"): Blame.INTERPRETER,
        ("was", "now"): Blame.DEPENDENCY,
        ("untestable", "now"): Blame.DEPENDENCY,
        ("was", "was"): Blame.TOGETHER,
        ("was", "untestable"): Blame.TOGETHER,
        ("untestable", "was"): Blame.UNDECIDED,
        ("untestable", "untestable"): Blame.UNDECIDED,
    }[by_python, by_ham]
    assert transition.cause.blame is expected
    assert bool(transition.cause.why) is (expected is Blame.UNDECIDED)
    named = [culprit.change.name for culprit in transition.cause.culprits]
    assert named == ["ham"] * (expected in (Blame.DEPENDENCY, Blame.TOGETHER))


def test_nothing_is_measured_where_the_same_is_installed_on_both() -> None:
    world = World(lambda *_: UNTESTABLE)
    candidates = interpreters("3.10.2", "3.12.1")
    finding = candidates.attributed(found(candidates, [(GOOD, "1.0"), (BAD, "1.0")]), world)
    assert [t.cause and t.cause.blame for t in finding.transitions] == [Blame.INTERPRETER]
    assert world.asked == []
    assert replace(finding, transitions=()).runs.keys() == finding.releases.keys()
