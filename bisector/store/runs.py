"""Measurements on disk: one small file per run, content-addressed, versioned, atomic.

``ROOT/PACKAGE/PROBE/CONDITIONS/VERSION-DIGEST.json``, where CONDITIONS names everything that is
held for a search and could change its answer. Merging two stores is copying files.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import secrets
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from packaging.version import Version

from bisector import atomic
from bisector.errors import UsageError
from bisector.finding import Finding, Transition
from bisector.model import (
    Conditions,
    Json,
    Measurement,
    Plan,
    Probe,
    Reason,
    Release,
)
from bisector.store.codec import (
    CONDITIONS,
    MEASUREMENT,
    SEARCH,
    caused_from_json,
    conditions_from_json,
    conditions_to_json,
    failure_from_json,
    measurement_from_json,
    measurement_to_json,
    plan_from_json,
    search_to_json,
)
from bisector.store.plans import together

_UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


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
        return self.probe_folder(probe) / f"{named}-{key(probe, conditions)[:8]}"

    def save(self, probe: Probe, conditions: Conditions, measurement: Measurement) -> Path:
        """Write one measurement and return its file; it is complete, or it isn't there."""
        folder = self.folder(probe, conditions)
        described = folder / "conditions.json"
        told = _dump(conditions_to_json(probe, conditions))
        if not described.exists() or not _is_json(described):
            write(described, told)
        text = _dump({"schema": MEASUREMENT, **measurement_to_json(measurement)})
        path = folder / f"{measurement.version}-{_digest(text)}.json"
        write(path, text)
        return path

    def describe(self, finding: Finding) -> None:
        """Keep what a search looked at beside its measurements, so that they can be read alone.

        The file is named for that, so that those of several machines lie beside each other; one
        that looked at no more than this search is removed. A search that learned nothing new
        leaves what earlier ones kept as it is.
        """
        folder = self.folder(finding.probe, finding.conditions)
        measured = any(not measurement.cached for measurement in finding.measurements)
        known = [t.cause for t in self.caused(finding.probe, finding.conditions)]
        every = [*finding.transitions, *(t for f in finding.failures for t in f.transitions)]
        learned = any(t.cause and t.cause not in known for t in every)
        if not folder.is_dir() or (self._looked_at(folder) and not (measured or learned)):
            return
        told = search_to_json(finding)
        plan = _dump({name: told[name] for name in ("candidates", "prereleases", "excluded")})
        path = folder / f"search.{_digest(plan)}.json"
        write(path, _dump(told))
        seen = _seen(finding.plan)
        for other, kept in self._looked_at(folder).items():
            # Of two that looked at the same, only an old name gives way: nobody writes it any more.
            smaller = _seen(plan_from_json(kept)) < seen
            if smaller or (other.name == "search.json" and _seen(plan_from_json(kept)) <= seen):
                other.unlink(missing_ok=True)

    def caused(self, probe: Probe, conditions: Conditions) -> tuple[Transition, ...]:
        """Return the transitions whose cause earlier searches under these conditions told."""
        kept = self._looked_at(self.folder(probe, conditions)).values()
        return tuple(transition for told in kept for transition in caused_from_json(told))

    def searches(self) -> list[Finding]:
        """Return every stored search with its measurements; of transitions, those with a cause.

        Of several on the same probe and interpreter, the one that was resolved last.
        """
        latest: dict[tuple[str, ...], tuple[str, Finding]] = {}
        for folder in sorted({path.parent for path in self.root.glob("*/*/*/search*.json")}):
            try:
                found = self._searched(folder)
            except _UNREADABLE as error:
                self.warnings.append(f"{folder} is ignored: {error}")
                continue
            if found is None:
                continue
            probe, python = found.probe, found.conditions.interpreter
            same = (probe.package, probe.name, probe.case, python.series, *probe.command)
            resolved = found.conditions.resolved
            if same not in latest or latest[same][0] <= resolved:
                latest[same] = (resolved, found)
        return [found for _, (_, found) in sorted(latest.items())]

    def _searched(self, folder: Path) -> Finding | None:
        """Return what the searches in ``folder`` found, as one; None where none can be read.

        Raises what reading conditions that are none raises.
        """
        described = folder / "conditions.json"
        looked_at = self._looked_at(folder)
        if not looked_at:
            return None
        plans = {path: plan_from_json(told) for path, told in looked_at.items()}
        plan = together(plans.values())
        left = [path for path, one in plans.items() if not _seen(one) <= _seen(plan)]
        self.warnings += [f"{path} is ignored: it is of other releases" for path in left]
        widest = max(plans, key=lambda path: len(_seen(plans[path])))
        probe, conditions = conditions_from_json(
            _schema(json.loads(described.read_text(encoding="utf-8")), CONDITIONS)
        )
        read = [self._read(path) for path in _runs_in(folder)]
        measurements = sorted(
            (m for m in read if m is not None), key=lambda m: (m.version, m.started)
        )
        return Finding(
            probe,
            plan,
            conditions,
            tuple(measurements),
            transitions=tuple(t for told in looked_at.values() for t in caused_from_json(told)),
            replay=looked_at[widest]["replay"],
            any_failure=looked_at[widest].get("any_failure", False),
            failure=failure_from_json(looked_at[widest]),
            pattern=looked_at[widest].get("pattern", ""),
        )

    def _looked_at(self, folder: Path) -> dict[Path, dict[str, Any]]:
        """Return what the searches in ``folder`` looked at, by file."""
        found = {}
        for path in sorted(folder.glob("search*.json")):
            try:
                told = _schema(json.loads(path.read_text(encoding="utf-8")), SEARCH)
                plan_from_json(told), told["replay"], caused_from_json(told)
                failure_from_json(told)
                found[path] = told
            except _UNREADABLE as error:
                self.warnings.append(f"{path} is ignored: {error}")
        return found

    def load(
        self, probe: Probe, conditions: Conditions, releases: Mapping[Version, Release]
    ) -> dict[Version, list[Measurement]]:
        """Return every stored run of the ``releases``, oldest run first.

        A run counts only if the wheel it installed is one that the index lists for the release,
        and if it wasn't the machine's own fault. A broken or altered file is a warning.
        """
        runs: dict[Version, list[Measurement]] = {}
        listed = {
            version: {file.sha256 for file in release.files if file.sha256}
            for version, release in releases.items()
        }
        for path in _runs_in(self.folder(probe, conditions)):
            measurement = self._read(path)
            if measurement is None or measurement.reason is Reason.ENVIRONMENT:
                continue
            files = listed.get(measurement.version)
            if files is not None and _is_of(measurement, files, probe.package):
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
        wanted = conditions_to_json(probe, conditions)
        found: list[tuple[str, Conditions]] = []
        for path in self.probe_folder(probe).glob("*/conditions.json"):
            try:
                stored = _schema(json.loads(path.read_text(encoding="utf-8")), CONDITIONS)
                names = {*stored, *wanted}.difference(_RESOLVED)
                same = all(stored.get(name) == wanted.get(name) for name in names)
                if not same or stored["resolved_for"] != str(resolved_for):
                    continue
                held = dataclasses.replace(
                    conditions,
                    constraints=tuple(stored["constraints"]),
                    wheels=dict(stored["wheels"]),
                    resolved=stored["resolved"],
                    resolved_for=stored["resolved_for"],
                )
                if self.folder(probe, held).name != path.parent.name:
                    raise ValueError("it is not what its folder is named for")
                found.append((held.resolved, held))
            except _UNREADABLE as error:
                self.warnings.append(f"{path} is ignored: {error}")
        return max(found, key=lambda pair: pair[0])[1] if found else None

    def probe_folder(self, probe: Probe) -> Path:
        """Return where everything about ``probe``, or one case of it, lies."""
        name = f"{probe.name}.{probe.case}" if probe.case else probe.name
        plain = re.sub(r"[^\w.-]", "_", name)
        # Two names that differ only in what a file name can't have must not share a folder.
        told_apart = "" if plain == name else f"-{_digest(name)[:6]}"
        return self.root / (probe.package or "sets") / f"{plain}{told_apart}"

    def _read(self, path: Path) -> Measurement | None:
        try:
            text = path.read_bytes()
            if path.stem.rpartition("-")[2] != hashlib.sha256(text).hexdigest()[:12]:
                raise ValueError("its content is not what it was written with")
            return measurement_from_json(_schema(json.loads(text), MEASUREMENT))
        except _UNREADABLE as error:
            self.warnings.append(f"{path} is ignored: {error}")
            return None


