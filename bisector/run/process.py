"""Starts a process, alone in this package, and says how it ended: limits, output, whole-tree stop.

``run`` is synchronous and is called from several threads at once.
"""

from __future__ import annotations

import difflib
import errno
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import psutil

from bisector.errors import BisectorError
from bisector.run import tree
from bisector.run.output import Tail, Watch
from bisector.run.tree import Sample, become_subreaper, stop_marked

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

__all__ = [
    "Completed",
    "Ended",
    "Limits",
    "Sample",
    "StartError",
    "become_subreaper",
    "capture",
    "installer_environ",
    "run",
    "scrubbed_environ",
    "stop_marked",
]

_SAMPLE_S = 0.02
_TERMINATE_S = 0.5
# multiprocessing's resource tracker outlives its process by a moment, to remove shared memory:
# https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods
_PARTING_S = 0.1
_FOR_INSTALLER = re.compile(
    r"PATH|HOME|NETRC|(UV|PIP|XDG|SSL_CERT)_.+|(HTTPS?|ALL|NO|FTP)_PROXY", re.IGNORECASE
)
_MACHINE_ERRNOS = frozenset(
    {
        errno.EAGAIN,
        errno.EDQUOT,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.EROFS,
    }
)


class Ended(str, Enum):
    """What ended a run: the process itself (a signal from elsewhere included), or which limit."""

    EXITED = "exited"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may use. ``memory_bytes`` bounds all its processes together (``Tree.exceeds``).

    Memory is looked at every 20 ms: a bound to protect the machine, not a measurement.
    """

    timeout_s: float
    memory_bytes: int | None = None
    kept_output_bytes: int = 64 * 1024


@dataclass(frozen=True, slots=True)
class Completed:
    """How a run ended, and what it used.

    Exactly one of ``exit_status`` and ``signal`` (a name such as ``SIGSEGV``) is not None.
    ``output`` is the end of standard output and standard error as they came; ``errors`` is that
    of standard error where it was asked for apart. ``cpu_s`` counts the children waited for.
    """

    pid: int
    exit_status: int | None
    signal: str | None
    ended: Ended
    output: bytes
    errors: bytes
    output_bytes: int
    wall_s: float
    cpu_s: float
    sampled_peaks: tuple[Sample, ...]


class StartError(BisectorError):
    """The process could not be started; ``errno`` says why.

    ``of_machine``: for want of memory, processes, files or disk, so that no release is to blame.
    """

    def __init__(self, command: Sequence[str], error: OSError) -> None:
        self.errno = error.errno
        self.of_machine = error.errno in _MACHINE_ERRNOS
        file = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        super().__init__(
            f"{command[0]} could not be started ({file}{error.strerror})",
            "free memory, disk or open files (ulimit -n), or run fewer at once with --jobs"
            if self.of_machine
            else f"did you mean {near[0]}?"
            if (near := difflib.get_close_matches(command[0], ("python", "pytest"), 1, 0.8))
            else "check its name; --with PROJECT installs what brings it into the environment",
        )


def run(
    command: Sequence[str],
    *,
    environ: Mapping[str, str],
    limits: Limits,
    cwd: Path | None = None,
    marks: Collection[Path] = (),
    cancelled: threading.Event | None = None,
    on_output: Callable[[bytes], None] | None = None,
    errors_apart: bool = False,
) -> Completed:
    """How ``command`` ended, once nothing that it started is left.

    It gets ``environ`` and nothing else, no input, and a session of its own. ``marks`` are
    folders of this run alone, named in ``environ`` or the ``cwd``: its processes are known by them.
    ``on_output`` sees every byte of the output, in the calling thread. Raises StartError.
    """
    output = Tail(limits.kept_output_bytes, on_output)
    errors = Tail(limits.kept_output_bytes)
    began = time.monotonic()
    try:
        before = psutil.pids()
        child = tree.begin(
            lambda: subprocess.Popen(
                command,
                bufsize=0,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if errors_apart else subprocess.STDOUT,
                cwd=cwd,
                env=environ,
                start_new_session=True,
            )
        )
    except OSError as error:
        raise StartError(command, error) from error
    processes = tree.Tree(child.pid, marks, before)
    parting_s = 0.0
    with Watch(child, output, errors) as watch:
        try:
            ended = _ended(watch, processes, began, limits, cancelled)
            wall_s = time.monotonic() - began
            parting_s = 0.0 if ended is Ended.MEMORY else _PARTING_S
        finally:
            processes.kill(parting_s)
            status, usage = os.wait4(child.pid, 0)[1:]
            child.returncode = os.waitstatus_to_exitcode(status)
            tree.end(child.pid)
        watch.drain()
    return Completed(
        pid=child.pid,
        exit_status=child.returncode if child.returncode >= 0 else None,
        signal=_signal_name(-child.returncode) if child.returncode < 0 else None,
        ended=ended,
        output=output.end,
        errors=errors.end,
        output_bytes=output.total_bytes + errors.total_bytes,
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        sampled_peaks=processes.samples,
    )


def capture(
    command: Sequence[str],
    *,
    environ: Mapping[str, str],
    timeout_s: float,
    cwd: Path | None = None,
    cancelled: threading.Event | None = None,
) -> Completed:
    """How a tool of our own ended, with up to 16 MiB of its output and its errors apart."""
    limits = Limits(timeout_s, kept_output_bytes=16 * 1024 * 1024)
    return run(
        command, environ=environ, limits=limits, cwd=cwd, cancelled=cancelled, errors_apart=True
    )


def scrubbed_environ(
    home: Path, tmp: Path, path_dirs: Sequence[Path], extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment of a probe: nothing of the caller's; ``path_dirs`` before the system's own.

    Hash seeds stay random, so that runs that agree mean something. Bytecode is written as usual:
    where some is missing, a probe's children needn't compile again. Output isn't buffered: what
    was printed last is the evidence of a hang or a crash.
    """
    system = os.confstr("CS_PATH") or os.defpath
    return {
        "PATH": os.pathsep.join([*map(str, path_dirs), system]),
        "HOME": str(home),
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(tmp)),
        **dict.fromkeys(("LANG", "LC_ALL"), "C.UTF-8"),
        "TZ": "UTC",
        "PYTHONUNBUFFERED": "1",
        **(extra or {}),
    }


def installer_environ(caller: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What the installer needs of the caller's environment: its configuration, and a way out."""
    return {name: value for name, value in caller.items() if _FOR_INSTALLER.fullmatch(name)}


def _ended(
    watch: Watch,
    processes: tree.Tree,
    began: float,
    limits: Limits,
    cancelled: threading.Event | None,
) -> Ended:
    """What ended the main process; at a limit it is asked to terminate, and may still run."""
    ended = None
    while ended is None:
        processes.sample()
        if cancelled is not None and cancelled.is_set():
            ended = Ended.CANCELLED
        elif limits.memory_bytes is not None and processes.exceeds(limits.memory_bytes):
            return Ended.MEMORY
        elif (now := time.monotonic()) >= began + limits.timeout_s:
            ended = Ended.TIMEOUT
        elif watch.is_over(until=min(now + _SAMPLE_S, began + limits.timeout_s)):
            return Ended.EXITED
    processes.signal(signal.SIGTERM)
    watch.is_over(until=time.monotonic() + _TERMINATE_S)
    return ended


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"
