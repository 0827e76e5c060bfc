"""The number of a run: what it took, what its probe reports, or what its command printed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bisector.model import Json, Measurement, Outcome


def _peak(run: Measurement) -> float | None:
    return run.main_process.peak_memory_bytes if run.main_process else None


MEASURED: Mapping[str, Callable[[Measurement], float | None]] = {
    "peak_memory_bytes": _peak,
    "seconds": lambda run: run.wall_s,
    "cpu_seconds": lambda run: run.cpu_s,
}
"""The numbers that every run has."""

_LONGEST_UNIT = 40
_UNITS = {"bytes": "bytes", "seconds": "seconds", "s": "seconds"}


@dataclass(frozen=True, slots=True)
class Metric:
    """A number by its name; with a ``pattern``, what its group matched last of the output's end."""

    name: str
    pattern: str = ""

    @property
    def unit(self) -> str:
        """Bytes, seconds or nothing, by the last word of the name."""
        return _UNITS.get(self.name.rpartition("_")[2], "")

    @property
    def timed(self) -> bool:
        """Whether other runs at the same time would change it, as far as one knows."""
        return self.pattern != "" or self.name != "peak_memory_bytes"

    def of(self, run: Measurement) -> float | None:
        """Return the number of a run; None where it failed, decided nothing, or has none."""
        if not carries(run):
            return None
        if self.pattern:
            return _printed(self.pattern, run.output_tail)
        if self.name in MEASURED:
            return MEASURED[self.name](run)
        reported = run.metrics.get(self.name)
        return _slope(reported) if isinstance(reported, dict) else _number(reported)

    def per(self, run: Measurement) -> str:
        """Return the unit of what the number of a run is a slope over; empty where it is none."""
        reported = run.metrics.get(self.name)
        if self.pattern or self.name in MEASURED or _slope(reported) is None:
            return ""
        return str(reported["per"]) if isinstance(reported, dict) else ""


def carries(run: Measurement) -> bool:
    """Return whether a run came to its end, so that its numbers mean something.

    It did where it is good, and where its probe reports that it is bad.
    """
    reported = run.reason is None and run.signature is None
    return run.outcome is Outcome.GOOD or (run.outcome is Outcome.BAD and reported)


def names(runs: Iterable[Measurement]) -> list[str]:
    """Return the metrics that there are of some runs."""
    reported = {
        name
        for run in runs
        for name, value in run.metrics.items()
        if _number(value) is not None or _slope(value) is not None
    }
    return [*MEASURED, *sorted(reported - {*MEASURED})]


def slope(points: Sequence[tuple[float, float]]) -> float | None:
    """Return by how much values grow per unit of size, given pairs of size and value.

    It is the slope of the straight line through the points with the least sum of squared distances
    in the values: the sum of (x - mean x)(y - mean y) over that of (x - mean x)^2. None where the
    sizes are all the same, or numbers are too large.
    """
    from statistics import StatisticsError, linear_regression  # only slopes need fractions

    try:
        fitted = linear_regression([x for x, _ in points], [y for _, y in points]).slope
    except (StatisticsError, OverflowError):
        return None
    return fitted if math.isfinite(fitted) else None


def _slope(value: Json) -> float | None:
    """Return the slope that a metric is; None where it isn't sizes and values in some unit."""
    if not isinstance(value, dict):
        return None
    per, pairs = value.get("per"), value.get("points")
    if not isinstance(pairs, list):
        return None
    if not isinstance(per, str) or not (per.isprintable() and 0 < len(per) <= _LONGEST_UNIT):
        return None
    points: list[tuple[float, float]] = []
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2:
            return None
        size, reported = map(_number, pair)
        if size is None or reported is None:
            return None
        points.append((size, reported))
    return slope(points)


def _printed(pattern: str, output: str) -> float | None:
    matches = [match[1] for match in re.finditer(pattern, output, re.MULTILINE) if match[1]]
    try:
        number = float(matches[-1].replace(",", "")) if matches else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _number(value: Json) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:  # JSON has integers of any size
        return None
    return number if math.isfinite(number) else None
