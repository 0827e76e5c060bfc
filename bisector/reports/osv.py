"""A finding in the OSV schema, so that scanners can read which releases are affected.

https://ossf.github.io/osv-schema/, version 1.7.
"""

from __future__ import annotations

import json
import re
from typing import Any

from bisector.model import Finding, Outcome
from bisector.reports import rows
from bisector.reports.grid import Known, grids

SCHEMA_VERSION = "1.7.0"


def render(finding: Finding) -> str:
    """Return the finding as one OSV record."""
    return json.dumps(record(finding), indent=1) + "\n"


def record(finding: Finding) -> dict[str, Any]:
    """Return the record's object; ``affected`` is empty where nothing bad was found."""
    probe, documented = finding.probe, finding.probe.documented
    times = sorted(m.started for m in finding.measurements if m.started)
    name = re.sub(r"[^A-Za-z0-9.-]", "-", f"{probe.package}-{rows.name(finding)}").rstrip("-")
    references = [("REPORT", documented.issue), ("FIX", documented.fix)]
    windows = _windows(finding)
    told: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "id": f"x_bisector-{name}",
        "modified": times[-1] if times else "1970-01-01T00:00:00Z",
        "summary": rows.title(finding)[:120],
        "details": rows.answer(finding),
        "references": [{"type": kind, "url": url} for kind, url in references if url],
        "affected": [],
        "database_specific": {"replay": finding.replay, "conditions": rows.conditions(finding)},
    }
    if windows:
        told["affected"] = [
            {
                "package": {
                    "ecosystem": "PyPI",
                    "name": probe.package,
                    "purl": f"pkg:pypi/{probe.package}",
                },
                "ranges": [{"type": "ECOSYSTEM", "events": events} for events in windows],
                "versions": _versions(finding),
            }
        ]
    return told


def _windows(finding: Finding) -> list[list[dict[str, str]]]:
    """Return the events of each bad window.

    One that is open at an end is bounded by the outermost release looked at: for the newest that
    is ``last_affected``, since no release is known to be fixed.
    """
    bad = sorted(m.version for m in finding.measurements if m.outcome is Outcome.BAD)
    windows: list[list[dict[str, str]]] = []
    start = str(bad[0]) if finding.bad_at_oldest else None
    for transition in finding.transitions:
        if start is None:
            start = str(transition.after)
        else:
            windows.append([{"introduced": start}, {"fixed": str(transition.after)}])
            start = None
    if start is not None:
        windows.append([{"introduced": start}, {"last_affected": str(bad[-1])}])
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
