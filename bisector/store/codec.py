"""Measurements, conditions and searches as JSON and back, each with its schema's version."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any

from packaging.version import InvalidVersion, Version

from bisector.finding import (
    Blame,
    Cause,
    Cell,
    Change,
    Culprit,
    Finding,
    Kind,
    Transition,
)
from bisector.model import (
    Conditions,
    Distribution,
    Excluded,
    Interpreter,
    Json,
    Measurement,
    Outcome,
    Plan,
    Probe,
    ProcessPeak,
    Reason,
    Release,
    Signature,
    Symptom,
)

MEASUREMENT = "bisector/measurement/1"
CONDITIONS = "bisector/conditions/1"
SEARCH = "bisector/search/1"


def measurement_to_json(measurement: Measurement) -> dict[str, Json]:
    """Return the measurement as JSON, without what is only known while running."""
    data: dict[str, Json] = {}
    for field in dataclasses.fields(measurement):
        value = getattr(measurement, field.name)
        if field.name != "cached" and not (field.name in _SELDOM and value in (None, "")):
            data[field.name] = plain(value)
    return data


_SELDOM = ("imported", "remark")
"""What most runs have nothing to say of, and is left out then."""


def measurement_from_json(data: Mapping[str, Any]) -> Measurement:
    """Return the measurement that ``data`` describes; raises ValueError, KeyError or TypeError."""
    try:
        version = _version(data["version"])
    except InvalidVersion as error:
        raise ValueError(str(error)) from error
    signature = data["signature"]
    return Measurement(
        version=version,
        outcome=Outcome(data["outcome"]),
        reason=Reason(data["reason"]) if data["reason"] else None,
        detail=data["detail"],
        signature=Signature(**signature) if signature else None,
        metrics=data["metrics"],
        pool=data["pool"],
        processes=tuple(ProcessPeak(**p) for p in data["processes"]),
        wall_s=data["wall_s"],
        cpu_s=data["cpu_s"],
        exit_status=data["exit_status"],
        output_tail=data["output_tail"],
        command=tuple(data["command"]),
        installed=tuple(_distribution(line) for line in data["installed"]),
        differs=tuple(data["differs"]),
        started=data["started"],
        host=data["host"],
        imported=data.get("imported"),
        remark=data.get("remark", ""),
        cached=True,
    )


def conditions_to_json(probe: Probe, conditions: Conditions) -> dict[str, Json]:
    """Return what is held for a search, with the probe's whole text."""
    interpreter = conditions.interpreter
    symptom = {"symptom": plain(conditions.symptom)} if conditions.symptom != Symptom() else {}
    isolated: dict[str, Json] = {"isolated": True} if conditions.isolated else {}
    return {
        "schema": CONDITIONS,
        "package": probe.package,
        "probe": probe.name,
        "case": probe.case,
        "command": list(probe.command),
        "probe_digest": probe.digest,
        "implementation": interpreter.implementation,
        "python": interpreter.version,
        "platform": interpreter.platform,
        "installer": conditions.installer,
        "allow_build": conditions.allow_build,
        "dependencies": conditions.policy,
        "requirements": list(conditions.requirements),
        "timeout_s": conditions.timeout_s,
        "memory_bytes": conditions.memory_bytes,
        **symptom,
        **isolated,
        "resolved_for": conditions.resolved_for,
        "resolved": conditions.resolved,
        "constraints": list(conditions.constraints),
        "wheels": dict(conditions.wheels),
        "probe_text": probe.text,
        "probekit_text": probe.companion,
    }


def conditions_from_json(told: Mapping[str, Any]) -> tuple[Probe, Conditions]:
    """Return the probe, as it was then, and what was held."""
    probe = Probe(
        name=told["probe"],
        package=told["package"],
        case=told["case"],
        command=tuple(told["command"]),
        reports=not told["command"],
        title=shlex.join(told["command"]),
        digest=told["probe_digest"],
        text=told["probe_text"],
        companion=told["probekit_text"],
    )
    return probe, Conditions(
        interpreter=Interpreter("", told["python"], told["implementation"], told["platform"], ()),
        policy=told["dependencies"],
        constraints=tuple(told["constraints"]),
        requirements=tuple(told["requirements"]),
        wheels=told["wheels"],
        resolved=told["resolved"],
        resolved_for=told["resolved_for"],
        installer=told["installer"],
        allow_build=told["allow_build"],
        timeout_s=told["timeout_s"],
        memory_bytes=told["memory_bytes"],
        symptom=Symptom(**told.get("symptom", {})),
        isolated=told.get("isolated", False),
    )


