"""Which of several changed distributions it takes, and which release of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bisector.ddmin import ddmin
from bisector.errors import BisectorError
from bisector.model import (
    Change,
    Conditions,
    Culprit,
    Measurement,
    Outcome,
    Probe,
    Release,
    Transition,
)
from bisector.pins import Mix, mixed, without


@dataclass(frozen=True, slots=True)
class Trial:
    """A release of a probe's package under conditions of its own; ``label`` is for people."""

    probe: Probe
    release: Release
    conditions: Conditions
    label: str = ""


class Laboratory(Protocol):
    """Measures what it takes to tell which of several versions matter, ``jobs`` at once."""

    jobs: int

    def measure(self, trials: Sequence[Trial], about: str) -> list[Measurement]:
        """Return a measurement of each trial, in their order; ``about`` says what they are."""

    def known(self, trial: Trial) -> Measurement | None:
        """Return what is known of a trial by now."""

    def first(self, trials: Sequence[Trial], outcome: Outcome) -> int | None:
        """Return the place of the first trial with that outcome; None where none has it."""

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

    found = []
    needed = ddmin(differing, first, at_once=laboratory.jobs)
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


def exact(conditions: Conditions, constraints: Iterable[str]) -> Conditions:
    """Return conditions that hold to just these versions: what can't live with them fails."""
    held = tuple(constraints)
    return replace(conditions, policy="exact", constraints=held, resolved="", resolved_for="")
