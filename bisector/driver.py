"""Drives searches: from a request to findings; the one place that wires everything together."""

from __future__ import annotations

import difflib
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from bisector import conditions, index, interpreter, probe, settings
from bisector.bisection import Bisection, Options
from bisector.errors import UndecidedError, UsageError
from bisector.installer import Pip, Uv
from bisector.measure import Task
from bisector.model import Finding, Interpreter, Measurement, Plan, Probe, Reason, Release
from bisector.plan import plan
from bisector.reports.rows import count
from bisector.request import Request, replay
from bisector.store import Store
from bisector.workers import Threads, Workers
from bisector.workspace import workspace

if TYPE_CHECKING:
    from typing_extensions import Self

    from bisector.listing import Listing
    from bisector.progress import Lines


class Driver:
    """Everything that the searches of one command share; use it as a context.

    ``sharing``: see ``Threads``.
    """

    workers: Workers

    def __init__(self, request: Request, store: Store, said: Lines, *, sharing: bool) -> None:
        self.request = request
        self.store = store
        self.said = said
        self._source = settings.index_url(request.index_url)
        self._sharing = sharing
        self._stack = ExitStack()
        self._folder = Path()

    def __enter__(self) -> Self:
        self.store.prepare()
        self._folder = self._stack.enter_context(workspace(settings.cache_dir() / "work"))
        self.workers = Threads(self.request.jobs, self.store, self._folder, sharing=self._sharing)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        for warning in dict.fromkeys(self.store.warnings):
            self.said.say(f"warning: {warning}")

    def find(self, wanted: Probe, python: Interpreter) -> Finding:
        """Return what one search learned; each measurement is stored as it completes.

        Raises UsageError, UndecidedError or what asking the index and installing raise.
        """
        request = self.request
        if not wanted.requires_python.contains(python.version, prereleases=True):
            raise UsageError(
                f"{wanted.name} requires Python {wanted.requires_python}, not {python.version}",
                "choose another with --python",
            )
        listing = listed(wanted.package, request)
        for warning in listing.warnings:
            self.said.say(f"warning: {warning}")
        made = planned(listing, python, request, request.within or wanted.range)
        if not made.candidates:
            raise UndecidedError(
                f"none of the {len(made.excluded) + len(made.prereleases)} releases of "
                f"{listing.project} in the range can be searched on Python {python.version}",
                f"`bisect releases {listing.project}` says why of each; "
                "--pre searches pre-releases",
            )
        witnesses = _witnesses(request, wanted, listing, made)
        self.said.say(
            f"{listing.project}: {count(len(made.candidates), 'candidate')} on "
            f"{python.implementation} {python.version}, "
            f"{count(len(made.prereleases), 'pre-release')} to zoom into, "
            f"{len(made.excluded)} excluded"
        )
        kind = Pip if request.installer == "pip" else Uv
        installer = kind(self._source.url, self._folder, request.offline, request.allow_build)
        held = conditions.settle(request, wanted, python, made, self.store, installer)
        testable = {r.version: r for r in (*made.candidates, *made.prereleases)}
        known = {} if request.refresh else self.store.load(wanted, held, testable)
        if known and wanted.command:
            self.said.say(
                f"warning: {count(sum(map(len, known.values())), 'run')} of this command are "
                "stored; if a file that it reads but doesn't name has changed, --refresh"
            )
        kept = settings.cache_dir() / "kept"
        task = Task(
            probe=wanted,
            release=made.candidates[-1],
            conditions=held,
            installer=installer,
            folder=kept if request.keep_environments else self._folder,
            cwd=Path.cwd(),
            keep=request.keep_environments,
        )
        task.folder.mkdir(parents=True, exist_ok=True)
        with self.workers.measuring(task) as (submit, stop):
            bisection = Bisection(
                wanted,
                made,
                held,
                known,
                submit,
                options=Options(
                    witnesses=witnesses,
                    assure_s=request.assure,
                    exhaustive=request.exhaustive,
                    max_probes=request.max_probes,
                    confidence=request.confidence,
                    jobs=self.workers.jobs,
                    any_failure=request.any_failure,
                ),
                clock=time.monotonic,
                listener=self.said,
                stop=stop,
            )
            with self.said.running():
                finding = bisection.run()
        if request.keep_environments:
            self.said.say(f"the environments are kept in {kept}")
        finding = replace(finding, replay=replay(request, wanted, python))
        self.store.describe(finding)
        return finding


