"""Text for a terminal or a pipe, its width and colour; the one place that sets rich up."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.markdown import Markdown
    from rich.table import Table
    from rich.text import Text

_GAP = 2
_NARROWEST = 20


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, its cells from top to bottom, with a style each where given.

    Where the table is too wide, columns of the highest ``rank`` are left out first; those of
    rank 0 never are. A column that ``wraps`` takes the room that is left.
    """

    heading: str
    cells: Sequence[str]
    styles: Sequence[str] = ()
    right: bool = False
    rank: int = 0
    wraps: bool = False

    @property
    def width(self) -> int:
        """The cells of the terminal that it needs."""
        from rich.cells import cell_len

        widest = max(map(cell_len, (self.heading, *self.cells)))
        return min(widest, _NARROWEST) if self.wraps else widest


def width(stream: TextIO) -> int:
    """Return the columns that a stream shows; a pipe shows 120."""
    return shutil.get_terminal_size((120, 24)).columns if stream.isatty() else 120


def has_color(stream: TextIO) -> bool:
    """Return whether to write in colour, as https://no-color.org has it."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def printed(parts: Iterable[RenderableType], *, width: int, color: bool) -> str:
    """Return ``parts`` below each other; text that must not be wrapped runs over the edge."""
    from rich.console import Console
    from rich.text import Text

    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        height=24,
        force_terminal=color,
        color_system="standard" if color else None,
    )
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, Text) and bool(part.no_wrap))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def plain(text: str, style: str = "") -> Text:
    """Return text that is wrapped between words."""
    from rich.text import Text

    return Text(text, style=style)


def verbatim(text: str, style: str = "") -> Text:
    """Return text that is never wrapped, so that it can be copied."""
    from rich.text import Text

    return Text(text, style=style, no_wrap=True)


def markdown(text: str) -> Markdown:
    """Return Markdown as it is read, its code in the terminal's own colours."""
    from rich.markdown import Markdown

    return Markdown(text, code_theme="ansi_dark", hyperlinks=False)


def labelled(pairs: Iterable[tuple[str, str]]) -> Table:
    """Return texts beside their labels, wrapped within their own column."""
    from rich.table import Table

    table = Table.grid()
    table.add_column(width=11)
    table.add_column(overflow="fold")
    last = ""
    for label, text in pairs:
        table.add_row(plain(label if label != last else ""), plain(text))
        last = label
    return table


def needed(columns: Sequence[Column]) -> int:
    """Return the width of a table of these columns."""
    return sum(column.width + _GAP for column in columns) - _GAP


def table(columns: Sequence[Column], width: int) -> Table:
    """Return a table of as many of the columns as fit."""
    from rich.table import Table

    shown = list(columns)
    while needed(shown) > width and any(column.rank for column in shown):
        shown.remove(max(shown, key=lambda column: column.rank))
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
    for column in shown:
        # Where even these are too wide, a cell goes on below rather than being cut.
        table.add_column(
            plain(column.heading),
            justify="right" if column.right else "left",
            no_wrap=not column.wraps and needed(shown) <= width,
            overflow="fold",
        )
    for position in range(max((len(column.cells) for column in shown), default=0)):
        table.add_row(
            *(
                plain(column.cells[position], column.styles[position] if column.styles else "")
                for column in shown
            )
        )
    return table
