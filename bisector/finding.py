"""What was learned: transitions and whose fault they are, findings, comparisons of two sets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from packaging.version import Version

from bisector.model import Conditions, Measurement, Outcome, Plan, Probe, Signature

CONFIDENCE = 0.95
"""How sure every change is to be, where nothing else is asked for."""


class Kind(str, Enum):
    """Which way the outcome changes between two neighbouring decided releases."""

    INTRODUCED = "introduced"
    FIXED = "fixed"


class Blame(str, Enum):
    """What makes the outcome change at a transition, as far as measuring tells."""

    PACKAGE = "package"
    DEPENDENCY = "dependency"
    TOGETHER = "together"
    EITHER = "either"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Change:
    """A distribution whose version differs between two sets; None where a set is without it."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Culprit:
    """A change without which the outcome isn't what it is, with the others as they are.

    ``transitions`` are those among the releases between its two versions; empty where they were
    not searched, ``why`` then says the reason.
    """

    change: Change
    transitions: tuple[Transition, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One of the combinations measured: a release with the dependencies of ``dependencies``."""

    version: Version
    dependencies: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    """Whose fault a transition is.

    ``cells`` are the combinations of the package's two releases with dependencies of several
    times that were measured for it. ``culprits`` are the dependencies that it takes. ``why`` says
    what could not be told apart, where that is so.
    """

    blame: Blame
    cells: tuple[Cell, ...] = ()
    culprits: tuple[Culprit, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Transition:
    """Two neighbouring decided releases whose outcomes differ.

    ``untested`` are the releases between them that decided nothing or could not be tried.
    ``zoom`` is the same transition narrowed to pre-releases, ``after_not_yanked`` the first
    release from ``after`` on that isn't yanked where ``after`` is. ``confidence`` is the
    posterior probability of the change lying between ``before`` and ``after``. ``parting`` where
    ``after`` was uploaded before ``before``: the two belong to release lines kept up side by side,
    and nothing changed from one to the other. ``cause`` is whose fault it is, where that was asked.
    """

    kind: Kind
    before: Version
    after: Version
    untested: tuple[Version, ...] = ()
    zoom: tuple[Version, Version] | None = None
    after_not_yanked: Version | None = None
    confidence: float = 0.0
    confirmed: bool = True
    parting: bool = False
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A change that is not yet as sure as was asked: most likely between ``before`` and ``after``.

    ``confidence`` is the probability of that. It came after ``earliest`` and by ``latest``, with at
    least the confidence asked for, or with what there is.
    """

    kind: Kind
    before: Version
    after: Version
    confidence: float
    earliest: Version
    latest: Version


@dataclass(frozen=True, slots=True)
class Finding:
    """What one search learned, and how far it looked.

    ``affected`` are PEP 440 specifier sets, one per bad window; ``conflicting`` the releases
    whose runs disagree; ``longest_untested`` the number of candidates in the longest stretch
    without a decided one; ``stopped`` says why the search ended before its answer, if it did;
    ``replay`` is the command that makes it again. ``any_failure`` where every failure counts as
    the same one; else ``failure`` is the one that it is about, where it has a signature. ``over``
    is the release, as ``spam 1.5``, whose dependencies varied instead: a version then is a date,
    and stands for what was newest on that day. ``confidence`` is what was asked for, and
    ``suspicions`` are the changes that don't reach it where runs disagree.
    """

    probe: Probe
    plan: Plan
    conditions: Conditions
    measurements: tuple[Measurement, ...]
    transitions: tuple[Transition, ...]
    affected: tuple[str, ...] = ()
    bad_at_oldest: bool = False
    bad_at_newest: bool = False
    longest_untested: int = 0
    conflicting: tuple[Version, ...] = ()
    stopped: str = ""
    decided: bool = True
    replay: str = ""
    any_failure: bool = False
    failure: Signature | None = None
    over: str = ""
    confidence: float | None = None
    suspicions: tuple[Suspicion, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """What it takes, of all that changed between two sets of pins, for the outcome to change.

    ``names`` are those of the two sets, ``ends`` a measurement of each. ``culprits`` are the
    fewest changes that together make the difference; empty where there is none. ``alternatives``
    are others of the changes that make it by themselves as well. ``combinations`` is how many
    mixes of the two sets were looked at, ``untestable`` how many of them decided nothing.
    """

    probe: Probe
    conditions: Conditions
    names: tuple[str, str]
    changes: tuple[Change, ...]
    ends: tuple[Measurement, Measurement]
    culprits: tuple[Culprit, ...] = ()
    alternatives: tuple[tuple[Culprit, ...], ...] = ()
    combinations: int = 0
    untestable: int = 0
    replay: str = ""

    @property
    def differs(self) -> bool:
        """Whether one set is good and the other bad."""
        return {end.outcome for end in self.ends} == {Outcome.GOOD, Outcome.BAD}
