"""The loop: ask the search, measure what it wants, tell it; then say what was learned."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Protocol

from packaging.version import Version

from bisector.finding import Finding, Transition
from bisector.model import (
    Conditions,
    Measurement,
    Outcome,
    Plan,
    Probe,
    Release,
    Signature,
)
from bisector.search import failures, observed, release_lines, transitions
from bisector.search.observed import Boundary, Verdict
from bisector.search.stages import Question, Stage
from bisector.search.zoom import Front

Submit = Callable[[Release], "Future[Measurement]"]
"""Starts one measurement of a release."""

Expect = Callable[[Sequence[Release]], None]
"""Is told of the releases of which one may be measured next, so that it can be made ready."""

Stop = Callable[["Future[Measurement]"], None]
"""Stops a measurement that has been started and is no longer wanted."""

MOST_RUNS = 12
"""Runs of each side of a transition beyond which more would not make an answer surer."""


class Listener(Protocol):
    """What is told of a search while it goes on; every method may be called at any time."""

    def started(self, release: Release, stage: Stage) -> None:
        """A measurement of ``release`` has been handed out."""

    def finished(self, measurement: Measurement, verdicts: Mapping[Version, Verdict], /) -> None:
        """A measurement is complete; ``verdicts`` are those of all candidates now."""

    def stopped(self, release: Release) -> None:
        """A measurement that is no longer wanted has been stopped."""

    def settled(self, finding: Finding, assure_s: float) -> None:
        """The transitions are settled; what is untested is looked at for ``assure_s`` more."""


class Silent:
    """The listener of those who don't listen."""

    def started(self, release: Release, stage: Stage) -> None:
        """Do nothing."""

    def finished(self, measurement: Measurement, verdicts: Mapping[Version, Verdict], /) -> None:
        """Do nothing."""

    def stopped(self, release: Release) -> None:
        """Do nothing."""

    def settled(self, finding: Finding, assure_s: float) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Options:
    """How far a search goes.

    ``assure_s`` of None means as long as the search itself took, at most 30 s, and not at all
    where nothing had to be measured. ``max_probes``
    bounds the measurements made now, not those already known. ``confidence`` asks for runs of
    both sides of each transition until its posterior is reached. With ``any_failure`` every
    failure is bad, whichever it is; else it is ``failure``, or what ``failures.sought`` chooses.
    ``over`` as ``Finding`` has it.
    """

    witnesses: tuple[Version, ...] = ()
    assure_s: float | None = None
    exhaustive: bool = False
    max_probes: int | None = None
    confidence: float | None = None
    confirmations: int = 2
    jobs: int = 1
    any_failure: bool = False
    failure: Signature | None = None
    over: str = ""


