"""Why each transition of a finding came to be: one traced run of each side, and what changed."""

from __future__ import annotations

import tarfile
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from bisector import settings
from bisector.cause import changelog, contents, trace
from bisector.cause.changelog import entries
from bisector.cause.changes import changes
from bisector.cause.contents import Contents
from bisector.cause.explain import explanation
from bisector.cause.git import Repository
from bisector.environment.release import Installation, make
from bisector.environment.task import Task
from bisector.environment.workspace import remove
from bisector.errors import BisectorError
from bisector.explanation import Entry, Explanation
from bisector.finding import Finding, Stopped
from bisector.inputs.download import fetched
from bisector.measure.measure import measure
from bisector.model import Measurement, Outcome
from bisector.search import failures
from bisector.search.scheduler import ended
from bisector.session.commits import searched
from bisector.session.scope import listed
from bisector.session.sides import Pair, pair

if TYPE_CHECKING:
    from bisector.session.session import Driver

_MOST_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Traced:
    """One side, run once more and traced."""

    run: Measurement
    contents: Contents
    trace: trace.Trace


def explained(driver: Driver, finding: Finding, repository: Repository | None = None) -> Finding:
    """Return the finding with what may have made each of its transitions.

    With the package's ``repository``, with the commit that did it, as far as that is found.
    """
    transitions = list(finding.transitions)
    try:
        for position, transition in enumerate(finding.transitions):
            sides = (
                None if transition.parting or finding.over else pair(driver, finding, transition)
            )
            why = explain(driver, sides, repository) if sides else None
            transitions[position] = replace(transition, why=why)
    except KeyboardInterrupt:
        finding = replace(finding, stopped=Stopped.EXPLANATION)
    first = [replace(failure, transitions=tuple(transitions)) for failure in finding.failures[:1]]
    explaining = replace(finding, transitions=tuple(transitions))
    return explaining.with_failures([*first, *finding.failures[1:]])


def explain(driver: Driver, sides: Pair, repository: Repository | None) -> Explanation:
    """Return what may have changed the outcome between two sides, each run once more for that.

    Nothing is suspected where a side comes out otherwise while it is traced.
    """
    driver.confine()
    driver.listener.say(f"what of {sides.package} {' → '.join(sides.versions)} it executes")
    installed = Future[Contents](), Future[Contents]()
    stopped = threading.Event()
    serial = sides.tasks[0].probe.serial
    with ThreadPoolExecutor(1 if serial else 2) as threads, driver.listener.running():
        traced = partial(_traced, sides, stopped=stopped, deep=driver.request.deep)
        runs = [threads.submit(traced, side, contents) for side, contents in enumerate(installed)]
        try:
            before, after = (ended([contents]).pop().result() for contents in installed)
            changed = changes(before, after)
            between, missing = _entries(driver, sides, (before, after))
            old, new = (ended([run]).pop().result() for run in runs)
        except BaseException:
            stopped.set()
            raise
    notes = [
        note
        for version, side, outcome in zip(sides.versions, (old, new), sides.outcomes)
        for note in _differs(version, side.run, outcome, sides.failure)
    ]
    explained = explanation(
        sides.package,
        sides.versions,
        changed,
        None if notes else (old.trace, new.trace),
        sides.kind,
        _words(sides),
        between,
    )
    explained = replace(
        explained,
        addresses=after.addresses or before.addresses,
        notes=(*notes, *_gaps(sides, (old, new)), *missing),
    )
    if repository:
        traces = (old.trace, new.trace)
        search = searched(driver, sides, repository, explained, (before, after), traces)
        explained = replace(explained, search=search)
    return explained


def _traced(
    sides: Pair, side: int, installed: Future[Contents], *, stopped: threading.Event, deep: bool
) -> Traced:
    """Return what a side executes, in an environment of its own; nothing of it is stored.

    With ``deep``, also what it executes of whatever is installed beside the package. What is
    ``installed`` there is known before the run has ended; nothing where it can't be. A side that
    comes out both ways is run until it does so as it is to be explained.
    """
    task = sides.tasks[side]
    folder = Path(tempfile.mkdtemp(prefix="trace-", dir=task.folder))
    environments: list[tuple[Path, Contents]] = []

    @contextmanager
    def lent(task: Task, stopped: threading.Event | None) -> Iterator[Installation]:
        installation = make(task, folder / f"env-{len(environments)}", stopped)
        site_packages = installation.environment.site_packages
        found = contents.installed(site_packages, sides.package, deep=deep)
        trace.install(site_packages, None, found.everything, memory=sides.memory)
        environments.append((site_packages, found))
        if not installed.done():
            installed.set_result(found)
        yield installation

    try:
        alone = replace(task, folder=folder, keep=False)
        for _ in range(sides.tries[side]):
            run = failures.counted(measure(alone, stopped, lent, discard=lambda _: None))
            if run.outcome is sides.outcomes[side]:
                break
        if not environments:
            return Traced(run, Contents({}), trace.Trace())
        site_packages, found = environments[-1]
        # The run that counts is the last: others were stopped by what they are kept from.
        written = max(folder.glob("**/records"), key=lambda path: path.stat().st_ctime_ns)
        return Traced(run, found, trace.read(written, site_packages))
    finally:
        if not installed.done():
            installed.set_result(Contents({}))
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


def _entries(
    driver: Driver, sides: Pair, contents: tuple[Contents, Contents]
) -> tuple[tuple[Entry, ...], list[str]]:
    """Return the changelog's entries between the sides, and why there are no more where that is so.

    They come from the later wheel, or else from its source distribution, where there may be
    fragments beside those of the earlier one.
    """
    before, after = contents
    versions, addresses = sides.versions, after.addresses or before.addresses
    if text := changelog.chosen(after.files):
        return entries(text, *versions, addresses), []
    described = entries(after.description, *versions, addresses)
    try:
        newer = _prose(driver, sides, versions[1])
        found = entries(changelog.chosen(newer), *versions, addresses)
        if fresh := changelog.fragments(newer, versions[1], addresses):
            old = changelog.fragments(_prose(driver, sides, versions[0]), versions[1], addresses)
            found += tuple(entry for entry in fresh if entry not in old)
        return found or described, []
    except (tarfile.TarError, OSError):
        return described, []
    except BisectorError as error:
        return described, [f"the changelog could not be looked at: {error.message}"]


def _prose(driver: Driver, sides: Pair, version: str) -> dict[str, bytes]:
    """Return the changelogs and fragments of a source distribution; none where there is no such.

    Raises BisectorError, TarError or OSError where it can't be had or read.
    """
    releases = listed(sides.package, driver.request).releases
    files = (r.files for r in releases if r.version == Version(version))
    sdist = next((f for f in chain(*files) if f.filename.endswith(".tar.gz")), None)
    if sdist is None:
        return {}
    cache, offline = settings.cache_dir() / "sources", driver.request.offline
    found: dict[str, bytes] = {}
    with tarfile.open(fetched(sdist, cache, offline=offline)) as archive:
        for member in archive:
            path = member.name.partition("/")[2]
            wanted = changelog.is_changelog(path) or changelog.is_fragment(path)
            if wanted and member.size <= _MOST_BYTES and (file := archive.extractfile(member)):
                found[path] = file.read()
    return found
