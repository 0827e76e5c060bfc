"""Where a chart says that something changed: an edge and a label per transition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bisector.finding import Kind, Transition
from bisector.reports.chart_axes import BOTTOM, GLYPH, TOP, WIDTH, Axes

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


@dataclass(frozen=True, order=True, slots=True)
class Edge:
    """Where something changed, between two places that may be one, and what is said of it."""

    left: float
    right: float
    label: str


def edges(transitions: Sequence[Transition], axes: Axes) -> list[Edge]:
    """Return the edge of each transition."""
    placed = [(transition, *sides(transition, axes)) for transition in transitions]
    return [Edge(left, right, _label(t, between=left < right)) for t, left, right in placed]


def marks(edges: Sequence[Edge]) -> Iterator[str]:
    """Yield edges, each with its label, on three rows; what doesn't fit is a tooltip.

    From right to left, so that a label which reaches over a later edge lies above its end.
    """
    labels = list[_Mark]()
    for drawn in sorted(edges, reverse=True):
        left, right, label = drawn.left, drawn.right, drawn.label
        width = len(label) * (GLYPH + 1)  # as wide as bold letters mostly are
        middle = (left + right) / 2
        edge = left if left == right else None
        # To the left of its edge it lies over the edges before it, so above their ends.
        places = [(middle + 5, row) for row in range(_ROWS)]
        places += [(middle - 5 - width, row) for row in reversed(range(_ROWS))]
        candidates = (
            _Mark(label, edge, x, x + width, row, before=x < middle - width)
            for x, row in places
            if x >= 12 and x + width <= WIDTH - 12
        )
        mark = next((one for one in candidates if not any(map(one.meets, labels))), None)
        top = mark.y - 9 if mark and edge is not None else TOP
        for position in sorted({left, right}):
            yield f'<path class="edge" d="M{position:.1f} {top}V{BOTTOM}">'
            yield f"<title>{label}</title></path>"
        labels += [mark] if mark else []
    for mark in labels:
        end = ' text-anchor="end"' if mark.before else ""
        x = mark.end if mark.before else mark.start
        yield f'<text class="mark" x="{x:.1f}" y="{mark.y}"{end}>{mark.label}</text>'


@dataclass(frozen=True)
class _Mark:
    """A label, the edge that rises to it (none where it names an interval), and where it lies.

    One that stands ``before`` its edge ends there.
    """

    label: str
    edge: float | None
    start: float
    end: float
    row: int
    before: bool = False

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
