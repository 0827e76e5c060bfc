"""Columns of a table by what they do from release to release: where bad, or that none changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from bisector.reports.grid import Grid, Known, Line


@dataclass(frozen=True, slots=True)
class Group:
    """Neighbouring columns of a table that behave alike, by their names.

    ``words`` say where they are bad. ``changes`` is whether that is so of some releases only,
    ``bad`` whether it is of any.
    """

    words: str
    changes: bool
    bad: bool
    columns: tuple[str, ...]


def grouped(grid: Grid) -> tuple[Grid, tuple[Group, ...]]:
    """Return the table with columns that behave alike side by side, and these as groups.

    Those that change come first, else in the order of the table; those that never change last,
    the bad ones before the good ones.
    """
    positions: dict[tuple[str, bool, bool], list[int]] = {}
    for position in range(len(grid.columns)):
        positions.setdefault(_behaviour(grid.lines, position), []).append(position)
    ordered = sorted(positions.items(), key=lambda item: (not item[0][1], not item[0][2]))
    groups = tuple(
        Group(words, changes, bad, tuple(grid.columns[p].name for p in members))
        for (words, changes, bad), members in ordered
    )
    order = [position for _, members in ordered for position in members]
    lines = tuple(replace(line, cells=tuple(line.cells[p] for p in order)) for line in grid.lines)
    columns = tuple(grid.columns[position] for position in order)
    return replace(grid, columns=columns, lines=lines), groups


def _behaviour(lines: Sequence[Line], position: int) -> tuple[str, bool, bool]:
    """Return where a column is bad in words, whether it changes, and whether it is bad at all.

    What is not known of a release neither begins nor ends a stretch.
    """
    shown = [(line, _state(line, position)) for line in lines]
    stretches = [
        (state, [line for line, _ in of])
        for state, of in groupby((one for one in shown if one[1]), key=lambda one: one[1])
    ]
    states = {state for state, _ in stretches}
    if len(states) < 2:
        state = states.pop() if states else ""
        words = {"bad": "always bad", "good": "always good", "": "nothing known"}
        return words.get(state, "runs always disagree"), False, state not in ("good", "")
    last = len(stretches) - 1
    windows = [
        (state, _window(of, at == 0, at == last)) for at, (state, of) in enumerate(stretches)
    ]
    bad = ", ".join(window for state, window in windows if state == "bad")
    unsure = ", ".join(window for state, window in windows if state == "conflicting")
    return "; ".join(filter(None, (bad, unsure and f"runs disagree: {unsure}"))), True, True


def _state(line: Line, position: int) -> str:
    cell = line.cells[position]
    return "conflicting" if cell.known is Known.CONFLICTING else cell.outcome


def _window(of: Sequence[Line], oldest: bool, newest: bool) -> str:
    """Return a stretch of releases in words; it may be open at either end."""
    first, last = of[0].first, of[-1].last
    if oldest:
        return f"up to {last}"
    if newest:
        return f"since {first}"
    return str(first) if first == last else f"{first} to {last}"
