"""One probe against one release in an environment of its own -> one measurement."""

from __future__ import annotations

import errno
import json
import math
import platform
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bisector import environment, process, records
from bisector.environment import Environment
from bisector.installer import Installer, InstallFailedError, NotCachedError
from bisector.model import (
    Conditions,
    Distribution,
    Json,
    Measurement,
    Outcome,
    Probe,
    Reason,
    Release,
    Signature,
)
from bisector.plan import compatible
from bisector.workspace import remove

KEPT_OUTPUT_BYTES = 4096
_DEEPEST_RESULT = 50
_LARGEST_INTEGER = 2**63
_FATAL = frozenset({"SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL"})
_MACHINE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EROFS})
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
class _Reading:
    """What a completed run says."""

    outcome: Outcome
    reason: Reason | None = None
    detail: str = ""
    signature: Signature | None = None
    metrics: Mapping[str, Json] | None = None
    pool: Mapping[str, Json] | None = None


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
    before = _just_after_upload(task) if task.conditions.policy == "released" else ""
    python, installer = str(made.python), task.installer
    listed, held = _listed(task), task.conditions.constraints
    try:
        known = installer.install(
            python, requirements, (*held, *listed), before=before, cancelled=cancelled
        )
    except InstallFailedError:
        if not held:
            raise
        known = installer.install(python, requirements, listed, before=before, cancelled=cancelled)
    return wheels | dict(known)


def _listed(task: Task) -> tuple[str, ...]:
    """Return the constraint that only the listed files of the release satisfy; none if unknown."""
    hashes = [file.sha256 for file in task.release.files]
    if None in hashes:
        return ()
    named = " ".join(f"--hash=sha256:{sha256}" for sha256 in hashes)
    return (f"{task.probe.package}=={task.release.version} {named}",)


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
    """Return what is installed for ``release``: the package at its version, and what is beside."""
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
    folders = {name: place / name for name in ("home", "tmp", "work", "records")}
    for folder in folders.values():
        folder.mkdir()
    result = place / "result.json"
    command, shown = _command(probe, made, folders["work"])
    environ = process.scrubbed_environ(
        home=folders["home"],
        tmp=folders["tmp"],
        path_dirs=[made.scripts],
        extra={
            "VIRTUAL_ENV": str(made.prefix),
            "BISECTOR_RESULT": str(result),
            records.RECORDS_VARIABLE: str(folders["records"]),
        },
    )
    limits = process.Limits(conditions.timeout_s, conditions.memory_bytes)
    completed = process.run(
        command,
        environ=environ,
        limits=limits,
        cwd=folders["work"] if probe.reports else task.cwd,
        marker=place,
        cancelled=cancelled,
    )
    uncaught = records.uncaught(folders["records"], completed.pid)
    crashed = records.crash_frames(folders["records"], completed.pid) if completed.signal else ()
    reported = _result(records.read(result), completed.output)
    reading = _read(completed, reported, uncaught, crashed, probe, made)
    full = shutil.disk_usage(place).free < _LEAST_FREE_BYTES
    if full and reading.outcome is not Outcome.GOOD:
        reading = _Reading(Outcome.UNTESTABLE, Reason.ENVIRONMENT, "the disk is full")
    output = completed.output[-KEPT_OUTPUT_BYTES:].decode("utf-8", "replace")
    return replace(
        measured,
        outcome=reading.outcome,
        reason=reading.reason,
        detail=_neutral(reading.detail, task, place, made.prefix),
        signature=reading.signature,
        metrics=reading.metrics or {},
        pool=reading.pool,
        processes=tuple(
            replace(peak, command=_neutral(peak.command, task, place, made.prefix))
            for peak in records.peaks(folders["records"], completed)
        ),
        wall_s=round(completed.wall_s, 4),
        cpu_s=round(completed.cpu_s, 4),
        exit_status=completed.exit_status,
        output_tail=_neutral(output, task, place, made.prefix),
        command=shown,
    )


