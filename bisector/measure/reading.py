"""What a completed run says: good, bad, or nothing, and then why not."""

from __future__ import annotations

import errno
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bisector.environment.venv import Environment
from bisector.masks import Masks
from bisector.measure import printed
from bisector.model import Json, Outcome, Probe, ProcessPeak, Reason, Signature, Symptom
from bisector.run import process, records

STILL_RUNNING = "it was still running at the time limit"
_DEEPEST_RESULT = 50
_LARGEST_INTEGER = 2**63
_FATAL = frozenset({"SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL"})
_LONGEST_LINE_BYTES = 64 * 1024
_MACHINE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EROFS})


@dataclass(frozen=True, slots=True)
class Reading:
    """What a completed run says."""

    outcome: Outcome
    reason: Reason | None = None
    detail: str = ""
    signature: Signature | None = None
    metrics: Mapping[str, Json] | None = None
    pool: Mapping[str, Json] | None = None


def result(file: bytes, output: bytes) -> tuple[dict[str, Any] | None, str]:
    """Return what the probe reported, to its file or as the last such line of its output.

    None where it reported nothing that is the object of the contract, with what is wrong of it.
    What a process prints as it ends, a warning say, may come behind the line.
    """
    wrong = ""
    for text in (file, *reversed(output.splitlines())):
        start = text.find(b"{")  # what was written without a line's end may stand before it
        if start < 0:
            continue
        try:
            data = _finite(json.loads(text[start:]))
        except (ValueError, RecursionError) as error:
            if text is file:
                wrong = f"with a report that can't be read ({error})"
            continue
        if isinstance(data, dict) and "bisector" in data:
            if data["bisector"] != 1:
                return None, f"with a report of version {data['bisector']!r}, not 1"
            if data.get("outcome") in ("good", "bad", "skip"):
                return data, ""
            return None, f"with a report whose outcome is {data.get('outcome')!r}"
    return None, wrong or "without a report"


class LineSearch:
    """Looks for a line that a regular expression matches, in output that comes piece by piece."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)
        self._begun = b""
        self.found = ""

    def __call__(self, chunk: bytes) -> None:
        """Look at the next piece."""
        *lines, self._begun = (self._begun + chunk).split(b"\n")
        self._begun = self._begun[-_LONGEST_LINE_BYTES:]
        self._look(lines)

    def end(self) -> str:
        """Return the first line that matched, also one without an end; empty where none did."""
        self._look([self._begun])
        return self.found

    def _look(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip("\r")
            if not self.found and self._pattern.search(text):
                self.found = text.strip() or repr(text)


def symptom(
    completed: process.Completed, wanted: Symptom, matched: str, peaks: Sequence[ProcessPeak]
) -> Reading | None:
    """Return bad where a run showed what alone is ``wanted`` to be bad; None where it didn't.

    ``matched`` is the line of the output that showed it.
    """
    if wanted.timeout and completed.ended is process.Ended.TIMEOUT:
        return Reading(Outcome.BAD, None, STILL_RUNNING, Signature(message=STILL_RUNNING))
    if wanted.memory_bytes is not None:
        detail = f"it took more than {wanted.memory_bytes}"
        highest = max((peak.peak_memory_bytes for peak in peaks), default=0)
        if completed.ended is process.Ended.MEMORY or highest > wanted.memory_bytes:
            return Reading(Outcome.BAD, None, detail, Signature(message=detail))
    if matched:
        looked_for = f"the output matches {wanted.output}"
        return Reading(Outcome.BAD, None, matched, Signature(message=looked_for))
    return None


def read(
    completed: process.Completed,
    reported: tuple[dict[str, Any] | None, str],
    uncaught: records.Uncaught | None,
    crashed: tuple[records.Frame, ...],
    probe: Probe,
    environment: Environment,
    folder: Path,
) -> Reading:
    """Return what a run in ``folder`` decided by itself.

    What is not clearly good or bad decided nothing.
    """
    untestable = Outcome.UNTESTABLE
    if completed.ended is process.Ended.TIMEOUT:
        return Reading(untestable, Reason.TIMEOUT, STILL_RUNNING)
    if completed.ended is process.Ended.MEMORY:
        return Reading(untestable, Reason.OUT_OF_LIMITS, "it passed the memory limit")
    if completed.ended is process.Ended.PROCESSES:
        return Reading(untestable, Reason.OUT_OF_LIMITS, "it started more processes than a run may")
    if completed.ended is process.Ended.DISK:
        return Reading(untestable, Reason.OUT_OF_LIMITS, "it wrote more than a run may")
    if completed.ended is process.Ended.CANCELLED:
        return Reading(untestable, Reason.ENVIRONMENT, "it was stopped")
    result, wrong = reported
    if result is not None:
        return _reported(result)
    raised = uncaught or (None if completed.signal else printed.raised(completed.output))
    signature = _signature(completed, raised, crashed, environment, folder)
    if completed.signal:
        if completed.signal in _FATAL and (probe.crash_is_bad or not probe.reports):
            return Reading(Outcome.BAD, None, f"died of {completed.signal}", signature)
        return Reading(untestable, Reason.NO_VERDICT, f"died of {completed.signal}", signature)
    description = _described(uncaught.exception, uncaught.message) if uncaught else ""
    if uncaught and {uncaught.errno, (uncaught.first or uncaught).errno} & _MACHINE:
        return Reading(untestable, Reason.ENVIRONMENT, description, signature)
    if uncaught and _failed_to_import(uncaught, environment, probe.package):
        return Reading(untestable, Reason.IMPORT_FAILED, description, signature)
    ended = f"exited with status {completed.exit_status}"
    if probe.reports:
        detail = f"{ended} {wrong}" + (f": {description}" if description else "")
        return Reading(untestable, Reason.NO_VERDICT, detail, signature)
    if completed.exit_status == 0:
        return Reading(Outcome.GOOD, None, ended)
    if completed.exit_status == 125:
        return Reading(untestable, Reason.SKIPPED_BY_PROBE, ended)
    if completed.exit_status in _NOTHING_TESTED and _is_pytest(probe.command):
        why = f"pytest {_NOTHING_TESTED[completed.exit_status]}"
        last = _last_line(completed.output)
        return Reading(untestable, Reason.NO_VERDICT, f"{why}: {last}" if last else why, signature)
    if not description and raised:
        description = _described(raised.exception, raised.message)
    elif not description and (last := _last_line(completed.output)):
        ended = f"{ended}: {last}"
    return Reading(Outcome.BAD, None, description or ended, signature)


_NOTHING_TESTED = {4: "can't do what it was asked for", 5: "found no test"}
"""https://docs.pytest.org/en/stable/reference/exit-codes.html"""


