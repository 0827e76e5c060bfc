"""What a completed run says: good, bad, or nothing, and then why not."""

from __future__ import annotations

import errno
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bisector.environment.venv import Environment
from bisector.model import Json, Outcome, Probe, ProcessPeak, Reason, Signature, Symptom
from bisector.run import process, records

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
        told = "it was still running at the time limit"
        return Reading(Outcome.BAD, None, told, Signature(message=told))
    if wanted.memory_bytes is not None:
        told = f"it took more than {wanted.memory_bytes / (1 << 20):.1f} MiB"
        highest = max((peak.peak_memory_bytes for peak in peaks), default=0)
        if completed.ended is process.Ended.MEMORY or highest > wanted.memory_bytes:
            return Reading(Outcome.BAD, None, told, Signature(message=told))
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
    made: Environment,
) -> Reading:
    """Return what a run decided by itself; what is not clearly good or bad decided nothing."""
    untestable = Outcome.UNTESTABLE
    if completed.ended is process.Ended.TIMEOUT:
        return Reading(untestable, Reason.TIMEOUT, "it was still running at the time limit")
    if completed.ended is process.Ended.MEMORY:
        return Reading(untestable, Reason.OUT_OF_LIMITS, "it passed the memory limit")
    if completed.ended is process.Ended.CANCELLED:
        return Reading(untestable, Reason.ENVIRONMENT, "it was stopped")
    result, wrong = reported
    if result is not None:
        return _reported(result)
    frames = uncaught.frames if uncaught else crashed
    signature = _signature(completed, uncaught, frames, made)
    if completed.signal:
        if completed.signal in _FATAL and (probe.crash_is_bad or not probe.reports):
            return Reading(Outcome.BAD, None, f"died of {completed.signal}", signature)
        return Reading(untestable, Reason.NO_VERDICT, f"died of {completed.signal}", signature)
    said = _said(uncaught.exception, uncaught.message) if uncaught else ""
    if uncaught and uncaught.errno in _MACHINE:
        return Reading(untestable, Reason.ENVIRONMENT, said, signature)
    if uncaught and _failed_to_import(uncaught, made, probe.package):
        return Reading(untestable, Reason.IMPORT_FAILED, said, signature)
    ended = f"exited with status {completed.exit_status}"
    if probe.reports:
        detail = f"{ended} {wrong}" + (f": {said}" if said else "")
        return Reading(untestable, Reason.NO_VERDICT, detail, signature)
    if completed.exit_status == 0:
        return Reading(Outcome.GOOD, None, ended)
    if completed.exit_status == 125:
        return Reading(untestable, Reason.SKIPPED_BY_PROBE, ended)
    if completed.exit_status in _NOTHING_TESTED and _is_pytest(probe.command):
        why = f"pytest {_NOTHING_TESTED[completed.exit_status]}"
        last = _last_line(completed.output)
        return Reading(untestable, Reason.NO_VERDICT, f"{why}: {last}" if last else why, signature)
    if not said and signature and signature.exception:
        said = _said(signature.exception, signature.message)
    elif not said and (last := _last_line(completed.output)):
        ended = f"{ended}: {last}"
    return Reading(Outcome.BAD, None, said or ended, signature)


_NOTHING_TESTED = {4: "can't do what it was asked for", 5: "found no test"}
"""https://docs.pytest.org/en/stable/reference/exit-codes.html"""


def _is_pytest(command: Sequence[str]) -> bool:
    return "pytest" in command[:1] or command[1:3] == ("-m", "pytest")


def _said(exception: str, message: str) -> str:
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


def _failed_to_import(uncaught: records.Uncaught, made: Environment, package: str) -> bool:
    """Return whether an exception came out of importing the package, not out of using it.

    It did where the module of the package isn't there at all, or where a module of it was being
    imported, by nothing but other modules that were.
    """
    modules = made.modules(package)
    if uncaught.exception == "ModuleNotFoundError" and uncaught.name in modules:
        return True
    packages = str(made.site_packages)
    for frame in uncaught.frames:
        if frame.file.startswith(packages):
            if frame.function != "<module>":
                return False
            top = frame.file[len(packages) + 1 :].partition("/")[0]
            if top.partition(".")[0] in modules:
                return True
    return False


_END = re.compile(r"^(?P<exception>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?$")
_TEST_END = re.compile(
    r"^E +(?:(?P<exception>[A-Za-z_][\w.]*(?:Error|Exception|Warning|Failed|Exit))"
    r"(?:: (?P<message>.*))?|(?P<compared>assert .*))$"
)


def _printed(output: bytes) -> tuple[str, str]:
    """Return the type and the message of the exception whose traceback was printed last.

    A test runner catches what a test raises, and a command may start another process that raises:
    the output is then all there is. Two empty strings where no exception is in it.
    """
    lines = output.decode("utf-8", "replace").splitlines()
    first: re.Match[str] | None = None  # of the lines that tell of the last exception
    for line in reversed(lines):
        if line == "E" or line.startswith("E "):
            first = _TEST_END.match(line) or first
        elif first:
            break
    if first:
        raised = first["exception"] or "AssertionError"
        return raised, first["message"] or first["compared"] or ""
    starts = [n for n, line in enumerate(lines) if line.startswith("Traceback (most recent call")]
    for line in lines[starts[-1] + 1 :] if starts else []:
        if not line.startswith(" "):
            found = _END.match(line)
            return (found["exception"], found["message"] or "") if found else ("", "")
    return "", ""


def _last_line(output: bytes) -> str:
    lines = (line.strip() for line in reversed(output.decode("utf-8", "replace").splitlines()))
    return next(filter(None, lines), "")[:500]


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
    raised = (uncaught.exception, uncaught.message) if uncaught else _printed(completed.output)
    return Signature(
        exception=raised[0],
        message=neutral(raised[1], {packages: "{packages}"}),
        frame=f"{innermost.file[len(packages) + 1 :]}:{innermost.function}" if innermost else "",
        status=completed.exit_status,
        signal=completed.signal or "",
    )


def neutral(text: str, names: Mapping[str, str]) -> str:
    """Return ``text`` with each path in ``names`` by its name, the longest path first."""
    for path, name in sorted(names.items(), key=lambda pair: -len(pair[0])):
        if len(path) > 1:
            text = text.replace(path, name)
    return text
