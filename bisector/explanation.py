"""Why an outcome changed between two releases, as far as their code and one traced run tell."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Edit(str, Enum):
    """What became of a piece of a package from one release to the next."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"
    MOVED = "moved"
    ANNOTATED = "annotated"


class Sort(str, Enum):
    """What a piece of a package is."""

    FUNCTION = "function"
    CLASS = "class"
    VARIABLE = "variable"
    MODULE = "module"
    EXTENSION = "extension"
    DATA = "data"
    REQUIREMENT = "requirement"


@dataclass(frozen=True, slots=True)
class Edited:
    """A piece of a package that differs between two releases.

    ``path`` is that in the wheel, ``name`` the qualified one in the module; empty for a whole
    file. ``line`` is its first one in the later release, in the earlier where it was removed.
    ``origin`` is what it was before, as ``path:name``, where it was moved or renamed.
    """

    path: str
    name: str
    sort: Sort
    edit: Edit
    line: int = 0
    origin: str = ""

    @property
    def label(self) -> str:
        """Its name for people."""
        return f"{self.path}:{self.name}" if self.name else self.path


@dataclass(frozen=True, slots=True)
class Suspect:
    """A piece that may have changed the outcome, and what speaks for it, in a clause.

    ``score`` is Ochiai's suspiciousness over the two runs, from 0 to 1; ``calls`` how often it was
    entered on both sides, the earlier release first.
    """

    edited: Edited
    score: float
    because: str
    calls: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the changelog; ``shared`` are the words that made it come up."""

    version: str
    text: str
    shared: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Commit:
    """The commit that changed the outcome; ``confirmed`` by a second build and run of both sides.

    ``parent`` is the commit before it. ``pull_request`` is its number as written, ``address`` where
    it can be read, ``hunk`` the part of its difference that is about the first suspect it touches.
    """

    identifier: str
    parent: str
    author_date: str
    subject: str
    confirmed: bool
    pull_request: str = ""
    address: str = ""
    hunk: str = ""


@dataclass(frozen=True, slots=True)
class Search:
    """What was learned from a repository.

    ``proofs`` say how each release's commit is known, ``between`` how many commits lie between
    them, ``candidates`` how many of those may matter, ``runs`` how many were built and run.
    ``left`` are the commits that remain where no single one does; ``notes`` what stood in the way.
    """

    proofs: tuple[str, ...] = ()
    between: int = 0
    candidates: int = 0
    runs: int = 0
    commit: Commit | None = None
    left: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """What may have changed the outcome of a probe from release ``before`` to ``after``.

    ``files`` and ``functions`` count what differs between the two, ``executed`` the changed
    functions that the bad side's run entered. ``suspects`` come most suspicious first, and are
    no more than that until a ``search`` has found the commit. ``notes`` say what could not be
    looked at, and why.
    """

    package: str
    before: str
    after: str
    files: int = 0
    functions: int = 0
    executed: int = 0
    suspects: tuple[Suspect, ...] = ()
    entries: tuple[Entry, ...] = ()
    addresses: tuple[tuple[str, str], ...] = ()
    search: Search | None = None
    notes: tuple[str, ...] = ()