def asked_for(request: Request) -> list[Probe]:
    """Return what is to be run, with the package it is about; raises UsageError."""
    if request.command and request.probes:
        raise UsageError("--probe and a command are both given", "give one of them")
    if request.command:
        if not request.package:
            raise UsageError(
                "a command needs --package", f"bisect --package PROJECT -- {request.command[0]} …"
            )
        found = [probe.from_command(request.command, request.package)]
    else:
        found = [one for name in request.probes for one in probe.load(name)]
    if not found:
        raise UsageError(
            "nothing to run: give --probe NAME_OR_PATH, or --package PROJECT -- COMMAND",
            f"the probes that come with bisector are {', '.join(probe.names())}",
        )
    if request.package:
        found = [replace(one, package=canonicalize_name(request.package)) for one in found]
    for one in found:
        if not one.package:
            named = ", ".join(one.dependencies)
            raise UsageError(
                f"{one.name} doesn't say which package it is about"
                + (f"; it depends on {named}" if named else ""),
                "name it with --package",
            )
    return [
        replace(
            one,
            documented=replace(
                one.documented,
                good=(*one.documented.good, *request.good),
                bad=(*one.documented.bad, *request.bad),
            ),
        )
        for one in found
    ]


def interpreters(request: Request) -> list[Interpreter]:
    """Return the interpreters that are asked for; raises UsageError where one isn't here."""
    return [interpreter.find(wanted) for wanted in request.pythons or (None,)]


def stored(store: Store, names: Sequence[str] = (), package: str | None = None) -> list[Finding]:
    """Return what the stored measurements say by themselves, of the probes named or of all.

    Nothing is measured and no index is asked; each probe is the one that was run then.
    """
    spelt = {probe.spelt(name) for name in names}
    findings = []
    for kept in store.searches():
        wanted = _as_it_was(kept.probe)
        if package and wanted.package != canonicalize_name(package):
            continue
        if names and not {wanted.name, f"{wanted.name}[{wanted.case}]"} & spelt:
            continue
        runs: dict[Version, list[Measurement]] = {}
        for measurement in kept.measurements:
            if measurement.reason is not Reason.ENVIRONMENT:
                runs.setdefault(measurement.version, []).append(measurement)
        bisection = Bisection(
            wanted,
            kept.plan,
            kept.conditions,
            runs,
            _nothing_more,
            options=Options(any_failure=kept.any_failure),
            clock=time.monotonic,
        )
        findings.append(replace(bisection.finding(), replay=kept.replay))
    return findings


def _as_it_was(told: Probe) -> Probe:
    """Return the probe that was run then, with the claims that its text carries."""
    if told.command:
        return told
    read = probe.parse(told.text, Path(f"{told.name}.py"), told.companion)
    read = probe.only(read, told.case) if told.case else read
    return replace(read, package=told.package)


def _nothing_more(_release: Release) -> Future[Measurement]:
    raise AssertionError("what is stored is read, not measured")


def listed(project: str, request: Request) -> Listing:
    """Return the project's releases as the index, or the cache, has them."""
    return index.releases(
        project,
        settings.index_url(request.index_url),
        settings.cache_dir() / "index",
        offline=request.offline,
        refresh=request.refresh,
    )


def planned(listing: Listing, python: Interpreter, request: Request, within: SpecifierSet) -> Plan:
    """Return what of a listing can be searched ``within`` a range."""
    return plan(
        listing.releases,
        python,
        within=within,
        pre=request.pre,
        yanked=request.yanked,
        allow_build=request.allow_build,
    )


def _witnesses(
    request: Request, wanted: Probe, listing: Listing, made: Plan
) -> tuple[Version, ...]:
    """Return the releases to start at: those that the caller names, and the documented ones.

    Raises UsageError where the caller names one that can't be looked at.
    """
    candidates = {release.version for release in made.candidates}
    prereleases = {release.version for release in made.prereleases}
    excluded = {e.version: e for e in made.excluded}
    listed = {release.version: release for release in listing.releases}
    bad, good = map(_versions, (request.bad, request.good))
    if both := set(bad) & set(good):
        raise UsageError(f"{both.pop()} is given as --good and as --bad", "it can't be both")
    for version, text in (bad | good).items():
        if version in candidates:
            continue
        if version in excluded:
            why = f"it can't be tested here: {excluded[version].detail}"
            hint = "choose another release, or another interpreter with --python"
        elif version in prereleases:
            why, hint = "it is a pre-release", "--pre searches pre-releases as well"
        elif version in listed and listed[version].yanked and not request.yanked:
            why, hint = "it is yanked", "leave --no-yanked out to search yanked releases as well"
        elif version in listed:
            why = "it lies outside the range"
            hint = "widen --range, or name a release inside it"
        else:
            near = difflib.get_close_matches(text, [str(v) for v in candidates], 3, 0.5)
            why = f"{listing.project} has no such release"
            all_of_them = f"`bisect releases {listing.project}` lists them"
            hint = f"did you mean {' or '.join(near)}?" if near else all_of_them
        raise UsageError(f"{text} can't be a witness: {why}", hint)
    documented = wanted.documented
    return tuple(Version(text) for text in (*documented.bad, *documented.good))


def _versions(texts: Sequence[str]) -> dict[Version, str]:
    """Return the versions that are meant, with how they were written."""
    try:
        return {Version(text): text for text in texts}
    except InvalidVersion as error:
        raise UsageError(str(error), "give a version like 1.4.2") from error
