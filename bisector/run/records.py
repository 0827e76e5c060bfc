"""The driver's side of the harness: puts it into an environment, and reads what it recorded.

Records are written by code under test: whatever isn't one is passed over in silence.
"""

from __future__ import annotations

import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDS_VARIABLE = "BISECTOR_RECORDS"
MODULES_VARIABLE = "BISECTOR_MODULES"
HARNESS_MODULE = "_bisector_harness"

_MAX_RECORDS = 10_000
_MAX_RECORD_BYTES = 2**20
_FAULT_FRAME = re.compile(r'^  File "(.*)", line (\d+) in (.*)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a traceback; ``line`` is 0 where it isn't known."""

    file: str
    line: int
    function: str


@dataclass(frozen=True, slots=True)
class Uncaught:
    """The exception that ended a process.

    ``exception`` is the qualified type (``ValueError``, ``aiohttp.http_exceptions.BadStatusLine``);
    ``frames`` have the innermost last; ``name`` is the module that an ImportError didn't find.
    ``first`` is the exception that it came of, where they are chained: the first of the chain.
    """

    exception: str
    message: str
    frames: tuple[Frame, ...] = ()
    errno: int | None = None
    name: str | None = None
    first: Uncaught | None = None


def install(site_packages: Path) -> None:
    """Put the harness into an environment: it starts by itself where BISECTOR_RECORDS is set."""
    (site_packages / f"{HARNESS_MODULE}.py").write_bytes(harness())
    (site_packages / f"{HARNESS_MODULE}.pth").write_text(
        f"import os; os.environ.get({RECORDS_VARIABLE!r}) and __import__({HARNESS_MODULE!r})\n",
        encoding="ascii",
    )


def harness() -> bytes:
    """Return the source of what runs in the environment."""
    return Path(__file__).with_name("harness.py").read_bytes()


def uncaught(records_dir: Path, pid: int) -> Uncaught | None:
    """The exception that ended that process, if one did."""
    raised = (record.exception for record in entries(records_dir) if record.pid == pid)
    return next((_uncaught(exception) for exception in raised if exception is not None), None)


def imported(records_dir: Path) -> Iterator[tuple[str, str]]:
    """The modules asked for that the processes of a run imported, each with its file."""
    for record in entries(records_dir):
        yield from record.imported.items()


def crash_frames(records_dir: Path, pid: int) -> tuple[Frame, ...]:
    """The Python frames of the thread in which that process died of a signal, innermost last."""
    text = read(records_dir / f"{pid}.fault").decode(errors="replace")
    _, _, last = text.rpartition("Fatal Python error: ")
    current = re.search(r"^Current thread .*?(?=\n\n|\Z)", last, re.MULTILINE | re.DOTALL)
    frames = _FAULT_FRAME.findall(current[0] if current else last)
    return tuple(Frame(file, int(line[:9]), function) for file, line, function in reversed(frames))


@dataclass(frozen=True, slots=True)
class Record:
    """What the harness recorded of one process as it ended."""

    pid: int
    argv: list[str]
    peak_memory_bytes: int
    exact: bool
    ended_by: str
    exception: dict[str, Any] | None
    imported: dict[str, str]


def entries(records_dir: Path) -> Iterator[Record]:
    """Yield what was recorded of the processes of a run; whatever isn't a record is passed over."""
    try:
        names = sorted(path.name for path in records_dir.glob("*.json"))[:_MAX_RECORDS]
    except OSError:
        return
    for name in names:
        try:
            content = json.loads(read(records_dir / name))
            record = Record(*(content[field] for field in Record.__slots__))
        except (ValueError, TypeError, LookupError, RecursionError):
            continue
        if _is_record(record):
            yield record


def _is_record(record: Record) -> bool:
    return (
        all(type(number) is int for number in (record.pid, record.peak_memory_bytes))
        and 0 < record.peak_memory_bytes < 2**63
        and isinstance(record.argv, list)
        and all(isinstance(argument, str) for argument in record.argv)
        and isinstance(record.exact, bool)
        and isinstance(record.ended_by, str)
        and isinstance(record.exception, dict | None)
        and isinstance(record.imported, dict)
        and all(isinstance(text, str) for pair in record.imported.items() for text in pair)
    )


def _uncaught(exception: dict[str, Any]) -> Uncaught | None:
    """The exception as recorded; None where it isn't what the harness writes."""
    try:
        frames = tuple(
            Frame(text(file), int(line or 0), text(function))
            for file, line, function in exception["frames"]
        )
        errno, name = exception["errno"], exception["name"]
        first = exception.get("first")
        return Uncaught(
            exception=text(exception["type"]),
            message=text(exception["message"]),
            frames=frames,
            errno=errno if type(errno) is int else None,
            name=text(name) if isinstance(name, str) else None,
            first=_uncaught({**first, "first": None}) if isinstance(first, dict) else None,
        )
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return None


def text(value: object) -> str:
    """Return the value as text that can be stored: what isn't text has lone surrogates."""
    return str(value).encode(errors="replace").decode()


def read(path: Path) -> bytes:
    """The content of a regular file; empty where it is too long, or a FIFO that would block."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_RECORD_BYTES:
            return b""
        return os.read(descriptor, _MAX_RECORD_BYTES)
    finally:
        os.close(descriptor)
