"""What several searches looked at, as the plan of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from packaging.version import Version

from bisector.model import Plan


def together(plans: Iterable[Plan]) -> Plan:
    """Return what searches of different ranges looked at, as the plan of one search.

    That is the widest plan with those that overlap it, one way or another: between two that share
    no candidate there may be releases that neither knows, and no transition may pass over those.
    """
    apart = sorted(plans, key=_width)
    found = apart.pop()
    while sharing := [p for p in apart if _candidates(p) & _candidates(found)]:
        apart = [p for p in apart if p not in sharing]
        found = _union([*sharing, found])
    return found


def _union(plans: Sequence[Plan]) -> Plan:
    """Return the plans as one; the last one's word on a release counts."""
    candidates = {r.version: r for plan in plans for r in plan.candidates}
    prereleases = {
        r.version: r for plan in plans for r in plan.prereleases if r.version not in candidates
    }
    excluded = {
        e.version: e
        for plan in plans
        for e in plan.excluded
        if e.version not in candidates and e.version not in prereleases
    }
    return Plan(
        tuple(candidates[version] for version in sorted(candidates)),
        tuple(prereleases[version] for version in sorted(prereleases)),
        tuple(excluded[version] for version in sorted(excluded)),
    )


def _candidates(plan: Plan) -> set[Version]:
    return {release.version for release in plan.candidates}


def _width(plan: Plan) -> int:
    return len(plan.candidates) + len(plan.prereleases) + len(plan.excluded)
