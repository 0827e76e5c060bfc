"""Measurements, conditions and searches as JSON and back, each with its schema's version."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

import msgspec

from bisector import masks
from bisector.finding import Cause, Finding, Transition
from bisector.model import (
    Conditions,
    Distribution,
    Interpreter,
    Json,
    Measurement,
    Plan,
    Policy,
    Probe,
    Reason,
    Release,
    Signature,
    Symptom,
)
from bisector.store.stored import (
    ConditionsFields,
    RunFields,
    SearchFields,
    distribution,
    known_type,
    measurement,
    measurement_of_text,
    release,
)

MEASUREMENT = "bisector/measurement/1"
CONDITIONS = "bisector/conditions/1"
SEARCH = "bisector/search/1"
SHARED = {
    MEASUREMENT: ("installed",),
    CONDITIONS: ("probe_text", "probekit_text", "wheels"),
    SEARCH: ("candidates", "prereleases", "excluded"),
}
"""The fields that are the same in many values of a schema."""

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def measurement_to_json(measurement: Measurement) -> dict[str, Json]:
    """Return the measurement as JSON, without what is only known while running."""
    data: dict[str, Json] = {}
    for field in dataclasses.fields(measurement):
        value = getattr(measurement, field.name)
        seldom = field.name in _SELDOM and value in (None, "")
        if field.name not in ("cached", "elsewhere") and not seldom:
            data[field.name] = plain(value)
    return data


_SELDOM = ("imported", "remark", "sandbox")
"""What most runs have nothing to say of, and is left out then."""


def measurement_from_json(data: Mapping[str, Any]) -> Measurement:
    """Return the measurement that ``data`` describes; raises ValueError where it describes none."""
    return measurement(msgspec.convert(data, RunFields, dec_hook=known_type))


def measurement_from_text(
    text: bytes, installed: tuple[Distribution, ...] | None = None, *, elsewhere: bool = False
) -> Measurement:
    """Return the measurement that a JSON text describes; raises ValueError where it describes none.

    What was ``installed`` for it is given where the text leaves it out.
    """
    if installed is not None:
        return measurement_of_text(text, installed, elsewhere)
    return measurement(msgspec.json.decode(text, type=RunFields, dec_hook=known_type), elsewhere)


def installed_from_json(data: object) -> tuple[Distribution, ...]:
    """Return the distributions that the lines of a requirements file pin."""
    return tuple(map(distribution, msgspec.convert(data, list[str])))


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
        "command": [masks.of_this_machine().text(word) for word in probe.command],
        "probe_digest": probe.digest,
        "implementation": interpreter.implementation,
        "python": interpreter.version,
        "platform": interpreter.platform,
        "installer": conditions.installer,
        "allow_build": conditions.allow_build,
        "dependencies": conditions.dependencies,
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


def conditions_from_json(data: Mapping[str, Any]) -> tuple[Probe, Conditions]:
    """Return the probe, as it was then, and what was held; raises ValueError."""
    held = msgspec.convert(data, ConditionsFields)
    day = held.dependencies if _DAY.fullmatch(held.dependencies) else ""
    probe = Probe(
        name=held.probe,
        package=held.package,
        case=held.case,
        command=held.command,
        reports=not held.command,
        title=shlex.join(held.command),
        digest=held.probe_digest,
        text=held.probe_text,
        companion=held.probekit_text,
    )
    return probe, Conditions(
        interpreter=Interpreter("", held.python, held.implementation, held.platform, ()),
        policy=Policy.ONE_DAY if day else Policy(held.dependencies),
        constraints=held.constraints,
        requirements=held.requirements,
        wheels=held.wheels,
        resolved=held.resolved,
        resolved_for=held.resolved_for,
        installer=held.installer,
        allow_build=held.allow_build,
        timeout_s=held.timeout_s,
        memory_bytes=held.memory_bytes,
        symptom=held.symptom,
        isolated=held.isolated,
        day=day,
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
        for t in finding.every_transition
        if t.cause
    ]
    other = any(m.reason is Reason.DIFFERENT_FAILURE for m in finding.measurements)
    told_apart = other or len(finding.failures) > 1
    return {
        "schema": SEARCH,
        "replay": finding.replay,
        "latest": max((m.started for m in finding.measurements), default=""),
        **({"any_failure": True} if finding.any_failure else {}),
        **({"failure": plain(finding.failure)} if told_apart else {}),
        **({"pattern": finding.pattern} if finding.pattern else {}),
        **({"confidence": finding.confidence} if finding.confidence is not None else {}),
        **({"causes": causes} if causes else {}),
        "candidates": [_release_to_json(release) for release in plan.candidates],
        "prereleases": [_release_to_json(release) for release in plan.prereleases],
        "excluded": [plain(excluded) for excluded in plan.excluded],
    }


def cause_to_json(cause: Cause) -> Json:
    """Return whose fault a transition is, as JSON."""
    return plain(cause)


def search_from_json(data: Mapping[str, Any]) -> Search:
    """Return what a stored search looked at and learned; raises ValueError."""
    stored = msgspec.convert(data, SearchFields, dec_hook=known_type)
    plan = Plan(
        candidates=tuple(map(release, stored.candidates)),
        prereleases=tuple(map(release, stored.prereleases)),
        excluded=stored.excluded,
    )
    transitions = tuple(Transition(**msgspec.structs.asdict(t)) for t in stored.causes)
    return Search(
        plan,
        stored.replay,
        stored.any_failure,
        stored.failure,
        transitions,
        stored.latest,
        stored.pattern,
        stored.confidence,
    )


def _release_to_json(release: Release) -> Json:
    told: dict[str, Json] = {"version": str(release.version)}
    if release.upload_time:
        told["uploaded"] = release.upload_time.isoformat()
    if release.yanked:
        told["yanked"] = release.yanked_reason
    return told


class Search(NamedTuple):
    """What one search looked at, the command that makes it again, and whose fault things are.

    Of ``transitions`` there are those whose cause was told. ``latest`` is when the newest of its
    runs began; empty where that isn't known. ``confidence`` is what was asked for; None where a
    search is older than its being written down.
    """

    plan: Plan
    replay: str
    any_failure: bool
    failure: Signature | None
    transitions: tuple[Transition, ...]
    latest: str
    pattern: str = ""
    confidence: float | None = None


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