def key(probe: Probe, conditions: Conditions) -> str:
    """Return a digest of everything but the release that could change a measurement."""
    described = conditions_to_json(probe, conditions)
    relevant = {name: described[name] for name in described if name not in _NOT_IN_KEY}
    return hashlib.sha256(_dump(relevant).encode()).hexdigest()


_RESOLVED = ("constraints", "wheels", "resolved", "resolved_for")
_NOT_IN_KEY = ("schema", "wheels", "resolved", "resolved_for", "probe_text", "probekit_text")


def _seen(plan: Plan) -> frozenset[Version]:
    named = (plan.candidates, plan.prereleases, plan.excluded)
    return frozenset(one.version for part in named for one in part)


def _is_of(measurement: Measurement, files: Collection[str], package: str) -> bool:
    """Return whether a run was of one of these files, as far as that is known."""
    used = [d.sha256 for d in measurement.installed if d.name == package and d.sha256]
    return not files or not used or any(sha256 in files for sha256 in used)


def _runs_in(folder: Path) -> list[Path]:
    # By their names, as text: comparing thousands of paths takes as long as reading them.
    return sorted(folder.glob("*-*.json"), key=lambda path: path.name)


def _schema(data: dict[str, Any], wanted: str) -> dict[str, Any]:
    """Return ``data`` where it is of that schema; raises ValueError where it isn't."""
    if data.get("schema") != wanted:
        raise ValueError(f"its schema is {data.get('schema')!r}, not {wanted!r}")
    return data


def _dump(data: Mapping[str, Json]) -> str:
    return json.dumps(data, indent=1, ensure_ascii=True) + "\n"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _is_json(path: Path) -> bool:
    """Return whether a file can be read, so that a broken one is written anew."""
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return True


def write(path: Path, text: str) -> None:
    """Write what is there also after a power cut; raises UsageError where the disk refuses."""
    try:
        atomic.write(path, text.encode(), mode=0o666, durable=True)
    except OSError as error:
        raise UsageError(
            f"results can't be written to {path.parent}: {error.strerror}",
            "free the disk, or choose another folder with --results DIR",
        ) from error
