"""Measurements on disk: one small file per run, content-addressed, versioned, atomic.

``ROOT/PACKAGE/PROBE/CONDITIONS/VERSION-DIGEST.json``, where CONDITIONS names everything that is
held for a search and could change its answer. Merging two stores is copying files.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from bisector.errors import UsageError
from bisector.model import (
    Conditions,
    Distribution,
    Json,
    Measurement,
    Outcome,
    Probe,
    ProcessPeak,
    Reason,
    Release,
    Signature,
)

MEASUREMENT = "bisector/measurement/1"
CONDITIONS = "bisector/conditions/1"


class Store:
    """The measurements below one folder; ``warnings`` collects what could not be trusted."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.warnings: list[str] = []

    def prepare(self) -> None:
        """Make the folder; raises UsageError where nothing can be written there."""
        probe = self.root / f".writable-{secrets.token_hex(4)}"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise UsageError(
                f"results can't be written to {self.root}: {error.strerror}",
                "choose another folder with --results DIR",
            ) from error

    def folder(self, probe: Probe, conditions: Conditions) -> Path:
        """Return where the measurements of ``probe`` under ``conditions`` lie."""
        interpreter = conditions.interpreter
        named = f"{interpreter.implementation}-{interpreter.version}-{interpreter.platform}"
        return self._probe_folder(probe) / f"{named}-{key(probe, conditions)[:8]}"

    def save(self, probe: Probe, conditions: Conditions, measurement: Measurement) -> Path:
        """Write one measurement and return its file; it is complete, or it isn't there."""
        folder = self.folder(probe, conditions)
        described = folder / "conditions.json"
        if not described.exists():
            _write(described, _dump(_conditions_to_json(probe, conditions)))
        text = _dump({"schema": MEASUREMENT, **measurement_to_json(measurement)})
        path = folder / f"{measurement.version}-{_digest(text)}.json"
        _write(path, text)
        return path

    def load(
        self, probe: Probe, conditions: Conditions, releases: Mapping[Version, Release]
    ) -> dict[Version, list[Measurement]]:
        """Return every stored run of the ``releases``, oldest run first.

        A run counts only if the wheel it installed is one that the index lists for the release,
        and if it wasn't the machine's own fault. A broken or altered file is a warning.
        """
        runs: dict[Version, list[Measurement]] = {}
        for path in sorted(self.folder(probe, conditions).glob("*-*.json")):
            measurement = self._read(path)
            if measurement is None or measurement.reason is Reason.ENVIRONMENT:
                continue
            release = releases.get(measurement.version)
            if release and _same_files(measurement, release, probe.package):
                runs.setdefault(measurement.version, []).append(measurement)
        for found in runs.values():
            found.sort(key=lambda measurement: measurement.started)
        return runs

    def constraints(
        self, probe: Probe, conditions: Conditions, resolved_for: Version
    ) -> Conditions | None:
        """Return the stored conditions that differ from these in their constraints alone.

        They are those of an earlier search resolved for the same release, the newest first; a
        search that goes on tomorrow is the same search only with the same dependencies.
        """
        wanted = _conditions_to_json(probe, conditions)
        found: list[tuple[str, Conditions]] = []
        for path in self._probe_folder(probe).glob("*/conditions.json"):
            with suppress(OSError, ValueError, KeyError, TypeError):
                stored = json.loads(path.read_text(encoding="utf-8"))
                same = all(stored[name] == wanted[name] for name in wanted if name not in _RESOLVED)
                if same and stored["resolved_for"] == str(resolved_for):
                    held = dataclasses.replace(
                        conditions,
                        constraints=tuple(stored["constraints"]),
                        wheels=dict(stored["wheels"]),
                        resolved=stored["resolved"],
                        resolved_for=stored["resolved_for"],
                    )
                    found.append((stored["resolved"], held))
        return max(found, key=lambda pair: pair[0])[1] if found else None

    def _probe_folder(self, probe: Probe) -> Path:
        name = f"{probe.name}.{probe.case}" if probe.case else probe.name
        return self.root / probe.package / re.sub(r"[^\w.-]", "_", name)

    def _read(self, path: Path) -> Measurement | None:
        try:
            text = path.read_text(encoding="utf-8")
            if path.stem.rpartition("-")[2] != _digest(text):
                raise ValueError("its content is not what it was written with")
            data = json.loads(text)
            if data.get("schema") != MEASUREMENT:
                raise ValueError(f"its schema is {data.get('schema')!r}, not {MEASUREMENT!r}")
            return measurement_from_json(data)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            self.warnings.append(f"{path} is ignored: {error}")
            return None


def key(probe: Probe, conditions: Conditions) -> str:
    """Return a digest of everything but the release that could change a measurement."""
    described = _conditions_to_json(probe, conditions)
    relevant = {name: described[name] for name in described if name not in _NOT_IN_KEY}
    return hashlib.sha256(_dump(relevant).encode()).hexdigest()


def measurement_to_json(measurement: Measurement) -> dict[str, Json]:
    """Return the measurement as JSON, without what is only known while running."""
    data: dict[str, Json] = {}
    for field in dataclasses.fields(measurement):
        if field.name != "cached":
            data[field.name] = _plain(getattr(measurement, field.name))
    return data


def measurement_from_json(data: Mapping[str, Any]) -> Measurement:
    """Return the measurement that ``data`` describes; raises ValueError, KeyError or TypeError."""
    try:
        version = Version(data["version"])
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
        installed=tuple(Distribution(**d) for d in data["installed"]),
        differs=tuple(data["differs"]),
        started=data["started"],
        host=data["host"],
        cached=True,
    )


_RESOLVED = ("constraints", "wheels", "resolved", "resolved_for")
_NOT_IN_KEY = ("schema", "wheels", "resolved", "resolved_for", "probe_text", "probekit_text")


def _conditions_to_json(probe: Probe, conditions: Conditions) -> dict[str, Json]:
    interpreter = conditions.interpreter
    return {
        "schema": CONDITIONS,
        "package": probe.package,
        "probe": probe.name,
        "case": probe.case,
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
        "resolved_for": conditions.resolved_for,
        "resolved": conditions.resolved,
        "constraints": list(conditions.constraints),
        "wheels": dict(conditions.wheels),
        "probe_text": probe.text,
        "probekit_text": probe.companion,
    }


def _same_files(measurement: Measurement, release: Release, package: str) -> bool:
    listed = {file.sha256 for file in release.files if file.sha256}
    used = {d.sha256 for d in measurement.installed if d.name == package and d.sha256}
    return not listed or not used or bool(used & listed)


def _plain(value: object) -> Json:
    """Return ``value`` as what JSON has."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (Outcome, Reason)):
        return str(value.value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def _dump(data: Mapping[str, Json]) -> str:
    return json.dumps(data, indent=1, ensure_ascii=True) + "\n"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _write(path: Path, text: str) -> None:
    """Write beside, sync, rename: a reader sees all of it or nothing, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
