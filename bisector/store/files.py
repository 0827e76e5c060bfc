"""The lines below a results folder: which files have them, which are as written, and by whom.

``PACKAGE/PROBE/CONDITIONS/WRITER.jsonl`` has what one writer stored of one search, and
``PACKAGE/WRITER.jsonl`` what several of its searches share. Every ``*.jsonl`` at either place is
read, and every ``*.jsonl.gz``, so that merging is copying; `tidy` puts all of a package into one at
the upper.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bisector.model import Distribution, Json, Measurement
from bisector.store import folders, journal, old_layout, secret
from bisector.store.checked import Checked, Found
from bisector.store.codec import (
    CONDITIONS,
    SHARED,
    Search,
    installed_from_json,
    measurement_from_text,
    search_from_json,
)
from bisector.store.lines import PART, Line, split

UNREADABLE = (OSError, ValueError, KeyError, TypeError, RecursionError, MemoryError)
_T = TypeVar("_T")
_TRIES = 3
_NAMES = 9
"""How many names are tried for a file, where something else has them."""


class Files:
    """The lines below one folder; ``warnings`` collects what could not be trusted.

    ``damaged`` are the files that have any of it. The key that seals lines lies in ``cache``;
    without one, lines are not sealed.
    """

    def __init__(self, root: Path, cache: Path | None) -> None:
        self.root = root
        self.warnings: list[str] = []
        self.damaged: set[Path] = set()
        self._cache = cache
        self._secret = b""
        self._name = ""
        self._readers: dict[Path, Checked] = {}
        self._parts: dict[str, Line] = {}
        self._shared: dict[Path, set[str]] = {}
        self._values: dict[str, Any] = {}
        self._distributions: dict[str, tuple[Distribution, ...]] = {}

    def warn(self, warning: str) -> None:
        """Keep a warning, once."""
        if warning not in self.warnings:
            self.warnings.append(warning)

    def of(self, folder: Path, key: str, beside: Iterable[str] = ()) -> list[Found]:
        """Return the lines of one search, but for those whose digests are ``beside``.

        Those in its folder are read before those that several searches share: what is named by a
        line was written before it.
        """
        return _settled(lambda: self._of(folder, key, beside))

    def _of(self, folder: Path, key: str, beside: Iterable[str]) -> list[Found]:
        own = self._lines(folders.files(folder), key)
        if any(map(old_layout.is_one, folders.names(folder))):
            own += self._old(folder, key)
        shared = self._lines(folders.files(folder.parent.parent), key)
        return list(_once(own + shared, set(beside)))

    def all_of(self, package: Path) -> dict[str, list[Found]]:
        """Return the lines of all searches of a package, by their keys."""
        return _settled(lambda: self._all_of(package))

    def _all_of(self, package: Path) -> dict[str, list[Found]]:
        found: list[Found] = []
        for folder in folders.searches(package):
            found += self._lines(folders.files(folder))
            if folders.in_old_layout(folder):
                found += self._old(folder)
        found += self._lines(folders.files(package))
        grouped: dict[str, list[Found]] = {}
        for one in _once(found, set()):
            grouped.setdefault(one.line.key, []).append(one)
        return grouped

    def packages(self) -> list[Path]:
        """Return the folders of the packages that something may be stored of."""
        return folders.below(self.root)

    def described(self, probe: Path) -> list[Found]:
        """Return what was held for the searches of one probe, and of others of its package."""
        return _settled(lambda: self._described(probe))

    def _described(self, probe: Path) -> list[Found]:
        found = self._lines(folders.files(probe.parent), schema=CONDITIONS)
        for folder in folders.below(probe):
            found += self._lines(folders.files(folder), schema=CONDITIONS)
            if folders.in_old_layout(folder):
                found += [one for one in self._old(folder) if one.line.schema == CONDITIONS]
        return list(_once(found, set()))

    def measurement(self, found: Found) -> Measurement | None:
        """Return the run that a line is of; None, and a warning, where it is of none."""
        try:
            digest = found.line.named().get("installed")
            return measurement_from_text(
                found.line.data,
                self._installed(digest) if digest else None,
                elsewhere=not found.here,
            )
        except UNREADABLE as error:
            self._ignored(found, error)
            return None

    def search(self, found: Found) -> Search | None:
        """Return the search that a line is of; None, and a warning, where it is of none."""
        try:
            return search_from_json(self.data(found))
        except UNREADABLE as error:
            self._ignored(found, error)
            return None

    def data(self, found: Found) -> dict[str, Any]:
        """Return the value of a line with all its parts; raises what UNREADABLE lists."""
        data: dict[str, Any] = msgspec.json.decode(found.line.data, type=dict)
        return data | {name: self._part(digest) for name, digest in found.line.named().items()}

    def append(self, folder: Path, lines: Sequence[Line]) -> Path:
        """Write lines for good; return the file that has them. Raises OSError.

        Where something else lies at its path, the next name is taken.
        """
        name = self._writer()
        refused: Exception | None = None
        for number in range(_NAMES):
            path = folder / (f"{name}-{number}.jsonl" if number else f"{name}.jsonl")
            try:
                journal.append(path, b"".join(line.text + b"\n" for line in lines))
            except (ValueError, PermissionError) as error:
                refused = refused or error
            else:
                if refused and number:
                    self.warn(f"{folder / name}.jsonl is left as it is: {refused}")
                return path
        if isinstance(refused, OSError):
            raise refused
        raise OSError(0, str(refused))

    def line(self, package: Path, key: str, data: Mapping[str, Json]) -> Line:
        """Return the line of a value of a search, with what it shares with others written.

        Raises OSError.
        """
        fields = SHARED[str(data["schema"])]
        one, parts = split(key, data, fields, secret=self.secret())
        there = self._shared.setdefault(package, set())
        if any(part.digest not in there for part in parts):
            self._lines(paths := folders.files(package), "", PART)
            there.update(*(self._readers[path].parts for path in paths))
            if new := [part for part in parts if part.digest not in there]:
                self.append(package, new)
                there.update(part.digest for part in new)
                self._parts.update((part.digest, part) for part in new)
        return one

    def secret(self, *, make: bool = True) -> bytes:
        """Return the key that lines are sealed with; empty where there is none."""
        if not self._secret and self._cache:
            try:
                self._secret = (secret.find_or_make if make else secret.find)(self._cache)
            except (OSError, ValueError) as error:
                self.warn(f"runs are not marked as measured here: {self._cache / 'key'}: {error}")
                self._cache = None
        return self._secret

    def _writer(self) -> str:
        """Return what the files of this user and machine are called."""
        if not self._name:
            known = self.secret()
            self._name = (
                hashlib.blake2b(known, digest_size=4, person=b"writer").hexdigest()
                if known
                else secrets.token_hex(4)
            )
        return self._name

    def paths(self, package: Path) -> tuple[list[Path], list[Path]]:
        """Return the files that a package's lines are in: of today's layout, and of the old."""
        new, old = folders.files(package), []
        for folder in folders.searches(package):
            new += folders.files(folder)
            if folders.in_old_layout(folder):
                old += [folder / n for n in folders.names(folder) if old_layout.is_one(n)]
        return new, old

    def parts(self, lines: Iterable[Line]) -> list[Line]:
        """Return the lines that these name as their parts, each once."""
        named = {digest for line in lines for digest in line.named().values()}
        return [self._parts[digest] for digest in sorted(named) if digest in self._parts]

    def _lines(
        self, paths: Iterable[Path], key: str | None = None, schema: str = ""
    ) -> list[Found]:
        """Return the lines in some files that are as they were written, their parts kept aside.

        Those of a search where its key is given, and of a schema.
        """
        found = []
        for path in paths:
            reader = self._readers.setdefault(path, Checked(path, self.secret(make=False)))
            try:
                wrong = reader.refresh()
                self._parts.update(reader.parts)
                lines, altered = reader.of(key, schema)
            except FileNotFoundError:
                raise
            except UNREADABLE as error:
                self.damaged.add(path)
                self.warn(f"{path} is ignored: {_why(error)}")
                continue
            found += lines
            if (wrong := sorted([*wrong, *altered])) and path not in self.damaged:
                self.damaged.add(path)
                number, why = wrong[0]
                more = f" ({len(wrong) - 1} more in this file)" if wrong[1:] else ""
                self.warn(f"{path}, line {number} is ignored: {why}{more}")
        return found

    def _old(self, folder: Path, key: str = "") -> list[Found]:
        """Return what a folder keeps in the old layout, as lines."""
        held = old_layout.described(folder)
        if not key and held.line is None:
            self.damaged |= {folder / name for name in folders.names(folder)}
            self.warn(f"{held.path} is ignored: {held.wrong}")
            return []
        found = []
        for one in (held, *old_layout.read(folder, key or (held.line.key if held.line else ""))):
            if one.line is None:
                if one.wrong:
                    self.damaged.add(one.path)
                    self.warn(f"{one.path} is ignored: {one.wrong}")
                continue
            self._parts.update((shared.digest, shared) for shared in one.parts)
            found.append(Found(one.path, 0, one.line, here=False))
        return found

    def _part(self, digest: str) -> Any:
        if digest not in self._values:
            data = msgspec.json.decode(self._parts[digest].data, type=dict)
            self._values[digest] = data["value"]
        return self._values[digest]

    def _installed(self, digest: str) -> tuple[Distribution, ...]:
        if digest not in self._distributions:
            self._distributions[digest] = installed_from_json(self._part(digest))
        return self._distributions[digest]

    def _ignored(self, found: Found, error: BaseException) -> None:
        self.warn(f"{found.where} is ignored: {_why(error)}")


def _settled(read: Callable[[], _T]) -> _T:
    """Return what is read, once no file is tidied away while it is."""
    for _ in range(_TRIES):
        with suppress(FileNotFoundError):
            return read()
    return read()


def _why(error: BaseException) -> str:
    if isinstance(error, KeyError):
        return f"it names a part that isn't there: {error}"
    return str(error) or type(error).__name__


def _once(found: Iterable[Found], beside: set[str]) -> Iterator[Found]:
    """Yield each line once; one that was written here counts before a copy that says nothing."""
    for one in sorted(found, key=_elsewhere):
        digest = one.line.digest
        if digest not in beside:
            beside.add(digest)
            yield one


def _elsewhere(found: Found) -> bool:
    return not found.here
