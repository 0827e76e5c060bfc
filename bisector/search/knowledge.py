"""What is known in one search: the runs so far, what they say, and what that leaves to ask."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.version import Version

from bisector.finding import Finding, Transition
from bisector.model import Measurement, Outcome, Signature
from bisector.search import failures, noise, observed, transitions
from bisector.search.candidates import Candidates, Item
from bisector.search.noise import Assessment
from bisector.search.observed import Verdict
from bisector.search.stages import Question, Stage
from bisector.search.zoom import Front


@dataclass(frozen=True, slots=True)
class Options:
    """How far a search goes.

    ``assure_s`` of None means as long as the search itself took, at most 30 s, and not at all
    where nothing had to be measured. ``max_probes``
    bounds the measurements made now, not those already known. ``confidence`` asks for more runs,
    of both sides of each transition or wherever runs disagree, until it is reached. With
    ``any_failure`` every failure is bad, whichever it is; else it is ``failure``, or what
    ``failures.sought`` chooses.
    """

    assure_s: float | None = None
    exhaustive: bool = False
    max_probes: int | None = None
    confidence: float | None = None
    confirmations: int = 2
    jobs: int = 1
    any_failure: bool = False
    failure: Signature | None = None


class Knowledge:
    """Everything measured so far of some candidates, and what follows from it.

    ``confirmations`` is how often each side of a transition is to be run; ``stopped`` says why
    the search ended before its answer, if it did.
    """

    def __init__(
        self,
        candidates: Candidates,
        known: Mapping[Version, Sequence[Measurement]],
        options: Options,
    ) -> None:
        self.candidates = candidates
        self.options = options
        self.runs: dict[Version, list[Measurement]] = {v: list(runs) for v, runs in known.items()}
        self.confirmations = max(
            options.confirmations, noise.confirmations(options.confidence or 0.0)
        )
        self.stopped = ""
        self._assessed: tuple[dict[int, Sequence[Outcome]], Assessment] | None = None

    def add(self, item: Item, measurement: Measurement) -> Measurement:
        """Add a run of an item, and return it as it is known: by the item's key."""
        run = known_as(item, measurement)
        self.runs.setdefault(item.key, []).append(run)
        return run

    def verdicts(self) -> dict[Version, Verdict]:
        """Return what all runs of each item say together, by its key."""
        return {item.key: verdict for item, verdict in zip(self.candidates.items, self._seen())}

    def main(self, allowed: Callable[[Stage], bool]) -> Front:
        """Return the search over the items themselves."""
        candidates, items = self.candidates, self.candidates.items
        position = {item.key: number for number, item in enumerate(items)}
        question = Question(
            size=len(items),
            witnesses=tuple(position[v] for v in candidates.witnesses if v in position),
            beside=candidates.beside(),
            late=tuple(candidates.late()),
            origins=candidates.origins(),
            confirmations=self.confirmations,
            exhaustive=self.options.exhaustive,
        )
        return Front(items, question, allowed, self.options.confidence)

    def fronts(self, main: Front) -> Iterator[Front]:
        """Yield the main front, then what lies inside each transition that it has come to."""
        yield main
        assessment = self.assessment()
        if assessment is not None and assessment.next is not None:
            return
        items = main.items
        for boundary in observed.changes(self._seen()):
            if all(item.key in self.runs for item in items[boundary.before + 1 : boundary.after]):
                before, after = items[boundary.before], items[boundary.after]
                if inside := self.candidates.inside(before, after):
                    question = Question(len(inside) + 2, confirmations=self.options.confirmations)
                    zoomed = [before, *inside, after]
                    yield Front(zoomed, question, lambda stage: stage < Stage.SEEK)

    def want(self, main: Front, flying: Collection[Item], idle: int) -> tuple[Item, Stage] | None:
        """Return what to measure next and why, on the first front that wants something."""
        outcomes, beside = self.outcomes(), keys(flying)
        wants = (front.want(outcomes, beside, idle) for front in self.fronts(main))
        return next(filter(None, wants), None)

    def likely(self, main: Front, flying: Collection[Item]) -> list[Item]:
        """Return what will be wanted, and what may be once one of those in flight is known."""
        outcomes, beside = self.outcomes(), keys(flying)
        after = [item for front in self.fronts(main) for item in front.likely(outcomes, beside)]
        return [*self.first(flying), *after]

    def outside(self, main: Front, narrowing: Collection[Version]) -> set[Version]:
        """Return those in flight that narrow no front any more."""
        outcomes = self.outcomes()
        late = (front.outside(outcomes, narrowing) for front in self.fronts(main))
        return set().union(*late)

    def first(self, flying: Collection[Item] = ()) -> list[Item]:
        """Return what is measured first beside what is in flight, however that turns out."""
        main = self.main(lambda stage: stage is Stage.START)
        outcomes = self.outcomes()
        chosen: list[Item] = []
        while wanted := main.want(outcomes, keys([*flying, *chosen]), idle=1):
            chosen.append(wanted[0])
        return chosen

    def outcomes(self) -> dict[Version, list[Outcome]]:
        """Return what the runs of each item came out at, as far as this search is concerned."""
        return {version: [run.outcome for run in runs] for version, runs in self._counted().items()}

    def assessment(self) -> Assessment | None:
        """Return what all runs say together; None where no confidence is asked for."""
        if self.options.confidence is None:
            return None
        positioned = self._positioned()
        # It is asked for many times between two runs, and may take some milliseconds.
        if self._assessed is None or self._assessed[0] != positioned:
            size = len(self.candidates.items)
            assessment = noise.weigh(size, positioned, self.options.confidence)
            self._assessed = (positioned, assessment)
        return self._assessed[1]

    def finding(self) -> Finding:
        """Return what is known now."""
        candidates, runs, seen = self.candidates, self._counted(), self._seen()
        decided = [verdict for verdict in seen if verdict.decided]
        found = self._transitions()
        conflicting = tuple(
            version
            for version, measured in sorted(runs.items())
            if observed.verdict([run.outcome for run in measured]) is Verdict.CONFLICTING
        )
        assessment = self.assessment()
        if assessment is None:
            settled = not conflicting and all(t.confirmed for t in found)
        else:
            settled = assessment.settled
        return Finding(
            probe=candidates.probe,
            plan=candidates.plan,
            conditions=candidates.conditions,
            measurements=tuple(m for _, measured in sorted(runs.items()) for m in measured),
            transitions=found,
            affected=()
            if assessment and conflicting and not settled
            else candidates.affected(seen),
            bad_at_oldest=decided[:1] == [Verdict.BAD],
            bad_at_newest=decided[-1:] == [Verdict.BAD],
            longest_untested=observed.longest_untested(len(seen), self._positioned()),
            conflicting=conflicting,
            stopped=self.stopped,
            decided=settled and bool(decided or conflicting),
            any_failure=self.options.any_failure,
            failure=self._sought(),
            over=candidates.over,
            confidence=self.options.confidence,
            suspicions=transitions.suspicions(candidates, assessment) if assessment else (),
        )

    def _counted(self) -> Mapping[Version, Sequence[Measurement]]:
        """Return all runs, those that fail in another way than is looked for deciding nothing."""
        if self.options.any_failure and not self.candidates.probe.reports:
            return failures.counted(self.runs)
        sought = self._sought()
        return self.runs if sought is None else failures.apart(self.runs, sought)

    def _sought(self) -> Signature | None:
        """Return the failure that alone is bad; None where every one is."""
        if self.candidates.probe.reports or self.options.any_failure:
            return None
        # What lies inside transitions doesn't count: what fails in pre-releases alone isn't what
        # is looked for.
        named = (item.key for item in self.candidates.items)
        runs = {version: self.runs[version] for version in named if version in self.runs}
        return self.options.failure or failures.sought(runs, self.candidates.witnesses)

    def _positioned(self) -> dict[int, Sequence[Outcome]]:
        return transitions.positioned(self.candidates.items, self.outcomes())

    def _seen(self) -> list[Verdict]:
        size, positioned = len(self.candidates.items), self._positioned()
        assessment = self.assessment()
        if assessment is None:
            return observed.verdicts(size, positioned)
        return noise.verdicts(size, positioned, assessment)

    def _transitions(self) -> tuple[Transition, ...]:
        return transitions.transitions(
            self.candidates, self.outcomes(), self.options.confirmations, self.assessment()
        )


def keys(items: Iterable[Item]) -> set[Version]:
    """Return the keys of some items."""
    return {item.key for item in items}


def known_as(item: Item, run: Measurement) -> Measurement:
    """Return a run as one of an item, whatever release was measured for it."""
    return run if run.version == item.key else replace(run, version=item.key)
