"""Findings as JSON, schema ``bisector/finding/1``: fields are added to it, never renamed."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from bisector.finding import Failure, Finding, Kind, Suspicion, Transition
from bisector.model import Measurement
from bisector.reports import failing, steps, suspects
from bisector.reports.answer import answer
from bisector.reports.claims import claims
from bisector.store.codec import cause_to_json, measurement_to_json, plain

SCHEMA = "bisector/finding/1"


def render(findings: Sequence[Finding]) -> str:
    """Return the findings: one object, or a list where there are several."""
    objects = [finding_to_json(finding) for finding in findings]
    return strict(objects[0] if len(objects) == 1 else objects)


def strict(value: Any) -> str:
    """Return ``value`` as JSON that every parser takes: all text encodable, all numbers finite."""
    return json.dumps(_strict(value), indent=1, allow_nan=False) + "\n"


def strict_line(value: Any) -> str:
    """Return ``value`` as ``strict`` does, on a line of its own."""
    return json.dumps(_strict(value), allow_nan=False) + "\n"


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """Return the object of the contract for one finding."""
    affected, python = finding.affected, finding.conditions.interpreter.version
    return {
        "schema": SCHEMA,
        "package": finding.probe.package,
        "probe": finding.probe.name,
        "probe_digest": finding.probe.digest,
        "case": finding.probe.case or None,
        "python": None if finding.axis.python_varies else python,
        "platform": finding.conditions.interpreter.platform,
        "dependencies": finding.conditions.dependencies,
        "constraints": list(finding.conditions.constraints),
        "over": finding.over or None,
        "answer": answer(finding),
        "pin": failing.pin(finding) or None,
        "decided": finding.decided,
        "stopped": finding.stopped.value if finding.stopped else None,
        "transitions": [_transition(transition) for transition in finding.transitions],
        "affected": affected[0] if len(affected) == 1 else list(affected) or None,
        "affected_by_any": list(finding.affected_by_any),
        "failures": [_failure(failure) for failure in finding.failures],
        "bad_at_oldest": finding.bad_at_oldest,
        "bad_at_newest": finding.bad_at_newest,
        "confidence": finding.confidence,
        "suspicions": [_suspicion(suspicion) for suspicion in finding.suspicions],
        "posterior": [
            {"after": str(before), "by": str(after), "probability": round(share, 4)}
            for (before, after), share in finding.posterior.items()
        ],
        "longest_untested": finding.longest_untested,
        "longest_unseen": finding.longest_unseen,
        "conflicting": [str(version) for version in finding.conflicting],
        "candidates": len(finding.plan.candidates),
        "excluded": [
            {"version": str(e.version), "reason": e.reason.value, "detail": e.detail}
            for e in finding.plan.excluded
        ],
        "claims": [
            {"document": c.document, "says": c.says, "measured": c.measured, "agrees": c.agrees}
            for c in claims(finding)
        ],
        "metric": steps.to_json(finding.series) if finding.series else None,
        "steps": list(map(steps.step_to_json, finding.series.steps)) if finding.series else [],
        "replay": finding.replay,
        "measurements": measured(finding),
    }


def measured(finding: Finding) -> list[dict[str, Any]]:
    """Return what each run of a finding decided and used."""
    yanked = {version for version, r in finding.releases.items() if r.yanked}
    return [
        _measurement(m, m.version in yanked)
        | ({"python": str(m.version)} if finding.axis.python_varies else {})
        for m in finding.measurements
    ]


def _suspicion(suspicion: Suspicion) -> dict[str, Any]:
    return {
        "kind": suspicion.kind.value,
        "after": str(suspicion.earliest),
        "by": str(suspicion.latest),
        "most_likely": str(suspicion.after),
        "confidence": round(suspicion.confidence, 4),
    }


def _failure(failure: Failure) -> dict[str, Any]:
    """Return one failure, told as the first one is at the top."""
    affected = failure.affected
    return {
        "name": failing.name(failure),
        "signature": plain(failure.signature),
        "reason": failure.reason.value if failure.reason else None,
        "transitions": [_transition(transition) for transition in failure.transitions],
        "affected": affected[0] if len(affected) == 1 else list(affected) or None,
        "releases": [str(version) for version in failure.releases],
        "not_yet_until": str(failure.not_yet) if failure.not_yet else None,
        "bad_at_oldest": failure.at_oldest,
        "bad_at_newest": failure.at_newest,
    }


def _transition(transition: Transition) -> dict[str, Any]:
    introduced = transition.kind is Kind.INTRODUCED
    last, first = ("last_good", "first_bad") if introduced else ("last_bad", "first_good")
    fields: dict[str, Any] = {
        "kind": transition.kind.value,
        last: str(transition.before),
        first: str(transition.after),
        "untested": [str(version) for version in transition.untested],
        "confidence": round(transition.confidence, 4),
        "confirmed": transition.confirmed,
    }
    if transition.otherwise:
        fields["otherwise"] = [str(version) for version in transition.otherwise]
    if transition.zoom:
        fields["zoom"] = {last: str(transition.zoom[0]), first: str(transition.zoom[1])}
    if transition.after_not_yanked:
        fields[f"{first}_not_yanked"] = str(transition.after_not_yanked)
    if transition.parting:
        fields["parting"] = True
    if transition.cause:
        fields["cause"] = cause_to_json(transition.cause)
    if transition.why:
        fields["why"] = suspects.to_json(transition.why)
    return fields


def _measurement(measurement: Measurement, yanked: bool) -> dict[str, Any]:
    """Return what a run decided and used; its whole evidence is in the results folder."""
    main = measurement.main_process
    stored = measurement_to_json(measurement)
    fields: dict[str, Any] = {name: stored.get(name) for name in _SHOWN}
    return fields | {
        "yanked": yanked,
        "peak_memory_bytes": main.peak_memory_bytes if main else None,
        "peak_memory_sampled": main.sampled if main else None,
        "seconds": measurement.wall_s,
        "cpu_seconds": measurement.cpu_s,
        "cached": measurement.cached,
        "elsewhere": measurement.elsewhere,
    }


def _strict(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {_strict(name): _strict(item) for name, item in value.items()}
    return [_strict(item) for item in value] if isinstance(value, list) else value


_SHOWN = (
    "version",
    "outcome",
    "reason",
    "detail",
    "signature",
    "exit_status",
    "metrics",
    "pool",
    "differs",
    "started",
    "sandbox",
)
