"""What is known in one search: the runs so far, what they say, and what that leaves to ask."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.version import Version

from bisector.finding import Failure, Finding, Stopped
from bisector.model import Measurement, Outcome, Reason, Signature
from bisector.search import failures, noise, observed, transitions, weighing
from bisector.search.candidates import Candidates, Item
from bisector.search.chances import chances
from bisector.search.found import Found
from bisector.search.observed import Label, Seen, Verdict
from bisector.search.stages import Question, Stage
from bisector.search.transitions import Labels
from bisector.search.weighing import Assessments
from bisector.search.zoom import Front

LONGEST_ASSURE_S = 30.0
"""For how long, at most, a second bad window is looked for unasked."""


@dataclass(frozen=True, slots=True)
class Options:
    """How far a search goes.

    ``assure_s`` is for how long other bad windows are looked for once the answer is there; see
    ``assuring_s``. ``max_probes`` bounds the measurements made now, not those already known.
    ``confidence`` asks for more runs, of both sides of each transition or wherever runs disagree,
    until it is reached. With ``any_failure`` all failures are one; only those that a ``pattern``
    matches, or that are the one ``failure``, count where one of these is given. The one like
    ``first`` is told first.
    """

    assure_s: float | None = None
    exhaustive: bool = False
    max_probes: int | None = None
    confidence: float | None = None
    confirmations: int = 2
    jobs: int = 1
    any_failure: bool = False
    failure: Signature | None = None
    first: Signature | None = None
    pattern: str = ""

    def assuring_s(self, took_s: float) -> float:
        """Return for how long to look for more after what took ``took_s``; 0.0 if nothing had to.

        Where nothing is asked for that is as long, and ``LONGEST_ASSURE_S`` at most.
        """
        return min(LONGEST_ASSURE_S, took_s) if self.assure_s is None else self.assure_s


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
        self.runs: dict[Version, list[Measurement]] = {}
        for version, runs in known.items():
            self.runs[version] = [self._as_it_counts(run) for run in runs]
        self._labels: Labels | None = None
        self._assessed: Assessments | None = None
        self.confirmations = max(
            options.confirmations, noise.confirmations(options.confidence or 0.0)
        )
        self.stopped: Stopped | None = None

    def add(self, item: Item, measurement: Measurement) -> Measurement:
        """Add a run of an item, and return it as it is known: by the item's key."""
        run = self._as_it_counts(known_as(item, measurement))
        self.runs.setdefault(item.key, []).append(run)
        self._labels = self._assessed = None
        return run

    def verdicts(self) -> dict[Version, Verdict]:
        """Return what all runs of each item say together, by its key, all failures being one."""
        return {
            item.key: seen if isinstance(seen, Verdict) else Verdict.BAD
            for item, seen in zip(self.candidates.items, self._seen())
        }

    def patience_s(self) -> float | None:
        """Return how long a run need be waited for; None where nothing is known of that.

        Once it has hung twice, what takes much longer than any good run hangs.
        """
        runs = [run for measured in self.runs.values() for run in measured]
        good = [run.wall_s for run in runs if run.outcome is Outcome.GOOD]
        hung = sum(run.reason is Reason.TIMEOUT for run in runs)
        return max(2.0, 10 * max(good)) if good and hung > 1 else None

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
            confirmations=self.options.confirmations,
            exhaustive=self.options.exhaustive,
            aside=self.found().aside,
        )
        return Front(items, question, allowed, confidence=self.options.confidence)

    def fronts(self, main: Front) -> Iterator[Front]:
        """Yield the main front, then what lies inside each transition that it has come to.

        Where runs disagree that is left: how sure it is would be another question.
        """
        yield main
        if self._conflicting():
            return
        items, seen = main.items, self._seen()
        for boundary in observed.changes(seen):
            if all(item.key in self.runs for item in items[boundary.before + 1 : boundary.after]):
                before, after = items[boundary.before], items[boundary.after]
                if inside := self.candidates.inside(before, after):
                    question = Question(len(inside) + 2, confirmations=self.confirmations)
                    zoomed = [before, *inside, after]
                    sides = seen[boundary.before].failure, seen[boundary.after].failure
                    about = {Outcome.GOOD if side is None else side for side in sides}
                    yield Front(zoomed, question, lambda stage: stage < Stage.SEEK, about)

    def want(self, main: Front, flying: Collection[Item], idle: int) -> tuple[Item, Stage] | None:
        """Return what to measure next and why, on the first front that wants something."""
        labels, beside = self.labels(), keys(flying)
        wants = (front.want(labels, beside, idle) for front in self.fronts(main))
        return next(filter(None, wants), None)

    def likely(self, main: Front, flying: Collection[Item]) -> list[Item]:
        """Return what will be wanted, and what may be once one of those in flight is known."""
        labels, beside = self.labels(), keys(flying)
        after = [item for front in self.fronts(main) for item in front.likely(labels, beside)]
        return [*self.first(flying), *after]

    def outside(self, main: Front, narrowing: Collection[Version]) -> set[Version]:
        """Return those in flight that narrow no front any more."""
        labels = self.labels()
        late = (front.outside(labels, narrowing) for front in self.fronts(main))
        return set().union(*late)

    def first(self, flying: Collection[Item] = ()) -> list[Item]:
        """Return what is measured first beside what is in flight, however that turns out."""
        main = self.main(lambda stage: stage is Stage.START)
        labels = self.labels()
        chosen: list[Item] = []
        while wanted := main.want(labels, keys([*flying, *chosen]), idle=1):
            chosen.append(wanted[0])
        return chosen

    def labels(self) -> Labels:
        """Return the labels of the runs of each item, as far as this search is concerned."""
        if self._labels is None:
            self._labels = failures.labels(self.runs, any_failure=self.options.any_failure)
        return self._labels

    def found(self) -> Found:
        """Return the failures that are known now."""
        first, assessments = self.options.first, self.assessments()
        return Found(self.candidates, self.runs, self.labels(), first, assessments)

    def assessments(self) -> Assessments:
        """Return what all runs say together of each failure; empty where nothing asks how sure."""
        confidence = self.options.confidence
        if confidence is None:
            return {}
        # They are asked for many times between two runs, and may take some milliseconds.
        if self._assessed is None:
            size = len(self.candidates.items)
            self._assessed = weighing.weighed(size, self._positioned(), confidence)
        return self._assessed

    def finding(self) -> Finding:
        """Return what is known now."""
        candidates, seen, found = self.candidates, self._seen(), self._failures()
        conflicting, assessments = self._conflicting(), self.assessments()
        unseen = [one.unseen for one in assessments.values() if one.unseen is not None]
        settled = all(t.confirmed for failure in found for t in failure.transitions)
        if assessments:
            settled &= all(assessment.settled for assessment in assessments.values())
        else:
            settled &= not conflicting
        first = found[0] if found else None
        return Finding(
            probe=candidates.probe,
            plan=candidates.plan,
            conditions=candidates.conditions,
            measurements=tuple(run for _, runs in sorted(self.runs.items()) for run in runs),
            transitions=first.transitions if first else (),
            affected=first.affected if first and (settled or not conflicting) else (),
            bad_at_oldest=bool(first and first.at_oldest),
            bad_at_newest=bool(first and first.at_newest),
            longest_untested=observed.longest_untested(len(seen), self._positioned()),
            conflicting=conflicting,
            stopped=self.stopped,
            decided=settled and bool(conflicting or any(one.decided for one in seen)),
            any_failure=self.options.any_failure,
            failure=failures.kind(first.signature, first.reason) if first else None,
            over=candidates.over,
            failures=found,
            affected_by_any=candidates.affected(tuple(self.verdicts().values())),
            pattern=self.options.pattern,
            axis=candidates.axis,
            confidence=self.options.confidence,
            suspicions=tuple(
                suspicion
                for assessment in assessments.values()
                for suspicion in transitions.suspicions(candidates, assessment)
            ),
            posterior=self.posterior(),
            longest_unseen=max(unseen, default=None),
        )

    def posterior(self) -> dict[tuple[Version, Version], float]:
        """Return where the outcome may have changed, where runs disagree and it is asked how sure.

        That is how likely it did between each two neighbours that were run.
        """
        items, assessments = self.candidates.items, self.assessments()
        found = chances(len(items), self._positioned(), assessments) if assessments else ()
        return {(items[before].key, items[after].key): share for before, after, share in found}

    def _as_it_counts(self, run: Measurement) -> Measurement:
        """Return a run with every failure that is not asked for deciding nothing."""
        run = failures.counted(run)
        if self.options.pattern:
            run = failures.narrowed(run, self.options.pattern)
        if self.options.failure is not None:
            run = failures.apart(run, self.options.failure)
        return run

    def _positioned(self) -> dict[int, Sequence[Label]]:
        return transitions.positioned(self.candidates.items, self.labels())

    def _seen(self) -> list[Seen]:
        size = len(self.candidates.items)
        return weighing.verdicts(size, self._positioned(), self.assessments())

    def _conflicting(self) -> tuple[Version, ...]:
        """Return the releases whose runs disagree."""
        labels = self.labels()
        return tuple(
            version
            for version in sorted(self.runs)
            if observed.together(labels[version]) is Verdict.CONFLICTING
        )

    def _failures(self) -> tuple[Failure, ...]:
        return self.found().all(self.options.confirmations)


def keys(items: Iterable[Item]) -> set[Version]:
    """Return the keys of some items."""
    return {item.key for item in items}


def known_as(item: Item, run: Measurement) -> Measurement:
    """Return a run as one of an item, whatever release was measured for it."""
    same = run.version is item.key or run.version == item.key  # comparing takes its time
    return run if same else replace(run, version=item.key)
