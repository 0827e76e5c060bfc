"""The processes of one run: finds them wherever they went, reads their memory, kills them.

A process belongs to a run by descent from its supervisor, by its session, or by its mark: the
run's own folder, in its environment or its working directory. What escapes all three is found
where the driver became a subreaper: the kernel then hands such orphans to it. In a PID namespace
nothing escapes: killing its first process kills all of it.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sys
import threading
import time
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from bisector.run import memory
from bisector.run.memory import Look, Sample
from bisector.run.output import wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from bisector.run.supervised import Supervised

_KILL_TIMEOUT_S = 5.0
_POLL_S = 0.002
_INIT = 1
_ONE_BY_ONE_S = 0.25


class Tree:
    """The processes below ``outer_pid``, a child of the driver that supervises a run.

    It, and the first process of a PID namespace (``walled``), aren't the run's. To be used while
    the child runs or is a zombie: its number means nobody else then.
    """

    def __init__(
        self, outer_pid: int, marks: Iterable[Path], before: Iterable[int], *, walled: bool
    ) -> None:
        self._outer = psutil.Process(outer_pid)
        self._init: psutil.Process | None = None
        self._walled = walled
        self._mark = _mark(*marks)
        self._before = frozenset(before)
        self._known: dict[int, psutil.Process] = {}
        self._looks: dict[int, Look] = {}
        self._samples: dict[int, Sample] = {}
        self.session = 0
        """The session that a run's program leads, outside of any namespace; 0 if not known."""

    @property
    def samples(self) -> tuple[Sample, ...]:
        """What was seen of each process."""
        return tuple(self._samples.values())

    @property
    def size(self) -> int:
        """How many processes were last seen."""
        return len(self._looks)

    def sample(self) -> None:
        """Look at every process that can be reached from those already known."""
        self._looks = {}
        self._known = _running_still(self._known)
        supervising: dict[int, Look] = {}
        for known in [self._outer.pid, *self._known]:
            reached: list[tuple[int, int | None]] = [(known, None)]
            while reached:
                pid, parent = reached.pop()
                if pid in self._looks or (look := memory.look(pid)) is None:
                    continue
                if pid == self._outer.pid or (self._walled and look.inner_pid == _INIT):
                    supervising[pid] = look
                    reached += [(child, pid) for child in look.children]
                    continue
                if parent is not None and _is_image_of(look, self._looks, supervising, parent):
                    continue
                reached += [(child, pid) for child in look.children]
                if pid not in self._known:
                    with suppress(psutil.Error):
                        self._known[pid] = psutil.Process(pid)
                self._looks[pid] = look
                # Without a high-water mark a look is at what is resident now.
                sample = Sample(look.inner_pid, look.command, look.peak_bytes)
                before = self._samples.get(pid, sample)
                if before.command == sample.command:
                    sample = max(before, sample, key=lambda one: one.peak_memory_bytes)
                self._samples[pid] = sample
        for pid in supervising.keys() - {self._outer.pid}:
            if self._init is None:
                with suppress(psutil.Error):
                    self._init = psutil.Process(pid)

    def exceeds(self, bound_bytes: int) -> bool:
        """Return whether those last sampled hold more memory than that together."""
        return memory.exceeds(self._looks, bound_bytes)

    def signal(self, signum: signal.Signals) -> None:
        """Send a signal to the program's group, and to each known process outside of it."""
        if self.session:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.session, signum)
        for process in self._known.values():
            with suppress(psutil.Error, ProcessLookupError):
                if not self.session or os.getpgid(process.pid) != self.session:
                    process.send_signal(signum)

    def kill(self, parting_s: float = 0.0) -> None:
        """Kill what is left of the run after ``parting_s``; return when it is gone."""
        began = time.monotonic()
        while (left := self._left()) and (waited_s := time.monotonic() - began) < _KILL_TIMEOUT_S:
            if waited_s >= parting_s:
                faster = self._init and waited_s >= parting_s + _ONE_BY_ONE_S
                _kill([self._init] if self._init and faster else left)
            time.sleep(_POLL_S)

    def close(self) -> None:
        """Kill what supervises the run, and with it what is left in a namespace; wait for it."""
        # A namespace ends with its first process, which the outer one then reaps.
        _kill([self._init] if self._init else [self._outer])
        wait(self._outer.pid, _KILL_TIMEOUT_S)
        _kill([self._outer])

    def _left(self) -> list[psutil.Process]:
        if self._walled:
            self.sample()
            return [process for process in self._known.values() if _runs(process)]
        self._known = _running_still(self._known)
        for pid in set(psutil.pids()) - self._before - self._known.keys() - {self._outer.pid}:
            with suppress(psutil.Error, OSError):
                ours = self.session and os.getsid(pid) == self.session
                if ours or _carries(psutil.Process(pid), self._mark):
                    self._known[pid] = psutil.Process(pid)
        return [process for process in self._known.values() if _runs(process)]


