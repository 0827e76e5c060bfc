"""Where the commands print to."""

from __future__ import annotations

import sys

from bisector.inputs.request import Request
from bisector.reports import progress, terminal
from bisector.reports.formats import Sources, View


def view(asked: Request | None = None, sources: Sources | None = None) -> View:
    """Return how standard output shows what was found."""
    return View(
        width=terminal.width(sys.stdout),
        color=terminal.has_color(sys.stdout),
        memory=bool(asked and asked.memory),
        fold=bool(asked and asked.fold),
        sources=sources,
    )


def listener() -> progress.Lines:
    """Return what tells of progress on standard error."""
    return progress.listener(sys.stderr, color=terminal.has_color(sys.stderr))
