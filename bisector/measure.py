"""One probe against one release in an environment of its own -> one measurement."""

from __future__ import annotations

import platform
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bisector import environment, process, reading, records
from bisector.command import imported, laid_out
from bisector.environment import Environment
from bisector.installer import Installer, InstallFailedError, NotCachedError
from bisector.model import (
    Conditions,
    Distribution,
    Measurement,
    Outcome,
    Probe,
    Reason,
    Release,
    Symptom,
)
from bisector.plan import compatible
from bisector.workspace import remove

KEPT_OUTPUT_BYTES = 4096
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_LEAST_FREE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Task:
    """Everything that one measurement needs; picklable, so that any executor can run it.

    ``folder`` is where the environment is made, ``cwd`` where a plain script or command runs.
    """

    probe: Probe
    release: Release
    conditions: Conditions
    installer: Installer
    folder: Path
    cwd: Path
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """An environment with a release in it: what is installed, and what isn't as it was held."""

    environment: Environment
    installed: tuple[Distribution, ...]
    differs: tuple[str, ...]


Prepare = Callable[[Task, Path, "threading.Event | None"], Ready]


def prepare(task: Task, prefix: Path, cancelled: threading.Event | None = None) -> Ready:
    """Return a new environment at ``prefix`` that holds the task's release.

    Raises InstallFailedError or NotCachedError where the release can't be had, and InstallerError
    where it was ``cancelled`` meanwhile.
    """
    made = environment.make(prefix, task.conditions.interpreter)
    wheels = _fill(made, task, cancelled)
    installed = _hashed(made, task, wheels, cancelled)
    held = task.conditions.constraints
    return Ready(made, installed, environment.differing(installed, held, task.probe.package))


def measure(
    task: Task, cancelled: threading.Event | None = None, prepare: Prepare = prepare
) -> Measurement:
    """Return what ``task`` measured, in the environment that ``prepare`` gives for it.

    All that it made is gone afterwards, unless ``task.keep``. Raises InstallerError where the
    installer, the index or the disk failed: no release's fault.
    """
    place = Path(tempfile.mkdtemp(prefix=f"{task.release.version}-", dir=task.folder))
    blank = Measurement(
        version=task.release.version,
        outcome=Outcome.UNTESTABLE,
        started=now(),
        host=platform.node(),
    )
    try:
        try:
            ready = prepare(task, place / "env", cancelled)
        except InstallFailedError as error:
            detail = _neutral(str(error), task, place)
            return replace(blank, reason=Reason.INSTALL_FAILED, detail=detail)
        except NotCachedError as error:
            return replace(blank, reason=Reason.ENVIRONMENT, detail=str(error))
        measured = replace(blank, installed=ready.installed, differs=ready.differs)
        return _run(measured, ready.environment, place, task, cancelled)
    finally:
        if not task.keep:
            remove(place)


def now() -> str:
    """Return the time in UTC, ISO 8601 with milliseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fill(made: Environment, task: Task, cancelled: threading.Event | None) -> dict[str, str]:
    """Install the release, alone where it can't live with the held dependencies."""
    wheels = {file.filename: file.sha256 or "" for file in task.release.files}
    wheels |= task.conditions.wheels
    requirements = requirements_of(task.probe, task.conditions, task.release)
    before = _before(task)
    python, installer = str(made.python), task.installer
    listed, held = _listed(task), task.conditions.constraints
    if before and task.conditions.requirements:
        with suppress(InstallFailedError):
            return wheels | dict(_fill_dated(made, task, before, cancelled))
    try:
        known = installer.install(
            python, requirements, (*held, *listed), before=before, cancelled=cancelled
        )
    except InstallFailedError:
        if not held or task.conditions.policy == "exact":
            raise
        known = installer.install(python, requirements, listed, before=before, cancelled=cancelled)
    return wheels | dict(known)


def _fill_dated(
    made: Environment, task: Task, before: str, cancelled: threading.Event | None
) -> Mapping[str, str]:
    """Install the release with dependencies of ``before``, and what is beside it as of today.

    A test runner, say, is a tool: one of that time needn't run on this interpreter.
    """
    python, installer = str(made.python), task.installer
    alone = replace(task.conditions, requirements=())
    needed = requirements_of(task.probe, alone, task.release)
    dated = installer.resolve(python, needed, before=before, cancelled=cancelled)
    requirements = requirements_of(task.probe, task.conditions, task.release)
    others = [p for p in dated.pins if canonicalize_name(Requirement(p).name) != task.probe.package]
    installed = installer.install(
        python, requirements, (*others, *_listed(task)), cancelled=cancelled
    )
    return {**dated.wheels, **installed}


def _listed(task: Task) -> tuple[str, ...]:
    """Return the constraint that only the listed files of the release satisfy; none if unknown."""
    hashes = [file.sha256 for file in task.release.files]
    if not hashes or None in hashes:
        return ()
    named = " ".join(f"--hash=sha256:{sha256}" for sha256 in hashes)
    return (f"{task.probe.package}=={task.release.version} {named}",)


def _before(task: Task) -> str:
    """Return the time up to which installers may see what was uploaded; empty where it is now."""
    if task.conditions.policy == "released":
        return _just_after_upload(task)
    return f"{policy}T00:00:00Z" if _DAY.fullmatch(policy := task.conditions.policy) else ""


