"""A search over interpreters: on which Python one release changed its behaviour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from packaging.version import Version

from bisector.finding import Axis, Blame, Cause, Cell, Change, Finding, Kind, Transition
from bisector.model import (
    Conditions,
    Excluded,
    Interpreter,
    Measurement,
    Outcome,
    Plan,
    Probe,
    Release,
)
from bisector.search.blame.narrowing import Laboratory, exact, narrow
from bisector.search.blame.pins import Mix, changes
from bisector.search.candidates import Candidates, Item, Trial

AXIS = Axis(
    noun="interpreter",
    introduced="is bad from Python {after} on; {before} is the last good one",
    fixed="is good from Python {after} on; {before} is the last bad one",
    unchanged="on {count} from Python {first} to {last}",
    title="differs between interpreters",
    side="Python {after}",
    python_varies=True,
)


class Interpreters(Candidates):
    """One release on several interpreters; the key of each is its version.

    ``conditions`` are what is held on each, in the order of the interpreters' versions;
    ``excluded`` are the interpreters that the release can't be installed on.
    """

    axis = AXIS

    def __init__(
        self,
        probe: Probe,
        release: Release,
        conditions: Sequence[Conditions],
        excluded: Sequence[Excluded],
        over: str,
    ) -> None:
        self.probe = probe
        self.conditions = conditions[-1]
        self.over = over
        self._release = release
        self._conditions: Mapping[Version, Conditions] = {
            key(one.interpreter): one for one in conditions
        }
        self.items = tuple(Item(version, f"Python {version}") for version in self._conditions)
        # Reports list releases; an interpreter is one there that has its version.
        self.plan = Plan(
            tuple(Release(version, ()) for version in self._conditions), excluded=tuple(excluded)
        )

    def trial(self, item: Item, /) -> Trial:
        """Return the measurement of the release on an interpreter."""
        return Trial(self.probe, self._release, self._conditions[item.key], item.label)

    def between(self, before: int, after: int, /) -> Sequence[Version]:
        """Return the interpreters between two positions, the excluded ones included."""
        low, high = self.items[before].key, self.items[after].key
        every = [*self._conditions, *(one.version for one in self.plan.excluded)]
        return sorted(version for version in every if low < version < high)

    def attributed(self, finding: Finding, laboratory: Laboratory, /) -> Finding:
        """Return the finding with whether each change is the interpreter's, or a dependency's."""
        transitions = tuple(
            replace(one, cause=self._cause(finding, one, laboratory)) for one in finding.transitions
        )
        return replace(finding, transitions=transitions)

    def _cause(self, finding: Finding, change: Transition, laboratory: Laboratory) -> Cause:
        """Return whose fault a change is: where what is installed differs too, both are crossed."""
        was, now = Outcome.GOOD, Outcome.BAD
        if change.kind is Kind.FIXED:
            was, now = now, was
        before, after = change.before, change.after
        old = self._pins(finding.runs[before], was)
        new = self._pins(finding.runs[after], now)
        if old == new:
            return Cause(Blame.INTERPRETER)
        crossed = [(after, before, old), (before, after, new)]
        measured = laboratory.measure(
            [self._exactly(version, pins, other) for version, other, pins in crossed],
            f"Python {before} and {after}, each with the other's dependencies",
        )
        by_python, by_dependencies = (run.outcome for run in measured)
        cells = tuple(
            Cell(version, f"of Python {other}", run.outcome, run.detail)
            for (version, other, _), run in zip(crossed, measured)
        )
        if (by_python, by_dependencies) == (now, now):
            return Cause(Blame.EITHER, cells)
        if by_python is now:
            return Cause(Blame.INTERPRETER, cells)
        if by_dependencies is now:
            cause = Cause(Blame.DEPENDENCY, cells)
            return self._narrowed(cause, before, (old, new), now, laboratory)
        if by_python is was:
            # The one before may not even be able to have them.
            cause = Cause(Blame.TOGETHER, cells)
            return self._narrowed(cause, after, (old, new), now, laboratory)
        cell = next(cell for cell in cells if cell.outcome is Outcome.UNTESTABLE)
        why = f"{cell.version} can't be tested with the dependencies {cell.dependencies}"
        return Cause(Blame.UNDECIDED, cells, why=why)

    def _narrowed(
        self,
        cause: Cause,
        version: Version,
        pins: tuple[Sequence[str], Sequence[str]],
        target: Outcome,
        laboratory: Laboratory,
    ) -> Cause:
        """Return the cause with the dependencies that lead to ``target`` on an interpreter."""
        old, new = pins
        named = f"{self.probe.package}=={self._release.version}"

        def trial(mix: Mix) -> Trial:
            return self._exactly(version, (*mix.requirements, *mix.constraints))

        def history(change: Change, mix: Mix) -> tuple[Transition, ...]:
            others = exact(self._conditions[version], (*mix.requirements, *mix.constraints))
            others = replace(others, requirements=(*others.requirements, named))
            return laboratory.history(replace(self.probe, package=change.name), others, change)

        found = narrow(laboratory, old, changes(old, new), target, trial, history)
        return replace(cause, culprits=found)

    def _exactly(
        self, version: Version, pins: Sequence[str], other: Version | None = None
    ) -> Trial:
        """Return the measurement on an interpreter with just these dependencies."""
        label = f"Python {version} with those of {other}" if other else f"Python {version}"
        return Trial(self.probe, self._release, exact(self._conditions[version], pins), label)

    def _pins(self, runs: Sequence[Measurement], outcome: Outcome) -> tuple[str, ...]:
        """Return what was installed beside the release in the newest run with that outcome."""
        newest = [run for run in runs if run.outcome is outcome][-1]
        others = (one for one in newest.installed if one.name != self.probe.package)
        return tuple(f"{one.name}=={one.version}" for one in others)


def key(python: Interpreter) -> Version:
    """Return the version by which the runs on an interpreter are known.

    That of a development build ends in a plus sign, which no version may (PEP 440).
    """
    return Version(python.version.rstrip("+"))
