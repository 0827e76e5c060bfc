"""A search for steps of a number: what is run is told by `stepping`, what was learned a series."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from packaging.version import Version

from bisector.errors import UsageError
from bisector.finding import Finding, Stopped
from bisector.inputs.request import Request
from bisector.inputs.values import CONFIDENCE
from bisector.model import Measurement, Probe
from bisector.reports.progress import silent
from bisector.reports.steps import heights
from bisector.reports.words import listed
from bisector.search import metric
from bisector.search.candidates import Candidates
from bisector.search.knowledge import Knowledge, Options, known_as
from bisector.search.metric import Metric
from bisector.search.scheduler import Running, pursue
from bisector.search.stages import Stage
from bisector.search.stepped import series
from bisector.search.stepping import Stepping, Wanted

if TYPE_CHECKING:
    from bisector.reports.progress import Lines
    from bisector.session.session import Driver


def searched(
    driver: Driver,
    candidates: Candidates,
    wanted: Metric,
    known: Mapping[Version, Sequence[Measurement]],
) -> Finding:
    """Return where a number stepped, from what is ``known`` and what is measured now.

    Raises UsageError where no run has such a number.
    """
    options = _options(driver, candidates.probe, wanted)
    search = _Search(candidates, wanted, options, driver.request.threshold, driver.listener)
    search.recall(known)
    template = driver.task(candidates.trial(candidates.items[-1]))
    with driver.workers.measuring(template) as start, driver.listener.running():

        def begin(one: Wanted) -> Running:
            item = candidates.items[one.position]
            driver.listener.started(item, one.stage)
            task = driver.task(candidates.trial(item))
            return start(replace(task, environment=search.environment(one.position)))

        search.pursue(begin)
    found = search.finding()
    return found if driver.request.offline else driver.workers.accept(found)


def stored(
    candidates: Candidates,
    wanted: Metric,
    runs: Mapping[Version, Sequence[Measurement]],
    asked: Request,
) -> Finding:
    """Return where a number stepped in ``runs`` that were stored: those of one machine.

    It is the one that made most of them. Raises UsageError where no run has such a number.
    """
    confidence = asked.confidence or CONFIDENCE
    search = _Search(candidates, wanted, Options(confidence=confidence), asked.threshold, silent())
    hosts = Counter(run.host for some in runs.values() for run in some)
    search.recall(runs, max(hosts, key=lambda host: hosts[host], default=""))
    search.check()
    return search.finding()


def _options(driver: Driver, probe: Probe, wanted: Metric) -> Options:
    """Return how far the search goes: one run at once where others would change its number."""
    request = driver.request
    alone = probe.serial or (wanted.timed and request.jobs is None)
    return Options(
        assure_s=request.assure,
        exhaustive=request.exhaustive,
        max_probes=request.max_probes,
        confidence=request.confidence or CONFIDENCE,
        jobs=1 if alone else driver.workers.jobs,
    )


class _Search:
    """What one search has on its agenda, and what it knows."""

    def __init__(
        self,
        candidates: Candidates,
        wanted: Metric,
        options: Options,
        least: float | None,
        listener: Lines,
    ) -> None:
        self._candidates = candidates
        self._metric = wanted
        self._options = options
        self._runs: dict[Version, list[Measurement]] = {}
        self._begun: dict[int, int] = {}
        self._measured = 0
        self._per = ""
        self._stopped: Stopped | None = None
        self._listener = listener
        self._deadline = 0.0
        self._assuring = False
        confidence = options.confidence or CONFIDENCE
        self._stepping = Stepping(len(candidates.items), confidence, least)

    def recall(self, known: Mapping[Version, Sequence[Measurement]], host: str = "") -> None:
        """Take over the stored runs of this machine, or of a ``host``, in the order they were made.

        What another machine took tells nothing of what this one takes.
        """
        position = {item.key: number for number, item in enumerate(self._candidates.items)}
        runs = [run for version, some in known.items() if version in position for run in some]
        chosen = (run for run in runs if (run.host == host if host else not run.elsewhere))
        for run in sorted(chosen, key=lambda run: run.started):
            index = position[run.version]
            self._runs.setdefault(run.version, []).append(run)
            self._begun[index] = self._begun.get(index, 0) + 1
            self._notice(run)
            self._stepping.replay(index, self._metric.of(run), run.started)

    def _notice(self, run: Measurement) -> None:
        """Look whether the number of a run is a slope: those lie about 0 where nothing grows."""
        self._per = self._metric.per(run) or self._per
        self._stepping.differences = bool(self._per)

    def environment(self, position: int) -> int:
        """Return in which of the two environments of a release its next run is made."""
        number = self._begun.get(position, 0)
        self._begun[position] = number + 1
        return number % 2

    def pursue(self, start: Callable[[Wanted], Running]) -> None:
        """Measure until it is known, then assure as long as may be; an interrupt ends it."""
        self.check()
        began = time.monotonic()
        try:
            pursue(self, start, self._options.jobs)
            if self._stopped:
                return
            took_s = time.monotonic() - began if self._measured else 0.0
            self._assuring = True
            self._deadline = time.monotonic() + self._options.assuring_s(took_s)
            pursue(self, start, self._options.jobs)
        except KeyboardInterrupt:
            if not self._assuring:
                self._stopped = Stopped.INTERRUPTED

    def next(self, flying: Sequence[Wanted], _idle: int, /) -> Wanted | None:
        late = self._options.exhaustive or time.monotonic() < self._deadline
        following = self._stepping.next(len(flying), assure=self._assuring and late)
        if following is not None and self._measured == self._options.max_probes:
            self._stopped = None if following.stage is Stage.ASSURE else Stopped.MAX_PROBES
            return None
        self._measured += following is not None
        return following

    def waiting(self, flying: Sequence[Wanted], /) -> None:
        """Do nothing: what is run next follows from all of these."""

    def done(self, wanted: Wanted, measurement: Measurement, /) -> None:
        item = self._candidates.items[wanted.position]
        run = known_as(item, measurement)
        self._runs.setdefault(item.key, []).append(run)
        self._notice(run)
        self._stepping.add(wanted.position, self._metric.of(run), run.started)
        self._listener.finished(run, {})
        self._listener.numbers(self._metric.name, self._heights())
        self.check()

    def _heights(self) -> dict[Version, float | None]:
        """Return how high the number of each item is in a picture, as far as it is known."""
        keys = [item.key for item in self._candidates.items]
        shown = heights({keys[p]: median(some) for p, some in self._stepping.numbers.items()})
        return {key: shown.get(key) for key in keys}

    def unwanted(self, _flying: Sequence[Wanted], /) -> list[Wanted]:
        return []

    def check(self) -> None:
        """Raise UsageError where runs that tell something have no such number."""
        runs = [run for some in self._runs.values() for run in some]
        telling = [run for run in runs if metric.carries(run)]
        if self._stepping.numbers or len(telling) < 2:
            return
        if self._metric.pattern:
            raise UsageError(
                f"no output ends with a number that {self._metric.pattern!r} matches",
                "its one group must be the number; the last 4 KiB that a run prints are looked at",
            )
        versions = sorted({run.version for run in telling})
        if any(self._metric.name in run.metrics for run in telling):
            raise UsageError(
                f"{listed(versions)} report {self._metric.name!r}, but not as a number",
                'a metric is a number, or {"per": UNIT, "points": [[SIZE, VALUE], …]} of two sizes '
                "or more",
            )
        raise UsageError(
            f"{listed(versions)} have no metric {self._metric.name!r}",
            f"there are {', '.join(metric.names(telling))}",
        )

    def finding(self) -> Finding:
        """Return what is known now."""
        knowledge = Knowledge(self._candidates, self._runs, Options())
        base = knowledge.finding()
        found = series(self._candidates, self._stepping, self._metric, self._per)
        enough = len(found.levels) > 1
        return replace(
            base,
            transitions=(),
            failures=(),
            affected=(),
            affected_by_any=(),
            conflicting=(),
            bad_at_oldest=False,
            bad_at_newest=False,
            failure=None,
            stopped=self._stopped,
            decided=enough and not (found.suspected or self._stopped),
            confidence=self._options.confidence,
            series=found,
        )
