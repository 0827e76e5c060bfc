"""The compatibility table for a terminal, or for a pipe."""

from __future__ import annotations

import io
import string
from collections.abc import Sequence

from bisector.reports.grid import Cell, Column, Grid, Known
from bisector.reports.rows import mib

LEGEND = (
    "✓ good, ✗ bad, in brackets where inferred from measured neighbours that agree; "
    "? untestable, ! runs disagree, · not looked at"
)
_STYLES = {"good": "green", "bad": "bold red"}


def render(grids: Sequence[Grid], *, width: int, color: bool = False, memory: bool = False) -> str:
    """Return the tables; columns that don't fit by name are lettered, with a key below."""
    return "\n".join(_grid(grid, width, color, memory) for grid in grids)


def sign(cell: Cell) -> str:
    """Return the cell as one sign, in brackets where it is inferred."""
    shown = {"good": "✓", "bad": "✗"}.get(cell.outcome, "")
    if cell.known is Known.INFERRED:
        return f"({shown})"
    others = {Known.UNTESTABLE: "?", Known.CONFLICTING: "!", Known.NOT_LOOKED_AT: "·"}
    return others.get(cell.known, shown)


def words(cell: Cell) -> str:
    """Return the cell as its sign and a word."""
    if cell.known is Known.INFERRED:
        return f"({'✓' if cell.outcome == 'good' else '✗'} {cell.outcome})"
    said = {Known.UNTESTABLE: cell.reason, Known.CONFLICTING: "runs disagree"}
    return f"{sign(cell)} {said.get(cell.known, cell.outcome)}".rstrip()


def headings(columns: Sequence[Column]) -> list[str]:
    """Return a name per column, with the interpreter where there are several."""
    several = len({column.python for column in columns}) > 1
    return [f"{c.name} {c.python}" if several else c.name for c in columns]


def _grid(grid: Grid, width: int, color: bool, memory: bool) -> str:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=color, color_system="standard" if color else None
    )
    names = headings(grid.columns)
    labels = [line.label + (" yanked" if line.yanked else "") for line in grid.lines]
    cells = [[_text(cell, memory) for cell in line.cells] for line in grid.lines]
    widest = [
        max([len(name), *(len(row[place]) for row in cells)]) for place, name in enumerate(names)
    ]
    dates = max((len(line.date) for line in grid.lines), default=0)
    needed = max(map(len, [*labels, "release"])) + 2 + dates + sum(size + 2 for size in widest)
    letters = _letters(len(names)) if needed > width else names
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("release", no_wrap=True)
    table.add_column("uploaded", no_wrap=True)
    for letter in letters:
        table.add_column(Text(letter), no_wrap=True)
    for label, row, line in zip(labels, cells, grid.lines):
        shown = row if letters is names else [sign(cell) for cell in line.cells]
        styled = [
            Text(text, style=_STYLES.get(cell.outcome, "dim"))
            for text, cell in zip(shown, line.cells)
        ]
        table.add_row(Text(label), Text(line.date), *styled)
    console.print(Text(f"{grid.package}\n", style="bold"))
    console.print(table)
    console.print()
    if letters is not names:
        for letter, name in zip(letters, names):
            console.print(Text(f"{letter:<2} {name}"), soft_wrap=True)
        console.print()
    console.print(Text(LEGEND, style="dim"))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _text(cell: Cell, memory: bool) -> str:
    text = words(cell)
    if memory and cell.peak_memory_bytes is not None:
        text += f" {mib(cell.peak_memory_bytes)}"
    return text


def _letters(number: int) -> list[str]:
    """Return a, b … z, aa, ab …: as many as asked for."""
    letters = list(string.ascii_lowercase)
    letters += [first + second for first in letters for second in letters]
    return letters[:number]
