"""Reads what a process prints, without ever making it wait, until it has ended."""

from __future__ import annotations

import os
import select
import selectors
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

    from bisector.run.supervised import Supervised

_CHUNK_BYTES = 64 * 1024
# No pipe of an unprivileged process holds more (pipe(7)): one read empties it.
_PIPE_BYTES = 1024 * 1024
_WITHOUT_PIDFD_S = 0.005


class Tail:
    """The end of a stream, in bounded memory, and how long the stream was."""

    def __init__(self, kept_bytes: int, listener: Callable[[bytes], None] | None = None) -> None:
        self._kept_bytes = kept_bytes
        self._listener = listener
        self._recent = bytearray()
        self.total_bytes = 0

    def add(self, chunk: bytes) -> None:
        """Append to the stream; the listener sees it too."""
        self.total_bytes += len(chunk)
        self._recent += chunk
        if len(self._recent) > 2 * self._kept_bytes:
            del self._recent[: -self._kept_bytes or None]
        if self._listener is not None:
            self._listener(chunk)

    @property
    def end(self) -> bytes:
        """As much of the end as was to be kept."""
        return bytes(self._recent[max(0, len(self._recent) - self._kept_bytes) :])


class Watch:
    """What a process prints, on its way to where it is kept, and whether the process has ended."""

    def __init__(self, child: Supervised, output: Tail, errors: Tail) -> None:
        self._child = child
        # poll(2) needs no descriptor of its own, so it can't fail for want of one.
        self._selector = selectors.PollSelector()
        for pipe, tail in ((child.stdout, output), (child.stderr, errors)):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                self._selector.register(pipe, selectors.EVENT_READ, tail)
        self._selector.register(child.control, selectors.EVENT_READ, child.answers)
        self._pidfd = _pidfd(child.pid)
        if self._pidfd is not None:
            self._selector.register(self._pidfd, selectors.EVENT_READ)

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for pipe in (self._child.stdout, self._child.stderr):
            if pipe is not None:
                pipe.close()
        self._child.control.close()
        if self._pidfd is not None:
            os.close(self._pidfd)

    def is_over(self, until: float) -> bool:
        """Return whether the program has ended: True as soon as it has, False at ``until``."""
        while not self._child.answers.over:
            left_s = max(0.0, until - time.monotonic())
            wait_s = left_s if self._pidfd is not None else min(left_s, _WITHOUT_PIDFD_S)
            for key, _ in self._selector.select(wait_s):
                if key.data is None:
                    return True
                self._read(key, _CHUNK_BYTES)
            if self._pidfd is None and _is_zombie(self._child.pid):
                return True
            if time.monotonic() >= until:
                return self._child.answers.over
        return True

    def drain(self) -> None:
        """Read what is left in the pipes; whoever still holds one open isn't waited for."""
        for key in [key for key in self._selector.get_map().values() if key.data is not None]:
            self._read(key, _PIPE_BYTES)

    def _read(self, key: selectors.SelectorKey, size_bytes: int) -> None:
        try:
            chunk = os.read(key.fd, size_bytes)
        except BlockingIOError:
            return
        except ConnectionResetError:
            chunk = b""
        if chunk:
            key.data.add(chunk)
        else:
            self._selector.unregister(key.fileobj)


def _pidfd(pid: int) -> int | None:
    """A descriptor that becomes readable as the process ends; None where there is no such thing."""
    if sys.platform == "linux" and hasattr(os, "pidfd_open"):
        with suppress(OSError):
            return os.pidfd_open(pid)
    return None


def wait(pid: int, timeout_s: float) -> None:
    """Wait until a child has ended, which nobody has waited for yet, or until that is too long."""
    pidfd = _pidfd(pid)
    if pidfd is not None:
        try:
            select.select([pidfd], [], [], timeout_s)
        finally:
            os.close(pidfd)
        return
    deadline = time.monotonic() + timeout_s
    while not _is_zombie(pid) and time.monotonic() < deadline:
        time.sleep(_WITHOUT_PIDFD_S)


def _is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
