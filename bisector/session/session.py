"""Drives searches: from a request to findings; the one place that wires everything together."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from bisector import settings
from bisector.environment.installers.choice import chosen
from bisector.environment.installers.interface import Installer
from bisector.environment.task import Task
from bisector.environment.workspace import lasting, workspace
from bisector.errors import IndexUnavailableError, InstallerError, UndecidedError, UsageError
from bisector.finding import Failure, Finding, Stopped
from bisector.inputs.request import Request, replay
from bisector.inputs.values import CONFIDENCE
from bisector.measure.workers import Later, Workers
from bisector.model import Conditions, Interpreter, Measurement, Probe, Signature
from bisector.reports.words import count
from bisector.run import sandbox
from bisector.run.sandbox import Guard
from bisector.search.bisection import Bisection
from bisector.search.candidates import Candidates, Item, Trial
from bisector.search.failures import kind
from bisector.search.knowledge import Knowledge, Options
from bisector.search.releases import Releases
from bisector.session import numbers
from bisector.session.bench import Bench
from bisector.session.from_store import with_causes
from bisector.session.patience import Patient
from bisector.session.recall import known_runs
from bisector.session.scope import listed, planned
from bisector.store.runs import Store

if TYPE_CHECKING:
    from typing_extensions import Self

    from bisector.reports.progress import Lines


class Driver:
    """Everything that the searches of one command share; use it as a context."""

    workers: Patient

    def __init__(self, request: Request, store: Store, listener: Lines) -> None:
        self.request = request
        self.store = store
        self.listener = listener
        self._source = settings.index_url(request.index_url)
        self._stack = ExitStack()
        self._folder = Path()
        self._confined = False

    def __enter__(self) -> Self:
        if self.request.allow_build and self.request.sandbox != "off":
            self.listener.say("warning: --allow-build runs builds as yourself, in no sandbox")
        with ExitStack() as stack:
            self._folder = stack.enter_context(workspace(settings.cache_dir() / "work"))
            workers = stack.enter_context(self._opened())
            self.workers = Patient(workers, self.request, self._folder, self.store)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        for warning in dict.fromkeys(self.store.warnings):
            self.listener.say(f"warning: {warning}")

    def confine(self) -> None:
        """Say, once, what runs lack of a sandbox; raises UsageError where it is required."""
        if not self._confined and (lacking := sandbox.lacking(self.request.sandbox)):
            self.listener.say(f"warning: {lacking}")
        self._confined = True

    def _opened(self) -> AbstractContextManager[Workers]:
        request = self.request
        if request.scheduler:
            from bisector.measure.dask import cluster  # see `commands`

            return cluster.connected(request.scheduler, request.jobs, self.store, self.listener.say)
        return closing(Later(request.jobs or os.cpu_count() or 1, self._threads))

    def _threads(self) -> AbstractContextManager[Workers]:
        from bisector.measure.threads import Threads  # what is stored is answered without

        self.confine()
        return closing(Threads(self.request.jobs, self.store, self._folder))

    def find(self, wanted: Probe, python: Interpreter) -> Finding:
        """Return what one search learned; each measurement is stored as it completes.

        Raises UsageError, UndecidedError or what asking the index and installing raise.
        """
        request = self.request
        metric = numbers.asked_for(request, wanted)
        kind_of_search = import_module(f"bisector.session.{request.over}")  # one of KINDS
        candidates: Candidates = kind_of_search.candidates(self, wanted, python)
        if metric is None:
            finding = self._search(candidates, self._options(candidates.probe))
        else:
            from bisector.session import steps  # it needs numpy, which takes 0.1 s to import

            finding = steps.searched(self, candidates, metric, self._recalled(candidates))
        if not (request.refresh or finding.over or finding.series):
            known = self.store.caused(candidates.probe, candidates.conditions)
            finding = with_causes(finding, known)
        asked = request.attribute and not finding.series
        if asked and request.max_probes is None and not finding.stopped:
            finding = self._attributed(candidates, finding)
        if request.keep_environments:
            self.listener.say(f"the environments are kept in {self._kept_folder}")
        finding = replace(
            finding, replay=replay(request, wanted, None if finding.axis.python_varies else python)
        )
        if not (finding.over or finding.plan.by_upload):
            try:
                self.store.describe(finding)
            except UsageError as error:  # the answer is known, and must not be lost to the disk
                self.listener.say(f"warning: {error.message}")
        return finding

    def _attributed(self, candidates: Candidates, finding: Finding) -> Finding:
        """Return the finding with the cause of what each of its failures came and went by.

        What looks as if it was not there yet needs none.
        """
        template = self.task(_last(candidates))
        failures = list(finding.failures)
        try:
            for number, failure in enumerate(failures):
                if failure.not_yet is None:
                    kind = None if finding.any_failure else failure_kind(failure)
                    about = replace(finding, transitions=failure.transitions)
                    caused = candidates.attributed(about, self.bench(template, kind))
                    failures[number] = replace(failure, transitions=caused.transitions)
        except KeyboardInterrupt:
            finding = replace(finding, stopped=Stopped.ATTRIBUTION)
        except (InstallerError, IndexUnavailableError) as error:
            # What was found stands without that.
            why = f"whose fault it is could not be measured: {error.message}"
            self.listener.say(f"warning: {why}")
        return finding.with_failures(failures)

    def _jobs(self, probe: Probe) -> int:
        return 1 if probe.serial else self.workers.jobs

    def _options(self, probe: Probe) -> Options:
        """Return how far a search with a probe goes."""
        request = self.request
        return Options(
            assure_s=request.assure,
            exhaustive=request.exhaustive,
            max_probes=request.max_probes,
            confidence=request.confidence or CONFIDENCE,
            jobs=self._jobs(probe),
            any_failure=request.any_failure,
            pattern=request.failure,
        )

    @cached_property
    def installer(self) -> Installer:
        """What resolves and installs for all searches."""
        kind = chosen(self.request.installer)
        return kind(self._source.url, self._folder, self.request.offline, self.request.allow_build)

    @cached_property
    def _caches(self) -> tuple[Path, tuple[Path, ...]]:
        """The folder to cache in, and folders where files change that no run changes."""
        return settings.cache_dir(), (self.request.results.absolute(), settings.uv_cache_dir())

    def task(self, trial: Trial) -> Task:
        """Return what the measurement of a trial needs."""
        keep = self.request.keep_environments
        folder = self._kept_folder if keep else self._folder
        cache, aside = self._caches
        return Task(
            trial.probe,
            trial.release,
            trial.conditions,
            self.installer,
            folder,
            Path.cwd(),
            cache,
            keep=keep,
            aside=aside,
            guard=Guard(
                self.request.sandbox,
                self.request.network or trial.probe.network,
                self.request.max_disk,
            ),
        )

    def bench(self, template: Task, failure: Signature | None) -> Bench:
        """Return where it is measured what makes that ``failure`` come and go."""
        options = Options(
            assure_s=0.0,
            jobs=self._jobs(template.probe),
            any_failure=self.request.any_failure,
            failure=failure,
        )
        return Bench(
            template,
            options,
            self.workers,
            self.store,
            self.listener,
            lambda subject, conditions, ends: self._history(subject, conditions, ends, options),
            refresh=self.request.refresh,
        )

    def may_begin(self, probe: Probe) -> bool:
        """Return whether runs may be made that turn out not to count: nobody notices them."""
        request = self.request
        apart = probe.reports or request.isolated
        limited = request.keep_environments or request.max_probes is not None
        numbers_ = request.metric or request.metric_output
        return apart and not (limited or probe.serial or request.scheduler or numbers_)

    def begin(self, candidates: Candidates) -> None:
        """Begin with what a search would measure first, before it is sure what is held."""
        knowledge = Knowledge(candidates, self._known(candidates), self._options(candidates.probe))
        self.workers.begin([self.task(candidates.trial(item)) for item in knowledge.first()])

    @cached_property
    def _kept_folder(self) -> Path:
        """The folder of the environments that this command keeps."""
        return lasting(settings.cache_dir() / "kept")

    def _known(self, candidates: Candidates) -> dict[Version, list[Measurement]]:
        """Return the stored runs of what can be measured, by the key of the item."""
        return {} if self.request.refresh else known_runs(self.store, candidates)

    def _recalled(self, candidates: Candidates) -> dict[Version, list[Measurement]]:
        """Return the stored runs, and say it where they may be of another command than today's."""
        known = self._known(candidates)
        earlier = self.store.earlier(run for runs in known.values() for run in runs)
        if earlier and candidates.probe.command:
            self.listener.say(
                f"warning: {count(earlier, 'run')} of this command are stored; if a file that it "
                "reads but doesn't name has changed, --refresh"
            )
        return known

    def _search(self, candidates: Candidates, options: Options) -> Finding:
        """Return what a search learned, from what is stored and what it measures."""
        probe, known = candidates.probe, self._recalled(candidates)

        def expect(items: Sequence[Item]) -> None:
            self.workers.expect([self.task(candidates.trial(item)) for item in items])

        knowledge = Knowledge(candidates, known, options)
        with self.workers.measuring(self.task(_last(candidates))) as start, self.listener.running():
            found = Bisection(
                knowledge,
                lambda item: start(
                    replace(self.task(candidates.trial(item)), patience_s=knowledge.patience_s())
                ),
                clock=time.monotonic,
                listener=self.listener,
                expect=None if probe.serial else expect,
            ).run()
        return found if self.request.offline else self.workers.accept(found)

    def _history(
        self, subject: Probe, conditions: Conditions, ends: Sequence[Version], options: Options
    ) -> Finding:
        """Return what a search over the releases of a project between two of them learned."""
        listing = listed(subject.package, self.request)
        within = SpecifierSet(f">={min(ends)},<={max(ends)}")
        pre = any(end.is_prerelease for end in ends)
        asked = replace(self.request, pre=pre, yanked=True, order="version")
        plan = planned(listing, conditions.interpreter, asked, within)
        if max(ends) not in [release.version for release in plan.candidates]:
            raise UndecidedError(f"{max(ends)} of {subject.package} can't be searched")
        candidates = Releases(subject, plan, conditions, tuple(ends))
        found = self._search(candidates, options)
        if found.stopped is Stopped.INTERRUPTED:
            raise KeyboardInterrupt
        return found


def _last(candidates: Candidates) -> Trial:
    """Return the trial of the last of the items, which needs what those of the others do."""
    return candidates.trial(candidates.items[-1])


def failure_kind(failure: Failure) -> Signature:
    """Return what a failure is compared by."""
    return kind(failure.signature, failure.reason)
