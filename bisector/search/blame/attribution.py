"""Whose fault a transition is: the package's own, or that of what is installed beside it.

A regression that isn't one is the worst answer. So each transition is measured again with the
dependencies of its releases' own time, and where more than the package differs between its sides,
the two releases are crossed with the two sets of dependencies. What made a release bad needn't be
what mended it: a dependency may break what the package itself then learns to live with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from packaging.version import Version

from bisector.finding import (
    Blame,
    Cause,
    Cell,
    Change,
    Finding,
    Kind,
    Transition,
)
from bisector.model import Conditions, Measurement, Outcome, Policy, Reason, Release
from bisector.search.blame.narrowing import Laboratory, exact, narrow
from bisector.search.blame.pins import Mix, changes
from bisector.search.candidates import Trial

OWN_TIME = "of its own time"
_LONGEST = 200


def attribute(finding: Finding, laboratory: Laboratory) -> Finding:
    """Return the finding with the cause of each of its transitions, told already or measured."""
    transitions = tuple(
        transition
        if transition.parting or transition.cause
        else replace(transition, cause=_Attribution(finding, transition, laboratory).cause())
        for transition in finding.transitions
    )
    return replace(finding, transitions=transitions)


def attribute_days(finding: Finding, release: Release, laboratory: Laboratory) -> Finding:
    """Return a finding over the dependencies of one ``release`` with what each transition takes."""
    transitions = tuple(
        replace(transition, cause=_Attribution(finding, transition, laboratory).of_days(release))
        for transition in finding.transitions
    )
    return replace(finding, transitions=transitions)


class _Attribution:
    """The measurements that tell whose fault one transition is."""

    def __init__(self, finding: Finding, transition: Transition, laboratory: Laboratory) -> None:
        self.probe = finding.probe
        self.conditions = finding.conditions
        self.laboratory = laboratory
        listed = {release.version: release for release in finding.plan.candidates}
        self.before, self.after = listed[transition.before], listed[transition.after]
        outcomes = [Outcome.GOOD, Outcome.BAD]
        self.fixed = transition.kind is Kind.FIXED
        self.outcomes = outcomes[::-1] if self.fixed else outcomes
        self.beside = [
            _beside(finding, version, outcome)
            for version, outcome in zip((transition.before, transition.after), self.outcomes)
        ]
        self.cells: list[Cell] = []

    def cause(self) -> Cause:
        """Return whose fault the transition is."""
        if not any(self.beside):
            return Cause(Blame.PACKAGE)
        dated = self.conditions.policy is not Policy.RELEASED
        if dated and self.fixed and self.beside[0] == self.beside[1]:
            return self._mended()
        why = self._in_their_own_time() if dated else ""
        if isinstance(why, Cause):
            return why
        if self.beside[0] != self.beside[1]:
            return self._crossed()
        if why:
            return self._cause(Blame.UNDECIDED, why=why)
        return self._cause(Blame.PACKAGE)

    def of_days(self, release: Release) -> Cause:
        """Return which of what differs between two days it takes."""
        old, new = self.beside
        return self._narrowed(Blame.DEPENDENCY, release, old, new, self.outcomes[1])

    def _mended(self) -> Cause:
        """Return the cause of a fix on whose two sides nothing but the package differs.

        The package mended it; whether a dependency that came later had made it bad is to be asked,
        and not known where that can't be tested.
        """
        if self.before.upload_time is None:
            return self._cause(Blame.PACKAGE)
        (run,) = self.laboratory.measure(
            [Trial(self.probe, self.before, self._dated())],
            f"{self.before.version} with dependencies of its own time",
        )
        self._note(self.before, OWN_TIME, run)
        if run.outcome is Outcome.UNTESTABLE:
            return self._cause(Blame.UNDECIDED, why=_untestable(run))
        if run.outcome is Outcome.BAD:
            return self._cause(Blame.PACKAGE)
        old = _pins(run, self.probe.package)
        return self._narrowed(Blame.INCOMPATIBLE, self.before, old, self.beside[0], Outcome.BAD)

    def _dated(self) -> Conditions:
        """Return the same conditions, but for dependencies of each release's own time."""
        return replace(
            self.conditions,
            policy=Policy.RELEASED,
            day="",
            constraints=(),
            wheels={},
            resolved="",
            resolved_for="",
        )

    def _in_their_own_time(self) -> str | Cause:
        """Return the cause where the transition doesn't stand then; else why that isn't known."""
        releases = (self.before, self.after)
        if undated := [r.version for r in releases if r.upload_time is None]:
            return f"the index doesn't say when {undated[0]} was uploaded"
        own = self._dated()
        measured = self.laboratory.measure(
            [Trial(self.probe, r, own) for r in releases],
            f"{self.before.version} and {self.after.version} with dependencies of their own time",
        )
        for release, run in zip(releases, measured):
            self._note(release, OWN_TIME, run)
        for run in measured:
            if run.outcome is Outcome.UNTESTABLE:
                return _untestable(run)
        for side, (release, run) in enumerate(zip(releases, measured)):
            if run.outcome is not self.outcomes[side]:
                old = _pins(run, self.probe.package)
                found = self._narrowed(
                    Blame.DEPENDENCY, release, old, self.beside[side], self.outcomes[side]
                )
                lives_with = self.fixed and side == 0 and self._lives_with(found)
                return replace(found, blame=Blame.INCOMPATIBLE) if lives_with else found
        return ""

    def _lives_with(self, cause: Cause) -> bool:
        """Return whether the good side of a fix has the very versions that made the other bad."""
        pins = (f"{one.change.name}=={one.change.after}" for one in cause.culprits)
        return bool(cause.culprits) and set(pins) <= set(self.beside[1])

    def _crossed(self) -> Cause:
        """Return the cause, from each release with the other one's dependencies."""
        old, new = self.beside
        was, now = self.outcomes
        trials = [self._trial(self.before, new), self._trial(self.after, old)]
        about = (
            f"{self.before.version} and {self.after.version}, each with the other's dependencies"
        )
        measured = self.laboratory.measure(trials, about)
        self._note(self.before, f"of {self.after.version}", measured[0])
        self._note(self.after, f"of {self.before.version}", measured[1])
        by_dependencies, by_package = (run.outcome for run in measured)
        if (by_dependencies, by_package) == (now, now):
            return self._cause(Blame.EITHER)
        if by_package is now:
            return self._cause(Blame.PACKAGE)
        if by_dependencies is now:
            return self._narrowed(Blame.DEPENDENCY, self.before, old, new, now)
        if (by_dependencies, by_package) == (was, was):
            return self._narrowed(Blame.TOGETHER, self.after, old, new, now)
        untestable = next(c for c in self.cells if c.outcome is Outcome.UNTESTABLE)
        why = (
            f"{untestable.version} can't be tested with the dependencies {untestable.dependencies}"
        )
        return self._cause(Blame.UNDECIDED, why=why)

    def _narrowed(
        self,
        blame: Blame,
        release: Release,
        old: Sequence[str],
        new: Sequence[str],
        target: Outcome,
    ) -> Cause:
        """Return the cause with the dependencies that make ``release`` come out at ``target``."""
        differing = changes(old, new)
        ends = [self._trial(release, old), self._trial(release, new)]
        about = f"{release.version} with the versions between which the cause must lie"
        without, with_them = self.laboratory.measure(ends, about)
        if with_them.outcome is not target or without.outcome in (target, Outcome.UNTESTABLE):
            return self._cause(blame, why="it didn't come out again with the very same versions")

        def trial(mix: Mix) -> Trial:
            return self._trial(release, (*mix.requirements, *mix.constraints))

        def history(change: Change, mix: Mix) -> tuple[Transition, ...]:
            others = exact(self.conditions, (*mix.requirements, *mix.constraints))
            pinned = f"{self.probe.package}=={release.version}"
            others = replace(others, requirements=(*others.requirements, pinned))
            subject = replace(self.probe, package=change.name)
            return self.laboratory.history(subject, others, change)

        found = narrow(self.laboratory, old, differing, target, trial, history)
        return replace(self._cause(blame), culprits=found)

    def _trial(self, release: Release, pins: Sequence[str]) -> Trial:
        return Trial(self.probe, release, exact(self.conditions, pins))

    def _note(self, release: Release, dependencies: str, run: Measurement) -> None:
        self.cells.append(Cell(release.version, dependencies, run.outcome, run.detail))

    def _cause(self, blame: Blame, *, why: str = "") -> Cause:
        return Cause(blame, tuple(self.cells), why=why)


def _untestable(run: Measurement) -> str:
    """Return that a release can't be tested with dependencies of its own time, and why."""
    reasons = ": ".join(filter(None, (run.reason.value if run.reason else "", run.detail)))
    why = f" ({reasons[:_LONGEST]})" if reasons else ""
    other = "; an older --python may be able to" * (run.reason is Reason.INSTALL_FAILED)
    return f"with dependencies of its own time, {run.version} can't be tested{why}{other}"


def _beside(finding: Finding, version: Version, outcome: Outcome) -> tuple[str, ...]:
    """Return what was installed beside a release in the newest run with that outcome."""
    runs = [m for m in finding.runs.get(version, ()) if m.outcome is outcome]
    return _pins(runs[-1], finding.probe.package)


def _pins(run: Measurement, package: str) -> tuple[str, ...]:
    return tuple(f"{d.name}=={d.version}" for d in run.installed if d.name != package)
