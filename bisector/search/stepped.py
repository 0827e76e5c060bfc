"""What is known of a series of numbers -> what is said of it, by release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import exp, expm1, sqrt
from statistics import median

from bisector.search.candidates import Candidates
from bisector.search.landscape import Noticed, Scale
from bisector.search.metric import Metric
from bisector.search.stepping import SMALLEST, Stepping, Verdict
from bisector.search.steps import OF_MEDIAN
from bisector.series import Level, Series, Step

_OF_95 = 1.96
"""The standard deviations that hold 95 % of a normal distribution."""


def series(candidates: Candidates, stepping: Stepping, metric: Metric, per: str = "") -> Series:
    """Return what is known of a series now; ``per`` is the unit that its number is a slope over."""
    items, scale = candidates.items, stepping.scale()
    noise = stepping.landscape().noise if stepping.numbers else 0.0
    levels = {
        items[position].key: _level(numbers, noise, scale)
        for position, numbers in sorted(stepping.numbers.items())
    }
    found = [verdict for verdict in stepping.verdicts() if verdict.pairs]
    found.sort(key=lambda verdict: verdict.place.before)
    told = {id(v): _step(candidates, stepping, v, scale) for v in found}
    seen = stepping.landscape() if levels else None
    unit = 1.0 if scale.divisor is None else scale.divisor
    return Series(
        metric=metric.name,
        unit=metric.unit,
        per=per,
        least=SMALLEST if stepping.least is None else stepping.least,
        levels=levels,
        steps=tuple(told[id(v)] for v in found if v.accepted and not v.place.drift),
        suspected=(
            *(told[id(v)] for v in found if v.suspected),
            *(_unpaired(candidates, stepping, one, scale) for one in stepping.unsettled()),
        ),
        drift=next((told[id(v)] for v in found if v.accepted and v.place.drift), None),
        noise=seen.noise * unit if seen else 0.0,
        floor=None if seen is None or seen.floor is None else seen.floor * unit,
        seen=seen.seen * unit if seen else None,
        relative=scale.divisor is None,
    )


def _level(numbers: Sequence[float], noise: float, scale: Scale) -> Level:
    """Return the number of a release, given the standard deviation of runs, as it is shown."""
    middle = median(numbers)
    half = _OF_95 * sqrt(OF_MEDIAN * noise**2 / len(numbers))
    if scale.divisor is None:
        interval = middle * exp(-half), middle * exp(half)
    else:
        interval = middle - half * scale.divisor, middle + half * scale.divisor
    known = interval if noise else None
    return Level(middle, min(numbers), max(numbers), len(numbers), known)


def _unpaired(candidates: Candidates, stepping: Stepping, one: Noticed, scale: Scale) -> Step:
    """Return what seems to be a step, by the levels of releases that were not run in pairs."""
    numbers = stepping.numbers
    medians = median(numbers[one.before]), median(numbers[one.after])
    return _told(candidates, stepping, (one.before, one.after), medians, (one.change,) * 3, scale)


def _step(candidates: Candidates, stepping: Stepping, verdict: Verdict, scale: Scale) -> Step:
    """Return what is said of a step between two positions."""
    sides = verdict.place.before, verdict.place.after
    step = _told(candidates, stepping, sides, verdict.medians, verdict.step, scale)
    return replace(step, confidence=1 - verdict.doubt, pairs=verdict.pairs)


def _told(
    candidates: Candidates,
    stepping: Stepping,
    sides: tuple[int, int],
    medians: tuple[float, float],
    step: tuple[float, float, float],
    scale: Scale,
) -> Step:
    """Return a step of which no pair is known, in the unit of its number."""
    before, after = sides
    items = candidates.items
    numbered = {items[position].key for position in stepping.numbers}
    change, low, high = (
        expm1(min(700.0, part)) if scale.divisor is None else part * scale.divisor for part in step
    )
    return Step(
        before=items[before].key,
        after=items[after].key,
        old=medians[0],
        new=medians[1],
        change=change,
        interval=(low, high),
        relative=scale.divisor is None,
        confidence=0.0,
        pairs=0,
        untested=tuple(k for k in candidates.between(before, after) if k not in numbered),
    )
