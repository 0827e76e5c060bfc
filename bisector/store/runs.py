"""Measurements on disk: a line per run, in a file that only grows, with a digest and a seal.

Where they lie and what a line is: `files` and `lines`. A search's folder is named for everything
that is held for it and could change its answer. Merging two stores is copying files.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timezone
from operator import attrgetter
from pathlib import Path

from packaging.version import Version

from bisector import atomic
from bisector.errors import UsageError
from bisector.finding import Finding, Transition
from bisector.model import Conditions, Json, Measurement, Probe, Release
from bisector.store import keys, searches
from bisector.store.claims import Claim, Claims, Known
from bisector.store.codec import (
    MEASUREMENT,
    conditions_to_json,
    measurement_to_json,
    search_to_json,
)
from bisector.store.files import Files
from bisector.store.keys import key as key
from bisector.store.lines import Line
from bisector.store.tidy import Tidied, tidy


class Store:
    """The measurements below one folder; ``warnings`` collects what could not be trusted.

    What is written is sealed with the key in ``cache``, where that is given. All of it may be
    used by several threads at once. What was stored before it was ``opened`` is of an earlier
    command.
    """

    def __init__(self, root: Path, cache: Path | None = None) -> None:
        self.root = root
        self.opened = datetime.now(timezone.utc)
        self._files = Files(root, cache)
        self.claims = Claims(root)
        self.lock = threading.RLock()
        self._refused: UsageError | None = None
        self._known: dict[str, Known] = {}
        self._described: set[Path] = set()

    @property
    def warnings(self) -> list[str]:
        """What could not be trusted or done, as sentences, each once."""
        return self._files.warnings

    def prepare(self) -> None:
        """Make the folder; raises UsageError where that can't be.

        Where it is there but can't be written to, that is an error once something is to be
        measured: what is stored can be used all the same.
        """
        probe = self.root / f".writable-{secrets.token_hex(4)}"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe.touch()
            probe.unlink()
            self._files.secret()
        except OSError as error:
            self._refused = UsageError(
                f"results can't be written to {self.root}: {error.strerror}",
                "choose another folder with --results DIR",
            )
            if not self.root.is_dir():
                raise self._refused from error

    def folder(self, probe: Probe, conditions: Conditions) -> Path:
        """Return where the measurements of ``probe`` under ``conditions`` lie."""
        return self.probe_folder(probe) / keys.folder_name(probe, conditions)

    def probe_folder(self, probe: Probe) -> Path:
        """Return where everything about ``probe``, or one case of it, lies."""
        return keys.probe_folder(self.root, probe)

    def save(self, probe: Probe, conditions: Conditions, measurement: Measurement) -> Path:
        """Write one measurement and return its file; it is complete, or it isn't there."""
        return self.put(probe, conditions, measurement)[0]

    def put(
        self, probe: Probe, conditions: Conditions, measurement: Measurement
    ) -> tuple[Path, str]:
        """Write one measurement; return its file and its digest. Raises UsageError."""
        data: dict[str, Json] = {"schema": MEASUREMENT, **measurement_to_json(measurement)}
        with self.lock:
            path, line = self._append(probe, conditions, data)
        return path, line.digest

    def describe(self, finding: Finding) -> None:
        """Keep what a search looked at beside its measurements, so that they can be read alone.

        A search that learned nothing new leaves what earlier ones kept as it is.
        """
        named = keys.short(finding.probe, finding.conditions)
        folder = self.folder(finding.probe, finding.conditions)
        with self.lock:
            found = self._files.of(folder, named)
            if not found or not searches.is_new(self._files, finding, found):
                return
            self._append(finding.probe, finding.conditions, search_to_json(finding))

    def caused(self, probe: Probe, conditions: Conditions) -> tuple[Transition, ...]:
        """Return the transitions whose cause earlier searches under these conditions told."""
        named = keys.short(probe, conditions)
        with self.lock:
            found = self._files.of(self.folder(probe, conditions), named)
            looked_at = searches.looked_at(self._files, found)
        return tuple(transition for search in looked_at for transition in search.transitions)

    def searches(self) -> list[Finding]:
        """Return every stored search with its measurements; of transitions, those with a cause.

        Of several on the same probe and interpreter, those that none resolved later replaces: one
        that looked at all the same releases does.
        """
        with self.lock:
            return searches.stored(self._files)

    def constraints(
        self, probe: Probe, conditions: Conditions, resolved_for: Version
    ) -> Conditions | None:
        """Return the stored conditions that differ from these in their constraints alone.

        They are those of an earlier search resolved for the same release, the newest first; a
        search that goes on tomorrow is the same search only with the same dependencies.
        """
        with self.lock:
            described = self._files.described(self.probe_folder(probe))
            return searches.resolved(self._files, described, probe, conditions, resolved_for)

    def load(
        self, probe: Probe, conditions: Conditions, releases: Mapping[Version, Release]
    ) -> dict[Version, list[Measurement]]:
        """Return every stored run of the ``releases``, oldest run first.

        A run counts only if the wheel it installed is one that the index lists for the release,
        and if it wasn't the machine's own fault. A broken or altered line is a warning.
        """
        named = keys.short(probe, conditions)
        runs: dict[Version, list[Measurement]] = {}
        listed = {
            version: {file.sha256 for file in release.files if file.sha256}
            for version, release in releases.items()
        }
        # Thousands of runs share a few versions and sets of distributions: hashing takes longest.
        fitting: dict[tuple[int, int], tuple[list[Measurement], list[str]] | None] = {}
        digests: dict[Version, list[str]] = {}
        with self.lock:
            known = self._known.setdefault(named, Known())
            for found in self._files.of(self.folder(probe, conditions), named):
                if found.line.schema != MEASUREMENT:
                    continue
                measurement = self._files.measurement(found)
                counts = measurement is not None and not measurement.of_machine
                if measurement is None or not counts:
                    known.digests.add(found.line.digest)
                    continue
                one = id(measurement.installed), id(measurement.version)
                if one not in fitting:
                    version = measurement.version
                    files = listed.get(version)
                    fits = files is not None and _is_of(measurement, files, probe.package)
                    fitting[one] = (
                        (runs.setdefault(version, []), digests.setdefault(version, []))
                        if fits
                        else None
                    )
                if (several := fitting[one]) is not None:
                    several[0].append(measurement)
                    several[1].append(found.line.digest)
            for version, those in digests.items():
                known.add(version, those)
        for measurements in runs.values():
            measurements.sort(key=attrgetter("started"))
        return runs

    def earlier(self, runs: Iterable[Measurement]) -> int:
        """Return how many of the runs are of an earlier command."""
        opened = self.opened.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return sum(run.started < opened for run in runs)

    def claim(self, probe: Probe, conditions: Conditions, release: Release) -> Claim:
        """Return a claim on the next run of a release, for whoever is about to make it.

        Raises UsageError where nothing can be written.
        """
        self._check_writable()
        return Claim(self, probe, conditions, release)

    def known(self, probe: Probe, conditions: Conditions) -> Known | None:
        """Return what is known of the runs of a search; None where they were never asked for."""
        return self._known.get(keys.short(probe, conditions))

    def nth(
        self, probe: Probe, conditions: Conditions, release: Release, number: int
    ) -> tuple[Measurement, str] | None:
        """Return a run of a release by its number, with its digest; None where it isn't stored.

        Those that are known come first, then those that others have stored meanwhile, the oldest
        first.
        """
        files = {file.sha256 for file in release.files if file.sha256}
        with self.lock:
            known = self._known[keys.short(probe, conditions)]
            counted = known.runs[release.version]
            position = number - counted if number >= counted else number
            found: list[tuple[Measurement, str]] = []
            beside = known.digests if number >= counted else set[str]()
            for one in self._files.of(
                self.folder(probe, conditions), keys.short(probe, conditions), beside
            ):
                if one.line.schema != MEASUREMENT:
                    continue
                run = self._files.measurement(one)
                if run is None or run.of_machine:
                    known.digests.add(one.line.digest)
                elif run.version == release.version and _is_of(run, files, probe.package):
                    found.append((run, one.line.digest))
        found.sort(key=lambda one: one[0].started)
        return found[position] if position < len(found) else None

    def tidy(self, *, compress: bool = False) -> Iterator[Tidied]:
        """Put all that is stored of each package into one file; yield what was done."""
        return tidy(self._files, compress=compress)

    def _append(
        self, probe: Probe, conditions: Conditions, data: Mapping[str, Json]
    ) -> tuple[Path, Line]:
        """Write a value, and before it what was held, where the folder doesn't say so yet."""
        self._check_writable()
        folder, named = self.folder(probe, conditions), keys.short(probe, conditions)
        package = folder.parent.parent
        try:
            lines = [self._files.line(package, named, data)]
            if folder not in self._described:
                held = conditions_to_json(probe, conditions)
                lines.insert(0, self._files.line(package, named, held))
            path = self._files.append(folder, lines)
        except OSError as error:
            raise _unwritable(folder, error) from error
        self._described.add(folder)
        return path, lines[-1]

    def _check_writable(self) -> None:
        if self._refused:
            raise self._refused


def _is_of(measurement: Measurement, files: Collection[str], package: str) -> bool:
    """Return whether a run was of one of these files, as far as that is known."""
    used = [d.sha256 for d in measurement.installed if d.name == package and d.sha256]
    return not files or not used or any(sha256 in files for sha256 in used)


def _unwritable(folder: Path, error: OSError) -> UsageError:
    return UsageError(
        f"results can't be written to {folder}: {error.strerror}",
        "free the disk, or choose another folder with --results DIR",
    )


def write(path: Path, text: str) -> None:
    """Write what is there also after a power cut; raises UsageError where the disk refuses."""
    try:
        atomic.write(path, text.encode(), mode=0o666, durable=True)
    except OSError as error:
        raise _unwritable(path.parent, error) from error
