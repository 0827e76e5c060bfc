"""Measures single combinations of versions, and the releases of one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.version import Version

from bisector.environment.task import Task
from bisector.errors import IndexUnavailableError, InstallerError
from bisector.finding import Change, Finding, Stopped, Transition
from bisector.measure.workers import Workers
from bisector.model import Conditions, Measurement, Outcome, Probe
from bisector.reports.progress import Lines
from bisector.search import failures
from bisector.search.candidates import Candidates, Trial
from bisector.search.knowledge import Options
from bisector.search.scheduler import pursue
from bisector.store.runs import Store, key

if TYPE_CHECKING:
    from bisector.session.session import Driver

History = Callable[[Probe, Conditions, Sequence[Version], "int | None"], Finding]
"""Searches the releases of a probe's package between two of them, in at most so many runs."""

_LEAST_RUNS = 30
"""How many runs may tell whose fault a change is after however short a search."""


class SpentError(Exception):
    """As many runs were made as may be."""


def attributed(driver: Driver, candidates: Candidates, finding: Finding) -> Finding:
    """Return the finding with the cause of what each of its failures came and went by.

    What looks as if it was not there yet needs none. It costs about as many runs as the search
    did, at most; what is stored costs none, so that the same command goes on from there.
    """
    template = driver.task(candidates.trial(candidates.items[-1]))
    failing = list(finding.failures)
    left = max(len(finding.measurements), _LEAST_RUNS)
    try:
        for number, failure in enumerate(failing):
            if failure.not_yet is None:
                kind = None
                if not finding.any_failure:
                    kind = failures.kind(failure.signature, failure.reason)
                bench = driver.bench(template, kind, left)
                about = replace(finding, transitions=failure.transitions)
                caused = candidates.attributed(about, bench)
                failing[number] = replace(failure, transitions=caused.transitions)
                left = bench.left or 0
    except KeyboardInterrupt:
        finding = replace(finding, stopped=Stopped.ATTRIBUTION)
    except SpentError:
        finding = replace(finding, stopped=Stopped.COST_OF_ATTRIBUTION)
    except (InstallerError, IndexUnavailableError) as error:
        # What was found stands without that.
        driver.listener.say(f"warning: whose fault it is could not be measured: {error.message}")
    return finding.with_failures(failing)