def search_to_json(finding: Finding) -> dict[str, Json]:
    """Return what a search looked at: its plan, and the command that makes it again."""
    plan = finding.plan
    causes: list[Json] = [
        {
            "kind": t.kind.value,
            "before": str(t.before),
            "after": str(t.after),
            "cause": cause_to_json(t.cause),
        }
        for t in _all_transitions(finding)
        if t.cause
    ]
    told_apart = len(finding.failures) > 1
    return {
        "schema": SEARCH,
        "replay": finding.replay,
        **({"any_failure": True} if finding.any_failure else {}),
        **({"failure": plain(finding.failure)} if told_apart else {}),
        **({"pattern": finding.pattern} if finding.pattern else {}),
        **({"causes": causes} if causes else {}),
        "candidates": [_release_to_json(release) for release in plan.candidates],
        "prereleases": [_release_to_json(release) for release in plan.prereleases],
        "excluded": [plain(excluded) for excluded in plan.excluded],
    }


def _all_transitions(finding: Finding) -> list[Transition]:
    """Return the transitions of all failures, each once."""
    every = (t for failure in finding.failures for t in failure.transitions)
    return list(dict.fromkeys([*finding.transitions, *every]))


def cause_to_json(cause: Cause) -> Json:
    """Return whose fault a transition is, as JSON."""
    return plain(cause)


def caused_from_json(told: Mapping[str, Any]) -> tuple[Transition, ...]:
    """Return the transitions in a stored search whose cause is kept."""
    return tuple(
        Transition(
            kind=Kind(one["kind"]),
            before=Version(one["before"]),
            after=Version(one["after"]),
            cause=_cause(one["cause"]),
        )
        for one in told.get("causes", ())
    )


def failure_from_json(told: Mapping[str, Any]) -> Signature | None:
    """Return the failure that a stored search is about; None where it wasn't told from others."""
    failure = told.get("failure")
    return Signature(**failure) if failure else None


def _cause(told: Mapping[str, Any]) -> Cause:
    return Cause(
        blame=Blame(told["blame"]),
        cells=tuple(
            Cell(Version(c["version"]), c["dependencies"], Outcome(c["outcome"]), c["detail"])
            for c in told["cells"]
        ),
        culprits=tuple(
            Culprit(
                change=Change(**c["change"]),
                transitions=tuple(map(_transition, c["transitions"])),
                why=c["why"],
            )
            for c in told["culprits"]
        ),
        why=told["why"],
    )


def _transition(told: Mapping[str, Any]) -> Transition:
    not_yanked, zoom = told["after_not_yanked"], told["zoom"]
    return Transition(
        kind=Kind(told["kind"]),
        before=Version(told["before"]),
        after=Version(told["after"]),
        untested=tuple(map(Version, told["untested"])),
        zoom=(Version(zoom[0]), Version(zoom[1])) if zoom else None,
        after_not_yanked=Version(not_yanked) if not_yanked else None,
        confidence=told["confidence"],
        confirmed=told["confirmed"],
        parting=told["parting"],
    )


def _release_to_json(release: Release) -> Json:
    told: dict[str, Json] = {"version": str(release.version)}
    if release.upload_time:
        told["uploaded"] = release.upload_time.isoformat()
    if release.yanked:
        told["yanked"] = release.yanked_reason
    return told


def plan_from_json(told: Mapping[str, Any]) -> Plan:
    """Return the plan that a stored search had; its releases know no files."""
    return Plan(
        candidates=tuple(map(_release, told["candidates"])),
        prereleases=tuple(map(_release, told["prereleases"])),
        excluded=tuple(map(_excluded, told["excluded"])),
    )


def _release(told: Mapping[str, Any]) -> Release:
    return Release(
        version=Version(told["version"]),
        files=(),
        yanked="yanked" in told,
        yanked_reason=told.get("yanked", ""),
        upload_time=_time(told.get("uploaded")),
    )


def _excluded(told: Mapping[str, Any]) -> Excluded:
    return Excluded(
        version=Version(told["version"]),
        reason=Reason(told["reason"]),
        detail=told["detail"],
        yanked=told["yanked"],
        upload_time=_time(told["upload_time"]),
    )


@cache
def _version(text: str) -> Version:
    """Return the version; a store has thousands of runs of a few dozen."""
    return Version(text)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


@cache
def _distribution(line: str) -> Distribution:
    """Return the distribution that a line of a requirements file pins, its hash included."""
    pinned, _, sha256 = line.partition(" --hash=sha256:")
    name, _, version = pinned.partition("==")
    return Distribution(name, version, sha256 or None)


def plain(value: object) -> Json:
    """Return ``value``, of the model's, as what JSON has."""
    if isinstance(value, Distribution):
        hashed = f" --hash=sha256:{value.sha256}" if value.sha256 else ""
        return f"{value.name}=={value.version}{hashed}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Enum):
        return str(value.value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)