def _is_image_of(
    look: Look, looks: Mapping[int, Look], supervising: Mapping[int, Look], parent: int
) -> bool:
    """Return whether a process is, until it executes its program, what its parent is.

    A child of vfork(2) is its parent's memory; the supervisor's has what is the supervisor's.
    """
    if parent in supervising:
        return look.command == supervising[parent].command
    known = looks.get(parent)
    shown = look.command, look.rss_bytes, look.peak_bytes
    return known is not None and shown == (known.command, known.rss_bytes, known.peak_bytes)


def stop_marked(folder: Path) -> int:
    """Kill this user's processes that carry a folder below ``folder``; return how many there were.

    For what a driver that was itself killed left behind: ``folder`` holds the folders of its runs.
    Processes of this session (the shell, the editor) are never meant.
    """
    mark = _mark(folder, below=True)
    found = [
        process
        for process in psutil.process_iter()
        if _is_foreign(process) and _carries(process, mark)
    ]
    _kill(found)
    deadline = time.monotonic() + _KILL_TIMEOUT_S
    while any(map(_runs, found)) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return len(found)


# Starting a run and looking for orphans exclude each other: a child is known before it is judged.
_children = threading.Lock()
_running: dict[int, float] = {}
_reaper: tuple[int, frozenset[psutil.Process]] | None = None


def become_subreaper() -> bool:
    """Whether orphans of the runs are handed to this process from now on, which Linux can do.

    For a command's own process: its unknown children in other sessions, later ones, get killed.
    Once is enough.
    """
    global _reaper
    if sys.platform != "linux" or not memory.IN_PROC:
        return False
    pr_set_child_subreaper = 36
    with _children:
        if _reaper is None or _reaper[0] != os.getpid():
            if ctypes.CDLL(None, use_errno=True).prctl(pr_set_child_subreaper, 1, 0, 0, 0) != 0:
                return False
            _reaper = os.getpid(), frozenset(psutil.Process().children())
    return True


def begin(start: Callable[[], Supervised]) -> Supervised:
    """Return the child that supervises a run, as ``start`` makes it: no orphan until ``end``."""
    with _children:
        child = start()
        try:
            _running[child.pid] = psutil.Process(child.pid).create_time()
        except BaseException:
            child.control.close()  # it ends by itself
            child.reaped()
            raise
    return child


def end(outer_pid: int) -> None:
    """Forget a run whose supervisor was waited for; kill the orphans of those that ended.

    An orphan without a mark may be any run's that was under way when it appeared: it is killed
    when none of them is left.
    """
    with _children:
        _running.pop(outer_pid, None)
        if _reaper is None or _reaper[0] != os.getpid():
            return
        oldest = min(_running.values(), default=inf)
        while orphans := [orphan for orphan in _orphans(_reaper[1]) if _is_over(orphan, oldest)]:
            _kill(orphans)
            if psutil.wait_procs(orphans, timeout=_KILL_TIMEOUT_S)[1]:
                return


def _orphans(inherited: frozenset[psutil.Process]) -> list[psutil.Process]:
    found = []
    look = memory.look(os.getpid())
    for pid in look.children if look else ():
        with suppress(psutil.Error, OSError):
            process = psutil.Process(pid)
            if pid not in _running and process not in inherited and _is_foreign(process):
                found.append(process)
    return found


def _is_over(orphan: psutil.Process, oldest_run: float) -> bool:
    with suppress(psutil.Error):
        return orphan.create_time() < oldest_run or not _runs(orphan)
    return False


def _is_foreign(process: psutil.Process) -> bool:
    """Whether it is this user's and in another session: so is all that runs ever started."""
    with suppress(psutil.Error, OSError):
        return process.uids().real == os.getuid() and os.getsid(process.pid) != os.getsid(0)
    return False


def _mark(*folders: Path, below: bool = False) -> re.Pattern[str] | None:
    """A pattern of those folders, or a path below one, in a list of paths; None of no folder."""
    if not folders:
        return None
    spelt = {str(path) for folder in folders for path in (folder.absolute(), folder.resolve())}
    paths = "|".join(map(re.escape, spelt))
    return re.compile(rf"(?:\A|:)(?:{paths})" + (r"/[^/:]" if below else r"(?:[/:]|\Z)"))


def _carries(process: psutil.Process, mark: re.Pattern[str] | None) -> bool:
    if mark is None:
        return False
    with suppress(psutil.Error, OSError):
        if any(mark.search(value) for value in process.environ().values()):
            return True
    with suppress(psutil.Error, OSError):
        # Somebody who looks around in the folder is there too, at a terminal.
        return mark.match(process.cwd()) is not None and process.terminal() is None
    return False


def _running_still(known: dict[int, psutil.Process]) -> dict[int, psutil.Process]:
    """Without those that are gone, whose numbers may mean others by now; zombies stay."""
    return {pid: process for pid, process in known.items() if process.is_running()}


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        gone = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        return process.is_running() and process.status() not in gone
    return False


def _kill(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.kill()
