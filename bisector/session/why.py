"""Why each transition of a finding came to be: one traced run of each side, and what changed."""

from __future__ import annotations

import tarfile
import tempfile
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from bisector import settings
from bisector.cause import changelog, contents, trace
from bisector.cause.contents import Contents
from bisector.cause.explain import explanation
from bisector.environment.release import Installation, make
from bisector.environment.task import Task
from bisector.environment.workspace import remove
from bisector.errors import BisectorError
from bisector.explanation import Explanation
from bisector.finding import Blame, Cause, Finding, Kind, Transition
from bisector.inputs.download import fetched
from bisector.measure.measure import measure
from bisector.model import Measurement, Outcome, Release
from bisector.search import failures
from bisector.search.blame.attribution import OWN_TIME
from bisector.search.blame.narrowing import exact
from bisector.search.candidates import Trial
from bisector.session.commits import searched
from bisector.session.scope import listed

if TYPE_CHECKING:
    from bisector.session.session import Driver

_MOST_BYTES = 4 << 20
_MORE = 1.25
"""How many times more memory one side takes where that is what the two differ in."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The two sides of a transition, the earlier first: what is installed, and how it came out.

    ``package`` is the one whose ``versions`` are compared. ``failure`` is that of the bad side,
    ``memory`` whether it took much more than the good one.
    """

    package: str
    versions: tuple[str, str]
    tasks: tuple[Task, Task]
    kind: Kind
    failure: Measurement | None
    memory: bool = False

    @property
    def outcomes(self) -> tuple[Outcome, Outcome]:
        """How the two sides come out."""
        introduced = self.kind is Kind.INTRODUCED
        return (Outcome.GOOD, Outcome.BAD) if introduced else (Outcome.BAD, Outcome.GOOD)


@dataclass(frozen=True, slots=True)
class Traced:
    """One side, run once more and traced."""

    run: Measurement
    contents: Contents
    trace: trace.Trace


def explained(driver: Driver, finding: Finding) -> Finding:
    """Return the finding with what may have made each of its transitions."""
    transitions = []
    for transition in finding.transitions:
        sides = None if transition.parting or finding.over else pair(driver, finding, transition)
        why = explain(driver, sides) if sides else None
        transitions.append(replace(transition, why=why))
    first = [replace(failure, transitions=tuple(transitions)) for failure in finding.failures[:1]]
    explaining = replace(finding, transitions=tuple(transitions))
    return explaining.with_failures([*first, *finding.failures[1:]])


def pair(driver: Driver, finding: Finding, transition: Transition) -> Pair | None:
    """Return the sides to compare: the pre-releases nearest to the change where they are known.

    Where a dependency did it, it is its releases that are compared. None where the sides are none
    of the finding's releases.
    """
    releases = {r.version: r for r in (*finding.plan.candidates, *finding.plan.prereleases)}
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
    return Pair(package, versions, (before, after), transition.kind, failure, memory)


def explain(driver: Driver, sides: Pair) -> Explanation:
    """Return what may have changed the outcome between two sides, each run once more for that.

    Nothing is suspected where a side comes out otherwise while it is traced.
    """
    driver.said.say(f"what of {sides.package} {' → '.join(sides.versions)} it executes")
    serial = sides.tasks[0].probe.serial
    with ThreadPoolExecutor(1 if serial else 2) as threads, driver.said.running():
        old, new = threads.map(lambda task: _traced(task, sides), sides.tasks)
    notes = [
        note
        for version, side, outcome in zip(sides.versions, (old, new), sides.outcomes)
        for note in _differs(version, side.run, outcome, sides.failure)
    ]
    text, missing = _changelog(driver, sides, new.contents)
    told = explanation(
        sides.package,
        sides.versions,
        (old.contents, new.contents),
        None if notes else (old.trace, new.trace),
        sides.kind,
        _words(sides),
        text,
    )
    told = replace(told, notes=(*notes, *_gaps(sides, (old, new)), *missing))
    if driver.request.repository:
        both, traces = (old.contents, new.contents), (old.trace, new.trace)
        told = replace(told, search=searched(driver, sides, told, both, traces))
    return told


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
    version = _held(transition, cause)
    runs = [m for m in finding.measurements if m.version == version and m.installed]
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
    return Pair(change.name, versions, (before, after), kind, failure, memory)


def _held(transition: Transition, cause: Cause) -> Version:
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
    runs = [m for m in finding.measurements if m.version == version]
    return next((m for m in reversed(runs) if m.outcome is Outcome.BAD), None)


