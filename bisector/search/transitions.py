"""The outcomes observed -> the transitions between releases, and the ranges that are affected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from itertools import pairwise

from packaging.version import Version

from bisector.finding import Kind, Transition
from bisector.model import Excluded, Outcome, Plan, Release
from bisector.search import observed, release_lines
from bisector.search.confidence import boundary_confidence
from bisector.search.observed import Boundary, Verdict

Outcomes = Mapping[Version, Sequence[Outcome]]
"""What the runs of each release came out at."""

_NO_TIME = datetime.min.replace(tzinfo=timezone.utc)


def positioned(releases: Sequence[Release], outcomes: Outcomes) -> dict[int, Sequence[Outcome]]:
    """Return the outcomes by the position of their release, as a search takes them."""
    return {
        position: outcomes[release.version]
        for position, release in enumerate(releases)
        if release.version in outcomes
    }


def between(plan: Plan, before: Release, after: Release) -> list[Release]:
    """Return the two sides of a transition with the pre-releases between them."""
    low, high = _place(plan, before), _place(plan, after)
    inside = [r for r in plan.prereleases if low < _place(plan, r) < high]
    return [before, *sorted(inside, key=lambda release: _place(plan, release)), after]


def transitions(plan: Plan, outcomes: Outcomes, confirmations: int) -> tuple[Transition, ...]:
    """Return where the outcome changes between neighbouring decided candidates, in their order.

    One is confirmed where both its sides have been run that often.
    """
    return tuple(_Transitions(plan, outcomes, confirmations).all())


def affected(plan: Plan, outcomes: Outcomes, found: Sequence[Transition]) -> tuple[str, ...]:
    """Return one PEP 440 specifier set per bad window, in version order.

    A window that is open at an end is bounded by the outermost release that was looked at, for
    nothing untested is blamed; one that ends in an interval reaches to the first good release.
    """
    releases = plan.candidates
    seen = observed.verdicts(len(releases), positioned(releases, outcomes))
    seen = observed.inferred(seen) if plan.by_upload else seen
    known = sorted((r.version, said) for r, said in zip(releases, seen) if said.decided)
    if plan.by_upload:
        found = [
            Transition(Kind.INTRODUCED if now is Verdict.BAD else Kind.FIXED, before, after)
            for (before, was), (after, now) in pairwise(known)
            if was is not now
        ]
    windows = []
    start = known[0][0] if known and known[0][1] is Verdict.BAD else None
    for transition in found:
        if transition.kind is Kind.INTRODUCED:
            start = transition.after
        elif start is not None:
            windows.append(f">={start},<{transition.after}")
            start = None
    if start is not None:
        windows.append(f">={start},<={known[-1][0]}")
    return tuple(windows)


class _Transitions:
    """What it takes to tell of each boundary what it is."""

    def __init__(self, plan: Plan, outcomes: Outcomes, confirmations: int) -> None:
        self.plan = plan
        self.outcomes = outcomes
        self.confirmations = confirmations
        self.releases = plan.candidates
        seen = positioned(self.releases, outcomes)
        self.seen = observed.verdicts(len(self.releases), seen)
        self.inferred = observed.inferred(self.seen)
        self.found = observed.boundaries(len(self.releases), seen)
        self.counts = [
            (runs.count(Outcome.GOOD), runs.count(Outcome.BAD))
            for runs in (list(seen.get(p, ())) for p in range(len(self.releases)))
        ]
        # Pre-releases count where they are searched; elsewhere they are what is zoomed into.
        pre = any(release.version.is_prerelease for release in self.releases)
        self.untestable = [e for e in plan.excluded if pre or not e.version.is_prerelease]

    def all(self) -> list[Transition]:
        return [self._transition(number, found) for number, found in enumerate(self.found)]

    def _transition(self, number: int, boundary: Boundary) -> Transition:
        found, releases = self.found, self.releases
        first = found[number - 1].after if number else 0
        last = found[number + 1].before if number + 1 < len(found) else len(releases) - 1
        before, after = releases[boundary.before], releases[boundary.after]
        return Transition(
            kind=boundary.kind,
            before=before.version,
            after=after.version,
            untested=self._untested(boundary),
            zoom=self._zoomed(before, after),
            after_not_yanked=self._first_not_yanked(boundary.after),
            confidence=boundary_confidence(
                self.counts[first : last + 1], boundary.before - first, boundary.after - first
            ),
            parting=not self.plan.by_upload
            and release_lines.parting(releases, boundary.before, boundary.after, self._alike),
            confirmed=all(
                sum(self.counts[side]) >= self.confirmations
                for side in (boundary.before, boundary.after)
            ),
        )

    def _alike(self, one: int, other: int) -> bool:
        return self.inferred[one].decided and self.inferred[one] is self.inferred[other]

    def _untested(self, boundary: Boundary) -> tuple[Version, ...]:
        """Return the releases between two sides that decided nothing or couldn't be tried."""
        low, high = (
            _place(self.plan, self.releases[side]) for side in (boundary.before, boundary.after)
        )
        inside: list[Release | Excluded] = [
            *self.releases[boundary.before + 1 : boundary.after],
            *(e for e in self.untestable if low < _place(self.plan, e) < high),
        ]
        return tuple(r.version for r in sorted(inside, key=lambda r: _place(self.plan, r)))

    def _zoomed(self, before: Release, after: Release) -> tuple[Version, Version] | None:
        """Return the pre-releases that a transition has been narrowed to, if it has been."""
        releases = between(self.plan, before, after)
        seen = positioned(releases, self.outcomes)
        for inner in observed.boundaries(len(releases), seen):
            if all(p in seen for p in range(inner.before, inner.after)):
                sides = releases[inner.before].version, releases[inner.after].version
                return sides if sides != (before.version, after.version) else None
        return None

    def _first_not_yanked(self, after: int) -> Version | None:
        """Return the first release from ``after`` on that isn't yanked, where ``after`` is.

        None where ``after`` isn't yanked, or where the first one decided differs from it.
        """
        if not self.releases[after].yanked:
            return None
        for release, said in zip(self.releases[after + 1 :], self.seen[after + 1 :]):
            if not release.yanked and said.decided:
                return release.version if said is self.seen[after] else None
        return None


def _place(plan: Plan, release: Release | Excluded) -> tuple[datetime, Version]:
    """Return what releases are ordered by: the version, after the upload where that counts."""
    return (plan.by_upload and release.upload_time) or _NO_TIME, release.version
