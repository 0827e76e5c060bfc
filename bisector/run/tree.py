"""The processes of one run: finds them wherever they went, reads their memory, kills them.

A process belongs to a run by descent, by its session, or by its mark: the run's own folder, in its
environment or its working directory. What escapes all three is found where the driver became a
subreaper: the kernel then hands such orphans to it.
"""

from __future__ import annotations

import ctypes
import os
import re
import shlex
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable

_KILL_TIMEOUT_S = 5.0
_POLL_S = 0.002
_COMMAND_CHARS = 1000
# The children of one process from /proc cost 0.03 ms; psutil reads the whole process table.
_PROC = Path("/proc/thread-self/children").exists()
_VM = re.compile(rb"^Vm(HWM|RSS):\s+(\d+) kB", re.MULTILINE)
_SHARES_TOLD = Path("/proc/self/smaps_rollup").exists()
_PSS = re.compile(rb"^Pss:\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sample:
    """The last high-water mark that was seen of one process from outside."""

    pid: int
    command: str
    peak_memory_bytes: int
    main: bool = False


class _Look(NamedTuple):
    command: str
    rss_bytes: int
    peak_bytes: int
    children: tuple[int, ...]


class Tree:
    """The processes that descend from ``main_pid``, the leader of a session of its own.

    To be used while the main process runs or is a zombie: its number means nobody else then.
    """

    def __init__(self, main_pid: int, marks: Iterable[Path], before: Iterable[int]) -> None:
        self._main_pid = main_pid
        self._mark = _mark(*marks)
        self._before = frozenset(before)
        self._known = {main_pid: psutil.Process(main_pid)}
        self._looks: dict[int, _Look] = {}
        self._samples: dict[int, Sample] = {}

    @property
    def samples(self) -> tuple[Sample, ...]:
        """What was seen of each process, the main one first."""
        return tuple(sorted(self._samples.values(), key=lambda sample: not sample.main))

    def sample(self) -> None:
        """Look at every process that can be reached from those already known."""
        self._looks = {}
        self._known = _running_still(self._known)
        for known in list(self._known):
            reached: list[tuple[int, int | None]] = [(known, None)]
            while reached:
                pid, parent = reached.pop()
                if pid in self._looks or (look := _look(pid)) is None:
                    continue
                # Until it executes its program a child of vfork(2) is its parent's memory.
                if parent is not None and look[:3] == self._looks[parent][:3]:
                    continue
                if pid not in self._known:
                    with suppress(psutil.Error):
                        self._known[pid] = psutil.Process(pid)
                self._looks[pid] = look
                self._samples[pid] = Sample(
                    pid, look.command, look.peak_bytes, main=pid == self._main_pid
                )
                reached += [(child, pid) for child in look.children]

    def exceeds(self, bound_bytes: int) -> bool:
        """Whether the processes that were last sampled hold more memory than that together.

        The sum of their resident sizes; where that is too much, pages that several of them share
        are counted once (the sum of their proportional sizes), if the kernel tells.
        """
        return (
            sum(look.rss_bytes for look in self._looks.values()) > bound_bytes
            and sum(_own_share_bytes(pid, look) for pid, look in self._looks.items()) > bound_bytes
        )

    def signal(self, signum: signal.Signals) -> None:
        """Send a signal to the main process' group, and to each known process outside of it."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._main_pid, signum)
        for process in self._known.values():
            with suppress(psutil.Error, ProcessLookupError):
                if os.getpgid(process.pid) != self._main_pid:
                    process.send_signal(signum)

    def kill(self, parting_s: float = 0.0) -> None:
        """Kill what is left after ``parting_s``, be it the main process; return when it is gone."""
        began = time.monotonic()
        while (left := self._left()) and (waited_s := time.monotonic() - began) < _KILL_TIMEOUT_S:
            if waited_s >= parting_s:
                _kill(left)
            time.sleep(_POLL_S)

    def _left(self) -> list[psutil.Process]:
        self._known = _running_still(self._known)
        for pid in set(psutil.pids()) - self._before - self._known.keys():
            with suppress(psutil.Error, OSError):
                if os.getsid(pid) == self._main_pid or _carries(psutil.Process(pid), self._mark):
                    self._known[pid] = psutil.Process(pid)
        return [process for process in self._known.values() if _runs(process)]


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
    """
    global _reaper
    if sys.platform != "linux" or not _PROC:
        return False
    pr_set_child_subreaper = 36
    if ctypes.CDLL(None, use_errno=True).prctl(pr_set_child_subreaper, 1, 0, 0, 0) != 0:
        return False
    _reaper = os.getpid(), frozenset(psutil.Process().children())
    return True


def begin(start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """The main process of a run, as ``start`` makes it: not an orphan until ``end``."""
    with _children:
        child = start()
        try:
            _running[child.pid] = psutil.Process(child.pid).create_time()
        except BaseException:
            child.kill()
            child.wait()
            raise
    return child


def end(main_pid: int) -> None:
    """Forget a run whose main process was waited for; kill the orphans of those that ended.

    An orphan without a mark may be any run's that was under way when it appeared: it is killed
    when none of them is left.
    """
    with _children:
        _running.pop(main_pid, None)
        if _reaper is None or _reaper[0] != os.getpid():
            return
        oldest = min(_running.values(), default=inf)
        while orphans := [orphan for orphan in _orphans(_reaper[1]) if _is_over(orphan, oldest)]:
            _kill(orphans)
            if psutil.wait_procs(orphans, timeout=_KILL_TIMEOUT_S)[1]:
                return


def _orphans(inherited: frozenset[psutil.Process]) -> list[psutil.Process]:
    found = []
    look = _look(os.getpid())
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


def _look(pid: int) -> _Look | None:
    """What a process shows of itself at this moment; None where it is gone or isn't ours to see."""
    with suppress(OSError, ValueError, psutil.Error):
        return _look_in_proc(pid) if _PROC else _look_with_psutil(pid)
    return None


def _look_in_proc(pid: int) -> _Look | None:
    folder = Path("/proc", str(pid))
    vm_bytes = {key: int(kib) * 1024 for key, kib in _VM.findall((folder / "status").read_bytes())}
    if b"HWM" not in vm_bytes:
        return None
    arguments = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    children = b" ".join((task / "children").read_bytes() for task in (folder / "task").iterdir())
    return _Look(
        shlex.join(arguments)[:_COMMAND_CHARS],
        vm_bytes[b"RSS"],
        vm_bytes[b"HWM"],
        tuple(map(int, children.split())),
    )


def _look_with_psutil(pid: int) -> _Look:
    process = psutil.Process(pid)
    rss_bytes = process.memory_info().rss
    command = shlex.join(process.cmdline())[:_COMMAND_CHARS]
    return _Look(command, rss_bytes, rss_bytes, tuple(child.pid for child in process.children()))


def _own_share_bytes(pid: int, look: _Look) -> int:
    if not _SHARES_TOLD:
        return look.rss_bytes
    with suppress(OSError):
        if found := _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_bytes()):
            return int(found[1]) * 1024
    return 0