class Bench:
    """Where trials are measured: what is stored of them counts, the rest is measured and stored.

    ``options`` say how many at once, and which failure it is about: a trial that fails in another
    way decides nothing, unless any failure counts; and how many runs may be made now: once about
    as many are, SpentError is raised. With ``refresh`` nothing that is stored counts.
    """

    def __init__(
        self,
        template: Task,
        options: Options,
        workers: Workers,
        store: Store,
        listener: Lines,
        history: History,
        *,
        refresh: bool = False,
    ) -> None:
        self.jobs = options.jobs
        self.left = options.max_probes
        self.listener = listener
        self._template = template
        self._options = options
        self._workers = workers
        self._store = store
        self._history = history
        self._refresh = refresh
        self._known: dict[str, Measurement] = {}
        self._warned = False

    def measure(self, trials: Sequence[Trial], about: str) -> list[Measurement]:
        """Return a measurement of each trial, in their order; ``about`` says what they are."""
        self.listener.say(f"measuring {about}")
        self._pursue(trials, until=None)
        return [self._known[_name(trial)] for trial in trials]

    def known(self, trial: Trial) -> Measurement | None:
        """Return what is known of a trial by now."""
        return self._known.get(_name(trial))

    def first(self, trials: Sequence[Trial], outcome: Outcome) -> int | None:
        """Return the position of the first trial with that outcome; None where none has it."""
        self._pursue(trials, until=outcome)
        known = (self._known.get(_name(trial)) for trial in trials)
        return next((n for n, run in enumerate(known) if run and run.outcome is outcome), None)

    def history(
        self, subject: Probe, conditions: Conditions, change: Change
    ) -> tuple[Transition, ...]:
        """Return the transitions among the releases of a project between a change's two."""
        ends = Version(str(change.before)), Version(str(change.after))
        self.listener.say(f"which release of {change.name}: {change.before} → {change.after}")
        if self.left == 0:
            raise SpentError
        found = self._history(subject, conditions, ends, self.left)
        self._spend(sum(not run.cached for run in found.measurements))
        if found.stopped is Stopped.MAX_PROBES:
            raise SpentError
        return found.transitions

    def _spend(self, runs: int) -> None:
        if self.left is not None:
            self.left = max(0, self.left - runs)

    def _pursue(self, trials: Sequence[Trial], until: Outcome | None) -> None:
        """Measure what isn't known of the trials, up to the first that comes out as wanted."""
        waiting: list[int] = []
        for number, trial in enumerate(trials):
            known = self._known.get(_name(trial)) or self._stored(trial)
            if known is None:
                waiting.append(number)
                continue
            self._known[_name(trial)] = known
            if known.outcome is until:
                break
        if not waiting:
            return
        if self.left == 0:
            raise SpentError
        with self._workers.measuring(self._template) as start, self.listener.running():
            agenda = _Agenda(self, trials, waiting, until)
            pursue(agenda, lambda number: start(self._task(trials[number])), self.jobs)

    def note(self, trial: Trial, measurement: Measurement) -> Measurement:
        """Remember what a trial came out at, and return that as far as it counts."""
        self._spend(1)
        run = self._counted([measurement])
        self._known[_name(trial)] = run
        return run

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
        if trial.probe.command and not self._warned and self._store.earlier(runs[version]):
            self.listener.say(
                "warning: runs of this command are stored; if a file that it reads but doesn't "
                "name has changed, --refresh"
            )
            self._warned = True
        return self._counted(runs[version])

    def _counted(self, runs: Sequence[Measurement]) -> Measurement:
        """Return the newest run, deciding nothing where it fails in another way, or they differ."""
        newest, failure = runs[-1], self._options.failure
        counted = [failures.counted(run) for run in runs]
        if failure is not None:
            counted = [failures.apart(run, failure) for run in counted]
        decided = [run for run in counted if run.outcome is not Outcome.UNTESTABLE]
        if len({run.outcome for run in decided}) > 1:
            return replace(newest, outcome=Outcome.UNTESTABLE, detail="its runs disagree")
        return decided[-1] if decided else counted[-1]


class _Agenda:
    """Trials that are measured in their order, up to the first that comes out as wanted."""

    def __init__(
        self, bench: Bench, trials: Sequence[Trial], waiting: list[int], until: Outcome | None
    ) -> None:
        self._bench = bench
        self._trials = trials
        self._waiting = waiting
        self._until = until
        self._first = len(trials)

    def next(self, _flying: Sequence[int], _idle: int, /) -> int | None:
        if not self._waiting or self._waiting[0] > self._first:
            return None
        position = self._waiting.pop(0)
        self._bench.listener.trying(self._label(position))
        return position

    def waiting(self, _flying: Sequence[int], /) -> None:
        """Do nothing: what may be wanted next depends on all of these."""

    def done(self, position: int, measurement: Measurement, /) -> None:
        run = self._bench.note(self._trials[position], measurement)
        self._bench.listener.tried(self._label(position), run)
        if run.outcome is self._until:
            self._first = min(self._first, position)
            self._bench.listener.trying("")

    def unwanted(self, flying: Sequence[int], /) -> list[int]:
        return [position for position in flying if position > self._first]

    def _label(self, position: int) -> str:
        trial = self._trials[position]
        return trial.label or str(trial.release.version)


def _name(trial: Trial) -> str:
    """Return what tells a trial from others that measure something else."""
    return f"{trial.release.version} {key(trial.probe, trial.conditions)}"
