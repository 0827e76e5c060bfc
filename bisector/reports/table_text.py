"""The compatibility table for a terminal, or for a pipe."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from bisector.reports import terminal
from bisector.reports.grid import Cell, Column, Grid, Known
from bisector.reports.terminal import labelled, needed, plain, printed
from bisector.reports.words import mib, safe

if TYPE_CHECKING:
    from rich.console import RenderableType

LEGEND = (
    "✓ good, ✗ bad, in brackets where inferred from measured neighbours that agree; "
    "? untestable, ! runs disagree, · not looked at"
)
_BAD = "✗"
_DIGITS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_STYLES = {"good": "green", "bad": "bold red"}


def render(grids: Sequence[Grid], *, width: int, color: bool = False, memory: bool = False) -> str:
    """Return the tables; columns that don't fit by name are lettered, with a key below."""
    return "\n".join(
        printed(_grid(grid, width, memory), width=width, color=color) for grid in grids
    )


def sign(cell: Cell) -> str:
    """Return the cell as one sign, in brackets where it is inferred."""
    shown = _outcome(cell)
    if cell.known is Known.INFERRED:
        return f"({shown})"
    others = {Known.UNTESTABLE: "?", Known.CONFLICTING: "!", Known.NOT_LOOKED_AT: "·"}
    return others.get(cell.known, shown)


def words(cell: Cell) -> str:
    """Return the cell as its sign and a word."""
    if cell.known is Known.INFERRED:
        return f"({_outcome(cell)} {cell.outcome})"
    labels = {Known.UNTESTABLE: cell.reason, Known.CONFLICTING: "runs disagree"}
    return f"{sign(cell)} {labels.get(cell.known, cell.outcome)}".rstrip()


def failures(columns: Sequence[Column], names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each sign of a failure where a column has several, and what it stands for.

    Where several columns do, the sign comes with the column's name among ``names``.
    """
    several = sum(bool(column.failures) for column in columns) > 1
    for column, name in zip(columns, names):
        for number, failure in enumerate(column.failures, 1):
            shown = _BAD + _raised(number)
            yield f"{name} {shown}" if several else shown, failure


def headings(columns: Sequence[Column]) -> list[str]:
    """Return a name per column, with the interpreter where there are several."""
    several = len({column.python for column in columns}) > 1
    return [safe(f"{c.name} {c.python}" if several else c.name) for c in columns]


def _grid(grid: Grid, width: int, memory: bool) -> Iterator[RenderableType]:
    yield plain(f"{safe(grid.package)}\n", "bold")
    labels = [line.label + (" (yanked)" if line.yanked else "") for line in grid.lines]
    left = [
        terminal.Column("release", labels),
        terminal.Column("uploaded", [line.date for line in grid.lines], rank=1),
    ]
    names, letters = headings(grid.columns), _letters(len(grid.columns))
    ways = [(names, words), (letters, words), (letters, sign)]
    shown = [_columns(grid, heads, describe, memory) for heads, describe in ways]
    columns = next((c for c in shown if needed([*left, *c]) <= width), shown[-1])
    for part in _parts(left[:1], columns, width) or [[]]:
        yield terminal.table([*left, *part], width)
        yield ""
    if columns is not shown[0]:
        yield labelled(zip(letters, names))
        yield ""
    heads = names if columns is shown[0] else letters
    if keys := list(failures(grid.columns, heads)):
        yield labelled(keys)
        yield ""
    yield plain(LEGEND, "dim")


def _columns(
    grid: Grid, heads: Sequence[str], describe: Callable[[Cell], str], memory: bool
) -> list[terminal.Column]:
    columns = []
    for position, head in enumerate(heads):
        cells = [line.cells[position] for line in grid.lines]
        texts = [describe(cell) + _memory(cell, memory) for cell in cells]
        styles = [_STYLES.get(cell.outcome, "dim") for cell in cells]
        columns.append(terminal.Column(head, texts, styles))
    return columns


def _outcome(cell: Cell) -> str:
    return {"good": "✓", "bad": _BAD + _raised(cell.failure)}.get(cell.outcome, "")


def _raised(number: int) -> str:
    """Return a number raised, as that of a footnote; nothing for 0."""
    return str(number).translate(_DIGITS) if number else ""


def _memory(cell: Cell, memory: bool) -> str:
    return f" {mib(cell.peak_memory_bytes)}" if memory and cell.peak_memory_bytes else ""


def _parts(
    left: Sequence[terminal.Column], columns: Sequence[terminal.Column], width: int
) -> list[list[terminal.Column]]:
    """Return the columns in as few groups as fit beside ``left``, one table each."""
    parts: list[list[terminal.Column]] = []
    for column in columns:
        if parts and needed([*left, *parts[-1], column]) <= width:
            parts[-1].append(column)
        else:
            parts.append([column])
    return parts


def _letters(number: int) -> list[str]:
    """Return a, b … z, aa, ab …: as many as asked for."""
    letters = list(string.ascii_lowercase)
    letters += [first + second for first in letters for second in letters]
    return letters[:number]
