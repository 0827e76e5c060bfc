"""The compatibility table for programs: JSON, schema ``bisector/table/1``, and CSV."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from bisector.reports.as_json import strict
from bisector.reports.grid import Cell, Column, Grid
from bisector.reports.words import safe

SCHEMA = "bisector/table/1"
_FIELDS = (
    "package",
    "release",
    "last",
    "uploaded",
    "yanked",
    "probe",
    "case",
    "python",
    "known",
    "outcome",
    "reason",
    "said",
    "peak_memory_bytes",
    "runs",
    "failure",
)


def render_json(grids: Sequence[Grid]) -> str:
    """Return the tables as one JSON object, a cell per release and column.

    A cell of a fold is about the releases from ``release`` to ``last``. ``failure`` is what the
    failure is called, where the column has several.
    """
    return strict({"schema": SCHEMA, "cells": list(_cells(grids))})


def render_csv(grids: Sequence[Grid]) -> str:
    """Return the tables as CSV, a line per cell.

    Text that a spreadsheet would take for a formula is preceded by an apostrophe, as
    https://owasp.org/www-community/attacks/CSV_Injection has it. All text is quoted: in some
    countries spreadsheets part cells at semicolons.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, _FIELDS, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writeheader()
    for cell in _cells(grids):
        writer.writerow({name: inert(value) for name, value in cell.items()})
    return out.getvalue()


def _cells(grids: Sequence[Grid]) -> Iterator[dict[str, Any]]:
    for grid in grids:
        for line in grid.lines:
            for column, cell in zip(grid.columns, line.cells):
                yield {
                    "package": grid.package,
                    "release": str(line.first),
                    "last": str(line.last),
                    "uploaded": line.date[:10],
                    "yanked": line.yanked,
                    "probe": column.probe,
                    "case": column.case,
                    "python": column.python,
                    **_cell(cell, column),
                }


def _cell(cell: Cell, column: Column) -> dict[str, Any]:
    return {
        "known": cell.known.value,
        "outcome": cell.outcome,
        "reason": cell.reason,
        "said": cell.detail,
        "peak_memory_bytes": cell.peak_memory_bytes,
        "runs": len(cell.runs),
        "failure": column.failures[cell.failure - 1] if cell.failure else "",
    }


def inert(value: object) -> object:
    """Return a value of a CSV file as no spreadsheet takes it for a formula (OWASP)."""
    if not isinstance(value, str):
        return value
    text = safe(value)
    # Full-width signs are signs to a spreadsheet as well.
    first = unicodedata.normalize("NFKC", text.lstrip()[:1])
    return f"'{text}" if first in ("=", "+", "-", "@") else text
