"""Sees that an installer gets on, and gives it up where what it waits for doesn't come.

How much a process receives is known on Linux alone; elsewhere only the time in all is limited.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from bisector.run.pace import LEAST_BYTES_S, Pace

_LOOK_S = 1.0
_BUSY = 0.05
"""The share of its time that an installer computes for which it isn't waiting."""


class Waiting(threading.Event):
    """Set where the installer that runs in ``folder`` is to be stopped.

    That is where ``cancelled`` is set, and where next to nothing comes for ``patience_s``;
    ``given_up`` then says so. It looks whenever it is asked, at most once a second.
    """

    def __init__(self, folder: Path, patience_s: float, cancelled: threading.Event | None) -> None:
        super().__init__()
        self.given_up = ""
        self._folder = str(folder.resolve())
        self._cancelled = cancelled
        self._received: dict[int, int] = {}
        self._looked = time.monotonic()
        waits = "the installer has received next to nothing"
        self._pace = Pace(waits, patience_s, self._looked)

    def is_set(self) -> bool:
        """Return whether it is to be stopped."""
        if self._cancelled is not None and self._cancelled.is_set():
            return True
        now = time.monotonic()
        if sys.platform == "linux" and not self.given_up and now >= self._looked + _LOOK_S:
            self._looked = now
            self._look(now)
        return bool(self.given_up)

    def _look(self, now: float) -> None:
        processes = list(_processes_in(self._folder))
        sockets = _sockets(processes)
        if not sockets:  # what it waits for doesn't come over the network
            self._pace.begin(now)
            return
        self._received |= _received(sockets)
        written, cpu_s = _done(processes)
        computed = cpu_s / _BUSY * LEAST_BYTES_S
        self.given_up = self._pace.given_up(now, sum(self._received.values()) + written + computed)


def _processes_in(folder: str) -> Iterator[psutil.Process]:
    """Yield the process that was started in a folder, and all that it started."""
    for pid in psutil.pids():
        with suppress(OSError, psutil.Error):
            process = psutil.Process(pid)
            if process.cwd() == folder:
                yield process
                yield from process.children(recursive=True)


def _sockets(processes: Collection[psutil.Process]) -> set[int]:
    """Return the inodes of the sockets that these processes have open."""
    inodes = set()
    for process in processes:
        folder = f"/proc/{process.pid}/fd"
        with suppress(OSError):
            for name in os.listdir(folder):  # noqa: PTH208  # thousands of paths cost
                with suppress(OSError):
                    target = os.readlink(f"{folder}/{name}")  # noqa: PTH115  # quicker, for many
                    if target.startswith("socket:["):
                        inodes.add(int(target[8:-1]))
    return inodes


def _done(processes: Collection[psutil.Process]) -> tuple[int, float]:
    """Return the bytes that these processes wrote, and the seconds that they computed."""
    written, cpu_s = 0, 0.0
    for process in processes:
        with suppress(psutil.Error, OSError):
            written += process.io_counters().write_chars
            times = process.cpu_times()
            cpu_s += times.user + times.system
    return written, cpu_s


def _received(sockets: Collection[int]) -> dict[int, int]:
    """Return the bytes that each TCP connection among these sockets has received.

    As the kernel counts them, asked by sock_diag(7); nothing where it doesn't say.
    """
    received_bytes: dict[int, int] = {}
    for family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError, struct.error):
            received_bytes.update(_tcp(family))
    return {inode: received for inode, received in received_bytes.items() if inode in sockets}


def _tcp(family: int) -> Iterator[tuple[int, int]]:
    """Yield the inode of each TCP socket of this machine, with the bytes that it has received."""
    by_family, request, dump, info = 20, 0x1, 0x300, 2  # linux/sock_diag.h, inet_diag.h, netlink.h
    asked = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 1 << (info - 1), 0, 0xFFFFFFFF)
    asked += bytes(48)
    header = struct.pack("=IHHII", 16 + len(asked), by_family, request | dump, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as kernel:
        kernel.settimeout(_LOOK_S)
        kernel.send(header + asked)
        while True:
            data = kernel.recv(1 << 16)
            while data:
                length, kind = struct.unpack_from("=IH", data)
                if kind != by_family:
                    return
                (inode,) = struct.unpack_from("=I", data, 16 + 68)
                attributes = data[16 + 72 : length]
                while attributes:
                    size, what = struct.unpack_from("=HH", attributes)
                    if what == info and size >= 4 + 136:
                        yield inode, struct.unpack_from("=Q", attributes, 4 + 128)[0]
                    attributes = attributes[(size + 3) & ~3 :]
                data = data[(length + 3) & ~3 :]
