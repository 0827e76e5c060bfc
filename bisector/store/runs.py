"""Measurements on disk: a line per run, in a file that only grows, with a digest and a seal.

Where they lie and what a line is: `files` and `lines`. A search's folder is named for everything
that is held for it and could change its answer. Merging two stores is copying files.
"""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from packaging.version import Version

from bisector import atomic
from bisector.errors import UsageError
from bisector.finding import Finding, Transition
from bisector.model import Conditions, Json, Measurement, Probe, Reason, Release
from bisector.store import keys, searches
from bisector.store.claims import Claims
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
    used by several threads at once.
    """

    def __init__(self, root: Path, cache: Path | None = None) -> None:
        self.root = root
        self._files = Files(root, cache)
        self._claims = Claims(root)
        self._lock = threading.RLock()
        self._refused: UsageError | None = None
        self._known: dict[str, set[str]] = {}
        self._runs: Counter[tuple[str, Version]] = Counter()
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
        named = keys.short(probe, conditions)
        data: dict[str, Json] = {"schema": MEASUREMENT, **measurement_to_json(measurement)}
        with self._lock:
            path, run = self._append(probe, conditions, data)
            if named in self._known:
                self._known[named].add(run.digest)
        return path

    def describe(self, finding: Finding) -> None:
        """Keep what a search looked at beside its measurements, so that they can be read alone.

        A search that learned nothing new leaves what earlier ones kept as it is.
        """
        named = keys.short(finding.probe, finding.conditions)
        folder = self.folder(finding.probe, finding.conditions)
        with self._lock:
            found = self._files.of(folder, named)
            if not found or not searches.is_new(self._files, finding, found):
                return
            self._append(finding.probe, finding.conditions, search_to_json(finding))

    def caused(self, probe: Probe, conditions: Conditions) -> tuple[Transition, ...]:
        """Return the transitions whose cause earlier searches under these conditions told."""
        named = keys.short(probe, conditions)
        with self._lock:
            found = self._files.of(self.folder(probe, conditions), named)
            looked_at = searches.looked_at(self._files, found)
        return tuple(transition for search in looked_at for transition in search.transitions)

    def searches(self) -> list[Finding]:
        """Return every stored search with its measurements; of transitions, those with a cause.

        Of several on the same probe and interpreter, the one that was resolved last.
        """
        with self._lock:
            return searches.stored(self._files)

    def constraints(
        self, probe: Probe, conditions: Conditions, resolved_for: Version
    ) -> Conditions | None:
        """Return the stored conditions that differ from these in their constraints alone.

        They are those of an earlier search resolved for the same release, the newest first; a
        search that goes on tomorrow is the same search only with the same dependencies.
        """
        with self._lock:
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
        fitting: dict[tuple[int, int], list[Measurement] | None] = {}
        with self._lock:
            known = self._known.setdefault(named, set())
            fresh: list[Version] = []
            for found in self._files.of(self.folder(probe, conditions), named):
                if found.line.schema != MEASUREMENT:
                    continue
                measurement = self._files.measurement(found)
                counts = measurement is not None and measurement.reason is not Reason.ENVIRONMENT
                if found.line.digest not in known:
                    known.add(found.line.digest)
                    fresh += [measurement.version] if measurement and counts else []
                if measurement is None or not counts:
                    continue
                one = id(measurement.installed), id(measurement.version)
                if one not in fitting:
                    files = listed.get(measurement.version)
                    fits = files is not None and _is_of(measurement, files, probe.package)
                    fitting[one] = runs.setdefault(measurement.version, []) if fits else None
                if (several := fitting[one]) is not None:
                    several.append(measurement)
            self._runs.update((named, version) for version in fresh)
        for several in runs.values():
            several.sort(key=lambda measurement: measurement.started)
        return runs

    def claim(self, probe: Probe, conditions: Conditions, release: Release) -> Claim:
        """Return a claim on the next run of a release, for whoever is about to make it.

        Raises UsageError where nothing can be written.
        """
        self._check_writable()
        return Claim(self, probe, conditions, release)

    def tidy(self) -> Iterator[Tidied]:
        """Put all that is stored of each package into one file; yield what was done."""
        return tidy(self._files)

    def _begin(self, named: str, version: Version) -> str:
        """Return what the next run of a release is called; nothing where it isn't to be shared.

        It isn't where what is stored was not asked for: then all is to be measured anew.
        """
        with self._lock:
            if named not in self._known:
                return ""
            number = self._runs[named, version]
            self._runs[named, version] += 1
        return f"{named} {version} {number}"

    def _end(self, named: str, version: Version) -> None:
        """Forget a run that was begun and not made."""
        with self._lock:
            if named in self._known:
                self._runs[named, version] -= 1

    def _made_elsewhere(
        self, probe: Probe, conditions: Conditions, release: Release
    ) -> Measurement | None:
        """Return a run of the release that others stored since it was last asked for."""
        named = keys.short(probe, conditions)
        files = {file.sha256 for file in release.files if file.sha256}
        with self._lock:
            known = self._known[named]
            for found in self._files.of(self.folder(probe, conditions), named, known):
                if found.line.schema != MEASUREMENT:
                    continue
                run = self._files.measurement(found)
                if run is None or run.reason is Reason.ENVIRONMENT:
                    known.add(found.line.digest)
                elif run.version == release.version and _is_of(run, files, probe.package):
                    known.add(found.line.digest)
                    return run
        return None

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


class Claim:
    """A run that a driver is about to make, for all that want it; release it once it is stored.

    Drivers number the runs of a release alike, by how many they know of and have begun.
    """

    def __init__(
        self, store: Store, probe: Probe, conditions: Conditions, release: Release
    ) -> None:
        self._store = store
        self._of = probe, conditions, release
        self._named = keys.short(probe, conditions), release.version
        self._run = store._begin(*self._named)
        self._place: int | None = None
        self._over = False

    def wait(self, given_up: Callable[[], bool]) -> Measurement | None:
        """Wait while another makes the run; return it, or None where it is to be made here."""
        if not self._run:
            return None
        self._place = self._store._claims.take(self._run, given_up)
        return self._store._made_elsewhere(*self._of)

    def release(self, *, made: bool = False) -> None:
        """Let others have the run, or make it where it wasn't ``made``; once is enough."""
        if not self._over:
            self._over = True
            if self._place is not None:
                self._store._claims.release(self._place)
            if not made:
                self._store._end(*self._named)


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
