"""Which of several changed distributions it takes, and which release of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from packaging.version import Version

from bisector.errors import BisectorError
from bisector.finding import (
    Change,
    Culprit,
    Kind,
    Transition,
)
from bisector.model import Conditions, Measurement, Outcome, Policy, Probe
from bisector.search.blame.ddmin import ddmin
from bisector.search.blame.pins import Mix, loosened, mixed, without
from bisector.search.candidates import Trial


class Laboratory(Protocol):
    """Measures what it takes to tell which of several versions matter, ``jobs`` at once."""

    jobs: int

    def measure(self, trials: Sequence[Trial], about: str) -> list[Measurement]:
        """Return a measurement of each trial, in their order; ``about`` says what they are."""

    def known(self, trial: Trial) -> Measurement | None:
        """Return what is known of a trial by now."""

    def first(self, trials: Sequence[Trial], outcome: Outcome) -> int | None:
        """Return the position of the first trial with that outcome; None where none has it."""

    def history(
        self, subject: Probe, conditions: Conditions, change: Change
    ) -> tuple[Transition, ...]:
        """Return the transitions among the releases of a project between a change's two.

        The project is ``subject.package``; raises BisectorError where they can't be searched.
        """


def narrow(
    laboratory: Laboratory,
    old: Sequence[str],
    differing: Sequence[Change],
    target: Outcome,
    trial: Callable[[Mix], Trial],
    history: Callable[[Change, Mix], tuple[Transition, ...]],
) -> tuple[Culprit, ...]:
    """Return the fewest of the ``differing`` changes that together lead to ``target``.

    All of them applied to the pins ``old`` lead to it, and none of them doesn't. ``trial`` makes a
    trial of a mix; ``history`` searches the releases of one change, given a mix of all others.
    """

    def first(subsets: Sequence[Sequence[Change]]) -> int | None:
        trials = [
            replace(
                trial(mixed(old, differing, some)), label=f"{len(some)} of {len(differing)} changes"
            )
            for some in subsets
        ]
        return laboratory.first(trials, target)

    needed = ddmin(differing, first, at_once=laboratory.jobs)
    alone = (_smaller(change, needed, old, differing, target, history) for change in needed)
    for step in alone if len(needed) > 1 else ():
        if step and first([[step]]) == 0:
            needed = (step,)
            break
    found = []
    for change in needed:
        if change.before is None or change.after is None:
            found.append(Culprit(change))
            continue
        others = without(mixed(old, differing, needed), change.name)
        try:
            found.append(Culprit(change, history(change, others)))
        except BisectorError as error:
            found.append(Culprit(change, why=error.message))
    return tuple(found)


def _smaller(
    change: Change,
    needed: Sequence[Change],
    old: Sequence[str],
    differing: Sequence[Change],
    target: Outcome,
    history: Callable[[Change, Mix], tuple[Transition, ...]],
) -> Change | None:
    """Return a smaller step of a change at which the outcome becomes ``target``, if there is one.

    A release may have to be installed with changes that have nothing to do with the outcome; one
    between the two ends may do without them. Meanwhile the other ``needed`` changes may be at any
    version between their own ends.
    """
    if change.before is None or change.after is None:
        return None
    others = [other for other in needed if other != change]
    mix = loosened(without(mixed(old, differing, needed), change.name), others)
    try:
        transitions = history(change, mix)
    except BisectorError:
        return None
    kind = Kind.INTRODUCED if target is Outcome.BAD else Kind.FIXED
    if Version(change.before) > Version(change.after):
        return None
    reached = next((str(t.after) for t in transitions if t.kind is kind), change.after)
    return Change(change.name, change.before, reached) if reached != change.after else None


def exact(conditions: Conditions, constraints: Iterable[str]) -> Conditions:
    """Return conditions that hold to just these versions: what can't live with them fails."""
    pins = tuple(constraints)
    return replace(
        conditions,
        policy=Policy.EXACT,
        day="",
        constraints=pins,
        resolved="",
        resolved_for="",
    )
