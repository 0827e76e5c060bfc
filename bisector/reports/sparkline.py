"""Peak memory as small pictures that stand in a table, which gives them its style."""

from __future__ import annotations

from collections.abc import Sequence

from bisector.reports.words import mib


def sparkline(peaks: Sequence[tuple[int | None, bool]]) -> str:
    """Return a small SVG of peaks in release order, each with whether it is bad; "" for none.

    It has no style of its own: the page that it is put into gives it one by its classes.
    """
    measured = [
        (position, size, bad) for position, (size, bad) in enumerate(peaks) if size is not None
    ]
    if not measured:
        return ""
    highest, last = max(1, *(size for _, size, _ in measured)), max(len(peaks) - 1, 1)
    points = [(3 + 114 * n / last, 21 - 18 * size / highest, bad) for n, size, bad in measured]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
    dots = "".join(
        f'<circle class="{"bad" if bad else "good"}" cx="{x:.1f}" cy="{y:.1f}" '
        f'r="{2 if bad else 1}"/>'
        for x, y, bad in points
        if bad or len(points) == 1
    )
    lowest = min(size for _, size, _ in measured)
    return (
        f'<svg class="spark" viewBox="0 0 120 24" role="img" aria-label="peak memory per release, '
        f'{mib(lowest)} to {mib(highest)}"><path class="base" d="M0 21.5H120"/>'
        f'<polyline points="{line}"/>{dots}</svg>'
    )


def bar(size_bytes: int, highest_bytes: int) -> str:
    """Return one bar of the chart beside a column, as an SVG that stretches to its place."""
    length = 100 * size_bytes / max(highest_bytes, 1)
    return (
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{length:.1f}" height="10"/></svg>'
    )