def _tells_of_memory(finding: Finding, sides: tuple[Version, Version]) -> bool:
    """Return whether memory is what the two sides differ in."""
    peaks = []
    for version in sides:
        runs = [m for m in finding.measurements if m.version == version]
        mains = [run.main_process for run in runs]
        peaks.append(max((m.peak_memory_bytes for m in mains if m), default=0))
    return all(peaks) and max(peaks) > _MORE * min(peaks)


def _traced(task: Task, sides: Pair) -> Traced:
    """Return what a side executes, in an environment of its own; nothing of it is stored."""
    folder = Path(tempfile.mkdtemp(prefix="trace-", dir=task.folder))
    made: list[tuple[Path, Contents]] = []

    @contextmanager
    def lent(task: Task, stopped: threading.Event | None) -> Iterator[Installation]:
        installation = make(task, folder / "env", stopped)
        site_packages = installation.environment.site_packages
        found = contents.installed(site_packages, sides.package)
        trace.install(site_packages, None, found.files, memory=sides.memory)
        made.append((site_packages, found))
        yield installation

    try:
        alone = replace(task, folder=folder, keep=False)
        run = failures.counted(measure(alone, None, lent, discard=lambda _: None))
        if not made:
            return Traced(run, Contents({}), trace.Trace())
        site_packages, found = made[0]
        # The run that counts is the last: others were stopped by what they are kept from.
        written = max(folder.glob("**/records"), key=lambda path: path.stat().st_ctime_ns)
        return Traced(run, found, trace.read(written, site_packages))
    finally:
        remove(folder)


def _differs(
    version: str, run: Measurement, outcome: Outcome, failure: Measurement | None
) -> Iterator[str]:
    """Yield that a side came out otherwise while it was traced, where it did."""
    if run.outcome is not outcome:
        said = f": {run.detail}" if run.detail else ""
        yield (
            f"traced, {version} came out as {run.outcome.value} instead of {outcome.value}{said}; "
            "nothing is concluded from what it executed"
        )
    elif failure and run.outcome is Outcome.BAD and not failures.same(failure, run):
        yield (
            f"traced, {version} failed in another way ({failures.told(run.signature)}); "
            "nothing is concluded from what it executed"
        )


def _gaps(sides: Pair, traced: tuple[Traced, Traced]) -> Iterator[str]:
    """Yield what could not be seen."""
    for version, side in zip(sides.versions, traced):
        if side.contents.files and not side.contents.sources:
            yield f"{sides.package} {version} has no Python files"
        elif side.contents.files and not side.trace.functions:
            yield f"nothing of {sides.package} {version} was executed in Python"
        elif not side.trace.ended:
            yield f"a process of {version} was killed: how often it called what isn't known"


def _words(sides: Pair) -> list[str]:
    """Return what is known of the failure in words."""
    failure = sides.failure
    told = [sides.tasks[0].probe.title]
    if failure:
        told.append(failure.detail)
        told.append(failures.told(failure.signature))
    return told


def _changelog(driver: Driver, sides: Pair, newer: Contents) -> tuple[str, list[str]]:
    """Return the text of the changelog, from the wheel or else the source distribution."""
    if text := changelog.chosen(newer.files):
        return text, []
    try:
        releases = listed(sides.package, driver.request).releases
        release = next(r for r in releases if r.version == Version(sides.versions[1]))
        sdist = next(f for f in release.files if f.filename.endswith(".tar.gz"))
        cache, offline = settings.cache_dir() / "sources", driver.request.offline
        if text := _of_sdist(fetched(sdist, cache, offline=offline)):
            return text, []
    except (StopIteration, tarfile.TarError, OSError):
        pass
    except BisectorError as error:
        return newer.description, [f"the changelog could not be looked at: {error.message}"]
    return newer.description, []


def _of_sdist(path: Path) -> str:
    """Return the text of the changelog in a source distribution; empty where it has none."""
    with tarfile.open(path) as archive:
        named = {
            member.name.partition("/")[2]: member
            for member in archive
            if member.isfile()
            and changelog.is_changelog(member.name)
            and member.size <= _MOST_BYTES
        }
        outermost = min(named, key=lambda name: (name.count("/"), len(name)), default="")
        file = archive.extractfile(named[outermost]) if outermost else None
        return file.read().decode("utf-8", "replace") if file else ""
