"""What a search is over: items in order, what measures one, and what is particular to their kind.

Releases are one kind, the days on which dependencies changed another. A new kind is a module of
``bisector.session`` with a function ``candidates(driver, probe, interpreter)`` that returns its
``Candidates``, and one line in ``KINDS``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from packaging.version import Version

from bisector.finding import Axis, Finding
from bisector.model import Conditions, Plan, Probe, Release
from bisector.search.observed import Verdict

if TYPE_CHECKING:
    from bisector.search.blame.narrowing import Laboratory

KINDS: Mapping[str, str] = {
    "releases": "those in the range",
    "dependencies": "the days on which those of the newest changed",
    "interpreters": "those installed here, with the newest",
}
"""What ``--over`` may name, and what that searches; each is the name of its module."""


@dataclass(frozen=True, slots=True)
class Item:
    """One of what is searched: ``key`` is what its runs are known by, ``label`` is for people.

    ``when`` is the time that it is of, where one is known, ``note`` what is to be known of it.
    """

    key: Version
    label: str
    when: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is measured: a probe with a release of its package under conditions.

    ``label`` is for people.
    """

    probe: Probe
    release: Release
    conditions: Conditions
    label: str = ""


class Candidates(Protocol):
    """What one search is over, of whatever kind.

    ``items`` are in the order in which the outcome is thought to change, and measured first are
    the ends and the ``witnesses`` among them. ``conditions`` are what is held for all of them,
    ``plan`` is how reports list them. ``over`` is the release that is held instead where it isn't
    releases that are searched, and ``axis`` what varies, as ``Finding`` has them.

    What is said below of a kind without anything particular holds unless a subclass says more.
    """

    probe: Probe
    conditions: Conditions
    plan: Plan
    items: Sequence[Item]
    over: str = ""
    axis: Axis = Axis()
    witnesses: Sequence[Version] = ()

    def trial(self, item: Item, /) -> Trial:
        """Return what measures an item."""
        ...

    def attributed(self, finding: Finding, _laboratory: Laboratory, /) -> Finding:
        """Return the finding with the cause of each of its transitions, measured where needed."""
        return finding

    def measurable(self) -> Sequence[Item]:
        """Return all that may be measured: the items, and what lies inside any transition."""
        return self.items

    def beside(self) -> Mapping[int, Sequence[int]]:
        """Return which later positions stand for one that nobody can use, the nearest first.

        Where a transition ends at such a one, the first of those is looked at as well.
        """
        return {}

    def late(self) -> Sequence[int]:
        """Return the positions whose outcome needn't be that of both their neighbours."""
        return ()

    def origins(self) -> Mapping[int, int]:
        """Return what came of another position than the one before it, and of which."""
        return {}

    def inside(self, _before: Item, _after: Item, /) -> Sequence[Item]:
        """Return what a transition between two items is narrowed down to, in order."""
        return ()

    def between(self, before: int, after: int, /) -> Sequence[Version]:
        """Return the keys between two positions, those that can't be measured included."""
        return tuple(item.key for item in self.items[before + 1 : after])

    def parting(self, _before: int, _after: int, _alike: Callable[[int, int], bool], /) -> bool:
        """Return whether nothing changed from one neighbour to the other, though they differ.

        ``_alike`` tells whether two positions are known to come out the same.
        """
        return False

    def affected(self, _seen: Sequence[Verdict], /) -> tuple[str, ...]:
        """Return one PEP 440 specifier set per bad window, where releases are searched."""
        return ()
