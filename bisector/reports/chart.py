"""Peak memory per release as a picture that stands alone."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from statistics import median

from packaging.version import Version

from bisector.finding import Finding, Kind
from bisector.model import Measurement, Outcome
from bisector.reports.axes import (
    BOTTOM,
    GLYPH,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Axes,
    labels,
    scale,
    tick,
)
from bisector.reports.facts import conditions, name
from bisector.reports.grid import Grid, Known, grids
from bisector.reports.marks import marks, sides
from bisector.reports.words import MIB, mib, safe

_ROW = 18
_ASIDE = 5
_STYLE = """
:root { color-scheme: light dark }
svg { --paper: #fdfcfa; --ink: #23262a; --soft: #63686f; --rule: #e3e0da; --good: #1c6b50;
  --bad: #b3261e; --window: #b3261e18; --other: #63686f; --second: #6b4ea8 }
@media (prefers-color-scheme: dark) { svg { --paper: #16181b; --ink: #e8e6e1; --soft: #a2a7ae;
  --rule: #33373c; --good: #7fcfae; --bad: #ff9d92; --window: #ff9d9220; --other: #a2a7ae;
  --second: #c3a8f5 } }
text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
  fill: var(--soft) }
.paper { fill: var(--paper) }
.name { font-size: 17px; font-weight: 600; fill: var(--ink) }
.mark { font-weight: 600; fill: var(--ink); stroke: var(--paper); stroke-width: 5;
  stroke-linejoin: round; paint-order: stroke }
.grid { stroke: var(--rule) }
.axis, .edge { stroke: var(--soft) }
.edge { stroke-dasharray: 4 3 }
.window { fill: var(--window) }
.unsure { fill: url(#hatch) }
.hatch { stroke: var(--other); stroke-opacity: .45 }
.trend { fill: none; stroke: var(--soft); stroke-opacity: .55 }
.spread { stroke: var(--soft); stroke-dasharray: 2 2 }
.good { fill: var(--good); stroke: var(--paper) }
.bad { fill: none; stroke: var(--bad); stroke-width: 2.4; stroke-linecap: round }
.other.window { fill: var(--second); fill-opacity: .12 }
.other.bad { stroke: var(--second) }
.untestable { fill: var(--paper); stroke: var(--other); stroke-width: 1.4 }
"""
_DECIDED = (Known.MEASURED, Known.INFERRED, Known.CONFLICTING)
_HATCH = (
    '<defs><pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><path class="hatch" d="M0 0V7"/></pattern></defs>'
)


def memory_chart(finding: Finding) -> str:
    """Return peak memory per release with the transitions marked, as an SVG of its own."""
    peaks = [peak for m in finding.measurements if (peak := _peak(m)) is not None]
    highest = max((MIB, *peaks))
    step_bytes = tick(highest)
    axes = Axes(_versions(finding), step_bytes * math.ceil(highest * 1.02 / step_bytes))
    package, probe = finding.probe.package, name(finding)
    (grid,) = grids([finding], prereleases=True)
    names = grid.columns[0].failures
    height = HEIGHT + _ROW * len(names)
    numbers = {line.first: line.cells[0].failure for line in grid.lines}
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    caption = _clipped(f"Peak memory per release. {conditions(finding)}", 118)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title desc">',
        f'<title id="title">{_text(f"Peak memory per release of {package}: {probe}")}</title>',
        f'<desc id="desc">{_text(_described(finding, peaks))}</desc>',
        f"<style>{_STYLE}</style>",
        _HATCH,
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        f'<text class="name" x="24" y="32">{_clipped(f"{package}: {probe}", 64)}</text>',
        f'<text x="24" y="52">{caption}</text>',
        *(_windows_apart(finding, grid, axes) if names else _windows(finding, axes)),
        *scale(axes, step_bytes),
        *labels(finding, axes),
        *marks(finding.every_transition, axes),
        *_points(finding, axes, numbers),
    ]
    if not peaks:
        parts.append('<text x="420" y="220" text-anchor="middle">No memory was measured.</text>')
    return "\n".join((*parts, *_legend(finding), *_named(names), "</svg>", ""))


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
    title = f"<title>{_text(text)}</title>" if text else ""
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
        yield f'<text x="{LEFT + 30}" y="{y + 11}">{_clipped(failure, 100)}</text>'


def _described(finding: Finding, peaks: Sequence[int]) -> str:
    parts = [f"{t.kind.value} in {t.after} (after {t.before})" for t in finding.every_transition]
    if peaks:
        parts.append(f"peaks from {mib(min(peaks))} to {mib(max(peaks))}")
    return ("; ".join(parts) or "no memory was measured") + "."


def _clipped(text: str, characters: int) -> str:
    text = safe(text)
    return _text(text if len(text) <= characters else text[: characters - 1] + "…")


def _text(text: str) -> str:
    """Return ``text`` for XML, which has no way to write two of its characters."""
    plain = safe(text).replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")
    return escape(plain)
