"""Which of several changed distributions it takes, and which release of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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

Versions = Mapping[str, str]
"""Versions of distributions, by name."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A release of a probe's package under conditions of its own."""

    probe: Probe
    release: Release
    conditions: Conditions


class Laboratory(Protocol):
    """Measures what it takes to tell which of several versions matter."""

    def measure(self, trials: Sequence[Trial], about: str) -> list[Measurement]:
        """Return a measurement of each trial, in their order; ``about`` says what they are."""

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
    old: Versions,
    differing: Sequence[Change],
    target: Outcome,
    trial: Callable[[Versions, Versions], Trial],
    history: Callable[[Change, Versions], tuple[Transition, ...]],
) -> tuple[Culprit, ...]:
    """Return the fewest of the ``differing`` changes that together lead to ``target``.

    All of them applied to ``old`` lead to it, and none of them doesn't. ``trial`` makes a trial of
    versions that are installed, and of those that others may come in; ``history`` searches the
    releases of one change, given the versions of all other distributions.
    """

    def first(subsets: Sequence[Sequence[Change]]) -> int | None:
        trials = [trial(mixed(old, some), _spare(differing, some)) for some in subsets]
        return laboratory.first(trials, target)

    found = []
    needed = ddmin(differing, first)
    for change in needed:
        versions = mixed(old, needed)
        versions.pop(change.name, None)
        if change.before is None or change.after is None:
            found.append(Culprit(change))
            continue
        try:
            found.append(Culprit(change, history(change, versions)))
        except BisectorError as error:
            found.append(Culprit(change, why=error.message))
    return tuple(found)


def exact(conditions: Conditions, versions: Versions) -> Conditions:
    """Return conditions that hold to just these versions: what can't live with them fails."""
    held = tuple(f"{name}=={version}" for name, version in sorted(versions.items()))
    return replace(conditions, policy="exact", constraints=held, resolved="", resolved_for="")


def changes(old: Versions, new: Versions) -> tuple[Change, ...]:
    """Return what differs between two sets of versions, sorted by name."""
    names = sorted({*old, *new})
    return tuple(Change(n, old.get(n), new.get(n)) for n in names if old.get(n) != new.get(n))


def mixed(old: Versions, applied: Iterable[Change]) -> dict[str, str]:
    """Return the versions of ``old`` with some changes applied to them."""
    made = dict(old)
    for change in applied:
        made.pop(change.name, None)
        if change.after is not None:
            made[change.name] = change.after
    return made


def _spare(differing: Iterable[Change], applied: Iterable[Change]) -> dict[str, str]:
    """Return in which version what a mix is without comes in, should something depend on it."""
    applied = set(applied)
    absent = {c: c.before if c in applied else c.after for c in differing}
    return {
        change.name: version
        for change, version in absent.items()
        if version is not None and (change.after if change in applied else change.before) is None
    }
