"""Where the commands print to."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bisector.inputs.request import Request
from bisector.reports import progress, terminal
from bisector.reports.formats import Format, Shown, Sources, View
from bisector.reports.progress_json import JsonLines


def view(asked: Request | None = None, sources: Sources | None = None) -> View:
    """Return how standard output shows what was found."""
    return View(
        width=terminal.width(sys.stdout),
        color=terminal.has_color(sys.stdout),
        memory=bool(asked and asked.memory),
        fold=bool(asked and asked.fold),
        verbose=bool(asked and asked.verbose),
        sources=sources,
    )


def write(format_: Format[Shown], shown: Sequence[Shown], how: View) -> None:
    """Print what was found, and add to the files that the environment names for the format."""
    sys.stdout.write(format_.render(shown, how))
    for variable, render in format_.appends.items():
        if name := os.environ.get(variable):
            with Path(name).open("a", encoding="utf-8") as file:
                file.write(render(shown))


def listener(*, json_lines: bool = False) -> progress.Lines:
    """Return what tells of progress on standard error: to people, or as JSON to programs.

    What is logged is told as well.
    """
    if json_lines:
        return progress.speaking(JsonLines(sys.stderr))
    return progress.listener(sys.stderr, color=terminal.has_color(sys.stderr))
