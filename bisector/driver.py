"""What the command does, from a request to what is printed; the one place that wires it all."""

from __future__ import annotations

import difflib
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from bisector import conditions, index, interpreter, probe, process, progress, settings
from bisector.bisection import Bisection, Options, Submit
from bisector.errors import UndecidedError, UsageError
from bisector.installer import Installer, Pip, Uv
from bisector.listing import Listing
from bisector.measure import Task, measure
from bisector.model import Conditions, Finding, Interpreter, Measurement, Plan, Probe, Release
from bisector.plan import plan
from bisector.reports import as_json, as_text, rows
from bisector.request import Request, replay
from bisector.store import Store
from bisector.workspace import workspace


def search(request: Request) -> int:
    """Search for every probe, case and interpreter asked for; print the findings."""
    probes = _probes(request)
    store = Store(request.results)
    store.prepare()
    process.become_subreaper()
    said = progress.listener(sys.stderr, color=_color(sys.stderr))
    findings = []
    for python in _interpreters(request):
        for one in probes:
            findings.append(_find(one, python, request, store, said))
            if findings[-1].stopped == "interrupted":
                break
    for warning in dict.fromkeys(store.warnings):
        said.say(f"warning: {warning}")
    if request.format == "json":
        sys.stdout.write(as_json.render(findings))
    else:
        width, color = _width(sys.stdout), _color(sys.stdout)
        sys.stdout.write(as_text.render(findings, width=width, color=color))
    return _status(findings)


def releases(request: Request) -> int:
    """Print the plan for a project on each interpreter, before anything is spent."""
    listing = _listing(str(request.package), request)
    for python in _interpreters(request):
        made = _plan(listing, python, request, request.within or SpecifierSet())
        about = f"{python.implementation} {python.version}, {python.platform}"
        sys.stdout.write(
            as_text.plan_table(
                listing.project, made, about, width=_width(sys.stdout), color=_color(sys.stdout)
            )
        )
    return 0


def probes() -> int:
    """Print what there is to run."""
    found = [one for name in probe.names() for one in probe.load(name)]
    sys.stdout.write(
        as_text.probes_table(found, width=_width(sys.stdout), color=_color(sys.stdout))
    )
    return 0


def _interpreters(request: Request) -> Iterator[Interpreter]:
    for wanted in request.pythons or (None,):
        yield interpreter.find(wanted)


def _probes(request: Request) -> list[Probe]:
    """Return what is to be run, with the package it is about."""
    if request.command and request.probe:
        raise UsageError("--probe and a command are both given", "give one of them")
    if request.command:
        if not request.package:
            raise UsageError(
                "a command needs --package", f"bisect --package PROJECT -- {request.command[0]} …"
            )
        found = [probe.from_command(request.command, request.package)]
    elif request.probe:
        found = probe.load(request.probe)
    else:
        raise UsageError(
            "nothing to run: give --probe NAME_OR_PATH, or --package PROJECT -- COMMAND",
            f"the probes that come with bisector are {', '.join(probe.names())}",
        )
    if request.package:
        found = [replace(one, package=canonicalize_name(request.package)) for one in found]
    if not found[0].package:
        named = ", ".join(found[0].dependencies)
        raise UsageError(
            f"{found[0].name} doesn't say which package it is about"
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


def _find(
    wanted: Probe,
    python: Interpreter,
    request: Request,
    store: Store,
    said: progress.Lines,
) -> Finding:
    """Return what one search learned."""
    if not wanted.requires_python.contains(python.version, prereleases=True):
        raise UsageError(
            f"{wanted.name} requires Python {wanted.requires_python}, not {python.version}",
            "choose another with --python",
        )
    source = settings.index_url(request.index_url)
    listing = _listing(wanted.package, request)
    for warning in listing.warnings:
        said.say(f"warning: {warning}")
    made = _plan(listing, python, request, request.within or wanted.range)
    if not made.candidates:
        raise UndecidedError(
            f"none of the {len(made.excluded) + len(made.prereleases)} releases of "
            f"{listing.project} in the range can be searched on Python {python.version}",
            f"`bisect releases {listing.project}` says why of each; --pre searches pre-releases",
        )
    witnesses = _witnesses(request, wanted, listing, made)
    about = f"{python.implementation} {python.version}"
    said.say(
        f"{listing.project}: {rows.count(len(made.candidates), 'candidate')} on {about}, "
        f"{rows.count(len(made.prereleases), 'pre-release')} to zoom into, "
        f"{len(made.excluded)} excluded"
    )
    with workspace(settings.cache_dir() / "work") as folder:
        kind = Pip if request.installer == "pip" else Uv
        installer = kind(source.url, folder, request.offline, request.allow_build)
        held = conditions.settle(request, wanted, python, made, store, installer)
        testable = {r.version: r for r in (*made.candidates, *made.prereleases)}
        known = {} if request.refresh else store.load(wanted, held, testable)
        jobs = request.jobs or os.cpu_count() or 1
        with _measuring(wanted, held, installer, folder, request, store, jobs) as submit:
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
                    jobs=jobs,
                ),
                clock=time.monotonic,
                listener=said,
            )
            with said.running():
                finding = bisection.run()
    finding = replace(finding, replay=replay(request, wanted, python))
    store.describe(finding)
    return finding


