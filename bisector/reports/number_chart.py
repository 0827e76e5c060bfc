"""The number that was asked for, per release, as a picture: runs, medians, intervals and steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from packaging.version import Version

from bisector.finding import Finding
from bisector.reports import steps
from bisector.reports.chart_axes import (
    BOTTOM,
    GLYPH,
    HEIGHT,
    LEFT,
    TOP,
    WIDTH,
    Axes,
    labels,
    scale,
    tick,
)
from bisector.reports.facts import conditions, name
from bisector.reports.frame import frame, text_of
from bisector.reports.marks import Edge, marks
from bisector.reports.words import MIB
from bisector.series import Series

_FROM_NOTHING = 0.6
"""The axis begins at 0 where the least number is no more than this share of the largest."""


def number_chart(finding: Finding, series: Series) -> str:
    """Return the number per release with its steps marked, as an SVG of its own."""
    package, probe = finding.probe.package, name(finding)
    unit, named = _unit(series)
    axes, step = _axes(finding, series, unit)
    ends = [v for one in (*series.steps, *series.suspected) for v in (one.after, one.before)]
    of = f" in {' '.join(filter(None, (series.unit, 'per', series.per)))}" if series.per else ""
    said = " ".join(steps.sentences(finding, series))
    parts = [
        *frame(
            HEIGHT,
            f"{steps.heading(series)} per release of {package}: {probe}",
            said,
            f"{package}: {probe}",
            f"{steps.heading(series)}{of} per release. {conditions(finding)}",
        ),
        *_unsure(series, axes),
        *scale(axes, step, unit, named),
        *labels(axes, [v for v in ends if v in axes.versions]),
        *marks(list(_edges(series, axes))),
        *_numbers(series, axes),
    ]
    if not series.levels:
        parts.append('<text x="420" y="220" text-anchor="middle">No release has a number.</text>')
    return "\n".join((*parts, *_legend(series), "</svg>", ""))


def _unit(series: Series) -> tuple[float, str]:
    """Return what the axis counts in, and what that is called beside it."""
    largest = max((abs(level.highest) for level in series.levels.values()), default=1.0)
    if series.per:
        return 1.0, ""
    if series.unit == "bytes":
        return MIB, "MiB"
    if series.unit == "seconds":
        return (1.0, "s") if largest >= 0.1 else (0.001, "ms")
    return 1.0, ""


def _axes(finding: Finding, series: Series, unit: float) -> tuple[Axes, float]:
    """Return the axes, which hold every number, and the distance of the lines."""
    levels = series.levels.values()
    numbers = [
        n for level in levels for n in (level.lowest, level.highest, *(level.interval or ()))
    ]
    low, high = min(numbers, default=0.0), max(numbers, default=unit)
    if 0 <= low <= _FROM_NOTHING * high or low == high:
        low = min(low, 0.0)
    step = tick(((high - low) or unit) / unit) * unit
    least, most = math.floor(low / step) * step, math.ceil(high / step) * step
    looked_at = {release.version for release in finding.plan.candidates} | {*series.levels}
    return Axes(tuple(sorted(looked_at)), most if most > least else least + step, least), step


def _unsure(series: Series, axes: Axes) -> Iterator[str]:
    for one in series.steps:
        left, right = _sides(one.before, one.after, axes)
        if right > left:
            box = f'x="{left:.1f}" y="{TOP}" width="{right - left:.1f}" height="{BOTTOM - TOP}"'
            yield f'<rect class="unsure" {box}/>'


def _sides(before: Version, after: Version, axes: Axes) -> tuple[float, float]:
    left, right = axes.versions.index(before) + 1, axes.versions.index(after)
    return axes.between(left), axes.between(max(left, right))


def _edges(series: Series, axes: Axes) -> Iterator[Edge]:
    """Yield where it stepped, or may have, and by how much."""
    for one in series.steps:
        yield Edge(*_sides(one.before, one.after, axes), steps.label(series, one))
    for one in series.suspected:
        text = f"perhaps {steps.label(series, one)}"
        yield Edge(*_sides(one.before, one.after, axes), text)


def _numbers(series: Series, axes: Axes) -> Iterator[str]:
    """Yield each release's lowest and highest run, its interval, and its median."""
    levels = {version: series.levels[version] for version in sorted(series.levels)}
    medians: Mapping[Version, float] = {v: level.median for v, level in levels.items()}
    line = " ".join(f"{axes.x(v):.1f},{axes.y(number):.1f}" for v, number in medians.items())
    if len(levels) > 1:
        yield f'<polyline class="trend" points="{line}"/>'
    for version, level in levels.items():
        x, y = axes.x(version), axes.y(level.median)
        for number in (level.lowest, level.highest):
            yield f'<circle class="run" cx="{x:.1f}" cy="{axes.y(number):.1f}" r="2"/>'
        shown = steps.amount(series, level.median)
        text = f"{version}: {shown} in the median of {level.runs} runs"
        if level.interval:
            low, high = map(axes.y, level.interval)
            yield f'<path class="interval" d="M{x:.1f} {low:.1f}V{high:.1f}"/>'
            text += f", {steps.span(series, *level.interval)} at 95%"
        yield (
            f'<circle class="number" cx="{x:.1f}" cy="{y:.1f}" r="4.5">'
            f"<title>{text_of(text)}</title></circle>"
        )


def _legend(series: Series) -> Iterator[str]:
    x, y = float(LEFT), HEIGHT - 23
    for kind, text in (
        ("number", "median of its runs"),
        ("interval", "95% interval of that"),
        ("run", "lowest and highest run"),
    ):
        if kind == "interval":
            yield f'<path class="interval" d="M{x + 5:.1f} {y - 7}v14"/>'
        else:
            radius = 4.5 if kind == "number" else 2
            yield f'<circle class="{kind}" cx="{x + 5:.1f}" cy="{y}" r="{radius}"/>'
        yield f'<text x="{x + 16:.1f}" y="{y + 4}">{text}</text>'
        x += 40 + len(text) * GLYPH
    if any(one.untested for one in series.steps) and x < WIDTH - 200:
        yield f'<rect class="unsure" x="{x:.1f}" y="{y - 7}" width="22" height="14"/>'
        yield f'<text x="{x + 30:.1f}" y="{y + 4}">stepped somewhere here</text>'
