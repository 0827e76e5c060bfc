"""What was measured per release as a picture that stands alone."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from packaging.version import Version

from bisector.finding import Finding, Kind
from bisector.model import Measurement, Outcome
from bisector.reports.chart_axes import (
    BOTTOM,
    GLYPH,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    Axes,
    labels,
    scale,
    tick,
)
from bisector.reports.facts import conditions, name
from bisector.reports.frame import PANEL, clipped, doubts, frame, text_of
from bisector.reports.grid import Grid, Known, grids
from bisector.reports.marks import edges, marks, sides
from bisector.reports.number_chart import number_chart
from bisector.reports.words import MIB, mib

_ROW = 18
_ASIDE = 5
_DECIDED = (Known.MEASURED, Known.INFERRED, Known.CONFLICTING)


def chart(finding: Finding) -> str:
    """Return what was measured per release as an SVG of its own: the number that was asked for.

    Else it is peak memory with the transitions marked; where runs disagree, below it how often each
    release was bad, and where the outcome may have changed.
    """
    if finding.series:
        return number_chart(finding, finding.series)
    peaks = [peak for m in finding.measurements if (peak := _peak(m)) is not None]
    highest = max((MIB, *peaks))
    step_bytes = tick(highest / MIB) * MIB
    axes = Axes(_versions(finding), step_bytes * math.ceil(highest * 1.02 / step_bytes))
    package, probe = finding.probe.package, name(finding)
    (grid,) = grids([finding], prereleases=True)
    names = grid.columns[0].failures
    height = HEIGHT + _ROW * len(names)
    panels = list(doubts(finding, axes, height))
    height += PANEL * len(panels)
    numbers = {line.first: line.cells[0].failure for line in grid.lines}
    ends = [v for t in finding.every_transition for v in (t.after, t.before)]
    parts = [
        *frame(
            height,
            f"Peak memory per release of {package}: {probe}",
            _described(finding, peaks),
            f"{package}: {probe}",
            f"Peak memory per release. {conditions(finding)}",
        ),
        *(_windows_apart(finding, grid, axes) if names else _windows(finding, axes)),
        *scale(axes, step_bytes, MIB, "MiB"),
        *labels(axes, ends),
        *marks(edges(finding.every_transition, axes)),
        *_points(finding, axes, numbers),
    ]
    if not peaks:
        parts.append('<text x="420" y="220" text-anchor="middle">No memory was measured.</text>')
    return "\n".join((*parts, *_legend(finding), *_named(names), *panels, "</svg>", ""))


def _peak(measurement: Measurement) -> int | None:
    main = measurement.main_process
    return main.peak_memory_bytes if main else None


def _versions(finding: Finding) -> tuple[Version, ...]:
    looked_at = {release.version for release in finding.plan.candidates}
    looked_at |= {measurement.version for measurement in finding.measurements}
    for transition in finding.every_transition:
        looked_at |= {transition.before, transition.after, *(transition.zoom or ())}
    return tuple(sorted(looked_at))


def _windows(finding: Finding, axes: Axes) -> Iterator[str]:
    start = float(LEFT) if finding.bad_at_oldest else None
    for transition in finding.transitions:
        left, right = sides(transition, axes)
        if transition.kind is Kind.INTRODUCED:
            start = right
        else:
            yield _band("window", LEFT if start is None else start, left)
            start = None
        if right > left:
            yield _band("unsure", left, right)
    if start is not None:
        yield _band("window", start, RIGHT)


def _windows_apart(finding: Finding, grid: Grid, axes: Axes) -> Iterator[str]:
    """Yield a window per stretch of releases that fail alike, where there are several failures."""
    cells = {line.first: line.cells[0] for line in grid.lines}
    decided = [
        (position, cells[version])
        for position, version in enumerate(axes.versions)
        if version in cells and cells[version].known in _DECIDED
    ]
    for failure, stretch in itertools.groupby(decided, lambda pair: pair[1].failure):
        positions = [position for position, _ in stretch]
        if failure:
            left, right = axes.between(positions[0]), axes.between(positions[-1] + 1)
            yield _band(_class("window", failure), left, right)
    for transition in finding.every_transition:
        left, right = sides(transition, axes)
        if right > left:
            yield _band("unsure", left, right)


def _class(kind: str, failure: int) -> str:
    """Return the class of what shows a failure, given its number; the first is told by colour."""
    return f"{kind} other" if failure > 1 else kind


def _band(kind: str, left: float, right: float) -> str:
    box = f'x="{left:.1f}" y="{TOP}" width="{max(right - left, 0):.1f}"'
    return f'<rect class="{kind}" {box} height="{BOTTOM - TOP}"/>'


def _points(finding: Finding, axes: Axes, numbers: Mapping[Version, int]) -> Iterator[str]:
    measured = {
        version: [(peak, run.outcome) for run in runs if (peak := _peak(run)) is not None]
        for version, runs in finding.runs.items()
    }
    peaks = {version: [peak for peak, _ in runs] for version, runs in measured.items() if runs}
    agreed = [v for v in sorted(peaks) if len({outcome for _, outcome in measured[v]}) == 1]
    line = " ".join(f"{axes.x(v):.1f},{axes.y(median(peaks[v])):.1f}" for v in agreed)
    if len(agreed) > 1:
        yield f'<polyline class="trend" points="{line}"/>'
    for version in sorted(set(peaks) - set(agreed)):
        ends = f"{axes.y(min(peaks[version])):.1f}V{axes.y(max(peaks[version])):.1f}"
        yield f'<path class="spread" d="M{axes.x(version):.1f} {ends}"/>'
    yanked = {version for version, release in finding.releases.items() if release.yanked}
    for measurement in finding.measurements:
        peak, main = _peak(measurement), measurement.main_process
        text = f"{measurement.version}{' (yanked)' if measurement.version in yanked else ''}: "
        text += measurement.outcome.value
        text += f", {measurement.reason.value}" if measurement.reason else ""
        if peak is not None:
            text += f", {'at least ' if main and main.sampled else ''}{mib(peak)}"
        x = axes.x(measurement.version)
        if measurement.version in finding.conflicting:
            x += {Outcome.GOOD: -_ASIDE, Outcome.BAD: _ASIDE}.get(measurement.outcome, 0)
        number = numbers.get(measurement.version, 0)
        yield _point(measurement.outcome, x, axes.y(peak or 0), text, number)


def _point(outcome: Outcome, x: float, y: float, text: str, failure: int = 0) -> str:
    if outcome is Outcome.GOOD:
        shape = f'circle class="good" cx="{x:.1f}" cy="{y:.1f}" r="4.5"'
    elif outcome is Outcome.BAD:
        shape = f'path class="{_class("bad", failure)}" d="M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"'
    else:
        shape = f'rect class="untestable" x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"'
    title = f"<title>{text_of(text)}</title>" if text else ""
    return f"<{shape}>{title}</{shape.split()[0]}>"


def _legend(finding: Finding) -> Iterator[str]:
    x = float(LEFT)
    for outcome in Outcome:
        if any(m.outcome is outcome for m in finding.measurements):
            yield _point(outcome, x + 5, HEIGHT - 23, "")
            yield f'<text x="{x + 16}" y="{HEIGHT - 19}">{outcome.value}</text>'
            x += 40 + len(outcome.value) * GLYPH
    if len(finding.failures) < 2 and (finding.transitions or finding.bad_at_oldest):
        yield f'<rect class="window" x="{x}" y="{HEIGHT - 30}" width="22" height="14"/>'
        yield f'<text x="{x + 30}" y="{HEIGHT - 19}">bad window</text>'
        x += 54 + 10 * GLYPH
    if any(t.untested for t in finding.every_transition):
        yield f'<rect class="unsure" x="{x}" y="{HEIGHT - 30}" width="22" height="14"/>'
        yield f'<text x="{x + 30}" y="{HEIGHT - 19}">changed somewhere here</text>'


def _named(names: Sequence[str]) -> Iterator[str]:
    """Yield what each failure is called, on a line each below the rest, beside its colours."""
    for number, failure in enumerate(names, 1):
        y = HEIGHT - 24 + _ROW * number
        box = f'x="{LEFT}" y="{y}" width="22" height="14"'
        yield f'<rect class="{_class("window", number)}" {box}/>'
        yield _point(Outcome.BAD, LEFT + 11, y + 7, "", number)
        yield f'<text x="{LEFT + 30}" y="{y + 11}">{clipped(failure, 100)}</text>'


def _described(finding: Finding, peaks: Sequence[int]) -> str:
    parts = [f"{t.kind.value} in {t.after} (after {t.before})" for t in finding.every_transition]
    if peaks:
        parts.append(f"peaks from {mib(min(peaks))} to {mib(max(peaks))}")
    return ("; ".join(parts) or "no memory was measured") + "."
