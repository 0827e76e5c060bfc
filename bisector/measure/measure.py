"""One probe against one release in an environment of its own -> one measurement."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path

from bisector import masks
from bisector.environment.installers.messages import (
    BuildFailedError,
    InstallFailedError,
    MismatchError,
    NotCachedError,
    SilentError,
)
from bisector.environment.release import Installation, make
from bisector.environment.resolutions import now
from bisector.environment.task import Task
from bisector.environment.workspace import remove
from bisector.errors import InstallerError
from bisector.measure import reading
from bisector.measure.caller import Caller, named, remark
from bisector.measure.invocation import elsewhere, imported, inside, laid_out, readable
from bisector.measure.refused import may_be_refused, refused
from bisector.model import Measurement, Outcome, Policy, Reason, Symptom
from bisector.run import limits, memory, process, records, sandbox
from bisector.run.environ import scrubbed_environ
from bisector.run.sandbox import Access, Confinement

Lent = Callable[[Task, "threading.Event | None"], AbstractContextManager[Installation]]
"""Gives the installation that a task needs to one run."""

KEPT_OUTPUT_BYTES = 4096
LEAST_FREE_BYTES = 1 << 20
"""What must be free on the disk for a run to have decided anything."""

_TRIES = 2
_PAUSE_S = 0.5


def measure(
    task: Task,
    cancelled: threading.Event | None = None,
    lent: Lent | None = None,
    discard: Callable[[Path], object] = remove,
) -> Measurement:
    """Return what ``task`` measured in the installation that is ``lent`` for it, or in a new one.

    The folder that it made is discarded, unless ``task.keep``. What fails that is no release's
    fault, the installer, the index or the disk, is tried again and then decides nothing.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"{task.release.version}-", dir=task.folder))
    blank = Measurement(
        version=task.release.version,
        outcome=Outcome.UNTESTABLE,
        started=now(),
        host=masks.host(),
    )
    with ExitStack() as stack:
        if not task.keep:
            stack.callback(discard, folder)
        neutral = _masks(task, folder, folder / "env").text
        try:
            installation = _installed(stack, task, folder, cancelled, lent)
        except BuildFailedError as error:
            detail = neutral(str(error))
            signature = reading.of_build(detail)
            return replace(blank, reason=Reason.BUILD_FAILED, detail=detail, signature=signature)
        except InstallFailedError as error:
            return replace(blank, reason=Reason.INSTALL_FAILED, detail=neutral(str(error)))
        except MismatchError as error:
            detail = neutral(f"{error}; {error.hint}")  # where nobody else would say it
            return replace(blank, reason=Reason.ENVIRONMENT, detail=detail)
        except (NotCachedError, InstallerError) as error:
            return replace(blank, reason=Reason.ENVIRONMENT, detail=neutral(str(error)))
        measured = replace(blank, installed=installation.installed, differs=installation.differs)
        try:
            return _run(measured, installation, folder, task, cancelled)
        except process.StartError as error:
            if not error.of_machine:
                raise
            return replace(blank, reason=Reason.ENVIRONMENT, detail=neutral(error.message))


def _installed(
    stack: ExitStack,
    task: Task,
    folder: Path,
    cancelled: threading.Event | None,
    lent: Lent | None,
) -> Installation:
    """Return the installation that a run is made in, for as long as the ``stack`` is open.

    Raises what the last of a few tries raises where no release is to blame for that.
    """
    stopped = cancelled or threading.Event()
    for left in reversed(range(_TRIES)):
        try:
            if lent and not task.keep:
                return stack.enter_context(lent(task, cancelled))
            return make(task, folder / "env", cancelled)
        except SilentError:
            raise  # it was waited for long enough
        except InstallerError:
            if not left or stopped.wait(_PAUSE_S):
                raise
            remove(folder / "env")
    raise AssertionError("it is tried at least once")


