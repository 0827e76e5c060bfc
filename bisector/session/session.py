"""Drives searches: from a request to findings; the one place that wires everything together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from bisector import settings
from bisector.environment.installers.interface import Installer
from bisector.environment.installers.pip import Pip
from bisector.environment.installers.uv import Uv
from bisector.environment.task import Task, requirements_of
from bisector.environment.workspace import lasting, workspace
from bisector.errors import UndecidedError, UsageError
from bisector.finding import Comparison, Finding
from bisector.inputs.locks.files import read
from bisector.inputs.request import Request, replay
from bisector.measure import measure
from bisector.measure.threads import Threads, Workers
from bisector.model import (
    Conditions,
    Documented,
    Interpreter,
    Measurement,
    Outcome,
    Plan,
    Probe,
    Release,
    Signature,
)
from bisector.reports.rows import count
from bisector.search.bisection import Bisection, Options
from bisector.search.blame.attribution import attribute, attribute_days
from bisector.search.blame.comparison import NOTHING, Comparing
from bisector.search.blame.pins import name_of
from bisector.search.days import held, positions
from bisector.session import conditions
from bisector.session.bench import Bench
from bisector.session.days import measuring
from bisector.session.from_store import with_causes
from bisector.session.scope import listed, planned, prospect, summary
from bisector.store.runs import Store

if TYPE_CHECKING:
    from typing_extensions import Self

    from bisector.reports.progress import Lines


class Driver:
    """Everything that the searches of one command share; use it as a context."""

    workers: Workers

    def __init__(self, request: Request, store: Store, said: Lines) -> None:
        self.request = request
        self.store = store
        self.said = said
        self._source = settings.index_url(request.index_url)
        self._stack = ExitStack()
        self._folder = Path()

    def __enter__(self) -> Self:
        self.store.prepare()
        with ExitStack() as stack:
            self._folder = stack.enter_context(workspace(settings.cache_dir() / "work"))
            self.workers = stack.enter_context(self._opened())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        for warning in dict.fromkeys(self.store.warnings):
            self.said.say(f"warning: {warning}")

    def _opened(self) -> AbstractContextManager[Workers]:
        request = self.request
        if request.scheduler:
            from bisector.measure.dask import cluster  # see `commands`

            return cluster.connected(request.scheduler, request.jobs, self.store, self.said.say)
        return closing(Threads(request.jobs, self.store, self._folder))

    def find(self, wanted: Probe, python: Interpreter) -> Finding:
        """Return what one search learned; each measurement is stored as it completes.

        Raises UsageError, UndecidedError or what asking the index and installing raise.
        """
        request = self.request
        seen = prospect(request, wanted, python)
        for warning in seen.warnings:
            self.said.say(f"warning: {warning}")
        self.said.say(summary(seen))
        installer = self._installer()
        options = self._options(wanted, seen.witnesses)

        def begin(likely: Conditions) -> None:
            task = self._task(wanted, seen.plan.candidates[-1], likely, installer)
            self._begin(task, seen.plan, options)

        early = begin if self._early(wanted) else None
        held = conditions.settle(request, wanted, python, seen.plan, self.store, installer, early)
        task = self._task(wanted, seen.plan.candidates[-1], held, installer)
        finding = self._search(task, seen.plan, options)
        if not request.refresh:
            finding = with_causes(finding, self.store.caused(wanted, held))
        if request.attribute and request.max_probes is None and not finding.stopped:
            try:
                finding = attribute(finding, self._bench(task, _failure(finding)))
            except KeyboardInterrupt:
                finding = replace(finding, stopped="attribution")
        if request.keep_environments:
            self.said.say(f"the environments are kept in {task.folder}")
        finding = replace(finding, replay=replay(request, wanted, python))
        if not seen.plan.by_upload:
            self.store.describe(finding)
        return finding

    def find_over(self, wanted: Probe, python: Interpreter) -> Finding:
        """Return what the newest release in the range did with the dependencies of each day.

        Raises UsageError where the index doesn't say when releases were uploaded.
        """
        request, installer = self.request, self._installer()
        wanted = replace(wanted, claims=(), documented=Documented())
        seen = prospect(replace(request, good=(), bad=()), wanted, python)
        release = seen.plan.candidates[-1]
        if release.upload_time is None:
            raise UsageError(
                f"the index doesn't say when {release.version} was uploaded",
                "--over dependencies needs that; --from and --to compare two sets",
            )
        base = replace(conditions.plain(request, wanted, python), policy="of each day")
        needed = requirements_of(wanted, base, release)
        subject = f"{seen.project} {release.version}"
        now = conditions.complete(subject, needed, python.executable, installer)
        uploads = [
            other.upload_time
            for name in map(name_of, now.pins)
            if name != wanted.package
            for other in listed(name, request).releases
            if other.upload_time and not other.version.is_prerelease
        ]
        made = Plan(positions(release.upload_time, uploads))
        self.said.say(
            f"{subject}: {count(len(made.candidates), 'day')} since its upload after which its "
            "dependencies differ"
        )
        task = self._task(wanted, release, base, installer)
        known = {}
        for position in () if request.refresh else made.candidates:
            day = held(base, position)
            for runs in self.store.load(wanted, day, {release.version: release}).values():
                known[position.version] = [replace(r, version=position.version) for r in runs]
        with self.workers.measuring(task) as (start, stop), self.said.running():
            submit, stop_day = measuring(task, start, stop)
            finding = Bisection(
                wanted,
                made,
                base,
                known,
                submit,
                options=replace(self._options(wanted), over=subject),
                clock=time.monotonic,
                listener=self.said,
                stop=stop_day,
            ).run()
        if request.attribute and request.max_probes is None and not finding.stopped:
            try:
                bench = self._bench(task, _failure(finding))
                finding = attribute_days(finding, release, bench)
            except KeyboardInterrupt:
                finding = replace(finding, stopped="attribution")
        told = replay(request, wanted, python)
        return replace(finding, replay=told)

    def compare(self, wanted: Probe, python: Interpreter, files: tuple[Path, Path]) -> Comparison:
        """Return which of the changes between the sets in two files make the difference.

        Raises UsageError where a set can't be read or installed, or where nothing changed.
        """
        request, installer = self.request, self._installer()
        beside = (*wanted.dependencies, *request.requirements)
        sets = []
        for path in files:
            locked = read(path, python)
            for why in locked.left_out:
                self.said.say(f"warning: {path} has what can't be installed: {why}")
            needed = (*locked.requirements, *beside)
            sets.append(conditions.complete(str(path), needed, python.executable, installer))
        old, new = sets
        comparing = Comparing(
            wanted, conditions.plain(request, wanted, python), old, new, measure.now()
        )
        if not comparing.changes:
            raise UsageError(
                f"{old.name} and {new.name} lead to the same versions", "compare others"
            )
        names = set(map(name_of, (*old.pins, *new.pins)))
        changed = count(len(comparing.changes), "distribution")
        self.said.say(f"{changed} of {len(names)} changed from {old.name} to {new.name}")
        task = self._task(comparing.probe, NOTHING, comparing.conditions, installer)
        found = comparing.ends(self._bench(task, None))
        if found.differs:
            failure = next((e.signature for e in found.ends if e.outcome is Outcome.BAD), None)
            found = comparing.narrowed(found, self._bench(task, failure))
        return replace(found, replay=replay(request, wanted, python))

    def _jobs(self, wanted: Probe) -> int:
        return 1 if wanted.serial else self.workers.jobs

    def _options(self, wanted: Probe, witnesses: tuple[Version, ...] = ()) -> Options:
        request = self.request
        return Options(
            witnesses=witnesses,
            assure_s=request.assure,
            exhaustive=request.exhaustive,
            max_probes=request.max_probes,
            confidence=request.confidence,
            jobs=self._jobs(wanted),
            any_failure=request.any_failure,
        )

    def _installer(self) -> Installer:
        kind = Pip if self.request.installer == "pip" else Uv
        return kind(self._source.url, self._folder, self.request.offline, self.request.allow_build)

    def _task(
        self, wanted: Probe, release: Release, held: Conditions, installer: Installer
    ) -> Task:
        """Return what a measurement of a release needs; of others, only the release differs."""
        keep, cache = self.request.keep_environments, settings.cache_dir()
        folder = self._kept if keep else self._folder
        return Task(wanted, release, held, installer, folder, Path.cwd(), cache, keep=keep)

    @cached_property
    def _kept(self) -> Path:
        """The folder of the environments that this command keeps."""
        return lasting(settings.cache_dir() / "kept")

    def _known(self, task: Task, made: Plan) -> dict[Version, list[Measurement]]:
        """Return the stored runs of what can be tested."""
        if self.request.refresh:
            return {}
        testable = {r.version: r for r in (*made.candidates, *made.prereleases)}
        return self.store.load(task.probe, task.conditions, testable)

    def _early(self, wanted: Probe) -> bool:
        """Return whether runs may be made that turn out not to count: nobody notices them."""
        request = self.request
        apart = wanted.reports or request.isolated
        kept = request.keep_environments or request.max_probes is not None
        return apart and not (kept or wanted.serial or request.scheduler)

    def _begin(self, task: Task, made: Plan, options: Options) -> None:
        """Begin with what a search would measure first, before it is sure what is held."""
        known = self._known(task, made)
        bisection = Bisection(
            task.probe,
            made,
            task.conditions,
            known,
            options=options,
            clock=time.monotonic,
        )
        self.workers.begin([replace(task, release=release) for release in bisection.first()])

    def _search(self, task: Task, made: Plan, options: Options) -> Finding:
        """Return what a search over a plan learned, from what is stored and what it measures."""
        known = self._known(task, made)
        if known and task.probe.command:
            self.said.say(
                f"warning: {count(sum(map(len, known.values())), 'run')} of this command are "
                "stored; if a file that it reads but doesn't name has changed, --refresh"
            )

        def expect(releases: Sequence[Release]) -> None:
            self.workers.expect([replace(task, release=release) for release in releases])

        with self.workers.measuring(task) as (start, stop), self.said.running():
            return Bisection(
                task.probe,
                made,
                task.conditions,
                known,
                lambda release: start(replace(task, release=release)),
                options=options,
                clock=time.monotonic,
                listener=self.said,
                stop=stop,
                expect=None if task.probe.serial else expect,
            ).run()

    def _bench(self, task: Task, failure: Signature | None) -> Bench:
        """Return where it is measured what makes that ``failure`` come and go."""

        def history(subject: Probe, held: Conditions, ends: Sequence[Version]) -> Finding:
            listing = listed(subject.package, self.request)
            within = SpecifierSet(f">={min(ends)},<={max(ends)}")
            pre = any(end.is_prerelease for end in ends)
            asked = replace(self.request, pre=pre, yanked=True, order="version")
            made = planned(listing, held.interpreter, asked, within)
            release = next((r for r in made.candidates if r.version == max(ends)), None)
            if release is None:
                raise UndecidedError(f"{max(ends)} of {subject.package} can't be searched")
            options = Options(
                tuple(ends),
                assure_s=0.0,
                jobs=self._jobs(subject),
                any_failure=self.request.any_failure,
                failure=failure,
            )
            found = self._search(self._task(subject, release, held, task.installer), made, options)
            if found.stopped == "interrupted":
                raise KeyboardInterrupt
            return found

        return Bench(
            task,
            lambda: self.workers.measuring(task),
            history,
            store=self.store,
            said=self.said,
            jobs=self._jobs(task.probe),
            failure=failure,
            any_failure=self.request.any_failure,
            refresh=self.request.refresh,
        )


def _failure(finding: Finding) -> Signature | None:
    """Return the failure that a finding is about."""
    bad = (run.signature for run in finding.measurements if run.outcome is Outcome.BAD)
    return next(bad, None)
