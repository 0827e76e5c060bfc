"""What is said where runs of one release disagree: how sure a change is, and how often it fails."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import sqrt

from packaging.version import Version

from bisector.finding import Finding, Kind, Suspicion, Transition
from bisector.model import Measurement, Outcome
from bisector.reports.words import count, listed, sure

_PROBABLY = {Kind.INTRODUCED: "probably went bad", Kind.FIXED: "probably was fixed"}

_PERHAPS = {Kind.INTRODUCED: "may have gone bad", Kind.FIXED: "may have been fixed"}

Runs = tuple[int, int]
"""How many runs were bad, and how many decided anything."""


SEEN = 0.005
"""The probability from which on it is shown that the outcome may have changed somewhere."""

_OF_95 = 1.96
"""The standard deviations that hold 95 % of a normal distribution."""


def arrivals(finding: Finding) -> dict[Version, float]:
    """Return the releases in which the outcome may have changed, and how likely it did."""
    return {after: share for (_, after), share in finding.posterior.items() if share >= SEEN}


def counts(runs: Iterable[Measurement]) -> Runs:
    """Return how many runs were bad, and how many decided anything."""
    outcomes = [run.outcome for run in runs if run.outcome is not Outcome.UNTESTABLE]
    return outcomes.count(Outcome.BAD), len(outcomes)


def interval(bad: int, runs: int) -> tuple[float, float]:
    """Return the 95 % interval of the share of runs that are bad, by Wilson's score (1927)."""
    share, weight = bad / runs, _OF_95**2 / runs
    middle = (share + weight / 2) / (1 + weight)
    half = sqrt(share * (1 - share) * weight + weight**2 / 4) / (1 + weight)
    return max(0.0, middle - half), min(1.0, middle + half)


def sentences(finding: Finding) -> Iterator[str]:
    """Yield what there is to say where runs disagree and a confidence was asked for."""
    for number, transition in enumerate(finding.transitions):
        yield from _transition(finding, number, transition)
    for suspicion in finding.suspicions:
        yield _suspicion(suspicion)
    if finding.decided and not finding.transitions:
        yield from _unchanged(finding)
    elif not finding.decided and not finding.suspicions:
        yield f"Undecided: runs of {listed(finding.conflicting)} disagree with each other."


def _unchanged(finding: Finding) -> Iterator[str]:
    """Yield how often it fails, and how long a stretch that differs would have been noticed."""
    bad, runs = _runs(finding, 0, len(finding.plan.candidates))
    if len({run.version for run in finding.measurements if run.outcome is Outcome.BAD}) > 1:
        often = f"it fails at random throughout, in {_share(bad, runs)} of runs ({bad} of {runs})"
    else:
        often = f"it failed in {bad} of {count(runs, 'run')}, as if at random"
    yield f"No change found: {often}."
    longest = finding.longest_unseen
    if longest is not None and finding.confidence is not None:
        noun = finding.axis.noun
        what = f"stretch of more than {count(longest, noun)}" if longest else noun
        yield f"No {what} fails far more or far less often, {sure(finding.confidence)} sure."


def _transition(finding: Finding, number: int, transition: Transition) -> Iterator[str]:
    """Yield how sure a transition is, what that rests on, and how often it fails since."""
    before, since = _sides(finding, number)
    yield (
        f"{transition.after}, {sure(transition.confidence)} sure: bad in {since[0]} of {since[1]} "
        f"runs since, {before[0]} of {before[1]} before."
    )
    introduced = transition.kind is Kind.INTRODUCED
    (good_bad, good_runs), (bad, runs) = (before, since) if introduced else (since, before)
    word, other = ("since", "before") if introduced else ("before", "since")
    if bad < runs:
        text = f"It fails at random {word} {transition.after}, in {_share(bad, runs)} of runs"
        also = f"; {other}, in {_share(good_bad, good_runs)}" if good_bad else ""
        yield f"{text}{also}."


def _suspicion(suspicion: Suspicion) -> str:
    """Return where a change lies that is not sure enough to be called one."""
    verb = (_PROBABLY if suspicion.confidence >= 0.5 else _PERHAPS)[suspicion.kind]
    return (
        f"Undecided: it {verb} after {suspicion.earliest} and by {suspicion.latest}; "
        f"most likely in {suspicion.after}, {sure(suspicion.confidence)}."
    )


def _sides(finding: Finding, number: int) -> tuple[Runs, Runs]:
    """Return the runs on both sides of a transition, as far as the ones beside it."""
    position = _positions(finding)
    transitions = finding.transitions
    first = position[transitions[number - 1].after] if number else 0
    last = (
        position[transitions[number + 1].after] if number + 1 < len(transitions) else len(position)
    )
    middle = position[transitions[number].after]
    return _runs(finding, first, middle), _runs(finding, middle, last)


def _runs(finding: Finding, first: int, last: int) -> Runs:
    """Return the runs of the candidates from ``first`` on and before ``last``."""
    position = _positions(finding)
    return counts(
        run for run in finding.measurements if first <= position.get(run.version, -1) < last
    )


def _positions(finding: Finding) -> dict[Version, int]:
    return {release.version: number for number, release in enumerate(finding.plan.candidates)}


def _share(part: int, whole: int) -> str:
    return f"about {part / whole:.0%}" if whole else "none"