def _run(
    measured: Measurement,
    installation: Installation,
    folder: Path,
    task: Task,
    cancelled: threading.Event | None,
) -> Measurement:
    """Return what a run measured; one that found or left the caller's files changed doesn't count.

    What it read may be what another run beside it wrote. It is made again in a copy of the
    caller's folder, as all that come after it are.
    """
    if task.probe.reports or task.conditions.isolated:
        return _once(measured, installation, folder, task, cancelled)[0]
    caller = Caller(
        task.cwd,
        named(task.probe.command or [task.probe.path], task.cwd),
        task.folder / f"named-{task.probe.digest[:12]}",
        (task.folder, task.cache, *task.aside),
    )
    caller.prepare()
    changed: tuple[str, ...] = ()
    alone = False
    if not caller.spoils:
        with caller.running() as is_alone:
            run, _ = _once(measured, installation, folder / "first", task, cancelled)
            changed, rewritten = caller.changed(caller.first()), caller.rewritten()
            alone = is_alone()
        if may_be_refused(run):
            caller.spoil()
        elif not (changed or rewritten or caller.spoils):
            return run
        changed = (*rewritten, *changed)
    is_quiet = caller.watch()
    copied, there = _once(measured, installation, folder / "copied", task, cancelled, caller)
    if changed and not caller.spoils:
        if there is not None and not set(there) & set(changed):
            if alone:
                caller.leave(changed)  # by what else is at work in that folder
            return copied
        caller.spoil()
    # What still runs in the folder itself may have rewritten it as well.
    if (rewritten := caller.rewritten()) and is_quiet():
        detail = f"it changes {', '.join(rewritten)} also from a copy of its folder"
        environment = Reason.ENVIRONMENT
        return replace(copied, outcome=Outcome.UNTESTABLE, reason=environment, detail=detail)
    return replace(copied, remark=remark(changed) if changed else copied.remark)


