"""The caller's folder, in which commands run: what a run changed there, and copies of it.

A formatter, a fixer or a cache spoils the next run. What a command names is put back as it was when
the search began, and from then on each run has a copy of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bisector import atomic

MOST_FILES = 10_000
_MOST_COPIED_BYTES = 256 << 20
_TOOLS_OWN = frozenset({".git", ".hg", ".svn", "__pycache__", ".pytest_cache", "node_modules"})
"""Folders whose owners look themselves whether what is in them still holds."""

State = dict[str, tuple[int, int]]
"""The size and the time of modification of files, by their path."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller's ``folder``, with what is ``named`` of it by the command that runs there.

    ``records`` is where the runs of one search share what they know of it: the files that are
    named as they were at first, and whether a run has changed anything. Nothing is looked at below
    the folders that are ``aside``.
    """

    folder: Path
    named: tuple[Path, ...]
    records: Path
    aside: tuple[Path, ...] = ()

    def prepare(self) -> None:
        """Keep what is named as it is, unless a run before this has done so."""
        if self.records.exists():
            return
        self.records.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix="named-", dir=self.records.parent))
        for path in self.named:
            shutil.copy2(path, new / _record(path))
        for name in ("began", "running"):
            (new / name).mkdir()
        (new / "first").write_text(json.dumps(self.state()))
        try:
            new.rename(self.records)
        except OSError:  # another run was faster
            shutil.rmtree(new, ignore_errors=True)

    @property
    def spoils(self) -> bool:
        """Whether a run has changed something."""
        return (self.records / "spoils").exists()

    @contextmanager
    def running(self) -> Iterator[Callable[[], bool]]:
        """Note that a run is under way in the folder; give what tells whether it was alone there.

        That is whether no other run of the search was under way at any time since.
        """
        token = secrets.token_hex(8)
        (self.records / "began" / token).touch()
        (self.records / "running" / token).touch()
        try:
            yield self.watch(1)
        finally:
            (self.records / "running" / token).unlink(missing_ok=True)

    def watch(self, own: int = 0) -> Callable[[], bool]:
        """Return what tells whether no run but ``own`` was under way in the folder since."""
        began = self.records / "began"
        before = _count(began)
        no_other = _count(self.records / "running") == own
        return lambda: no_other and _count(began) == before

    def first(self) -> State:
        """Return what the files of the folder looked like before any run."""
        stored = json.loads((self.records / "first").read_text())
        return {name: (size, changed) for name, (size, changed) in stored.items()}

    def state(self) -> State:
        """Return what the files of the folder look like; nothing where they are too many."""
        found: State = {}
        for path in self._files():
            if len(found) == MOST_FILES:
                return {}
            with suppress(OSError):
                status = path.lstat()
                found[str(path.relative_to(self.folder))] = (status.st_size, status.st_mtime_ns)
        return found

    def changed(self, before: State) -> tuple[str, ...]:
        """Return which files of the folder are not as ``before``, those aside that are others'."""
        after = self.state() if before else {}
        names = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        mine = {os.path.relpath(path, self.folder) for path in self.named}
        return tuple(sorted(names - mine - self._others())) if after else ()

    def rewritten(self) -> tuple[str, ...]:
        """Return what the command names and is not as at first; it is put back.

        Whoever finds it put back finds as well that a run has changed something.
        """
        names = []
        for path in self.named:
            original = self.records / _record(path)
            if original.exists() and not _same(path, original):  # else a run before has made it
                self.spoil()
                shutil.copy2(original, path)
                names.append(os.path.relpath(path, self.folder))
        return tuple(names)

    def spoil(self) -> None:
        """Keep that a run has changed something: each has a copy from now on."""
        (self.records / "spoils").touch()

    def leave(self, names: Iterable[str]) -> None:
        """Keep that these files are changed by others than the runs."""
        others = self._others().union(names)
        atomic.write(self.records / "others", json.dumps(sorted(others)).encode())

    def _others(self) -> set[str]:
        with suppress(OSError, ValueError):
            return set(json.loads((self.records / "others").read_text()))
        return set()

    def copy(self, target: Path) -> Caller | None:
        """Copy the whole folder to ``target``, what is named as it was, and nothing that is new.

        Return the copy; None where the folder is too large.
        """
        first = self.first()
        files = []
        size_bytes = 0
        for path in self._files():
            if str(path.relative_to(self.folder)) not in first:
                continue
            with suppress(OSError):
                size_bytes += path.lstat().st_size
            files.append(path)
            if size_bytes > _MOST_COPIED_BYTES:
                return None
        if not files:
            return None
        for path in files:
            copied = target / path.relative_to(self.folder)
            copied.parent.mkdir(parents=True, exist_ok=True)
            with suppress(OSError):
                shutil.copy2(path, copied, follow_symlinks=False)
        for path in self.named:
            original = self.records / _record(path)
            if original.exists() and path.is_relative_to(self.folder):
                shutil.copy2(original, target / path.relative_to(self.folder))
        return Caller(target, (), self.records)

    def _files(self) -> Iterator[Path]:
        folders = [self.folder]
        while folders:
            try:
                entries = sorted(os.scandir(folders.pop()), key=lambda entry: entry.name)
            except OSError:
                continue
            for entry in entries:
                path = Path(entry.path)
                if not entry.is_dir(follow_symlinks=False):
                    if entry.is_file(follow_symlinks=False) or entry.is_symlink():
                        yield path
                elif not (entry.name in _TOOLS_OWN or self._is_aside(path)):
                    folders.append(path)

    def _is_aside(self, path: Path) -> bool:
        return path in self.aside or (path / "pyvenv.cfg").exists()


def named(words: Iterable[str], folder: Path) -> tuple[Path, ...]:
    """Return the files that the words of a command name, also as ``--option=FILE``."""
    found: dict[Path, None] = {}
    for word in words:
        for text in (word.partition("::")[0], word.partition("=")[2]):
            path = folder / text
            with suppress(OSError, ValueError):
                if text and path.is_file():
                    found[path] = None
    return tuple(found)


def remark(changed: Sequence[str]) -> str:
    """Return, as a sentence, that a run changed files of the caller's folder."""
    some = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if changed[3:] else "")
    return f"A run changed {some}; what the command names is put back, and each run has a copy."


def _record(path: Path) -> str:
    """Return the name under which a file is kept; its own may be another's, in another folder."""
    return f"file-{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}"


def _count(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir())


def _same(one: Path, other: Path) -> bool:
    try:
        return one.read_bytes() == other.read_bytes()
    except OSError:
        return False
