"""What one run may use of the machine, so that the machine outlives it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MAX_PROCESSES = 4096
MAX_FOLDER_BYTES = 2 << 30
_MAX_ENTRIES = 100_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may use; None where that isn't bounded.

    ``memory_bytes`` bounds all its processes together (``memory.exceeds``), ``processes`` their
    number, and with it, where the kernel counts for us, that of their threads. ``folder_bytes`` is
    what its folder may take on the disk, each file included. All of them are looked at every 20 ms
    or so: bounds to protect the machine, not measurements.
    """

    timeout_s: float
    memory_bytes: int | None = None
    kept_output_bytes: int = 64 * 1024
    processes: int | None = None
    folder_bytes: int | None = None

    def resources(self, *, walled: bool) -> tuple[tuple[str, int], ...]:
        """Return what the kernel itself holds each process to, by names of :mod:`resource`.

        In a user namespace of its own (``walled``) only a run's own processes are counted,
        elsewhere all of the user's; root's never are.
        """
        found = []
        if self.folder_bytes is not None:
            found += [("RLIMIT_FSIZE", self.folder_bytes), ("RLIMIT_CORE", 0)]
        if self.processes is not None and os.getuid() != 0:
            others = 0 if walled else _threads_of_this_user()
            found.append(("RLIMIT_NPROC", others + self.processes))
        return tuple(found)


def guarded(timeout_s: float, memory_bytes: int | None, folder_bytes: int | None) -> Limits:
    """Return the limits of a probe's run, with those that protect the machine where none is set."""
    import psutil  # see `process`

    return Limits(
        timeout_s,
        memory_bytes=memory_bytes or psutil.virtual_memory().total * 3 // 4,
        processes=MAX_PROCESSES,
        folder_bytes=folder_bytes or MAX_FOLDER_BYTES,
    )


def size_of(folder: Path, enough_bytes: int) -> int:
    """Return what is below ``folder`` takes on the disk; of more than ``enough_bytes``, a part."""
    total = 0
    for entries, entry in enumerate(_below(folder)):
        with suppress(OSError):
            total += entry.stat(follow_symlinks=False).st_blocks * 512
        if total > enough_bytes:
            return total
        if entries > _MAX_ENTRIES:
            return enough_bytes + 1
    return total


def _below(folder: Path) -> Iterator[os.DirEntry[str]]:
    folders = [str(folder)]
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)


def _threads_of_this_user() -> int:
    """Return how many threads the user runs now, those of all sessions."""
    import psutil

    count, user = 0, os.getuid()
    for process in psutil.process_iter(["uids", "num_threads"]):
        uids = process.info["uids"]
        if uids and uids.real == user:
            count += process.info["num_threads"] or 1
    return count