def _command(
    probe: Probe, made: Environment, work: Path
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the command to start, and how it is shown to people.

    A probe that reports runs from its recorded text, so that what ran is what is kept.
    """
    if probe.command:
        return probe.command, probe.command
    script = Path(probe.path).absolute()
    case = (probe.case,) if probe.case else ()
    if probe.reports:
        script = work / f"{probe.name}.py"
        script.write_text(probe.text, encoding="utf-8")
        if probe.companion:
            (work / "probekit.py").write_text(probe.companion, encoding="utf-8")
    return (str(made.python), str(script), *case), ("python", f"{probe.name}.py", *case)


def _result(file: bytes, output: bytes) -> dict[str, Any] | None:
    """Return what the probe reported: to its file, or as a line of its output, the last that is.

    None where neither is the object of the contract. What a process prints as it ends, a warning
    say, may come behind the line.
    """
    for text in (file, *reversed(output.splitlines())):
        if not text.lstrip().startswith(b"{"):
            continue
        try:
            data = _finite(json.loads(text))
        except (ValueError, RecursionError):
            continue
        if isinstance(data, dict) and data.get("bisector") == 1:
            return data if data.get("outcome") in ("good", "bad", "skip") else None
    return None


def _read(
    completed: process.Completed,
    result: dict[str, Any] | None,
    uncaught: records.Uncaught | None,
    crashed: tuple[records.Frame, ...],
    probe: Probe,
    made: Environment,
) -> _Reading:
    """Return what a run decided; whatever is not clearly good or bad decided nothing."""
    untestable = Outcome.UNTESTABLE
    if completed.ended is process.Ended.TIMEOUT:
        return _Reading(untestable, Reason.TIMEOUT, "it was still running at the time limit")
    if completed.ended is process.Ended.MEMORY:
        return _Reading(untestable, Reason.OUT_OF_LIMITS, "it passed the memory limit")
    if completed.ended is process.Ended.CANCELLED:
        return _Reading(untestable, Reason.ENVIRONMENT, "it was stopped")
    if result is not None:
        return _reported(result)
    frames = uncaught.frames if uncaught else crashed
    signature = _signature(completed, uncaught, frames, made)
    if completed.signal:
        if completed.signal in _FATAL and (probe.crash_is_bad or not probe.reports):
            return _Reading(Outcome.BAD, None, f"died of {completed.signal}", signature)
        return _Reading(untestable, Reason.NO_VERDICT, f"died of {completed.signal}", signature)
    said = f"{uncaught.exception}: {uncaught.message}" if uncaught else ""
    if uncaught and uncaught.errno in _MACHINE:
        return _Reading(untestable, Reason.ENVIRONMENT, said, signature)
    if uncaught and _failed_to_import(uncaught, made, probe.package):
        return _Reading(untestable, Reason.IMPORT_FAILED, said, signature)
    ended = f"exited with status {completed.exit_status}"
    if probe.reports:
        detail = f"{ended} without a report" + (f": {said}" if said else "")
        return _Reading(untestable, Reason.NO_VERDICT, detail, signature)
    if completed.exit_status == 0:
        return _Reading(Outcome.GOOD, None, ended)
    if completed.exit_status == 125:
        return _Reading(untestable, Reason.SKIPPED_BY_PROBE, ended)
    return _Reading(Outcome.BAD, None, said or ended, signature)


def _reported(result: Mapping[str, Any]) -> _Reading:
    detail = str(result.get("reason", ""))[:2000]
    metrics, pool = result.get("metrics"), result.get("pool")
    metrics = metrics if isinstance(metrics, dict) else {}
    pool = pool if isinstance(pool, dict) else None
    if result["outcome"] == "skip":
        return _Reading(
            Outcome.UNTESTABLE, Reason.SKIPPED_BY_PROBE, detail, metrics=metrics, pool=pool
        )
    return _Reading(Outcome(result["outcome"]), None, detail, metrics=metrics, pool=pool)


def _finite(value: object, deep: int = 0) -> Json:
    """Return what a probe reported, with numbers that other readers of JSON don't have as text.

    Raises ValueError where it is nested so deeply that writing it down would fail.
    """
    if deep > _DEEPEST_RESULT:
        raise ValueError("nested too deeply")
    if isinstance(value, dict):
        return {str(name): _finite(item, deep + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item, deep + 1) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, int) and abs(value) >= _LARGEST_INTEGER:
        return str(value)
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def _failed_to_import(uncaught: records.Uncaught, made: Environment, package: str) -> bool:
    """Return whether an exception came out of importing the package, not out of using it.

    It did where the outermost frame of installed code is that of a module being imported, or
    where the module of the package isn't there at all.
    """
    if (uncaught.name or "").partition(".")[0] in made.modules(package):
        return True
    packages = str(made.site_packages)
    installed = [frame for frame in uncaught.frames if frame.file.startswith(packages)]
    return bool(installed) and installed[0].function == "<module>"


def _signature(
    completed: process.Completed,
    uncaught: records.Uncaught | None,
    frames: Sequence[records.Frame],
    made: Environment,
) -> Signature | None:
    if completed.exit_status == 0 and uncaught is None:
        return None
    packages = str(made.site_packages)
    installed = [frame for frame in frames if frame.file.startswith(packages)]
    innermost = installed[-1] if installed else None
    return Signature(
        exception=uncaught.exception if uncaught else "",
        message=_neutral_paths(uncaught.message, {packages: "{packages}"}) if uncaught else "",
        frame=f"{innermost.file[len(packages) + 1 :]}:{innermost.function}" if innermost else "",
        status=completed.exit_status,
        signal=completed.signal or "",
    )


def _neutral(text: str, task: Task, place: Path, prefix: Path | None = None) -> str:
    """Return ``text`` without the folders of this machine, which mean nothing elsewhere."""
    interpreter = Path(task.conditions.interpreter.executable)
    return _neutral_paths(
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


def _neutral_paths(text: str, names: Mapping[str, str]) -> str:
    for path, name in _longest_first(names.items()):
        if len(path) > 1:
            text = text.replace(path, name)
    return text


def _longest_first(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(pairs, key=lambda pair: -len(pair[0]))