class Bisection:
    """One search over one plan, with everything measured so far."""

    def __init__(
        self,
        probe: Probe,
        plan: Plan,
        conditions: Conditions,
        known: Mapping[Version, Sequence[Measurement]],
        submit: Submit | None = None,
        *,
        options: Options,
        clock: Callable[[], float],
        listener: Listener | None = None,
        stop: Stop | None = None,
        expect: Expect | None = None,
    ) -> None:
        self.probe = probe
        self.plan = plan
        self.conditions = conditions
        self.runs: dict[Version, list[Measurement]] = {v: list(runs) for v, runs in known.items()}
        self.options = options
        self.confirmations = options.confirmations
        self.stopped = ""
        self._submit = submit or _refuse
        self._stop = stop or _leave
        self._expect = expect or _wait
        self._clock = clock
        self._listener = listener or Silent()
        self._made = 0

    def run(self) -> Finding:
        """Search until the transitions are settled, then assure; return what was learned.

        An interrupt is no error: what was known by then is returned, and ``stopped`` says so
        unless the transitions were settled already.
        """
        began = self._clock()
        settled = False
        try:
            self._settle(lambda stage: stage < Stage.ASSURE)
            settled = True
            if self.stopped:
                return self.finding()
            assure_s = self.options.assure_s
            if assure_s is None:
                assure_s = min(30.0, self._clock() - began) if self._made else 0.0
            if self._main(lambda _: True).want(self._outcomes(), (), idle=1) is None:
                assure_s = 0.0
            finding = self.finding()
            self._listener.settled(finding, assure_s)
            deadline = self._clock() + assure_s
            self._settle(lambda stage: stage < Stage.ASSURE or self._clock() < deadline)
        except KeyboardInterrupt:
            if not settled:
                self.stopped = "interrupted"
        return self.finding()

    def first(self, flying: Collection[Release] = ()) -> list[Release]:
        """Return what is measured first beside what is in flight, however that turns out."""
        main = self._main(lambda stage: stage is Stage.START)
        chosen: list[Release] = []
        while wanted := main.want(self._outcomes(), _versions([*flying, *chosen]), idle=1):
            chosen.append(wanted[0])
        return chosen

    def finding(self) -> Finding:
        """Return what is known now."""
        releases = self.plan.candidates
        runs = self._told()
        seen = observed.verdicts(len(releases), self._observed(releases))
        decided = [(release.version, said) for release, said in zip(releases, seen) if said.decided]
        found = self._transitions()
        conflicting = tuple(
            version
            for version, measured in sorted(runs.items())
            if observed.verdict([run.outcome for run in measured]) is Verdict.CONFLICTING
        )
        sure = all(t.confirmed and t.confidence >= (self.options.confidence or 0) for t in found)
        return Finding(
            probe=self.probe,
            plan=self.plan,
            conditions=self.conditions,
            measurements=tuple(m for _, measured in sorted(runs.items()) for m in measured),
            transitions=found,
            affected=()
            if self.options.over
            else transitions.affected(self.plan, self._outcomes(), found),
            bad_at_oldest=bool(decided) and decided[0][1] is Verdict.BAD,
            bad_at_newest=bool(decided) and decided[-1][1] is Verdict.BAD,
            longest_untested=observed.longest_untested(len(releases), self._observed(releases)),
            conflicting=conflicting,
            stopped=self.stopped,
            decided=bool(decided) and not conflicting and sure,
            any_failure=self.options.any_failure,
            failure=self._sought(),
            over=self.options.over,
        )

    def _settle(self, allowed: Callable[[Stage], bool]) -> None:
        self._pursue(allowed)
        while self._unsure() and not self.stopped and self.confirmations < MOST_RUNS:
            self.confirmations += 1
            self._pursue(lambda stage: stage < Stage.ASSURE)

    def _main(self, allowed: Callable[[Stage], bool]) -> Front:
        return Front(self.plan.candidates, self._question(self.plan.candidates), allowed)

    def _fronts(self, main: Front) -> Iterator[Front]:
        """Yield the main front, then the pre-releases in each transition that it has come to."""
        yield main
        releases = main.releases
        for boundary in self._boundaries():
            between = releases[boundary.before + 1 : boundary.after]
            if all(release.version in self.runs for release in between):
                sides = releases[boundary.before], releases[boundary.after]
                inside = transitions.between(self.plan, *sides)
                question = Question(len(inside), confirmations=self.options.confirmations)
                if len(inside) > len(sides):
                    yield Front(inside, question, lambda stage: stage < Stage.SEEK)

    def _question(self, releases: Sequence[Release]) -> Question:
        place = {release.version: position for position, release in enumerate(releases)}
        unyanked = [p for p, release in enumerate(releases) if not release.yanked]
        return Question(
            size=len(releases),
            witnesses=tuple(place[v] for v in self.options.witnesses if v in place),
            beside={
                position: [other for other in unyanked if other > position]
                for position, release in enumerate(releases)
                if release.yanked
            },
            late=() if self.plan.by_upload else release_lines.late(releases),
            origins={} if self.plan.by_upload else release_lines.origins(releases),
            confirmations=self.confirmations,
            exhaustive=self.options.exhaustive,
        )

    def _pursue(self, allowed: Callable[[Stage], bool]) -> None:
        """Measure what is wanted while its stage is ``allowed``, on all fronts at once."""
        main = self._main(allowed)
        flying: dict[Future[Measurement], Release] = {}
        narrowing: set[Version] = set()
        try:
            while True:
                while idle := self.options.jobs - len(flying):
                    wanted = self._want(main, flying.values(), idle)
                    if wanted is None:
                        break
                    release, stage = wanted
                    if self._made == self.options.max_probes:
                        if stage < Stage.ASSURE:
                            self.stopped = "max-probes"
                        break
                    self._made += 1
                    self._listener.started(release, stage)
                    flying[self._submit(release)] = release
                    narrowing.discard(release.version)  # what was stopped may be wanted for itself
                    if stage is Stage.NARROW:
                        narrowing.add(release.version)
                if not flying:
                    return
                self._expect(self._likely(main, flying.values()))
                for future in wait(flying, return_when=FIRST_COMPLETED).done:
                    del flying[future]
                    self._record(future.result())
                late = set()
                for front in self._fronts(main):
                    late |= front.outside(self._outcomes(), narrowing & _versions(flying.values()))
                for future in [f for f, release in flying.items() if release.version in late]:
                    self._listener.stopped(flying.pop(future))
                    self._stop(future)
                    self._made -= 1
        finally:
            for future in flying:
                self._stop(future)

    def _want(
        self, main: Front, flying: Collection[Release], idle: int
    ) -> tuple[Release, Stage] | None:
        """Return what to measure next and why, on the first front that wants something."""
        outcomes, beside = self._outcomes(), _versions(flying)
        wants = (front.want(outcomes, beside, idle) for front in self._fronts(main))
        return next(filter(None, wants), None)

    def _likely(self, main: Front, flying: Collection[Release]) -> list[Release]:
        """Return what will be wanted, and what may be once one of those in flight is known."""
        outcomes, beside = self._outcomes(), _versions(flying)
        fronts = self._fronts(main)
        after = [release for front in fronts for release in front.likely(outcomes, beside)]
        return [*self.first(flying), *after]

    def _record(self, measurement: Measurement) -> None:
        self.runs.setdefault(measurement.version, []).append(measurement)
        releases = self.plan.candidates
        seen = observed.verdicts(len(releases), self._observed(releases))
        self._listener.finished(
            measurement, {release.version: said for release, said in zip(releases, seen)}
        )

    def _told(self) -> Mapping[Version, Sequence[Measurement]]:
        """Return all runs, those that fail in another way than is looked for deciding nothing."""
        if self.options.any_failure and not self.probe.reports:
            return failures.counted(self.runs)
        sought = self._sought()
        return self.runs if sought is None else failures.apart(self.runs, sought)

    def _sought(self) -> Signature | None:
        """Return the failure that alone is bad; None where every one is."""
        if self.probe.reports or self.options.any_failure:
            return None
        # Pre-releases don't count: what fails in them alone isn't what is looked for.
        named = (release.version for release in self.plan.candidates)
        runs = {version: self.runs[version] for version in named if version in self.runs}
        return self.options.failure or failures.sought(runs, self.options.witnesses)

    def _outcomes(self) -> dict[Version, list[Outcome]]:
        return {version: [run.outcome for run in runs] for version, runs in self._told().items()}

    def _observed(self, releases: Sequence[Release]) -> dict[int, Sequence[Outcome]]:
        return transitions.positioned(releases, self._outcomes())

    def _boundaries(self) -> tuple[Boundary, ...]:
        releases = self.plan.candidates
        return observed.boundaries(len(releases), self._observed(releases))

    def _transitions(self) -> tuple[Transition, ...]:
        return transitions.transitions(self.plan, self._outcomes(), self.options.confirmations)

    def _unsure(self) -> bool:
        wished = self.options.confidence
        return wished is not None and any(t.confidence < wished for t in self._transitions())


def _versions(releases: Iterable[Release]) -> set[Version]:
    return {release.version for release in releases}


def _refuse(_release: Release) -> Future[Measurement]:
    """Measure nothing: the submit of those who only ask what is known, or wanted first."""
    raise AssertionError("nothing is measured here")


def _wait(_releases: Sequence[Release]) -> None:
    """Make nothing ready: what those do who can't."""


def _leave(_future: Future[Measurement]) -> None:
    """Let a measurement go on that nobody waits for: the stop of those who can't stop one."""
