"""Measures single combinations of versions, and the releases of one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager
from dataclasses import replace

from packaging.version import Version

from bisector.environment.task import Task
from bisector.finding import Change, Finding, Transition
from bisector.model import Conditions, Measurement, Outcome, Probe, Signature
from bisector.reports.progress import Lines
from bisector.search import failures
from bisector.search.blame.narrowing import Trial
from bisector.store.runs import Store, key

Start = Callable[[Task], "Future[Measurement]"]
Stop = Callable[["Future[Measurement]"], None]
History = Callable[[Probe, Conditions, Sequence[Version]], Finding]


class Bench:
    """Where trials are measured: what is stored of them counts, the rest is measured and stored.

    ``failure`` is the failure that it is about: a trial that fails in another way decides nothing,
    unless ``any_failure`` counts.
    """

    def __init__(
        self,
        template: Task,
        measuring: Callable[[], AbstractContextManager[tuple[Start, Stop]]],
        history: History,
        *,
        store: Store,
        said: Lines,
        jobs: int,
        failure: Signature | None,
        any_failure: bool,
        refresh: bool,
    ) -> None:
        self._template = template
        self._measuring = measuring
        self._history = history
        self._store = store
        self._said = said
        self.jobs = jobs
        self._failure = failure
        self._any_failure = any_failure
        self._refresh = refresh
        self._known: dict[str, Measurement] = {}
        self._warned = False

    def measure(self, trials: Sequence[Trial], about: str) -> list[Measurement]:
        """Return a measurement of each trial, in their order; ``about`` says what they are."""
        self._said.say(f"measuring {about}")
        self._pursue(trials, until=None)
        return [self._known[_name(trial)] for trial in trials]

    def known(self, trial: Trial) -> Measurement | None:
        """Return what is known of a trial by now."""
        return self._known.get(_name(trial))

    def first(self, trials: Sequence[Trial], outcome: Outcome) -> int | None:
        """Return the place of the first trial with that outcome; None where none has it."""
        self._pursue(trials, until=outcome)
        known = (self._known.get(_name(trial)) for trial in trials)
        return next((n for n, run in enumerate(known) if run and run.outcome is outcome), None)

    def history(
        self, subject: Probe, conditions: Conditions, change: Change
    ) -> tuple[Transition, ...]:
        """Return the transitions among the releases of a project between a change's two."""
        ends = Version(str(change.before)), Version(str(change.after))
        self._said.say(f"which release of {change.name}: {change.before} → {change.after}")
        return self._history(subject, conditions, ends).transitions

    def _pursue(self, trials: Sequence[Trial], until: Outcome | None) -> None:
        """Measure what isn't known of the trials, up to the first that comes out as wanted."""
        waiting: list[int] = []
        for place, trial in enumerate(trials):
            known = self._known.get(_name(trial)) or self._stored(trial)
            if known is None:
                waiting.append(place)
                continue
            self._known[_name(trial)] = known
            if known.outcome is until:
                break
        if not waiting:
            return
        flying: dict[Future[Measurement], int] = {}
        with self._measuring() as (start, stop), self._said.running():
            while waiting or flying:
                while waiting and len(flying) < self.jobs:
                    place = waiting.pop(0)
                    self._said.trying(trials[place].label or str(trials[place].release.version))
                    flying[start(self._task(trials[place]))] = place
                for future in wait(flying, return_when=FIRST_COMPLETED).done:
                    place = flying.pop(future)
                    run = self._told([future.result()])
                    self._known[_name(trials[place])] = run
                    self._said.tried(trials[place].label or str(run.version), run)
                    if run.outcome is until:
                        waiting = [before for before in waiting if before < place]
                        for late in [f for f, behind in flying.items() if behind > place]:
                            del flying[late]
                            stop(late)
                        self._said.trying("")

    def _task(self, trial: Trial) -> Task:
        return replace(
            self._template,
            probe=trial.probe,
            release=trial.release,
            conditions=trial.conditions,
        )

    def _stored(self, trial: Trial) -> Measurement | None:
        if self._refresh:
            return None
        version = trial.release.version
        runs = self._store.load(trial.probe, trial.conditions, {version: trial.release})
        if version not in runs:
            return None
        if trial.probe.command and not self._warned:
            self._said.say(
                "warning: runs of this command are stored; if a file that it reads but doesn't "
                "name has changed, --refresh"
            )
            self._warned = True
        return self._told(runs[version])

    def _told(self, runs: Sequence[Measurement]) -> Measurement:
        """Return the newest run, deciding nothing where it fails in another way, or they differ."""
        newest = runs[-1]
        told: Sequence[Measurement] = runs
        if self._any_failure and not self._template.probe.reports:
            told = failures.counted({newest.version: runs})[newest.version]
        elif not self._template.probe.reports and self._failure is not None:
            told = failures.apart({newest.version: runs}, self._failure)[newest.version]
        decided = [run for run in told if run.outcome is not Outcome.UNTESTABLE]
        if len({run.outcome for run in decided}) > 1:
            return replace(newest, outcome=Outcome.UNTESTABLE, detail="its runs disagree")
        return decided[-1] if decided else told[-1]


def _name(trial: Trial) -> str:
    """Return what tells a trial from others that measure something else."""
    return f"{trial.release.version} {key(trial.probe, trial.conditions)}"
