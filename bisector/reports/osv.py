"""A finding in the OSV schema, so that scanners can read which releases are affected.

https://ossf.github.io/osv-schema/, version 1.7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from bisector.finding import Finding, Kind
from bisector.reports import rows
from bisector.reports.answer import answer
from bisector.reports.as_json import strict
from bisector.reports.grid import Known, grids
from bisector.reports.replay import further, replay
from bisector.reports.rows import listed, safe, shortened

SCHEMA_VERSION = "1.7.0"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", re.ASCII)
_ADDRESS = re.compile(r"https?://[!-~]+")


def render(findings: Sequence[Finding]) -> str:
    """Return an OSV record per finding: one object, or a list where there are several."""
    records = [record(finding) for finding in findings]
    return strict(records[0] if len(records) == 1 else records)


def record(finding: Finding) -> dict[str, Any]:
    """Return the record's object; ``affected`` is empty where nothing bad was found."""
    probe, documented = finding.probe, finding.probe.documented
    times = sorted(m.started for m in finding.measurements if _TIME.fullmatch(m.started))
    name = re.sub(r"[^A-Za-z0-9.]+", "-", f"{probe.package}-{rows.name(finding)}").strip("-")
    references = [("REPORT", documented.issue), ("FIX", documented.fix)]
    told: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "id": f"x_bisector-{name}",
        "modified": times[-1] if times else "1970-01-01T00:00:00Z",
        "summary": shortened(rows.title(finding), 120),
        "details": " ".join([answer(finding), *_reservations(finding)]),
        "references": [
            {"type": kind, "url": url} for kind, url in references if _ADDRESS.fullmatch(url)
        ],
        "affected": [],
        "database_specific": {
            "replay": replay(finding),
            "conditions": rows.conditions(finding),
            **{name: True for name, is_open in _ends(finding) if is_open},
        },
    }
    if windows := [] if finding.over else _windows(finding):
        told["affected"] = [
            {
                "package": {
                    "ecosystem": "PyPI",
                    "name": safe(probe.package),
                    "purl": f"pkg:pypi/{quote(safe(probe.package), safe='')}",
                },
                "ranges": [{"type": "ECOSYSTEM", "events": events} for events in windows],
                "versions": _versions(finding),
            }
        ]
    return told


def _ends(finding: Finding) -> tuple[tuple[str, bool], ...]:
    return (
        ("open_at_oldest", finding.bad_at_oldest),
        ("open_at_newest", finding.bad_at_newest),
    )


def _reservations(finding: Finding) -> Iterator[str]:
    """Yield, as sentences, where the ranges say less than their bounds look like."""
    for told, _ in further(finding):
        yield f"{told[0].upper()}{told[1:]}."
    ends = [t.zoom or (t.before, t.after) for t in finding.transitions if t.kind is Kind.INTRODUCED]
    known = rows.decided(finding)
    oldest = known[0][0] if finding.bad_at_oldest and known else None
    inside = {release.version for release in finding.plan.candidates}
    inside |= {e.version for e in rows.excluded(finding)}
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
    known = rows.decided(finding)
    windows: list[list[dict[str, str]]] = []
    start = str(known[0][0]) if finding.bad_at_oldest and known else ""
    for transition in finding.transitions:
        first = str(transition.zoom[1] if transition.zoom else transition.after)
        if transition.kind is Kind.INTRODUCED:
            start = first
        elif start:
            windows.append([{"introduced": start}, {"fixed": first}])
            start = ""
    if start:
        windows.append([{"introduced": start}, {"last_affected": str(known[-1][0])}])
    return windows


def _versions(finding: Finding) -> list[str]:
    """Return the releases measured to be bad, and those inferred to be."""
    grid = grids([finding], prereleases=True)[0]
    known = (Known.MEASURED, Known.INFERRED)
    return [
        str(line.first)
        for line in grid.lines
        if line.cells[0].known in known and line.cells[0].outcome == "bad"
    ]
