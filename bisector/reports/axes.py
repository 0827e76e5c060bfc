"""Where releases and sizes lie in a chart, and what is written beside its axes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.version import Version

from bisector.finding import Finding
from bisector.reports.words import MIB

WIDTH, HEIGHT = 800, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 776, 112, 330
GLYPH = 6.4


@dataclass(frozen=True, slots=True)
class Axes:
    """Where a release and a size lie in the picture."""

    versions: tuple[Version, ...]
    top_bytes: float

    def x(self, version: Version) -> float:
        """Return where the middle of a release is."""
        return self.between(self.versions.index(version) + 0.5)

    def between(self, position: float) -> float:
        """Return where the edge before the release of that position is."""
        return LEFT + self.step * position

    def y(self, size_bytes: float) -> float:
        """Return where a size is."""
        return BOTTOM - (BOTTOM - TOP) * size_bytes / self.top_bytes

    @property
    def step(self) -> float:
        """The width of a release."""
        return (RIGHT - LEFT) / max(len(self.versions), 1)


def tick(highest_bytes: float) -> float:
    """Return the distance of four to eight round numbers up to ``highest_bytes``."""
    rough = highest_bytes / MIB / 4
    power = 10.0 ** math.floor(math.log10(rough))
    return MIB * next(m for m in (5 * power, 2.5 * power, 2 * power, power) if m <= rough)


def scale(axes: Axes, step_bytes: float) -> Iterator[str]:
    """Yield the lines of the sizes, each with its label."""
    for number in range(round(axes.top_bytes / step_bytes) + 1):
        y = axes.y(number * step_bytes)
        kind = "grid" if number else "axis"
        yield f'<path class="{kind}" d="M{LEFT} {y:.1f}H{RIGHT}"/>'
        size = f"{number * step_bytes / MIB:g}"
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{size}</text>'
    yield f'<text x="{LEFT - 8}" y="{TOP - 14}" text-anchor="end">MiB</text>'


def labels(finding: Finding, axes: Axes) -> Iterator[str]:
    """Yield as many releases below the axis as fit, those that matter first."""
    versions, shown = axes.versions, list[tuple[float, float]]()
    ends = [v for t in finding.every_transition for v in (t.after, t.before)]
    every = range(1, len(versions) - 1)
    stride = max(1, math.ceil(9 * GLYPH / axes.step))
    rest = [versions[n] for n in every if n % stride == 0]
    rest += [versions[n] for n in every]
    for version in dict.fromkeys((*versions[:1], *versions[-1:], *ends, *rest)):
        x, half = axes.x(version), len(str(version)) * GLYPH / 2
        middle = min(max(x, 8 + half), WIDTH - 8 - half)
        if any(middle - half < right + 8 and left < middle + half + 8 for left, right in shown):
            continue
        shown.append((middle - half, middle + half))
        yield f'<path class="axis" d="M{x:.1f} {BOTTOM}v5"/>'
        yield f'<text x="{middle:.1f}" y="{BOTTOM + 20}" text-anchor="middle">{version}</text>'
