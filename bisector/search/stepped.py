"""What is known of a series of numbers -> what is said of it, by release."""

from __future__ import annotations

from math import expm1
from statistics import median

from bisector.search.candidates import Candidates
from bisector.search.metric import Metric
from bisector.search.stepping import SMALLEST, Stepping, Verdict
from bisector.series import Level, Series, Step


def series(candidates: Candidates, stepping: Stepping, metric: Metric) -> Series:
    """Return what is known of a series now."""
    items, scale = candidates.items, stepping.scale()
    levels = {
        items[position].key: Level(median(numbers), min(numbers), max(numbers), len(numbers))
        for position, numbers in sorted(stepping.numbers.items())
    }
    found = [verdict for verdict in stepping.verdicts() if verdict.pairs]
    found.sort(key=lambda verdict: verdict.place.before)
    told = {id(v): _step(candidates, stepping, v, scale.divisor) for v in found}
    seen = stepping.landscape() if levels else None
    unit = 1.0 if scale.divisor is None else scale.divisor
    return Series(
        metric=metric.name,
        unit=metric.unit,
        least=SMALLEST if stepping.least is None else stepping.least,
        levels=levels,
        steps=tuple(told[id(v)] for v in found if v.accepted and not v.place.drift),
        suspected=tuple(told[id(v)] for v in found if v.suspected),
        drift=next((told[id(v)] for v in found if v.accepted and v.place.drift), None),
        noise=seen.noise * unit if seen else 0.0,
        floor=None if seen is None or seen.floor is None else seen.floor * unit,
        seen=seen.seen * unit if seen else None,
        relative=scale.divisor is None,
    )


def _step(
    candidates: Candidates, stepping: Stepping, verdict: Verdict, divisor: float | None
) -> Step:
    """Return what is said of a step between two positions."""
    before, after = verdict.place.before, verdict.place.after
    items = candidates.items
    numbered = {items[position].key for position in stepping.numbers}
    between = candidates.between(before, after)
    change, low, high = (
        expm1(min(700.0, part)) if divisor is None else part * divisor for part in verdict.step
    )
    return Step(
        before=items[before].key,
        after=items[after].key,
        old=verdict.medians[0],
        new=verdict.medians[1],
        change=change,
        interval=(low, high),
        relative=divisor is None,
        confidence=1 - verdict.doubt,
        pairs=verdict.pairs,
        untested=tuple(key for key in between if key not in numbered),
    )
