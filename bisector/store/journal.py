"""Files that only grow, a line at a time: appended to by many, read without trusting them."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from bisector.store.lines import OPENING, alike, parsed, slot

_MOST_BYTES = 1 << 30
_PATIENCE_S = 5.0
"""How long a lock is waited for; who holds it longer was stopped as it wrote."""


def content(path: Path, start: int = 0) -> bytes:
    """Return what a plain file has from ``start`` on, without waiting for anyone to write it.

    Raises OSError where it can't be read, ValueError where it is no plain file or too large.
    """
    with _opened(path, os.O_RDONLY) as file:
        size = os.fstat(file).st_size
        if size - start > _MOST_BYTES:
            raise ValueError(f"it is larger than {_MOST_BYTES >> 30} GiB")
        return _rest(file, start)


class Numbered(NamedTuple):
    """A line of a file by its number, not parsed yet."""

    number: int
    text: bytes


class Reader:
    """Reads one file, and later what was added to it; nothing of it is trusted yet.

    ``lines`` are its lines by the beginning of what they are of, see `lines.slot`, in their order.
    A file that was replaced is read anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state = (0, 0)
        self._read = 0
        self._number = 0
        self.lines: dict[bytes, list[Numbered]] = {}

    def refresh(self) -> tuple[list[Numbered], str]:
        """Read what was added; return what isn't even the beginning of a line, and why.

        Raises as `content` does.
        """
        with _opened(self._path, os.O_RDONLY) as file:
            state = os.fstat(file)
            if state.st_ino != self._state[0] or state.st_size < self._read:
                self._read = self._number = 0
                self.lines = {}
            elif state.st_size == self._state[1]:
                return [], ""
            if state.st_size - self._read > _MOST_BYTES:
                raise ValueError(f"it is larger than {_MOST_BYTES >> 30} GiB")
            text = _rest(file, self._read)
            if self._path.suffix == ".gz":
                return self._whole(state, _unpacked(text))
            if text and not text.endswith(b"\n"):
                with _locked(file, fcntl.LOCK_SH):  # someone may be about to write the rest
                    text = _rest(file, self._read)
        self._state = (state.st_ino, self._read + len(text))
        whole, _, torn = text.rpartition(b"\n")
        wrong = self._take(whole.split(b"\n") if whole else [])
        self._read += len(text) - len(torn)
        if torn:
            with suppress(ValueError):
                if parsed(torn).is_as_written():  # only its end is missing
                    return wrong + self._take([torn]), ""
            return [*wrong, Numbered(self._number + 1, torn)], "it is cut off"
        return wrong, "it is no line of results"

    def _whole(self, state: os.stat_result, text: bytes) -> tuple[list[Numbered], str]:
        """Take all lines of a file that nothing is added to."""
        self._state, self._read = (state.st_ino, state.st_size), state.st_size
        return self._take(text.split(b"\n")), "it is no line of results"

    def _take(self, texts: list[bytes]) -> list[Numbered]:
        wrong = []
        same: list[Numbered] = []
        common, start = b"\n", 0  # which no line has
        for number, text in enumerate(texts, self._number + 1):
            # Thousands of lines are of the slot of the one before.
            if text.startswith(common, start) and text.startswith(OPENING):
                same.append(Numbered(number, text))
            elif (of := slot(text)) is not None:
                same = self.lines.setdefault(of, [])
                same.append(Numbered(number, text))
                common, start = alike(text)
            elif text:
                wrong.append(Numbered(number, text))
        self._number += len(texts)
        return wrong


def append(path: Path, text: bytes) -> None:
    """Add whole lines to a file, made where there is none, there also after a power cut.

    They are one write at the end of the file. A line that was cut off before is ended, so that it
    costs none but itself; and where the disk refuses, what was written of these is taken back.
    Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = False
    while True:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        with _opened(path, flags) as file, _locked(file, fcntl.LOCK_EX) as alone:
            state = os.fstat(file)
            if state.st_nlink == 0:  # tidied away as it was opened
                continue
            new = state.st_size == 0
            if not new and os.pread(file, 1, state.st_size - 1) != b"\n":
                text = b"\n" + text
            try:
                _write(file, text)
                os.fsync(file)
            except OSError:
                if alone:
                    with suppress(OSError):
                        os.ftruncate(file, state.st_size)
                raise
        break
    if new:
        with suppress(OSError):  # not every file system lets a folder be synchronised
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


@contextmanager
def exclusive(path: Path) -> Iterator[bool]:
    """Keep others from appending to a file meanwhile, and say whether that could be had.

    Raises as `content` does.
    """
    with _opened(path, os.O_RDWR) as file, _locked(file, fcntl.LOCK_EX) as alone:
        yield alone


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    """Give a plain file's descriptor; raises OSError, and ValueError where it is none."""
    try:
        file = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
            raise ValueError("it is no plain file") from error
        raise
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise ValueError("it is no plain file")
        yield file
    finally:
        os.close(file)


@contextmanager
def _locked(file: int, kind: int) -> Iterator[bool]:
    """Hold a lock on a file, and say whether it could be had: some file systems have none."""
    ends = time.monotonic() + _PATIENCE_S
    held = False
    while not held and time.monotonic() < ends:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
            held = True
        except BlockingIOError:
            time.sleep(0.001)
        except OSError:
            break
    yield held  # it goes with the descriptor


def _rest(file: int, start: int) -> bytes:
    os.lseek(file, start, os.SEEK_SET)
    pieces = []
    size = max(1 << 16, os.fstat(file).st_size - start + 1)  # in one piece, unless it grows
    while piece := os.read(file, size):
        pieces.append(piece)
    return b"".join(pieces)


def _unpacked(packed: bytes) -> bytes:
    """Return what was compressed; raises ValueError where it is too large, cut off, or no gzip."""
    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        text = unpack.decompress(packed, _MOST_BYTES)
    except zlib.error as error:
        raise ValueError(f"it can't be unpacked: {error}") from error
    if not unpack.eof or unpack.unused_data:
        raise ValueError(f"it is cut off, or larger than {_MOST_BYTES >> 30} GiB")
    return text


def _write(file: int, text: bytes) -> None:
    left = memoryview(text)
    while left:
        left = left[os.write(file, left) :]
