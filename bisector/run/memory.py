"""What a run's processes use of memory: seen from outside, recorded from inside, and merged.

From inside, the harness records a process's own high-water mark as it exits
(``harness._peak_memory_bytes``): the one figure that is exact.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import psutil

from bisector.model import ProcessPeak
from bisector.run import records

_COMMAND_CHARS = 1000
# The children of one process from /proc cost 0.03 ms; psutil reads the whole process table.
IN_PROC = Path("/proc/thread-self/children").exists()
"""Whether /proc says which children a process has."""

_STATUS = re.compile(rb"^(VmHWM|VmRSS|NSpid):\s+(.+)$", re.MULTILINE)
_SHARES_TOLD = Path("/proc/self/smaps_rollup").exists()
_PSS = re.compile(rb"^Pss:\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sample:
    """The last high-water mark that was seen of one process from outside.

    ``pid`` is its number as the process itself knows it, in the namespace that it runs in.
    """

    pid: int
    command: str
    peak_memory_bytes: int


class Look(NamedTuple):
    """What a process showed of itself at one moment; ``inner_pid`` is what it knows itself by."""

    command: str
    rss_bytes: int
    peak_bytes: int
    inner_pid: int
    children: tuple[int, ...]


def look(pid: int) -> Look | None:
    """Return what a process shows of itself now; None where it is gone or isn't ours to see."""
    with suppress(OSError, ValueError, psutil.Error):
        return look_in_proc(pid) if IN_PROC else look_with_psutil(pid)
    return None


def look_in_proc(pid: int) -> Look | None:
    """Look into /proc; raises OSError where the process is gone."""
    folder = f"/proc/{pid}"  # a Path takes as long as reading, which is done many times a second
    status = dict(_STATUS.findall(_content(f"{folder}/status")))
    if b"VmHWM" not in status:
        return None
    tasks = os.listdir(f"{folder}/task")  # noqa: PTH208  # as above
    children = b" ".join(_content(f"{folder}/task/{task}/children") for task in tasks)
    return Look(
        _command(_content(f"{folder}/cmdline")),
        int(status[b"VmRSS"].split()[0]) * 1024,
        int(status[b"VmHWM"].split()[0]) * 1024,
        int(status.get(b"NSpid", b"%d" % pid).split()[-1]),
        tuple(map(int, children.split())),
    )


def _content(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123  # a Path takes as long
        return file.read()


@lru_cache(maxsize=256)
def _command(arguments: bytes) -> str:
    """Return a command line as it is written; that of a sandbox has hundreds of words."""
    return shlex.join(arguments.decode(errors="replace").split("\0")[:-1])[:_COMMAND_CHARS]


def look_with_psutil(pid: int) -> Look:
    """Look with psutil, which knows no high-water mark; raises psutil.Error where it is gone."""
    process = psutil.Process(pid)
    rss_bytes = process.memory_info().rss
    command = shlex.join(process.cmdline())[:_COMMAND_CHARS]
    children = tuple(child.pid for child in process.children())
    return Look(command, rss_bytes, rss_bytes, pid, children)


def exceeds(looks: Mapping[int, Look], bound_bytes: int) -> bool:
    """Return whether these processes hold more memory than that together.

    The sum of their resident sizes; where that is too much, pages that several of them share
    are counted once (the sum of their proportional sizes), if the kernel tells.
    """
    return (
        sum(look.rss_bytes for look in looks.values()) > bound_bytes
        and sum(_own_share_bytes(pid, look) for pid, look in looks.items()) > bound_bytes
    )


def peaks(records_dir: Path, main_pid: int, samples: Iterable[Sample]) -> tuple[ProcessPeak, ...]:
    """Return the peak of every process of a run, the main one first.

    What a process recorded as it exited stands; else what was last seen of it from outside, marked
    sampled. A record made before another program was executed in its place is only a lower bound.
    """
    found: dict[int, ProcessPeak] = {}
    final: set[int] = set()
    for record in records.entries(records_dir):
        peak = ProcessPeak(
            command=records.text(shlex.join(record.argv))[:_COMMAND_CHARS],
            peak_memory_bytes=record.peak_memory_bytes,
            main=record.pid == main_pid,
            sampled=not record.exact,
        )
        found[record.pid] = _higher(peak, found.get(record.pid))
        if record.ended_by != "exec":
            final.add(record.pid)
    for seen in samples:
        if seen.pid not in final:
            main = seen.pid == main_pid
            peak = ProcessPeak(seen.command, seen.peak_memory_bytes, main, sampled=True)
            found[seen.pid] = _higher(peak, found.get(seen.pid))
    return tuple(found[pid] for pid in sorted(found, key=lambda pid: (not found[pid].main, pid)))


def _own_share_bytes(pid: int, look: Look) -> int:
    if not _SHARES_TOLD:
        return look.rss_bytes
    with suppress(OSError):
        if found := _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_bytes()):
            return int(found[1]) * 1024
    return 0


def _higher(one: ProcessPeak, other: ProcessPeak | None) -> ProcessPeak:
    return one if other is None or one.peak_memory_bytes >= other.peak_memory_bytes else other
