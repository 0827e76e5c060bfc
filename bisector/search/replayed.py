"""Whether what was found before is found again on its two sides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, log

from packaging.version import Version

from bisector.finding import Failure, Finding, Kind, Transition
from bisector.model import Interpreter, Outcome
from bisector.search import failures, noise, sameness
from bisector.series import Step

_MOST_RUNS = 60


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of running the two sides of a transition of a ``failure`` again, or of a ``step``.

    ``found`` is what their runs say now; None where they could not be made, ``why`` says the
    reason. ``holds`` is None where it can't be told.
    """

    before: Version
    after: Version
    holds: bool | None
    found: Finding | None = None
    transition: Transition | None = None
    failure: Failure | None = None
    step: Step | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of all that a finding claims, made on ``python`` and ``platform``.

    ``interpreter`` is what it was replayed on, ``notes`` what is to be known beside it, and
    ``command`` what makes the whole search again.
    """

    package: str
    name: str
    python: str
    platform: str
    interpreter: Interpreter
    command: str
    replayed: tuple[Replayed, ...]
    interrupted: bool = False
    notes: tuple[str, ...] = ()


def runs(confidence: float, shares: Iterable[tuple[int, int]]) -> int:
    """Return how often each side is run before it is judged.

    That is as often as a search runs the sides of a change. Where releases that failed did so in
    some of their runs only (``shares`` are the bad ones of each release, and all), it is so often
    that passing each time by chance is unlikely.
    """
    failed = [(bad, decided) for bad, decided in shares if bad]
    bad, decided = (sum(each) for each in zip(*failed)) if failed else (0, 0)
    needed = ceil(log(1 - confidence) / log(1 - bad / decided)) if bad < decided else 0
    return min(_MOST_RUNS, max(noise.confirmations(confidence), needed))


def transition_holds(
    transition: Transition, failure: Failure, found: Finding, *, any_failure: bool
) -> bool | None:
    """Return whether a failure still comes, or goes, between two releases that were run again."""
    wanted = failures.kind(failure.signature, failure.reason)
    for one in found.failures:
        alike = any_failure or sameness.alike(failures.kind(one.signature, one.reason), wanted)
        if alike and any(again.kind is transition.kind for again in one.transitions):
            return True
    sides = (transition.before, transition.after)
    return False if found.decided and all(decided(found, side) for side in sides) else None


def step_holds(step: Step, found: Finding) -> bool | None:
    """Return whether a number still goes up, or down, between two releases that were run again."""
    series = found.series
    if series is None:
        return None
    if any(again.up is step.up for again in series.steps):
        return True
    return False if found.decided else None


def decided(found: Finding, version: Version) -> bool:
    """Return whether a run of a release decided anything."""
    return any(run.outcome is not Outcome.UNTESTABLE for run in found.runs.get(version, ()))


def bad_side(transition: Transition) -> Version:
    """Return the side of a transition that fails."""
    return transition.after if transition.kind is Kind.INTRODUCED else transition.before