def _just_after_upload(task: Task) -> str:
    """Return the first second at which installers see the wheel that they will choose.

    The files of a release are uploaded one after another, some of them years later.
    """
    files = compatible(task.release.files, task.conditions.interpreter) or task.release.files
    uploaded = next((file.upload_time for file in files if file.upload_time), None)
    moment = uploaded or task.release.upload_time
    if moment is None:
        return ""
    return f"{moment.astimezone(timezone.utc) + timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"


def requirements_of(probe: Probe, conditions: Conditions, release: Release) -> list[str]:
    """Return what is installed for ``release``: the package at its version, and what is beside.

    Where no package is under test, it is what is beside alone.
    """
    others = [
        requirement
        for requirement in (*probe.dependencies, *conditions.requirements)
        if canonicalize_name(Requirement(requirement).name) != probe.package
    ]
    extras = {
        extra
        for requirement in map(Requirement, (*probe.dependencies, *conditions.requirements))
        if canonicalize_name(requirement.name) == probe.package
        for extra in requirement.extras
    }
    if not probe.package:
        return others
    named = f"{probe.package}[{','.join(sorted(extras))}]" if extras else probe.package
    return [f"{named}=={release.version}", *others]


def _hashed(
    made: Environment,
    task: Task,
    wheels: Mapping[str, str],
    cancelled: threading.Event | None,
) -> tuple[Distribution, ...]:
    """Return what is installed; what only this release depends on is looked up for its hash."""
    installed = made.distributions(wheels)
    unknown = [f"{d.name}=={d.version}" for d in installed if d.sha256 is None]
    if unknown:
        try:
            found = task.installer.resolve(str(made.python), unknown, cancelled=cancelled)
        except (InstallFailedError, NotCachedError):
            return installed
        installed = made.distributions({**wheels, **found.wheels})
    return installed


def _run(
    measured: Measurement,
    made: Environment,
    place: Path,
    task: Task,
    cancelled: threading.Event | None,
) -> Measurement:
    probe, conditions = task.probe, task.conditions
    folders = {name: place / name for name in ("home", "tmp", "cwd", "records")}
    for folder in folders.values():
        folder.mkdir()
    result = place / "result.json"
    command, shown = laid_out(probe, made, task.cwd, folders["cwd"], isolated=conditions.isolated)
    environ = process.scrubbed_environ(
        home=folders["home"],
        tmp=folders["tmp"],
        path_dirs=[made.scripts],
        extra={
            "VIRTUAL_ENV": str(made.prefix),
            "BISECTOR_RESULT": str(result),
            records.RECORDS_VARIABLE: str(folders["records"]),
            records.MODULES_VARIABLE: " ".join(sorted(made.modules(probe.package))),
        },
    )
    symptom = conditions.symptom
    limits = process.Limits(conditions.timeout_s, symptom.memory_bytes or conditions.memory_bytes)
    search = reading.LineSearch(symptom.output) if symptom.output else None
    completed = process.run(
        command,
        environ=environ,
        limits=limits,
        cwd=folders["cwd"] if probe.reports or conditions.isolated else task.cwd,
        marker=place,
        cancelled=cancelled,
        on_output=search,
    )
    found = imported(folders["records"], made, probe.package)
    uncaught = records.uncaught(folders["records"], completed.pid)
    crashed = records.crash_frames(folders["records"], completed.pid) if completed.signal else ()
    reported = reading.result(records.read(result), completed.output)
    peaks = records.peaks(folders["records"], completed)
    said = reading.read(completed, reported, uncaught, crashed, probe, made)
    if symptom != Symptom() and completed.ended is not process.Ended.CANCELLED:
        matched = search.end() if search else ""
        shown_it = reading.symptom(completed, symptom, matched, peaks)
        if shown_it is None and said.outcome is Outcome.BAD:
            shown_it = replace(said, outcome=Outcome.UNTESTABLE, reason=Reason.DIFFERENT_FAILURE)
        said = shown_it or said
    full = shutil.disk_usage(place).free < _LEAST_FREE_BYTES
    if full and said.outcome is not Outcome.GOOD:
        said = reading.Reading(Outcome.UNTESTABLE, Reason.ENVIRONMENT, "the disk is full")
    output = completed.output[-KEPT_OUTPUT_BYTES:].decode("utf-8", "replace")
    return replace(
        measured,
        outcome=said.outcome,
        reason=said.reason,
        detail=_neutral(said.detail, task, place, made.prefix),
        signature=said.signature
        and replace(
            said.signature, message=_neutral(said.signature.message, task, place, made.prefix)
        ),
        metrics=said.metrics or {},
        pool=said.pool,
        processes=tuple(
            replace(peak, command=_neutral(peak.command, task, place, made.prefix))
            for peak in peaks
        ),
        wall_s=round(completed.wall_s, 4),
        cpu_s=round(completed.cpu_s, 4),
        exit_status=completed.exit_status,
        output_tail=_neutral(output, task, place, made.prefix),
        command=shown,
        imported=found if probe.package and not probe.reports else None,
    )


def _neutral(text: str, task: Task, place: Path, prefix: Path | None = None) -> str:
    """Return ``text`` without the folders of this machine, which mean nothing elsewhere."""
    interpreter = Path(task.conditions.interpreter.executable)
    return reading.neutral(
        text,
        {
            str(prefix or place / "env"): "{env}",
            str(place): "{run}",
            str(task.folder): "{workspace}",
            str(interpreter.parent.parent): "{python}",
            str(interpreter.resolve().parent.parent): "{python}",
            str(task.cwd): "{cwd}",
            str(Path.home()): "~",
        },
    )
