"""A finding in the OSV schema, so that scanners can read which releases are affected.

https://ossf.github.io/osv-schema/, version 1.7. What it has no field for is in
``database_specific``: the releases known to be good, and when those at a window's ends came out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

from bisector.finding import Blame, Finding, Kind
from bisector.reports import facts, failing
from bisector.reports.answer import answer
from bisector.reports.as_json import strict
from bisector.reports.grid import Known, grids
from bisector.reports.replay import further, replay
from bisector.reports.words import listed, safe, shortened

SCHEMA_VERSION = "1.7.0"
NO_SECURITY_ISSUE = "Functional regression, not a security issue"
"""Each summary begins so: the schema is one for security issues."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", re.ASCII)
_ADDRESS = re.compile(r"https?://[!-~]+")


def render(findings: Sequence[Finding]) -> str:
    """Return an OSV record per finding, or per failure of one: one object, or a list of several."""
    records = [record for finding in findings for record in _records(finding)]
    return strict(records[0] if len(records) == 1 else records)


def _records(finding: Finding) -> Iterator[dict[str, Any]]:
    """Yield the record of each failure; what looks as if it was not there yet has none."""
    failures = [f for f in finding.failures if f.not_yet is None or f.releases[-1] > f.not_yet]
    if len(failures) < 2:
        yield record(failing.alone(finding, failures[0]) if failures else finding)
        return
    for number, failure in enumerate(failures, 1):
        fields = record(failing.alone(finding, failure))
        summary = f"{fields['summary']} ({failing.name(failure)})"
        yield fields | {"id": f"{fields['id']}-{number}", "summary": shortened(summary, 120)}


def record(finding: Finding) -> dict[str, Any]:
    """Return the record's object; ``affected`` is empty where nothing bad was found."""
    probe, documented = finding.probe, finding.probe.documented
    times = sorted(m.started for m in finding.measurements if _TIME.fullmatch(m.started))
    name = f"{probe.package}-{facts.name(finding)}-python-{finding.conditions.interpreter.series}"
    name = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-")
    references = [("REPORT", documented.issue), ("FIX", documented.fix)]
    fields: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "id": f"x_bisector-{name}",
        "modified": times[-1] if times else "1970-01-01T00:00:00Z",
        "summary": shortened(f"{NO_SECURITY_ISSUE}: {facts.title(finding)}", 120),
        "details": " ".join([answer(finding), *_reservations(finding)]),
        "references": [
            {"type": kind, "url": url} for kind, url in references if _ADDRESS.fullmatch(url)
        ],
        "affected": [],
        "database_specific": {
            "package": safe(probe.package),
            "probe": facts.title(finding),
            "replay": replay(finding),
            "conditions": facts.conditions(finding),
            "python": finding.conditions.interpreter.series,
            "good": _versions(finding, "good"),
            "uploaded": _uploaded(finding),
            **{name: True for name, is_open in _ends(finding) if is_open},
        },
    }
    if windows := [] if finding.over else _windows(finding):
        fields["affected"] = [
            {
                "package": {
                    "ecosystem": "PyPI",
                    "name": safe(probe.package),
                    "purl": f"pkg:pypi/{quote(safe(probe.package), safe='')}",
                },
                "ranges": [{"type": "ECOSYSTEM", "events": events} for events in windows],
                "versions": _versions(finding, "bad"),
            }
        ]
    return fields


def _ends(finding: Finding) -> tuple[tuple[str, bool], ...]:
    return (
        ("open_at_oldest", finding.bad_at_oldest),
        ("open_at_newest", finding.bad_at_newest),
    )


def _reservations(finding: Finding) -> Iterator[str]:
    """Yield, as sentences, where the ranges say less than their bounds look like."""
    for hint, _ in further(finding):
        yield f"{hint[0].upper()}{hint[1:]}."
    ends = [t.zoom or (t.before, t.after) for t in finding.transitions if t.kind is Kind.INTRODUCED]
    outcomes = facts.decided(finding)
    oldest = outcomes[0][0] if finding.bad_at_oldest and outcomes else None
    inside = {release.version for release in finding.plan.candidates}
    inside |= {e.version for e in facts.excluded(finding)}
    for last, first in [(None, oldest), *ends] if oldest else ends:
        before = sorted(v for v in inside if (last is None or last < v) and v < first)
        if before:
            yield (
                f'"introduced" names {first}, the first release known to be bad: '
                f"{listed(before)} before it {'is' if len(before) == 1 else 'are'} undecided."
            )


def _windows(finding: Finding) -> list[list[dict[str, str]]]:
    """Return the events of each bad window, from the first pre-release that is known to be in it.

    One that is open at an end is bounded by the outermost release looked at: for the newest that
    is ``last_affected``, since no release is known to be fixed.
    """
    outcomes = facts.decided(finding)
    windows: list[list[dict[str, str]]] = []
    start = str(outcomes[0][0]) if finding.bad_at_oldest and outcomes else ""
    for transition in finding.transitions:
        first = str(transition.zoom[1] if transition.zoom else transition.after)
        if transition.kind is Kind.INTRODUCED:
            start = first
        elif start:
            windows.append([{"introduced": start}, {"fixed": first}])
            start = ""
    if start:
        windows.append([{"introduced": start}, {"last_affected": str(outcomes[-1][0])}])
    return windows


def regressions(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Return the records of what is a regression of the package itself, on some Python.

    That is where it was good at some time, and no dependency is known to have made it bad: what
    was never otherwise is how it works, and what a dependency did isn't true of other pins. Where
    it is good on another Python, that has a record as well, which affects nothing.
    """
    listed = [finding for finding in findings if finding.decided and not finding.over]
    broken = {_behaviour(finding) for finding in listed if _is_own(finding)}
    return [
        record(finding)
        for finding in listed
        if _behaviour(finding) in broken and (_is_own(finding) or not finding.affected)
    ]


def _behaviour(finding: Finding) -> tuple[str, str]:
    return finding.probe.package, facts.title(finding)


def _is_own(finding: Finding) -> bool:
    causes = [transition.cause for transition in finding.transitions]
    own = all(cause is None or cause.blame is Blame.PACKAGE for cause in causes)
    return bool(finding.affected and causes) and own


def _uploaded(finding: Finding) -> dict[str, str]:
    """Return when the releases at the ends of windows came out, where the index said so."""
    releases = finding.releases
    ends = {v for t in finding.transitions for v in (t.after, *(t.zoom or ())[1:])}
    times = {end: releases[end].upload_time for end in sorted(ends) if end in releases}
    return {str(end): f"{time:%Y-%m-%d}" for end, time in times.items() if time}


def _versions(finding: Finding, outcome: str) -> list[str]:
    """Return the releases measured to be so, and those inferred to be."""
    grid = grids([finding], prereleases=True)[0]
    counted = (Known.MEASURED, Known.INFERRED)
    return [
        str(line.first)
        for line in grid.lines
        if line.cells[0].known in counted and line.cells[0].outcome == outcome
    ]
