"""Two sets of pins, one good and the other bad -> the changes that make the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.utils import canonicalize_name
from packaging.version import Version

from bisector.finding import (
    Change,
    Comparison,
    Culprit,
    Transition,
)
from bisector.model import Conditions, Outcome, Policy, Probe, Release
from bisector.search.blame.narrowing import Laboratory, narrow
from bisector.search.blame.pins import Mix, changes, mixed
from bisector.search.candidates import Trial

NOTHING = Release(Version("0"), ())
"""Stands for the release under test where it is a set that is tested."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """One complete set of pins: its name, what it pins, and the SHA-256 of its wheels by name."""

    name: str
    pins: tuple[str, ...]
    wheels: Mapping[str, str]


class Comparing:
    """One comparison of two sets under the same conditions otherwise, ``resolved`` at that time."""

    def __init__(
        self, probe: Probe, conditions: Conditions, old: Pinned, new: Pinned, resolved: str
    ) -> None:
        self.probe = replace(probe, package="")
        self.old, self.new = old, new
        self.conditions = replace(
            conditions,
            policy=Policy.EXACT,
            day="",
            constraints=(),
            wheels={**old.wheels, **new.wheels},
            resolved=resolved,
        )
        self.changes = changes(old.pins, new.pins)
        self._tried: set[Mix] = set()

    def ends(self, laboratory: Laboratory) -> Comparison:
        """Return what the two sets by themselves come out at."""
        names = (self.old.name, self.new.name)
        trials = [
            replace(self.trial(Mix(pinned.pins)), label=pinned.name)
            for pinned in (self.old, self.new)
        ]
        old, new = laboratory.measure(trials, " and ".join(names))
        return Comparison(self.probe, self.conditions, names, self.changes, (old, new))

    def narrowed(self, ends: Comparison, laboratory: Laboratory) -> Comparison:
        """Return the comparison with the changes that make the difference between its ends.

        An interrupt is no error: what was narrowed down by then is returned.
        """
        target = ends.ends[1].outcome
        found: list[tuple[Culprit, ...]] = []
        suspects: tuple[Change, ...] = ()
        try:
            self._narrow(laboratory, target, found)
        except KeyboardInterrupt:
            suspects = self._suspects(laboratory, target) if not found else ()
        untestable = sum(
            run is not None and run.outcome is Outcome.UNTESTABLE
            for run in map(laboratory.known, map(self.trial, tuple(self._tried)))
        )
        return replace(
            ends,
            culprits=found[0] if found else (),
            alternatives=tuple(found[1:]),
            suspects=suspects,
            combinations=len(self._tried),
            untestable=untestable,
        )

    def _narrow(
        self, laboratory: Laboratory, target: Outcome, found: list[tuple[Culprit, ...]]
    ) -> None:
        """Add to ``found`` the fewest changes that make the difference, and others that do."""
        rest = self.changes
        while not found or self._suffice(laboratory, rest, target):
            found.append(
                narrow(
                    laboratory,
                    self.old.pins,
                    rest,
                    target,
                    self.trial,
                    lambda change, mix: self._history(laboratory, change, mix),
                )
            )
            named = {culprit.change.name for culprit in found[-1]}
            rest = tuple(change for change in rest if change.name not in named)

    def _suspects(self, laboratory: Laboratory, target: Outcome) -> tuple[Change, ...]:
        """Return the changes of the smallest mix that is known to lead to ``target``."""
        fewest = self.changes
        for mix in tuple(self._tried):
            run = laboratory.known(self.trial(mix))
            if run and run.outcome is target:
                # One of them may be a smaller step than that between the two sets.
                fewest = min(fewest, changes(self.old.pins, mix.requirements), key=len)
        return fewest

    def _suffice(self, laboratory: Laboratory, some: Sequence[Change], target: Outcome) -> bool:
        """Return whether these changes lead to ``target`` without those that do already."""
        if not some:
            return False
        trial = self.trial(mixed(self.old.pins, self.changes, some))
        (run,) = laboratory.measure([trial], "all changes but those that it takes")
        return run.outcome is target

    def trial(self, mix: Mix) -> Trial:
        """Return the trial of one mix of the two sets."""
        self._tried.add(mix)
        return Trial(self.probe, NOTHING, self._held(mix))

    def _history(self, laboratory: Laboratory, change: Change, mix: Mix) -> tuple[Transition, ...]:
        subject = replace(self.probe, package=change.name)
        return laboratory.history(subject, self._held(mix), change)

    def _held(self, mix: Mix) -> Conditions:
        """Return the conditions with a mix: its pins are installed, what it doesn't pin is not."""
        pinned = {*mix.requirements, *mix.constraints}
        wheels = {
            filename: sha256
            for filename, sha256 in self.conditions.wheels.items()
            if _pin(filename) in pinned
        }
        return replace(
            self.conditions,
            requirements=mix.requirements,
            constraints=mix.constraints,
            wheels=wheels,
        )


def _pin(filename: str) -> str:
    """Return what pins the release that a wheel is of."""
    name, version = [*filename.split("-"), "", ""][:2]
    return f"{canonicalize_name(name)}=={version}"
