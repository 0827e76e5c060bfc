"""What has been observed -> what to measure next: one function per stage of a search.

Everything here is in positions ``0 .. size-1`` and labels; what a position stands for is the
caller's business. The only state is what has been observed, so that resuming is loading, and
several windows, untestable positions and several workers need no mode of their own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from bisector.model import Outcome
from bisector.search.observed import (
    Label,
    Observations,
    Seen,
    Verdict,
    changes,
    gaps,
    tight,
    verdicts,
)

_NO_FAILURE = (Outcome.GOOD, Outcome.UNTESTABLE)


class Stage(IntEnum):
    """Why a position is wanted, most urgent first; all before ``ASSURE`` is part of the answer.

    ``ASSURE`` looks for further bad windows in what is untested, for as long as ``Options`` say.
    """

    START = 0
    NARROW = 1
    CONFIRM = 2
    BESIDE = 3
    LATE = 4
    SEEK = 5
    RERUN = 6
    ASSURE = 7


@dataclass(frozen=True, slots=True)
class Question:
    """What a search is asked.

    ``witnesses`` are measured first, beside the two ends. ``beside[p]`` lists positions of which
    one must be decided as well where a transition ends at ``p``. Those that are ``late`` are
    measured as well once something is bad: their outcome needn't be that of both neighbours, as
    with fixes that are backported. ``origins[p]`` is measured where a transition ends at ``p``:
    what is there came of that, and not of what stands before it. Each side of a transition is
    run ``confirmations`` times. ``exhaustive`` leaves nothing untested. Failures that are ``aside``
    are none that would end the search for one.
    """

    size: int
    witnesses: tuple[int, ...] = ()
    beside: Mapping[int, Sequence[int]] = field(default_factory=dict)
    late: tuple[int, ...] = ()
    origins: Mapping[int, int] = field(default_factory=dict)
    confirmations: int = 2
    exhaustive: bool = False
    aside: frozenset[Label] = frozenset()


@dataclass(frozen=True, slots=True)
class Want:
    """The position to measure next, and why."""

    position: int
    stage: Stage


def want(
    question: Question,
    observations: Observations,
    in_flight: Iterable[int] = (),
    idle: int = 1,
) -> Want | None:
    """Return what to measure next, or None where nothing more can be learned now.

    Positions ``in_flight`` are being measured: they are not wanted again, and what is wanted
    beside them is what narrows most whatever they turn out to be. ``idle`` is how many wants can
    be met at once; each is asked for by a call of its own.
    """
    seen = verdicts(question.size, observations)
    flying = frozenset(in_flight)
    stages = (
        (Stage.START, _start(question, seen)),
        (Stage.NARROW, _narrow(seen, flying, idle)),
        (Stage.CONFIRM, _confirm(question, seen, observations)),
        (Stage.BESIDE, _beside(question, seen)),
        (Stage.LATE, _late(question, seen)),
        (Stage.SEEK, _seek(question, seen, flying)),
        (Stage.ASSURE, _halve_longest(seen, flying)),
    )
    for stage, positions in stages:
        for position in positions:
            if position not in flying:
                return Want(position, stage)
    return None


def usual_cost(size: int, confirmations: int = 2) -> int:
    """Return how many runs it takes where the outcome changes once among ``size`` positions.

    Both ends, a halving to the change, and the runs that confirm its two sides.
    """
    return 2 + max(0, math.ceil(math.log2(max(1, size - 1)))) + 2 * (confirmations - 1)


def likely(
    question: Question, observations: Observations, in_flight: Iterable[int]
) -> tuple[Want, ...]:
    """Return what may be wanted next: after each likely label of what is in flight."""
    flying = list(in_flight)
    failures = {run for runs in observations.values() for run in runs if run not in _NO_FAILURE}
    found: dict[Want, None] = {}
    for number, position in enumerate(flying):
        others = flying[:number] + flying[number + 1 :]
        for label in (Outcome.GOOD, *sorted(failures or {Outcome.BAD}, key=repr)):
            runs = [*observations.get(position, ()), label]
            if wanted := want(question, {**observations, position: runs}, others):
                found[wanted] = None
    return tuple(found)


def outside(size: int, observations: Observations, in_flight: Iterable[int]) -> tuple[int, ...]:
    """Return the positions in flight that now lie between decided neighbours that agree.

    What was wanted to narrow a transition, and is outside it by now, can be stopped.
    """
    seen = verdicts(size, observations)
    agreeing = [
        (before, after)
        for before, after in gaps(seen)
        if before >= 0 and after < size and seen[before] == seen[after]
    ]
    return tuple(
        position
        for position in sorted(in_flight)
        if any(before < position < after for before, after in agreeing)
    )


def _start(question: Question, seen: Sequence[Seen]) -> Iterator[int]:
    if question.size:
        for position in (question.size - 1, *question.witnesses, 0):
            if seen[position] is Verdict.UNTESTED:
                yield position


def _narrow(seen: Sequence[Seen], flying: frozenset[int], idle: int = 1) -> Iterator[int]:
    """Yield where to cut first, if ``idle`` cuts are to leave the fewest halvings.

    Each gap G in which the outcome changes is a search of its own. Cut into pieces g, by what is
    in flight and by these cuts, it has an expected sum of g/G log2 g halvings left: even parts of
    what is most of its gap save most. Of equal shares the larger is cut, which takes longer.
    """
    stretches: list[Sequence[int]] = [range(b.before + 1, b.after) for b in changes(seen)]
    pieces: list[list[int]] = []
    sizes: list[int] = []
    for gap in (*stretches, *_open_ends(seen)):
        cut: list[list[int]] = [[]]
        for position in gap:
            if position in flying:
                cut.append([])
            elif seen[position] is Verdict.UNTESTED:
                cut[-1].append(position)
        pieces += cut
        sizes += [max(1, sum(map(len, cut)) + len(cut) - 1)] * len(cut)
    parts = [1] * len(pieces)

    def gain(place: int) -> tuple[float, float]:
        part = len(pieces[place]) / parts[place]
        return (part / sizes[place], part) if part >= 1 else (0.0, 0.0)

    for _ in range(idle if any(pieces) else 0):
        parts[max(range(len(pieces)), key=gain)] += 1
    for piece, number in zip(pieces, parts):
        if number > 1 and piece:
            yield piece[len(piece) // number]


def _open_ends(seen: Sequence[Seen]) -> Iterator[Sequence[int]]:
    """Yield positions outside an outermost bad one, where what lies next to it can't be tested.

    The window may begin or end among them. Their edge is halved for; then some are tried at
    doubling distances, so that a hole is told from an end that can't be tested at all. The rest
    is left: trying all of it could cost as many measurements as there are releases.
    """
    decided = [position for position, verdict in enumerate(seen) if verdict.decided]
    for outermost, outwards in (
        (decided[:1], range(-1, -len(seen) - 1, -1)),
        (decided[-1:], range(1, len(seen) + 1)),
    ):
        if not outermost or not seen[outermost[0]].fails:
            continue
        beyond = [p for p in (outermost[0] + step for step in outwards) if 0 <= p < len(seen)]
        tried = next((d for d, p in enumerate(beyond) if seen[p] is not Verdict.UNTESTED), None)
        if tried is None:
            continue
        yield beyond[:tried] or [beyond[d] for d in _doubling(len(beyond))]


def _doubling(length: int) -> Iterator[int]:
    """Yield 1, 2, 4 … below ``length``."""
    distance = 1
    while distance < length:
        yield distance
        distance *= 2


def _confirm(question: Question, seen: Sequence[Seen], observations: Observations) -> Iterator[int]:
    for boundary in tight(seen):
        for position in (boundary.before, boundary.after):
            runs = observations[position]
            decided = sum(run is not Outcome.UNTESTABLE for run in runs)
            if decided < question.confirmations and len(runs) < 2 * question.confirmations:
                yield position


def _beside(question: Question, seen: Sequence[Seen]) -> Iterator[int]:
    for boundary in tight(seen):
        for position in question.beside.get(boundary.after, ()):
            if seen[position].decided:
                break
            if seen[position] is Verdict.UNTESTED:
                yield position
                break


def _late(question: Question, seen: Sequence[Seen]) -> Iterator[int]:
    if not _sought(question, seen):
        return
    origins = (question.origins.get(boundary.after) for boundary in tight(seen))
    for position in (*question.late, *(origin for origin in origins if origin is not None)):
        if seen[position] is Verdict.UNTESTED:
            yield position


def _sought(question: Question, seen: Sequence[Seen]) -> bool:
    """Return whether a failure is known that one searches for."""
    return any(one.fails and one.failure not in question.aside for one in seen)


def _seek(question: Question, seen: Sequence[Seen], flying: frozenset[int]) -> Iterator[int]:
    if question.exhaustive or not _sought(question, seen):
        yield from _halve_longest(seen, flying)


def _halve_longest(seen: Sequence[Seen], flying: frozenset[int]) -> Iterator[int]:
    """Yield the untested position nearest to the middle of the longest undecided stretch."""
    settled = [
        Verdict.GOOD if position in flying else verdict for position, verdict in enumerate(seen)
    ]
    stretches = [
        (before, after, untested)
        for before, after in gaps(settled)
        if (untested := [p for p in range(before + 1, after) if seen[p] is Verdict.UNTESTED])
    ]
    if stretches:
        before, after, untested = max(stretches, key=lambda stretch: stretch[1] - stretch[0])
        yield min(untested, key=lambda position: abs(2 * position - before - after))
