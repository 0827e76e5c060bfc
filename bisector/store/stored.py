"""What is stored, as its JSON is read: field by field, with what older versions left out."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from packaging.version import Version

from bisector.finding import Cause, Kind
from bisector.model import (
    Distribution,
    Excluded,
    Measurement,
    Outcome,
    ProcessPeak,
    Reason,
    Release,
    Signature,
    Symptom,
)


class _Listed(msgspec.Struct):
    version: Version
    uploaded: datetime | None = None
    yanked: str | None = None


class _Caused(msgspec.Struct):
    kind: Kind
    before: Version
    after: Version
    cause: Cause


class SearchFields(msgspec.Struct):
    """What is stored of what a search looked at."""

    replay: str
    candidates: tuple[_Listed, ...]
    prereleases: tuple[_Listed, ...]
    excluded: tuple[Excluded, ...]
    any_failure: bool = False
    failure: Signature | None = None
    causes: tuple[_Caused, ...] = ()
    latest: str = ""
    pattern: str = ""
    confidence: float | None = None


class ConditionsFields(msgspec.Struct):
    """What is stored of a probe and of what was held for it."""

    package: str
    probe: str
    case: str
    command: tuple[str, ...]
    probe_digest: str
    implementation: str
    python: str
    platform: str
    installer: str
    allow_build: bool
    dependencies: str
    requirements: tuple[str, ...]
    timeout_s: float
    memory_bytes: int | None
    resolved_for: str
    resolved: str
    constraints: tuple[str, ...]
    wheels: dict[str, str]
    probe_text: str = ""
    probekit_text: str = ""
    symptom: Symptom = Symptom()
    isolated: bool = False


class RunFields(msgspec.Struct):
    """What is stored of a run."""

    version: Version
    outcome: Outcome
    reason: Reason | None = None
    detail: str = ""
    signature: Signature | None = None
    metrics: dict[str, Any] = {}
    pool: dict[str, Any] | None = None
    processes: tuple[ProcessPeak, ...] = ()
    wall_s: float = 0.0
    cpu_s: float = 0.0
    exit_status: int | None = None
    output_tail: str = ""
    command: tuple[str, ...] = ()
    installed: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    started: str = ""
    host: str = ""
    imported: bool | None = None
    remark: str = ""
    sandbox: str = ""


@cache
def _runs_decoder() -> msgspec.json.Decoder[Measurement]:
    return msgspec.json.Decoder(Measurement, dec_hook=known_type)


def measurement_of_text(
    text: bytes, installed: tuple[Distribution, ...], elsewhere: bool
) -> Measurement:
    """Return the measurement that a JSON text is, without what was ``installed``.

    Read without `RunFields` between them, which would take half as long again: there are thousands.
    Raises ValueError.
    """
    run = _runs_decoder().decode(text)
    put = object.__setattr__  # nobody else has it yet
    put(run, "installed", installed)
    put(run, "cached", True)
    put(run, "elsewhere", elsewhere)
    return run


def measurement(run: RunFields, elsewhere: bool = False) -> Measurement:
    """Return the measurement that a stored run is."""
    return Measurement(
        version=run.version,
        outcome=run.outcome,
        reason=run.reason,
        detail=run.detail,
        signature=run.signature,
        metrics=run.metrics,
        pool=run.pool,
        processes=run.processes,
        wall_s=run.wall_s,
        cpu_s=run.cpu_s,
        exit_status=run.exit_status,
        output_tail=run.output_tail,
        command=run.command,
        installed=tuple(map(distribution, run.installed)),
        differs=run.differs,
        started=run.started,
        host=run.host,
        imported=run.imported,
        remark=run.remark,
        sandbox=run.sandbox,
        cached=True,
        elsewhere=elsewhere,
    )


def release(listed: _Listed) -> Release:
    """Return the release that a search listed, without its files."""
    return Release(
        version=listed.version,
        files=(),
        yanked=listed.yanked is not None,
        yanked_reason=listed.yanked or "",
        upload_time=listed.uploaded,
    )


def known_type(kind: type, value: object) -> object:
    """Return a value of a type that isn't one of JSON's; raises what msgspec turns to its own."""
    if kind is Version and isinstance(value, str):
        return _version(value)
    raise ValueError(f"{value!r:.80} is not a {kind.__name__.lower()}")


@cache
def _version(text: str) -> Version:
    """Return the version; a store has thousands of runs of a few dozen."""
    return Version(text)


@cache
def distribution(line: str) -> Distribution:
    """Return the distribution that a line of a requirements file pins, its hash included."""
    pinned, _, sha256 = line.partition(" --hash=sha256:")
    name, _, version = pinned.partition("==")
    return Distribution(name, version, sha256 or None)
