"""Where a chart says that something changed: an edge and a label per transition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bisector.finding import Kind, Transition
from bisector.reports.axes import BOTTOM, GLYPH, TOP, WIDTH, Axes

_ROWS = 3


def sides(transition: Transition, axes: Axes) -> tuple[float, float]:
    """Return the edges between which it changes; they are one where nothing is between."""
    before, after = transition.zoom or (transition.before, transition.after)
    if transition.otherwise and not transition.untested:  # it comes, or goes, where others do
        introduced = transition.kind is Kind.INTRODUCED
        edge = axes.versions.index(after) if introduced else axes.versions.index(before) + 1
        return axes.between(edge), axes.between(edge)
    left, right = axes.versions.index(before) + 1, axes.versions.index(after)
    return axes.between(left), axes.between(max(left, right))


def marks(transitions: Sequence[Transition], axes: Axes) -> Iterator[str]:
    """Yield an edge and a label per transition, on three rows; what doesn't fit is a tooltip.

    From right to left, so that a label which reaches over a later edge lies above its end.
    """
    labels = list[_Mark]()
    for transition in sorted(transitions, key=lambda t: sides(t, axes), reverse=True):
        left, right = sides(transition, axes)
        label = _label(transition, between=left < right)
        width = len(label) * (GLYPH + 0.6)
        x = (left + right) / 2 + 5
        rows = range(_ROWS)
        if x + width > WIDTH - 12:
            # To the left of its edge it lies over the edges before it, so above their ends.
            x, rows = x - 10 - width, range(_ROWS - 1, -1, -1)
        edge = left if left == right else None
        candidates = (_Mark(label, edge, x, x + width, row) for row in rows)
        mark = next((one for one in candidates if not any(map(one.meets, labels))), None)
        top = mark.y - 9 if mark and edge is not None else TOP
        for position in sorted({left, right}):
            yield f'<path class="edge" d="M{position:.1f} {top}V{BOTTOM}">'
            yield f"<title>{label}</title></path>"
        labels += [mark] if mark else []
    for mark in labels:
        yield f'<text class="mark" x="{mark.start:.1f}" y="{mark.y}">{mark.label}</text>'


@dataclass(frozen=True)
class _Mark:
    """A label, the edge that rises to it (none where it names an interval), and where it lies."""

    label: str
    edge: float | None
    start: float
    end: float
    row: int

    @property
    def y(self) -> int:
        return TOP - 8 - 15 * self.row

    def meets(self, other: _Mark) -> bool:
        """Return whether both labels overlap, or the edge of one crosses the other's label."""
        if self.row == other.row and self.start < other.end + 10 and other.start < self.end + 10:
            return True
        return self._crosses(other) or other._crosses(self)

    def _crosses(self, other: _Mark) -> bool:
        return (
            self.edge is not None
            and self.row >= other.row
            and other.start - 2 < self.edge < other.end + 2
        )


def _label(transition: Transition, *, between: bool) -> str:
    """Return what a transition's label says, given whether releases lie between its sides."""
    label = f"{transition.kind.value} {transition.after}"
    if transition.otherwise and transition.kind is Kind.FIXED:
        label = f"until {transition.before}"
    if between:
        label = f"{transition.kind.value} between {transition.before} and {transition.after}"
    elif transition.zoom and transition.zoom[1] != transition.after:
        label += f" ({transition.zoom[1]})"
    return label + ("" if transition.confirmed else ", unconfirmed")