def _is_pytest(command: Sequence[str]) -> bool:
    return "pytest" in command[:1] or command[1:3] == ("-m", "pytest")


def _described(exception: str, message: str) -> str:
    return f"{exception}: {message}" if message else exception


def _reported(result: Mapping[str, Any]) -> Reading:
    detail = str(result.get("reason", ""))[:2000]
    metrics, pool = result.get("metrics"), result.get("pool")
    metrics = metrics if isinstance(metrics, dict) else {}
    pool = pool if isinstance(pool, dict) else None
    if result["outcome"] == "skip":
        return Reading(
            Outcome.UNTESTABLE, Reason.SKIPPED_BY_PROBE, detail, metrics=metrics, pool=pool
        )
    return Reading(Outcome(result["outcome"]), None, detail, metrics=metrics, pool=pool)


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


def _failed_to_import(uncaught: records.Uncaught, environment: Environment, package: str) -> bool:
    """Return whether an exception came out of importing the package, not out of using it.

    It did where the module of the package isn't there at all, or where a module of it was being
    imported, by nothing but other modules that were.
    """
    modules = environment.modules(package)
    if uncaught.exception == "ModuleNotFoundError" and uncaught.name in modules:
        return True
    packages = str(environment.site_packages)
    for frame in uncaught.frames:
        if frame.file.startswith(packages):
            if frame.function != "<module>":
                return False
            top = frame.file[len(packages) + 1 :].partition("/")[0]
            if top.partition(".")[0] in modules:
                return True
    return False


def _last_line(output: bytes) -> str:
    lines = (line.strip() for line in reversed(output.decode("utf-8", "replace").splitlines()))
    return next(filter(None, lines), "")[:500]


def _signature(
    completed: process.Completed,
    raised: records.Uncaught | None,
    crashed: Sequence[records.Frame],
    environment: Environment,
    folder: Path,
) -> Signature | None:
    """Return what makes this failure the same as another; of chained exceptions, the first counts.

    Of the caller's own lines, it is the one that the last exception came through: the first may
    have been caught before it came as far.
    """
    if completed.exit_status == 0 and raised is None:
        return None
    first = (raised.first or raised) if raised else None
    packages = str(environment.site_packages)
    installed = [f for f in (first.frames if first else crashed) if f.file.startswith(packages)]
    frame = installed[-1] if installed else None
    lines = (_own(f, environment, folder) for f in reversed(raised.frames if raised else crashed))
    message = first.message if first else printed.refused(completed.output)
    return Signature(
        exception=first.exception if first else "",
        message=Masks({packages: "{packages}"}).text(message),
        frame=f"{frame.file[len(packages) + 1 :]}:{frame.function}" if frame else "",
        status=completed.exit_status,
        signal=completed.signal or "",
        line=next(filter(None, lines), ""),
    )


def of_build(last: str) -> Signature:
    """Return what makes a failed build the same as another, from the last line that it said."""
    exception, _, message = last.partition(": ")
    if re.fullmatch(r"(?:[a-z_]\w*\.)*[A-Z]\w*", exception):
        return Signature(exception, message)
    return Signature(message=last)


def _own(frame: records.Frame, environment: Environment, folder: Path) -> str:
    """Return a frame as ``file:line`` where its file is the caller's own; else nothing.

    That is what lies in the ``folder`` that it ran in, and code that was given on the command line.
    """
    if frame.file == "<string>":
        return f"<string>:{frame.line}"
    file = folder / frame.file
    if (
        "<" in frame.file
        or file.is_relative_to(environment.prefix)
        or "site-packages" in file.parts
    ):
        return ""
    return f"{file.relative_to(folder)}:{frame.line}" if file.is_relative_to(folder) else ""
