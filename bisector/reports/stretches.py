"""Equal neighbours among the measured releases, as one line of a table each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from bisector.finding import Finding
from bisector.reports.flaky import arrivals
from bisector.reports.rows import Row
from bisector.reports.words import MIB

_FEW = 2


@dataclass(frozen=True, slots=True)
class Stretch:
    """Measured neighbours that came out alike, the oldest first; none of them is left out."""

    rows: tuple[Row, ...]

    @property
    def label(self) -> str:
        """The first and the last of them; what lies between need not have been measured."""
        first, last = self.rows[0], self.rows[-1]
        return first.label if len(self.rows) == 1 else f"{first.version} to {last.version}"

    @property
    def date(self) -> str:
        """When the first was uploaded, and the last."""
        first, last = self.rows[0].date, self.rows[-1].date
        return first if first == last else f"{first} to {last}"

    @property
    def said(self) -> str:
        """What all of them came out at."""
        return self.rows[0].said

    @property
    def failure(self) -> str:
        """What the newest that fails says."""
        return self.rows[-1].failure

    @property
    def peak(self) -> str:
        """Their peak memory: the lowest and the highest."""
        lower = any(row.peak_sampled for row in self.rows)
        return span([row.peak_memory_bytes for row in self.rows], "≥" if lower else "")

    @property
    def growth(self) -> str:
        """How far memory grew: the least and the most."""
        return span([row.growth_bytes for row in self.rows])

    @property
    def pool(self) -> str:
        """The pool's connections, where they are the same in all of them."""
        pools = {row.pool for row in self.rows}
        return pools.pop() if len(pools) == 1 else ""


def stretches(finding: Finding, measured: Sequence[Row]) -> Iterator[Stretch]:
    """Yield the rows, neighbours that came out alike together; each side of a change is alone."""
    every = [*finding.transitions, *(t for f in finding.failures for t in f.transitions)]
    sides = {v for t in every for v in (t.before, t.after, *(t.zoom or ()))} | {*arrivals(finding)}
    several = len(finding.failures) > 1

    def alike(row: Row) -> tuple[object, ...]:
        alone = row.version if row.version in sides else None
        return alone, row.said, row.failure if several else ""

    for _, group in groupby(measured, alike):
        neighbours = tuple(group)
        if len(neighbours) <= _FEW:
            yield from (Stretch((row,)) for row in neighbours)
        else:
            yield Stretch(neighbours)


def span(sizes_bytes: Sequence[int | None], sign: str = "") -> str:
    """Return the least and the largest of the sizes, in MiB; once where they read the same."""
    shown = sorted(
        {f"{size / MIB:.1f}": size for size in sizes_bytes if size is not None}.items(),
        key=lambda pair: pair[1],
    )
    ends = dict.fromkeys((shown[0][0], shown[-1][0])) if shown else ()
    return f"{sign}{'–'.join(ends)} MiB" if shown else ""
