"""The search for steps of a number: coarse to fine, then both sides of each run in turns.

In positions. What is run next follows from the runs so far alone, so that what is stored counts as
if it had just been measured.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import sqrt
from statistics import median

from bisector.search import landscape, steps
from bisector.search.landscape import Asked, Landscape, Noticed, Scale
from bisector.search.stages import Stage

SMALLEST = 0.01
"""The smallest step that is named where nothing else is asked for."""

_FUTILE = 20.0
_FIRST, _MORE = 4, 2
_RECENT = 4
_MOST_PLACES = 16
_MOST_REFUTED = 5
_MOST_PAIRS = 60
_SIZING = 8
"""The pairs that say how large a step is, of those made after it was sure that there is one.

Runs that make one stop are larger, mostly, than those of a number of pairs that is fixed before.
"""

_CLEAR = 10.0
"""The standard deviations from which on all pairs say how large a step is: none was chosen."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The position to run next, and why."""

    position: int
    stage: Stage


@dataclass(frozen=True, slots=True)
class Place:
    """Two positions between which there may be a step; runs from ``began`` on decide.

    ``number`` counts the places looked at. ``deviation`` is that of one run and ``claimed`` the
    step, as both seemed to be before. At the two ends it may be a ``drift``.
    """

    before: int
    after: int
    began: int
    number: int
    deviation: float
    claimed: float
    drift: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the pairs of a place say: the medians, the step, the probability that there is none.

    ``step`` has the ends of its interval behind it; where it is accepted, but not ``sized``, more
    pairs are to say how large it is. ``accepted`` and ``refuted`` are both false where it can't be
    told yet.
    """

    place: Place
    pairs: int = 0
    medians: tuple[float, float] = (0.0, 0.0)
    step: tuple[float, float, float] = (0.0, 0.0, 0.0)
    doubt: float = 1.0
    accepted: bool = False
    refuted: bool = False
    sized: bool = True

    @property
    def suspected(self) -> bool:
        """Whether the interval of the step leaves none out, though it is not sure enough."""
        return not (self.accepted or self.refuted) and self.step[1] * self.step[2] > 0


@dataclass
class Stepping:
    """What is known of a series of ``size`` positions; ``confidence`` is asked of all steps.

    Steps up to ``least``, a share, are not looked for. With ``differences`` steps are never
    factors: numbers may lie about 0. ``runs`` are in the order in which they began, not ended.
    """

    size: int
    confidence: float = 0.95
    least: float | None = None
    differences: bool = False
    runs: list[tuple[int, float]] = field(default_factory=list)
    numbers: dict[int, list[float]] = field(default_factory=dict)
    blank: set[int] = field(default_factory=set)
    places: list[Place] = field(default_factory=list)
    _queue: list[Wanted] = field(default_factory=list)
    _began: list[str] = field(default_factory=list)
    _batched: int = 0
    _seen: tuple[object, Landscape] | None = None
    _refuted: frozenset[tuple[int, int]] = frozenset()

    def add(self, position: int, number: float | None, began: str = "") -> None:
        """Add a run that ``began`` then (ISO 8601); of one without a number, None."""
        if number is not None:
            index = bisect_right(self._began, began, self._batched)
            earlier = sum(one == position for one, _ in self.runs[:index])
            self._began.insert(index, began)
            self.runs.insert(index, (position, number))
            self.numbers.setdefault(position, []).insert(earlier, number)
        if position not in self.numbers:
            self.blank.add(position)

    def replay(self, position: int, number: float | None, began: str = "") -> None:
        """Add a run that was made before: in its place among those of an earlier search."""
        self.add(position, number, began)
        if number is not None and len(self.numbers) > 2:
            self._review()

    def next(self, flying: int, *, assure: bool) -> Wanted | None:
        """Return what to run next while so many are; None where nothing is now.

        What looks flat is looked into only to ``assure``.
        """
        if not self._queue and not flying:
            self._batched = len(self.runs)
            self._queue = self._batch(assure=assure)
        return self._queue.pop(0) if self._queue else None

    def unsettled(self) -> list[Noticed]:
        """Return where the level seems to change though no pairs of runs were made that tell.

        There is none of these where all was run that was wanted.
        """
        wanted = self.next(0, assure=False)
        if wanted is None or wanted.stage is Stage.ASSURE:
            return []
        paired = {(v.place.before, v.place.after) for v in self.verdicts() if v.pairs}
        seen = self.landscape()
        least = seen.scale.least
        return [
            one
            for one in seen.noticed
            if abs(one.change) > least and (one.before, one.after) not in paired
        ]

    def landscape(self) -> Landscape:
        """Return what the numbers look like now."""
        state = len(self.runs), len(self.blank), self._refuted
        if self._seen is None or self._seen[0] != state:
            asked, blank = Asked(self.size, self.least), frozenset(self.blank)
            self._seen = state, Landscape(asked, self.runs, blank, self.scale(), self._refuted)
        return self._seen[1]

    def scale(self) -> Scale:
        """Return how numbers are shown: steps are factors where all are above 0, mostly."""
        least = SMALLEST if self.least is None else self.least
        if not self.differences and all(number > 0 for _, number in self.runs):
            return Scale(steps.logarithm(least))
        medians = [abs(median(numbers)) for numbers in self.numbers.values()]
        return Scale(least, max(medians, default=0.0) or 1.0)

    def verdicts(self) -> list[Verdict]:
        """Return what the pairs of each place say."""
        scale = self.scale()
        return [self._verdict(place, scale) for place in self.places]

    def _batch(self, *, assure: bool) -> list[Wanted]:
        """Return what to run next, whatever comes of each of it."""
        for spots in landscape.grid(self.size):
            if missing := [p for p in spots if not (p in self.numbers or p in self.blank)]:
                return _wanted(missing[::-1], Stage.START)
        if not self.numbers:
            return self._sought() if assure else []
        seen = self.landscape()
        if batch := seen.rounds() or seen.doubtful():
            return _wanted(batch, Stage.RERUN)
        for verdict in self._review():
            if not (verdict.accepted or verdict.refuted) and verdict.pairs < _MOST_PAIRS:
                return self._pairs(verdict)
        if batch := self.landscape().narrow():
            return _wanted(batch, Stage.NARROW)
        if self._declare_drift():
            return self._batch(assure=assure)
        # Last of all: more runs of two releases than of others make their levels look like steps.
        unsized = next((verdict for verdict in self.verdicts() if not verdict.sized), None)
        if unsized:
            return self._pairs(unsized)
        return self._sought() if assure else []

    def _sought(self) -> list[Wanted]:
        """Return what looks into the longest stretch in which nothing was run."""
        return _wanted(self.landscape().halve(), Stage.ASSURE)

    def _review(self) -> list[Verdict]:
        """Look at the places where the levels change now; return what is known of all."""
        verdicts = self.verdicts()
        self._refuted = frozenset((v.place.before, v.place.after) for v in verdicts if v.refuted)
        seen = self.landscape()
        known = {(place.before, place.after) for place in self.places}
        for one in landscape.changes(seen):
            if (one.before, one.after) not in known and not self._spent:
                verdicts.append(Verdict(self._place(seen, one.before, one.after, one.change)))
        return verdicts

    @property
    def _spent(self) -> bool:
        """Whether as many places were looked at as ever are."""
        return len(self._refuted) >= _MOST_REFUTED or len(self.places) >= _MOST_PLACES

    def _place(
        self, seen: Landscape, before: int, after: int, change: float, *, drift: bool = False
    ) -> Place:
        """Return one more place that is looked at."""
        number = len(self.places) + 1
        place = Place(before, after, len(self.runs), number, seen.deviation, change, drift)
        self.places.append(place)
        return place

    def _declare_drift(self) -> bool:
        """Look at the two ends where they differ though no step is between; return whether."""
        verdicts = self.verdicts()
        if any(not v.refuted or v.place.drift for v in verdicts) or len(self.numbers) < 4:
            return False
        seen = self.landscape()
        first, last, change, error = seen.ends()
        if abs(change) <= max(seen.scale.least, 3 * error):
            return False
        self._place(seen, first, last, change, drift=True)
        return True

    def _pairs(self, verdict: Verdict) -> list[Wanted]:
        """Return the next pairs of a place."""
        batch: list[int] = []
        for number in range(verdict.pairs, verdict.pairs + (_MORE if verdict.pairs else _FIRST)):
            sides = [verdict.place.before, verdict.place.after]
            batch += sides if steps.is_first(number) else sides[::-1]
        return _wanted(batch, Stage.CONFIRM)

    def _verdict(self, place: Place, scale: Scale) -> Verdict:
        """Return what the pairs of one place say."""
        pairs = list(self._paired(place))
        if not pairs:
            return Verdict(place)
        sign = 1 if place.claimed > 0 else -1
        differences = [scale(new) - scale(old) for old, new in pairs]
        directed = [sign * difference for difference in differences]
        spread = sqrt(2) * place.deviation
        capital = steps.capital(directed, scale.least, spread)
        doubts = [1 / (wealth * steps.share(place.number)) for wealth in accumulate(capital, max)]
        doubt = min(1.0, doubts[-1])
        step = steps.center(differences)
        # An environment may make a difference of its own, in all of its runs.
        sides = [[scale(n) for n in self.numbers[p]] for p in (place.before, place.after)]
        floor = max(scale.least, steps.floor(sides) or 0.0)
        accepted = doubt <= 1 - self.confidence and sign * step[0] > floor
        expected = max(scale.least, abs(place.claimed) / 2)
        against = steps.capital([-d for d in directed], -expected, spread)[-1]
        sizing = pairs
        if accepted and sign * step[0] - scale.least < _CLEAR * spread:
            sure = sum(doubt > 1 - self.confidence for doubt in doubts) + 1
            sizing = pairs[sure : sure + _SIZING]
        sized = sizing is pairs or len(sizing) == _SIZING
        if sized:
            step = steps.center([scale(new) - scale(old) for old, new in sizing])
        olds, news = zip(*(sizing if sized else pairs))
        return Verdict(
            place,
            len(pairs),
            (median(olds), median(news)),
            step,
            doubt,
            accepted,
            refuted=not accepted and against >= _FUTILE,
            sized=sized,
        )

    def _paired(self, place: Place) -> Iterator[tuple[float, float]]:
        """Yield the two numbers of each pair: neighbours in time, each run in one pair alone."""
        waiting: list[tuple[int, int, float]] = []
        for time, (position, number) in enumerate(self.runs[place.began :]):
            if position not in (place.before, place.after):
                continue
            waiting = [run for run in waiting if time - run[0] <= _RECENT]
            if waiting and waiting[-1][1] != position:
                _, _, other = waiting.pop()
                yield (other, number) if position == place.after else (number, other)
            else:
                waiting.append((time, position, number))


def _wanted(positions: Sequence[int], stage: Stage) -> list[Wanted]:
    return [Wanted(position, stage) for position in positions]
