"""Searches on disk: what each looked at, under what, and whose fault it found things to be."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from packaging.version import Version

from bisector.finding import Finding
from bisector.model import Conditions, Plan, Probe
from bisector.store import keys
from bisector.store.checked import Found
from bisector.store.codec import (
    CONDITIONS,
    MEASUREMENT,
    SEARCH,
    Search,
    conditions_from_json,
    conditions_to_json,
)
from bisector.store.files import UNREADABLE, Files
from bisector.store.plans import together


def is_new(files: Files, finding: Finding, found: Iterable[Found]) -> bool:
    """Return whether a finding says more than what is stored of such searches."""
    known = looked_at(files, found)
    causes = [transition.cause for search in known for transition in search.transitions]
    measured = any(not measurement.cached for measurement in finding.measurements)
    learned = any(t.cause and t.cause not in causes for t in finding.every_transition)
    another = all(search.failure != finding.failure for search in known)
    return another or measured or learned


def looked_at(files: Files, found: Iterable[Found]) -> list[Search]:
    """Return the searches that still say something, in the order of their newest runs.

    Of several that looked at the same the newest does; one that looked at no more than a newer
    one doesn't.
    """
    return [search for search, _ in _searches(files, found)]


def telling(files: Files, found: Iterable[Found]) -> list[Found]:
    """Return the lines of the searches that still say something."""
    return [one for _, one in _searches(files, found)]


def _searches(files: Files, found: Iterable[Found]) -> list[tuple[Search, Found]]:
    read = [(files.search(one), one) for one in found if one.line.schema == SEARCH]
    there = [(search, one) for search, one in read if search is not None]
    newest: dict[frozenset[Version], tuple[Search, Found]] = {}
    for search, one in sorted(there, key=lambda pair: pair[0].latest):
        newest[_seen(search.plan)] = search, one
    return [
        (search, one)
        for seen, (search, one) in newest.items()
        if not any(
            seen < other and wider.latest and search.latest <= wider.latest
            for other, (wider, _) in newest.items()
        )
    ]


def stored(files: Files) -> list[Finding]:
    """Return every stored search with its runs; see `Store.searches`."""
    several: dict[tuple[str, ...], list[Finding]] = {}
    for package in files.packages():
        for found in files.all_of(package).values():
            finding = _finding(files, found)
            if finding is None:
                continue
            probe, python = finding.probe, finding.conditions.interpreter
            same = (probe.package, probe.name, probe.case, python.series, *probe.command)
            several.setdefault(same, []).append(finding)
    return [finding for _, some in sorted(several.items()) for finding in _lasting(some)]


def _lasting(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield those under conditions that no newer ones replace, for all releases looked at."""
    in_order = sorted(findings, key=lambda finding: finding.conditions.resolved)
    for number, finding in enumerate(in_order):
        seen = _seen(finding.plan)
        if not any(seen <= _seen(newer.plan) for newer in in_order[number + 1 :]):
            yield finding


def _finding(files: Files, found: Sequence[Found]) -> Finding | None:
    """Return what the searches under the same conditions found, as one; None where none is read."""
    searches = _searches(files, found)
    described = next(iter(held(files, found)), None)
    if not searches or described is None:
        return None
    plan = together(search.plan for search, _ in searches)
    for search, one in searches:
        if not _seen(search.plan) <= _seen(plan):
            files.warn(f"{one.where} is ignored: it is of other releases")
    widest = max((search for search, _ in searches), key=lambda search: len(_seen(search.plan)))
    read = [files.measurement(one) for one in found if one.line.schema == MEASUREMENT]
    runs = sorted((run for run in read if run is not None), key=lambda m: (m.version, m.started))
    probe, conditions = described
    return Finding(
        probe,
        plan,
        conditions,
        tuple(runs),
        transitions=tuple(t for search, _ in searches for t in search.transitions),
        replay=widest.replay,
        any_failure=widest.any_failure,
        failure=widest.failure,
        pattern=widest.pattern,
        confidence=widest.confidence,
    )


def resolved(
    files: Files,
    described: Iterable[Found],
    probe: Probe,
    conditions: Conditions,
    resolved_for: Version,
) -> Conditions | None:
    """Return those of the conditions that differ in their constraints alone; the newest."""
    wanted = conditions_to_json(probe, conditions)
    same: list[Conditions] = []
    for one in described:
        if one.line.schema != CONDITIONS or str(resolved_for).encode() not in one.line.data:
            continue
        for stored_probe, earlier in held(files, [one]):
            data = conditions_to_json(stored_probe, earlier)
            alike = all(data.get(n) == wanted.get(n) for n in {*data, *wanted} - {*keys.RESOLVED})
            if alike and earlier.resolved_for == str(resolved_for):
                same.append(earlier)
    if not same:
        return None
    newest = max(same, key=lambda earlier: earlier.resolved)
    return dataclasses.replace(
        conditions,
        constraints=newest.constraints,
        wheels=newest.wheels,
        resolved=newest.resolved,
        resolved_for=newest.resolved_for,
    )


def held(files: Files, found: Iterable[Found]) -> list[tuple[Probe, Conditions]]:
    """Return what lines say was held, what was resolved first at first."""
    read: list[tuple[Probe, Conditions]] = []
    for one in found:
        if one.line.schema != CONDITIONS:
            continue
        try:
            data: dict[str, Any] = files.data(one)
            probe, conditions = conditions_from_json(data)
            if keys.short(probe, conditions) != one.line.key:
                raise ValueError("it is of another search")
            read.append((probe, conditions))
        except UNREADABLE as error:
            files.warn(f"{one.where} is ignored: {error}")
    return sorted(read, key=lambda pair: pair[1].resolved)


def _seen(plan: Plan) -> frozenset[Version]:
    named = (plan.candidates, plan.prereleases, plan.excluded)
    return frozenset(one.version for part in named for one in part)
