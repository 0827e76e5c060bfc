"""Where releases and numbers lie in a chart, and what is written beside its axes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from packaging.version import Version

WIDTH, HEIGHT = 800, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 776, 112, 330
GLYPH = 6.4


@dataclass(frozen=True, slots=True)
class Axes:
    """Where a release and a number, from ``least`` to ``most``, lie in the picture."""

    versions: tuple[Version, ...]
    most: float
    least: float = 0.0

    def x(self, version: Version) -> float:
        """Return where the middle of a release is."""
        return self.between(self.versions.index(version) + 0.5)

    def between(self, position: float) -> float:
        """Return where the edge before the release of that position is."""
        return LEFT + self.step * position

    def y(self, number: float) -> float:
        """Return where a number is."""
        return BOTTOM - (BOTTOM - TOP) * (number - self.least) / (self.most - self.least)

    @property
    def step(self) -> float:
        """The width of a release."""
        return (RIGHT - LEFT) / max(len(self.versions), 1)


def tick(span: float) -> float:
    """Return the distance of four to eight round numbers within a ``span``."""
    rough = span / 4
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m for m in (5 * power, 2.5 * power, 2 * power, power) if m <= rough)


def scale(axes: Axes, step: float, unit: float = 1.0, name: str = "") -> Iterator[str]:
    """Yield the lines of the numbers, each with its label: so many of a ``unit`` of that name."""
    for number in range(round(axes.least / step), round(axes.most / step) + 1):
        y = axes.y(number * step)
        kind = "axis" if number * step <= axes.least else "grid"
        yield f'<path class="{kind}" d="M{LEFT} {y:.1f}H{RIGHT}"/>'
        size = f"{number * step / unit:.10g}"
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{size}</text>'
    if name:
        yield f'<text x="{LEFT - 8}" y="{TOP - 14}" text-anchor="end">{name}</text>'


def labels(axes: Axes, ends: Sequence[Version]) -> Iterator[str]:
    """Yield as many releases below the axis as fit, those at the ``ends`` of changes first."""
    versions, shown = axes.versions, list[tuple[float, float]]()
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
