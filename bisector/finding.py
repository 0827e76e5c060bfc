"""What was learned: transitions and whose fault they are, findings, comparisons of two sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import groupby
from operator import attrgetter

from packaging.version import Version

from bisector.explanation import Explanation
from bisector.model import (
    Conditions,
    Measurement,
    Outcome,
    Plan,
    Probe,
    Reason,
    Release,
    Signature,
)
from bisector.series import Series


class Kind(str, Enum):
    """Which way the outcome changes between two neighbouring decided releases.

    ``CHANGED`` where one failure gives way to another: a search looks for that as well, and what
    is told of each failure is when it came and when it went.
    """

    INTRODUCED = "introduced"
    FIXED = "fixed"
    CHANGED = "changed"


class Stopped(str, Enum):
    """Why a search ended before its answer, or before it was known whose fault that is, or why."""

    MAX_PROBES = "max-probes"
    BUDGET = "budget"
    BUDGET_IN_ATTRIBUTION = "budget before attribution"
    INTERRUPTED = "interrupted"
    ATTRIBUTION = "attribution"
    BUDGET_IN_EXPLANATION = "budget before explanation"
    EXPLANATION = "explanation"
    COST_OF_ATTRIBUTION = "cost of attribution"


class Blame(str, Enum):
    """What makes the outcome change at a transition, as far as measuring tells."""

    PACKAGE = "package"
    INTERPRETER = "interpreter"
    DEPENDENCY = "dependency"
    INCOMPATIBLE = "incompatible"
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
    times that were measured for it. ``culprits`` are the dependencies that it takes; of a fix of
    what was incompatible, those that made it bad. ``why`` says what could not be told apart, where
    that is so.
    """

    blame: Blame
    cells: tuple[Cell, ...] = ()
    culprits: tuple[Culprit, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Transition:
    """Two neighbouring decided releases whose outcomes differ.

    ``untested`` are the releases between them that decided nothing or could not be tried,
    ``otherwise`` those between them that fail, but by another failure.
    ``zoom`` is the same transition narrowed to pre-releases, ``after_not_yanked`` the first
    release from ``after`` on that isn't yanked where ``after`` is. ``confidence`` is the
    posterior probability of the change lying between ``before`` and ``after``. ``parting`` where
    ``after`` was uploaded before ``before``: the two belong to release lines kept up side by side,
    and nothing changed from one to the other. ``cause`` is whose fault it is, ``why`` what of the
    code did it, where that was asked.
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
    otherwise: tuple[Version, ...] = ()
    why: Explanation | None = None


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
class Failure:
    """One of the failures that a search found: when it came and went, and what it says.

    ``releases`` are those measured that fail so, in the order of the search; ``ways`` is what they
    say, each with the first release that says so. ``affected`` is as ``Finding`` has it.
    ``not_yet`` is the last release of the oldest stretch that fails so, where that looks as if what
    the script asks for was not there yet; a guess. ``at_oldest`` and ``at_newest`` are whether the
    outermost decided release fails so.
    """

    signature: Signature | None
    reason: Reason | None
    transitions: tuple[Transition, ...]
    affected: tuple[str, ...]
    releases: tuple[Version, ...]
    ways: tuple[tuple[str, Version], ...] = ()
    not_yet: Version | None = None
    at_oldest: bool = False
    at_newest: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """What varies in a search, and how it is spoken of where that isn't releases.

    ``noun`` is one of it. ``introduced`` and ``fixed`` are said of what is held at a change from
    ``{before}`` to ``{after}``, and ``unchanged`` with its outcome from ``{first}`` to ``{last}``,
    which are ``{count}``; ``title`` is said of a change in a report's title, and ``side`` names
    what came in. ``shown`` returns what a version stands for, as people write it.
    ``python_varies`` where no interpreter is held.
    """

    noun: str = "release"
    introduced: str = ""
    fixed: str = ""
    unchanged: str = ""
    title: str = ""
    side: str = ""
    shown: Callable[[Version], str] = str
    python_varies: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What one search learned, and how far it looked.

    ``failures`` are all that were found, the one most likely meant first; ``transitions`` are those
    of that one, as ``affected``, ``bad_at_oldest`` and ``bad_at_newest`` are.
    ``affected`` are PEP 440 specifier sets, one per bad window; ``conflicting`` the releases
    whose runs disagree; ``longest_untested`` the number of candidates in the longest stretch
    without a decided one; ``stopped`` says why the search ended before its answer, if it did;
    ``replay`` is the command that makes it again. ``any_failure`` where every failure counts as
    the same one; else ``failure`` is the signature of the first. Only failures that ``pattern``
    matches count where it isn't empty; ``affected_by_any`` is by whichever failure. ``over``
    is the release, as ``spam 1.5``, that is held where something else varied, which ``axis`` says:
    a version then is that of an interpreter, say, or a date. ``confidence`` is what was asked for,
    and ``suspicions`` are the changes of any failure that don't reach it where runs disagree.
    ``series`` is what was asked where it is not outcomes but a number. ``posterior`` is, where runs
    disagree, how likely a change lies between two neighbours that were run; ``longest_unseen``,
    where there is none, is the length of the longest stretch that may differ from the rest all the
    same.
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
    stopped: Stopped | None = None
    decided: bool = True
    replay: str = ""
    any_failure: bool = False
    failure: Signature | None = None
    over: str = ""
    failures: tuple[Failure, ...] = ()
    affected_by_any: tuple[str, ...] = ()
    pattern: str = ""
    axis: Axis = Axis()
    confidence: float | None = None
    suspicions: tuple[Suspicion, ...] = ()
    series: Series | None = None
    posterior: Mapping[tuple[Version, Version], float] = field(default_factory=dict)
    longest_unseen: int | None = None

    @property
    def runs(self) -> dict[Version, list[Measurement]]:
        """The runs of each release measured, oldest first, in the order of the measurements."""
        runs: dict[Version, list[Measurement]] = {}
        for version, some in groupby(self.measurements, attrgetter("version")):
            runs.setdefault(version, []).extend(some)
        return runs

    @property
    def releases(self) -> dict[Version, Release]:
        """The releases that can be measured, those that are zoomed into included."""
        return {r.version: r for r in (*self.plan.candidates, *self.plan.prereleases)}

    @property
    def every_transition(self) -> tuple[Transition, ...]:
        """The transitions of all failures, each once."""
        every = (t for failure in self.failures for t in failure.transitions)
        return tuple(dict.fromkeys([*self.transitions, *every]))

    def with_failures(self, failures: Sequence[Failure]) -> Finding:
        """Return the finding with other transitions of its failures, the first one's its own."""
        transitions = failures[0].transitions if failures else self.transitions
        return replace(self, failures=tuple(failures), transitions=transitions)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What it takes, of all that changed between two sets of pins, for the outcome to change.

    ``names`` are those of the two sets, ``ends`` a measurement of each. ``culprits`` are the
    fewest changes that together make the difference; empty where there is none. ``alternatives``
    are others of the changes that make it by themselves as well. ``combinations`` is how many
    mixes of the two sets were looked at, ``untestable`` how many of them decided nothing.
    ``suspects`` where it was stopped before it was done: the fewest changes known to make the
    difference together, of which some may not be needed.
    """

    probe: Probe
    conditions: Conditions
    names: tuple[str, str]
    changes: tuple[Change, ...]
    ends: tuple[Measurement, Measurement]
    culprits: tuple[Culprit, ...] = ()
    alternatives: tuple[tuple[Culprit, ...], ...] = ()
    suspects: tuple[Change, ...] = ()
    combinations: int = 0
    untestable: int = 0
    replay: str = ""

    @property
    def differs(self) -> bool:
        """Whether one set is good and the other bad."""
        return {end.outcome for end in self.ends} == {Outcome.GOOD, Outcome.BAD}