def _once(
    measured: Measurement,
    installation: Installation,
    folder: Path,
    task: Task,
    cancelled: threading.Event | None,
    caller: Caller | None = None,
) -> tuple[Measurement, tuple[str, ...] | None]:
    """Return what a run measured, in a copy of the folder of the ``caller`` where one is given.

    Beside it stands what it changed in such a copy, where the whole folder could be copied.
    """
    probe, conditions, environment = task.probe, task.conditions, installation.environment
    folders = {name: folder / name for name in ("home", "tmp", "cwd", "records")}
    for each in folders.values():
        each.mkdir(parents=True)
    result = folder / "result.json"
    apart = conditions.isolated or caller is not None
    copy = caller.copy(folders["cwd"]) if caller is not None and probe.command else None
    if copy:
        command, shown = inside(probe.command, task.cwd, folders["cwd"]), probe.command
    else:
        command, shown = laid_out(probe, environment, task.cwd, folders["cwd"], isolated=apart)
    own = probe.reports or apart
    cwd = folders["cwd"] if own else task.cwd
    environ = scrubbed_environ(
        home=folders["home"],
        tmp=folders["tmp"],
        path_dirs=[environment.scripts],
        extra={
            "VIRTUAL_ENV": str(environment.prefix),
            "BISECTOR_RESULT": str(result),
            records.RECORDS_VARIABLE: str(folders["records"]),
            records.MODULES_VARIABLE: " ".join(sorted(installation.modules)),
            # Beside what it tests it would keep what it knows of the last run.
            **({} if own else {"PYTEST_ADDOPTS": f"-o cache_dir={folders['tmp']}/pytest"}),
        },
    )
    symptom = conditions.symptom
    timeout_s = min(conditions.timeout_s, task.patience_s or conditions.timeout_s)
    memory_bytes = symptom.memory_bytes or conditions.memory_bytes
    confinement = Confinement(
        sandbox.chosen(task.guard.mode),
        Access(
            folder=folder,
            interpreter=Path(conditions.interpreter.executable),
            readable=(
                environment.prefix,
                *(() if own else readable(command, task.cwd, probe.path)),
            ),
            sealed=(environment.prefix,) if environment.prefix.is_relative_to(folder) else (),
            network=task.guard.network,
        ),
    )
    search = reading.LineSearch(symptom.output) if symptom.output else None
    before = copy.state() if copy else {}
    completed = process.run(
        command,
        environ=environ,
        limits=limits.guarded(timeout_s, memory_bytes, task.guard.folder_bytes),
        cwd=cwd,
        marks=(folder, environment.prefix),
        cancelled=cancelled,
        on_output=search,
        confinement=confinement,
    )
    changed = copy.changed(before) if copy else None
    found = imported(folders["records"], environment, probe.package)
    uncaught = records.uncaught(folders["records"], completed.pid)
    crashed = records.crash_frames(folders["records"], completed.pid) if completed.signal else ()
    reported = reading.result(records.read(result), completed.output)
    peaks = memory.peaks(folders["records"], completed.pid, completed.sampled_peaks)
    verdict = reading.read(completed, reported, uncaught, crashed, probe, environment, cwd)
    failed = reported[0] is None and verdict.outcome is not Outcome.GOOD
    if failed and (why := refused(confinement, cwd, uncaught, verdict.signature)):
        verdict = replace(
            verdict, outcome=Outcome.UNTESTABLE, reason=Reason.OUT_OF_LIMITS, detail=why
        )
    if symptom != Symptom() and completed.ended is not process.Ended.CANCELLED:
        matched = search.end() if search else ""
        shown_it = reading.symptom(completed, symptom, matched, peaks)
        if shown_it is None and verdict.outcome is Outcome.BAD:
            shown_it = replace(verdict, outcome=Outcome.UNTESTABLE, reason=Reason.DIFFERENT_FAILURE)
        verdict = shown_it or verdict
    if shutil.disk_usage(folder).free < LEAST_FREE_BYTES:
        # Whatever it came out at: what a full disk keeps a run from may be what makes it bad.
        verdict = reading.Reading(Outcome.UNTESTABLE, Reason.ENVIRONMENT, "the disk is full")
    output = completed.output[-KEPT_OUTPUT_BYTES:].decode("utf-8", "replace")
    # What was killed could not write down what it had imported.
    known = bool(probe.package) and not probe.reports and (found or not completed.signal)
    meant = ""
    if known and not found and task.conditions.policy is not Policy.EXACT:
        meant = elsewhere(probe, environment, conditions.requirements)
    masked = _masks(task, folder, environment.prefix)
    run = replace(
        measured,
        outcome=verdict.outcome,
        reason=verdict.reason,
        detail=masked.text(verdict.detail),
        signature=verdict.signature
        and replace(verdict.signature, message=masked.text(verdict.signature.message)),
        metrics=masked.members(verdict.metrics or {}),
        pool=None if verdict.pool is None else masked.members(verdict.pool),
        processes=tuple(replace(peak, command=masked.text(peak.command)) for peak in peaks),
        wall_s=round(completed.wall_s, 4),
        cpu_s=round(completed.cpu_s, 4),
        exit_status=completed.exit_status,
        output_tail=masked.text(output),
        command=tuple(map(masked.text, shown)),
        imported=found if known else None,
        remark=meant,
        sandbox=str(confinement),
    )
    return run, changed


def _masks(task: Task, folder: Path, prefix: Path) -> masks.Masks:
    """Return what masks what is this machine's alone; its folders mean nothing elsewhere."""
    interpreter = Path(task.conditions.interpreter.executable)
    folders = {
        prefix: "{env}",
        folder: "{run}",
        task.folder: "{workspace}",
        task.cache: "{cache}",
        interpreter.parent.parent: "{python}",
        interpreter.resolve().parent.parent: "{python}",
        task.cwd: "{cwd}",
    }
    paths = {str(folder): name for folder, name in folders.items()}
    return masks.of_this_machine(paths, task.installer.index_url)
