"""Runs a program and says how it ended: sandbox, limits, output, whole-tree stop.

``run`` is synchronous and is called from several threads at once. What watches a program is
imported where one is run: psutil and sockets take 20 ms, and what is stored is answered without.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from bisector.errors import BisectorError, near
from bisector.run import leftovers
from bisector.run.environ import installer_environ, scrubbed_environ
from bisector.run.limits import Limits, size_of
from bisector.run.sandbox import OPEN, Confinement

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Mapping, Sequence

    from bisector.run.memory import Sample
    from bisector.run.output import Tail, Watch
    from bisector.run.supervised import Supervised
    from bisector.run.tree import Tree

__all__ = [
    "Completed",
    "Ended",
    "Limits",
    "StartError",
    "capture",
    "installer_environ",
    "run",
    "scrubbed_environ",
]

_SAMPLE_S = 0.02
_TERMINATE_S = 0.5
# multiprocessing's resource tracker outlives its process by a moment, to remove shared memory:
# https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods
_PARTING_S = 0.1
_ANSWER_S = 0.5
_SIZE_S = 0.1
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
    PROCESSES = "processes"
    DISK = "disk"


@dataclass(frozen=True, slots=True)
class Completed:
    """How a run ended, and what it used.

    ``pid`` is the program's own, as it knows it itself; 0 where it was never known. Exactly one
    of ``exit_status`` and ``signal`` (a name such as ``SIGSEGV``) is not None.
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
            else f"did you mean {meant[0]}?"
            if (meant := near(command[0], ("python", "pytest"), cutoff=0.8))
            else "check its name; --with PROJECT installs what brings it into the environment",
        )


class SandboxError(BisectorError):
    """The sandbox could not be set up: no release is to blame."""

    exit_code = 4


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
    confinement: Confinement = OPEN,
) -> Completed:
    """Return how ``command`` ended, once nothing that it started is left.

    It gets ``environ`` and nothing else, no input, and a session of its own. ``marks`` are
    folders of this run alone, named in ``environ`` or the ``cwd``: its processes are known by them.
    ``on_output`` sees every byte of the output, in the calling thread. Raises StartError, or
    SandboxError where it can't be confined as it should.
    """
    import psutil

    from bisector.run import tree
    from bisector.run.output import Tail, Watch
    from bisector.run.supervised import Job

    leftovers.begin()
    output = Tail(limits.kept_output_bytes, on_output)
    errors = Tail(limits.kept_output_bytes)
    walled = confinement.walled
    before = () if walled else psutil.pids()
    child = _started(command, confinement, errors_apart=errors_apart)
    job = Job(
        command,
        environ,
        cwd or Path.cwd(),
        limits.resources(walled=walled),
        child.ruleset,
        thorough=confinement is not OPEN,
    )
    processes = tree.Tree(child.pid, marks, before, walled=walled)
    parting_s = 0.0
    with Watch(child, output, errors) as watch:
        try:
            child.begin(job)
            ended = _ended(watch, processes, child, limits, confinement.folder, cancelled)
            wall_s = time.monotonic() - child.answers.began
            parting_s = _PARTING_S if ended in _MAY_PART else 0.0
        finally:
            processes.session = 0 if walled else child.answers.pid or 0
            processes.kill(parting_s)
            watch.is_over(until=time.monotonic() + _ANSWER_S)
            processes.close()
            usage = child.reaped()
            tree.end(child.pid)
        watch.drain()
    answers = child.answers
    if answers.failure:
        raise StartError(command, answers.failure)
    if answers.pid is None and ended is Ended.EXITED:
        raise _unconfined(output, errors)
    # Without an answer, the supervisor was killed: by a limit, or by the program.
    status = os.waitstatus_to_exitcode(signal.SIGKILL if answers.status is None else answers.status)
    return Completed(
        pid=answers.pid or 0,
        exit_status=status if status >= 0 else None,
        signal=_signal_name(-status) if status < 0 else None,
        ended=ended,
        output=output.end,
        errors=errors.end,
        output_bytes=output.total_bytes + errors.total_bytes,
        wall_s=answers.wall_s or wall_s,
        cpu_s=answers.cpu_s or usage.ru_utime + usage.ru_stime,
        sampled_peaks=processes.samples,
    )


_MAY_PART = frozenset({Ended.EXITED, Ended.TIMEOUT, Ended.CANCELLED})


def _started(command: Sequence[str], confinement: Confinement, *, errors_apart: bool) -> Supervised:
    """Return a supervisor, confined as it should be, that waits for its job."""
    from bisector.run import tree
    from bisector.run.supervised import Supervised

    try:
        with closing(confinement.ready()) as entrance:
            return tree.begin(lambda: Supervised(entrance, errors_apart=errors_apart))
    except OSError as error:
        raise StartError(command, error) from error


def _unconfined(output: Tail, errors: Tail) -> SandboxError:
    text = (errors.end or output.end).decode("utf-8", "replace").strip().splitlines()
    return SandboxError(
        f"the sandbox can't be set up: {text[-1] if text else 'it ended without a word'}",
        "look at the machine's limits; --sandbox off does without, and keeps nothing from a run",
    )


def capture(
    command: Sequence[str],
    *,
    environ: Mapping[str, str],
    timeout_s: float,
    cwd: Path | None = None,
    cancelled: threading.Event | None = None,
) -> Completed:
    """Return how a tool of our own ended, with up to 16 MiB of its output and its errors apart."""
    limits = Limits(timeout_s, kept_output_bytes=16 * 1024 * 1024)
    return run(
        command, environ=environ, limits=limits, cwd=cwd, cancelled=cancelled, errors_apart=True
    )


def _ended(
    watch: Watch,
    processes: Tree,
    child: Supervised,
    limits: Limits,
    folder: Path | None,
    cancelled: threading.Event | None,
) -> Ended:
    """Return what ended the program; at a limit it is asked to terminate, and may still run."""
    ended = None
    next_size = 0.0
    while ended is None:
        processes.sample()
        now, until = time.monotonic(), child.answers.began + limits.timeout_s
        if cancelled is not None and cancelled.is_set():
            ended = Ended.CANCELLED
        elif limits.memory_bytes is not None and processes.exceeds(limits.memory_bytes):
            return Ended.MEMORY
        elif limits.processes is not None and processes.size > limits.processes:
            return Ended.PROCESSES
        elif folder and limits.folder_bytes is not None and now >= next_size:
            if size_of(folder, limits.folder_bytes) > limits.folder_bytes:
                return Ended.DISK
            took_s = time.monotonic() - now
            next_size = now + max(_SIZE_S, 10 * took_s)
        if ended is None and now >= until:
            ended = Ended.TIMEOUT
        elif ended is None and watch.is_over(until=min(now + _SAMPLE_S, until)):
            return Ended.EXITED
    processes.signal(signal.SIGTERM)
    watch.is_over(until=time.monotonic() + _TERMINATE_S)
    return ended


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"
