"""The rows that every format shows, one per measured release, as plain safe text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from packaging.version import Version

from bisector.finding import Finding
from bisector.model import (
    Json,
    Measurement,
    Outcome,
    Release,
)
from bisector.reports.words import mib, safe, shortened, word
from bisector.search import failures
from bisector.search.observed import Verdict, verdict

_LONGEST = 1000
_FAILURE = 48
_SIDE = 100


@dataclass(frozen=True, slots=True)
class Row:
    """One measured release: all its runs together.

    ``outcome`` is good, bad, untestable, or what runs that disagree said, as "good 1, bad 2";
    ``detail`` is what the newest run gave as its reason, cut where that is very long; where runs
    disagree, it is that of the newest run of each side. ``failure`` is what it fails by, in short.
    """

    version: Version
    date: str
    yanked: bool
    outcome: str
    reason: str
    detail: str
    peak_memory_bytes: int | None
    peak_sampled: bool
    growth_bytes: int | None
    pool: str
    wall_s: tuple[float, ...]
    runs: int
    cached: bool
    failure: str = ""

    @property
    def label(self) -> str:
        """The version, marked where it is yanked."""
        return f"{self.version} (yanked)" if self.yanked else str(self.version)

    @property
    def disagrees(self) -> bool:
        """Whether one run of it was good and another bad."""
        return "," in self.outcome

    @property
    def said(self) -> str:
        """The outcome, with the reason where it is untestable, and said where runs disagree."""
        if self.disagrees:
            return f"runs disagree: {self.outcome}"
        return word(self.outcome, self.reason)

    @property
    def seconds(self) -> float:
        """The median of what its runs took."""
        from statistics import median  # fractions come with it, for a column that few ask for

        return median(self.wall_s)

    @property
    def peak(self) -> str:
        """The peak, marked where it is only a lower bound."""
        return ("≥" if self.peak_sampled else "") + mib(self.peak_memory_bytes)


def rows(finding: Finding) -> tuple[Row, ...]:
    """Return one row per measured release, in the order of the search."""
    releases = finding.releases
    runs = finding.runs
    measured = [_row(releases.get(version), runs[version]) for version in sorted(runs)]
    return tuple(sorted(measured, key=lambda row: row.date) if finding.plan.by_upload else measured)


def _failed(runs: Sequence[Measurement]) -> str:
    """Return what the newest run that failed did, in short; nothing where none did."""
    failed = [run for run in runs if run.outcome is Outcome.BAD]
    if not failed:
        return ""
    signature = failed[-1].signature
    return safe(shortened(failures.told(signature) or failed[-1].detail, _FAILURE))


def _row(release: Release | None, runs: Sequence[Measurement]) -> Row:
    newest = runs[-1]
    conclusion = verdict([run.outcome for run in runs])
    outcome, detail = conclusion.value, shortened(newest.detail, _LONGEST)
    if conclusion is Verdict.CONFLICTING:
        sides = {o: [r.detail for r in runs if r.outcome is o] for o in (Outcome.GOOD, Outcome.BAD)}
        outcome = ", ".join(f"{side.value} {len(details)}" for side, details in sides.items())
        last = ((side, details[-1]) for side, details in sides.items() if details[-1])
        detail = "; ".join(f"{side.value}: {shortened(text, _SIDE)}" for side, text in last)
    mains = [run.main_process for run in runs]
    peaks = [main for main in mains if main is not None]
    highest = max(peaks, key=lambda peak: peak.peak_memory_bytes, default=None)
    grown = [size for run in runs if (size := _size(run.metrics.get("growth_bytes"))) is not None]
    uploaded = release.upload_time if release else None
    return Row(
        version=newest.version,
        date=uploaded.date().isoformat() if uploaded else "",
        yanked=bool(release and release.yanked),
        outcome=outcome,
        reason=newest.reason.value
        if newest.reason and conclusion is not Verdict.CONFLICTING
        else "",
        failure=_failed(runs),
        detail=safe(detail),
        peak_memory_bytes=highest.peak_memory_bytes if highest else None,
        peak_sampled=bool(highest and highest.sampled),
        growth_bytes=max(grown, default=None),
        pool=_pool(newest),
        wall_s=tuple(run.wall_s for run in runs),
        runs=len(runs),
        cached=all(run.cached for run in runs),
    )


def _pool(measurement: Measurement) -> str:
    """Return the connections of a pool, as far as the probe gave numbers of them."""
    pool = measurement.pool or {}
    sizes = {name: _size(pool.get(name)) for name in ("idle", "in_use")}
    named = (f"{size} {name.replace('_', ' ')}" for name, size in sizes.items() if size is not None)
    return ", ".join(named)


def _size(value: Json) -> int | None:
    """Return what a probe gave as a number, where it can be one of bytes or connections."""
    number = isinstance(value, int) and not isinstance(value, bool)
    return value if number and abs(value) < 2**63 else None  # type: ignore[arg-type,return-value]  # any JSON
