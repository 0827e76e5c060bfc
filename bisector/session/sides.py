"""The two sides of a transition that are compared, and how each of them is measured again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.version import Version

from bisector.environment.task import Task
from bisector.finding import Blame, Cause, Finding, Kind, Transition
from bisector.model import Measurement, Outcome, Release
from bisector.search.blame.attribution import OWN_TIME
from bisector.search.blame.narrowing import exact
from bisector.search.candidates import Trial

if TYPE_CHECKING:
    from bisector.session.session import Driver


_MORE = 1.25
"""How many times more memory one side takes where that is what the two differ in."""

_SELDOM = 0.02
"""How seldom a side may come out otherwise in all of its tries."""

_MOST_TRIES = 30


@dataclass(frozen=True, slots=True)
class Pair:
    """The two sides of a transition, the earlier first: what is installed, and how it came out.

    ``package`` is the one whose ``versions`` are compared. ``failure`` is that of the bad side,
    ``memory`` whether it took much more than the good one. ``tries`` are the runs of each side that
    it takes to see it come out as it does: one where its runs never disagreed.
    """

    package: str
    versions: tuple[str, str]
    tasks: tuple[Task, Task]
    kind: Kind
    failure: Measurement | None
    memory: bool = False
    tries: tuple[int, int] = (1, 1)

    @property
    def outcomes(self) -> tuple[Outcome, Outcome]:
        """How the two sides come out."""
        introduced = self.kind is Kind.INTRODUCED
        return (Outcome.GOOD, Outcome.BAD) if introduced else (Outcome.BAD, Outcome.GOOD)


def pair(driver: Driver, finding: Finding, transition: Transition) -> Pair | None:
    """Return the sides to compare: the pre-releases nearest to the change where they are known.

    Where a dependency did it, it is its releases that are compared. None where the sides are none
    of the finding's releases.
    """
    releases = finding.releases
    cause = transition.cause
    if cause and cause.blame is Blame.DEPENDENCY:
        return _of_dependency(driver, finding, transition, releases)
    sides = transition.zoom or (transition.before, transition.after)
    if not all(version in releases for version in sides):
        return None
    before, after = (_task(driver, finding, releases[version]) for version in sides)
    failure = _failure(finding, sides[transition.kind is Kind.INTRODUCED])
    versions = (str(sides[0]), str(sides[1]))
    memory = _tells_of_memory(finding, sides)
    package = finding.probe.package
    tries = _tries(finding, transition.kind, sides)
    return Pair(package, versions, (before, after), transition.kind, failure, memory, tries)


def _task(driver: Driver, finding: Finding, release: Release) -> Task:
    """Return what it takes to measure a release as the finding's were."""
    return driver.task(Trial(finding.probe, release, finding.conditions))


def _of_dependency(
    driver: Driver, finding: Finding, transition: Transition, releases: Mapping[Version, Release]
) -> Pair | None:
    """Return the sides of the first dependency that did it, with all else as it was measured."""
    cause = transition.cause
    change = cause.culprits[0].change if cause and cause.culprits else None
    if not cause or change is None or change.before is None or change.after is None:
        return None
    steps = sorted(cause.culprits[0].transitions, key=lambda step: step.kind is Kind.FIXED)
    ends = (steps[0].zoom or (steps[0].before, steps[0].after)) if steps else None
    versions = (str(ends[0]), str(ends[1])) if ends else (change.before, change.after)
    version = _settled(transition, cause)
    runs = [m for m in finding.runs.get(version, ()) if m.installed]
    if version not in releases or not runs:
        return None
    task = _task(driver, finding, releases[version])
    pins = {d.name: d.version for d in runs[-1].installed if d.name != finding.probe.package}
    before, after = (
        replace(task, conditions=exact(task.conditions, _pinned({**pins, change.name: other})))
        for other in versions
    )
    kind = steps[0].kind if steps else transition.kind
    failure = _failure(finding, (transition.before, transition.after)[_is_introduced(transition)])
    memory = _tells_of_memory(finding, (transition.before, transition.after))
    tries = _tries(finding, transition.kind, (transition.before, transition.after))
    return Pair(change.name, versions, (before, after), kind, failure, memory, tries)


def _settled(transition: Transition, cause: Cause) -> Version:
    """Return the release that comes out otherwise with another version of the dependency.

    It is the one that was seen to do so with dependencies of its own time, else the earlier one,
    which was measured with the later one's.
    """
    outcomes = (Outcome.GOOD, Outcome.BAD) if _is_introduced(transition) else _TURNED
    for version, outcome in zip((transition.before, transition.after), outcomes):
        cells = [c for c in cause.cells if c.version == version and c.dependencies == OWN_TIME]
        if any(cell.outcome is not outcome for cell in cells):
            return version
    return transition.before


_TURNED = (Outcome.BAD, Outcome.GOOD)


def _is_introduced(transition: Transition) -> bool:
    return transition.kind is Kind.INTRODUCED


def _pinned(pins: Mapping[str, str]) -> list[str]:
    return [f"{name}=={version}" for name, version in pins.items()]


def _failure(finding: Finding, version: Version) -> Measurement | None:
    """Return the newest bad run of a release."""
    runs = finding.runs.get(version, [])
    return next((m for m in reversed(runs) if m.outcome is Outcome.BAD), None)


def _tries(finding: Finding, kind: Kind, sides: tuple[Version, Version]) -> tuple[int, int]:
    """Return how many runs of each side it takes to see its outcome, all but ``_SELDOM``.

    That a run comes out otherwise is as likely as it was, by the estimator of Krichevsky and
    Trofimov: half a run of each outcome is added to those that there were.
    """
    outcomes = (Outcome.GOOD, Outcome.BAD) if kind is Kind.INTRODUCED else _TURNED
    tries = []
    for version, outcome in zip(sides, outcomes):
        decided = [run for run in finding.runs.get(version, ()) if run.outcome in _TURNED]
        otherwise = sum(run.outcome is not outcome for run in decided)
        share = (otherwise + 0.5) / (len(decided) + 1)
        needed = math.ceil(math.log(_SELDOM) / math.log(share)) if otherwise else 1
        tries.append(min(needed, _MOST_TRIES))
    return tries[0], tries[1]


def _tells_of_memory(finding: Finding, sides: tuple[Version, Version]) -> bool:
    """Return whether memory is what the two sides differ in."""
    peaks = []
    for version in sides:
        mains = [run.main_process for run in finding.runs.get(version, ())]
        peaks.append(max((m.peak_memory_bytes for m in mains if m), default=0))
    return all(peaks) and max(peaks) > _MORE * min(peaks)