@contextmanager
def _measuring(
    wanted: Probe,
    held: Conditions,
    installer: Installer,
    folder: Path,
    request: Request,
    store: Store,
    jobs: int,
) -> Iterator[Submit]:
    """Give what starts a measurement; each is stored as it completes, whatever comes after."""
    cancelled = threading.Event()
    kept = settings.cache_dir() / "kept"
    if request.keep_environments:
        kept.mkdir(parents=True, exist_ok=True)

    def work(release: Release) -> Measurement:
        task = Task(
            probe=wanted,
            release=release,
            conditions=held,
            installer=installer,
            folder=kept if request.keep_environments else folder,
            cwd=Path.cwd(),
            keep=request.keep_environments,
        )
        measurement = measure(task, cancelled)
        if not cancelled.is_set():
            store.save(wanted, held, measurement)
        return measurement

    with ThreadPoolExecutor(jobs) as pool:

        def submit(release: Release) -> Future[Measurement]:
            return pool.submit(work, release)

        try:
            yield submit
        finally:
            cancelled.set()
            pool.shutdown(cancel_futures=True)


def _listing(project: str, request: Request) -> Listing:
    return index.releases(
        project,
        settings.index_url(request.index_url),
        settings.cache_dir() / "index",
        offline=request.offline,
        refresh=request.refresh,
    )


def _plan(listing: Listing, python: Interpreter, request: Request, within: SpecifierSet) -> Plan:
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
    excluded = {e.version: e for e in made.excluded}
    listed = {release.version for release in listing.releases}
    if both := set(request.good) & set(request.bad):
        raise UsageError(f"{both.pop()} is given as --good and as --bad", "it can't be both")
    for text in (*request.bad, *request.good):
        try:
            version = Version(text)
        except InvalidVersion as error:
            raise UsageError(f"{text!r} is not a version", "give one like 1.4.2") from error
        if version in candidates:
            continue
        if version in excluded:
            why = f"it can't be tested here: {excluded[version].detail}"
            hint = "choose another release, or another interpreter with --python"
        elif version in listed:
            why = "it lies outside the range" if not version.is_prerelease else "--pre is not given"
            hint = "widen --range, or name a release inside it"
        else:
            near = difflib.get_close_matches(text, [str(v) for v in candidates], 3, 0.5)
            why = f"{listing.project} has no such release"
            hint = f"did you mean {' or '.join(near)}?" if near else "`bisect releases` lists them"
        raise UsageError(f"{text} can't be a witness: {why}", hint)
    documented = wanted.documented
    return tuple(Version(text) for text in (*documented.bad, *documented.good))


def _status(findings: Sequence[Finding]) -> int:
    if any(finding.stopped == "interrupted" for finding in findings):
        return 130
    if any(finding.transitions and finding.decided for finding in findings):
        return 0
    return 1 if all(finding.decided for finding in findings) else 3


def _width(stream: object) -> int:
    isatty = getattr(stream, "isatty", bool)
    return shutil.get_terminal_size((120, 24)).columns if isatty() else 120


def _color(stream: object) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return bool(getattr(stream, "isatty", bool)()) and os.environ.get("TERM") != "dumb"
