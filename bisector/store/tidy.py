"""Puts all that is stored of a package into one file, and drops what nothing refers to."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

from packaging.version import Version

from bisector import atomic
from bisector.errors import UsageError
from bisector.store import journal, searches
from bisector.store.checked import Found
from bisector.store.codec import CONDITIONS, MEASUREMENT
from bisector.store.files import Files
from bisector.store.lines import Line


class Tidied(NamedTuple):
    """What became of a package's files: how many there were, the one that there is, its runs."""

    package: str
    before: int
    path: Path
    runs: int


def tidy(files: Files, *, compress: bool = False) -> Iterator[Tidied]:
    """Put what is stored of each package into one file named for its content; yield what was done.

    It is a tenth as large where it is to ``compress``; what is measured later lies beside it.
    A file with anything in it that can't be trusted is left as it is. Raises UsageError where the
    disk refuses.
    """
    for package in files.packages():
        try:
            tidied = _tidied(files, package, compress)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise UsageError(
                f"{package} can't be tidied: {why}", "nothing is lost; mend that, and run it again"
            ) from error
        if tidied:
            yield tidied


def _tidied(files: Files, package: Path, compress: bool) -> Tidied | None:
    new, old = files.paths(package)
    with ExitStack() as stack:
        for path in new:
            with suppress(OSError, ValueError):  # reading it says what is wrong with it
                if not stack.enter_context(journal.exclusive(path)):
                    files.warn(f"{package} is left as it is: {path} is being written to")
                    return None
        grouped = files.all_of(package)
        lines = _lines(files, grouped)
        runs = sum(line.schema == MEASUREMENT for line in lines)
        gone = [path for path in (*new, *old) if path not in files.damaged]
        if not runs or not gone:
            return None
        text = b"".join(line.text + b"\n" for line in (*files.parts(lines), *lines))
        path = package / f"{hashlib.sha256(text).hexdigest()[:12]}.jsonl{'.gz' if compress else ''}"
        if path not in new:
            written = gzip.compress(text, mtime=0) if compress else text
            atomic.write(path, written, mode=0o666, durable=True)
        for other in gone:
            if other != path:
                other.unlink()
    for folder in sorted({path.parent for path in gone}, reverse=True):
        for empty in (folder, folder.parent):
            with suppress(OSError):
                empty.rmdir()
    return Tidied(package.name, len(gone), path, runs)


def _lines(files: Files, grouped: dict[str, list[Found]]) -> list[Line]:
    """Return the lines worth keeping, search by search in the order of their probes."""
    kept = []
    for key, found in grouped.items():
        runs = [one.line for one in found if one.line.schema == MEASUREMENT]
        if key and runs:
            held = [one for one in found if one.line.schema == CONDITIONS]
            looked = [one.line for one in searches.telling(files, found)]
            kept.append((_name(files, held), key, held, looked, _ordered(files, found)))
    kept.sort(key=lambda one: one[:2])
    return [
        line
        for _, _, held, looked, runs in kept
        for line in (*(one.line for one in held), *looked, *runs)
    ]


def _name(files: Files, held: Sequence[Found]) -> tuple[str, ...]:
    """Return what the searches under some conditions are sorted by."""
    return next(((p.name, p.case, c.resolved) for p, c in searches.held(files, held)), ())


def _ordered(files: Files, found: Iterable[Found]) -> list[Line]:
    """Return the runs by release and time; what can't be read as one comes last."""

    def place(one: Found) -> tuple[bool, Version, str, str]:
        run = files.measurement(one)
        version = run.version if run else Version("0")
        return run is None, version, run.started if run else "", one.line.digest

    runs = [one for one in found if one.line.schema == MEASUREMENT]
    return [one.line for one in sorted(runs, key=place)]
