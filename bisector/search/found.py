"""The failures that a search has found: which they are, and since when and until when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from packaging.version import Version

from bisector.finding import Failure
from bisector.model import Measurement, Outcome, Reason, Signature
from bisector.search import failures, observed, sameness, transitions, weighing
from bisector.search.candidates import Candidates
from bisector.search.failures import Runs
from bisector.search.observed import Label, Seen, Verdict
from bisector.search.transitions import Labels
from bisector.search.weighing import Assessments

_OF_AGE = frozenset({Reason.IMPORT_FAILED, Reason.BUILD_FAILED})
"""What old releases fail by on an interpreter, or beside dependencies, that they don't know."""


class Found:
    """The failures among the runs of some candidates; the one like ``first`` is told first.

    Where runs may be wrong, ``assessments`` are what all of them say together of each failure.
    """

    def __init__(
        self,
        candidates: Candidates,
        runs: Runs,
        labels: Labels,
        first: Signature | None = None,
        assessments: Assessments | None = None,
    ) -> None:
        self.candidates = candidates
        self.labels = labels
        self.first = first
        self.items = candidates.items
        self.runs: Mapping[Version, Sequence[Measurement]] = runs
        positioned = transitions.positioned(self.items, labels)
        self.assessments = assessments or {}
        self.seen = weighing.verdicts(len(self.items), positioned, self.assessments)

    @cached_property
    def positions(self) -> dict[Label, list[int]]:
        """Where each failure was seen, among the items."""
        found: dict[Label, list[int]] = {}
        for position, seen in enumerate(self.seen):
            if seen.fails and seen.failure in self.labels[self.items[position].key]:
                found.setdefault(seen.failure, []).append(position)
        return found

    @cached_property
    def aside(self) -> frozenset[Label]:
        """The failures that are no regression, for all that is known.

        Only the oldest releases fail so, and what they fail by looks like their age.
        """
        good = self._good
        return frozenset(
            failure
            for failure, positions in self.positions.items()
            if good
            and positions[-1] < good[0]
            and all(_of_age(self._newest_run(position)) for position in positions)
        )

    def all(self, confirmations: int) -> tuple[Failure, ...]:
        """Return the failures, the one most likely meant first.

        That is the one which a witness shows or which a probe tells of itself, then that of the
        newest release, then the one that most releases have after a good one, then what was there
        before any good one, and last what is no regression.
        """
        return tuple(
            self._failure(f, confirmations) for f in sorted(self.positions, key=self._rank)
        )

    @property
    def _good(self) -> list[int]:
        return [p for p, seen in enumerate(self.seen) if seen is Verdict.GOOD]

    def _newest_run(self, position: int) -> Measurement:
        """Return the newest run at a position that failed."""
        runs = self.runs[self.items[position].key]
        return [run for run in runs if run.outcome is Outcome.BAD][-1]

    def _rank(self, failure: Label) -> tuple[int, int, int]:
        positions = self.positions[failure]
        newest = self._newest_run(positions[-1])
        shown = [p for p in self._witnesses if p in positions]
        decided = [seen for seen in self.seen if seen.decided]
        kind = failures.kind(newest.signature, newest.reason)
        if self.first is not None and sameness.alike(kind, self.first):
            rank = 0
        elif shown and shown[-1] == self._witnesses[-1]:
            rank = 1
        elif self.candidates.probe.reports and newest.reason is None:
            rank = 2
        elif decided[-1].failure == failure:
            rank = 3
        elif self._good and positions[-1] > self._good[0]:
            rank = 4
        else:
            rank = 6 if failure in self.aside else 5
        inferred = observed.inferred(self.seen)
        return rank, -sum(seen.failure == failure for seen in inferred), -positions[-1]

    @cached_property
    def _witnesses(self) -> list[int]:
        """The positions of the witnesses that fail, in order."""
        named = set(self.candidates.witnesses)
        return [p for p, seen in enumerate(self.seen) if seen.fails and self.items[p].key in named]

    def _failure(self, failure: Label, confirmations: int) -> Failure:
        positions = self.positions[failure]
        newest = self._newest_run(positions[-1])
        decided = [seen for seen in self.seen if seen.decided]
        return Failure(
            signature=newest.signature,
            reason=newest.reason,
            transitions=transitions.transitions(
                self.candidates,
                self.labels,
                failure,
                confirmations,
                self.assessments.get(failure),
            ),
            affected=self.candidates.affected([_only(seen, failure) for seen in self.seen]),
            releases=tuple(self.items[position].key for position in positions),
            ways=self._ways(positions),
            not_yet=self._not_yet(failure),
            at_oldest=decided[0].failure == failure,
            at_newest=decided[-1].failure == failure,
        )

    def _ways(self, positions: Sequence[int]) -> tuple[tuple[str, Version], ...]:
        """Return what the runs at these positions say, each with the first that says so."""
        ways: dict[str, Version] = {}
        for position in positions:
            run = self._newest_run(position)
            text = failures.told(run.signature) or run.detail
            ways.setdefault(text, self.items[position].key)
        return tuple(ways.items())

    def _not_yet(self, failure: Label) -> Version | None:
        """Return the last release that fails so for want of what is asked for, before a good one.

        None where the oldest fails otherwise, or where one that fails so lacks nothing.
        """
        good = self._good
        if failure is Outcome.BAD or not good:  # as one, each would need a guess of its own
            return None
        old = [p for p, seen in enumerate(self.seen[: good[0]]) if seen.decided]
        so = [p for p in old if self.seen[p].failure == failure]
        failed = self.positions[failure]  # what is thought bad may have passed in all its runs
        missing = all(p in failed and failures.missing(self._newest_run(p)) for p in so)
        return self.items[so[-1]].key if so[:1] == old[:1] and so and missing else None


def _of_age(run: Measurement) -> bool:
    return failures.missing(run) or run.reason in _OF_AGE


def _only(seen: Seen, failure: Label) -> Verdict:
    """Return a verdict as that of one failure: what fails otherwise does not fail so."""
    if isinstance(seen, Verdict) and not seen.fails:
        return seen
    return Verdict.BAD if seen.failure == failure else Verdict.GOOD
