"""The number of a run: what it took, what its probe reports, or what its command printed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
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
        return _number(run.metrics.get(self.name))


def carries(run: Measurement) -> bool:
    """Return whether a run came to its end, so that its numbers mean something.

    It did where it is good, and where its probe reports that it is bad.
    """
    reported = run.reason is None and run.signature is None
    return run.outcome is Outcome.GOOD or (run.outcome is Outcome.BAD and reported)


def names(runs: Iterable[Measurement]) -> list[str]:
    """Return the metrics that there are of some runs."""
    reported = {
        name for run in runs for name, value in run.metrics.items() if _number(value) is not None
    }
    return [*MEASURED, *sorted(reported - {*MEASURED})]


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
    return float(value) if math.isfinite(value) else None
