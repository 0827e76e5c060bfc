"""Every format by its name; ``--format``'s choices are made from these tables.

A new format is a module with a ``render``, which is named here where modules are, and a line in a
table.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Generic, TypeVar

from bisector.errors import UsageError

if TYPE_CHECKING:
    from bisector.finding import Comparison, Finding
    from bisector.inputs.documents import Document
    from bisector.reports import (
        as_json,
        as_text,
        chart,
        comparisons,
        github,
        grid,
        junit,
        osv,
        replayed,
        report_markdown,
        reproducer,
        suspects,
        table_data,
        table_html,
        table_markdown,
        table_text,
    )
    from bisector.reports.grid import Column, Grid
    from bisector.search.replayed import Replay
else:

    def _deferred(name: str) -> ModuleType:
        """Return a module that is read when something of it is used: most runs use one or two."""
        name = f"bisector.reports.{name}"
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.find_spec(name)
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    _MODULES = (
        *("as_json", "as_text", "chart", "comparisons", "github", "grid", "junit", "osv"),
        *("replayed", "report_markdown", "reproducer", "suspects"),
        *("table_data", "table_html", "table_markdown", "table_text"),
    )
    globals().update({name: _deferred(name) for name in _MODULES})

SUMMARY = "GITHUB_STEP_SUMMARY"
"""The variable that names the file of a job's summary, in a GitHub workflow."""

_MOST_COLUMNS = 8
"""What fits beside each other where Markdown is read; a wider table is one per probe."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What a page of evidence cites: documents, the command that makes it, columns' reports."""

    documents: Sequence[Document]
    command: str
    address: Callable[[Column], str]


@dataclass(frozen=True, slots=True)
class View:
    """What it is shown on, and what the caller wants to see of it."""

    width: int = 120
    color: bool = False
    memory: bool = False
    fold: bool = False
    verbose: bool = False
    sources: Sources | None = None


Shown = TypeVar("Shown", "Finding", "Comparison", "Replay")


@dataclass(frozen=True, slots=True)
class Format(Generic[Shown]):
    """A way to write what was found.

    ``shows`` are the options that make a difference to it. ``appends`` is what is added, besides,
    to the files that these environment variables name.
    """

    render: Callable[[Sequence[Shown], View], str]
    shows: tuple[str, ...] = ()
    appends: Mapping[str, Callable[[Sequence[Shown]], str]] = field(default_factory=dict)


FINDINGS: Mapping[str, Format[Finding]] = {
    "text": Format(
        lambda found, view: as_text.render(
            found, width=view.width, color=view.color, verbose=view.verbose
        ),
        shows=("--verbose",),
    ),
    "json": Format(lambda found, _: as_json.render(found)),
    "markdown": Format(lambda found, _: report_markdown.render_all(found)),
    "osv": Format(lambda found, _: osv.render(found)),
    "junit": Format(lambda found, _: junit.render(found)),
    "github": Format(
        lambda found, _: github.render(found),
        appends={SUMMARY: lambda found: report_markdown.render_all(found)},
    ),
}
EXPLANATIONS: Mapping[str, Format[Finding]] = {
    "text": Format(lambda found, view: suspects.render(found, width=view.width, color=view.color)),
    "json": FINDINGS["json"],
    "markdown": FINDINGS["markdown"],
    "html": Format(lambda found, view: table_html.render(_tables(found, view), found)),
}
COMPARISONS: Mapping[str, Format[Comparison]] = {
    "text": Format(
        lambda found, view: comparisons.render(found, width=view.width, color=view.color)
    ),
    "json": Format(lambda found, _: comparisons.render_json(found)),
    "markdown": Format(lambda found, _: comparisons.render_markdown(found)),
    "junit": Format(lambda found, _: junit.render_comparisons(found)),
    "github": Format(
        lambda found, _: github.render_comparisons(found),
        appends={SUMMARY: lambda compared: comparisons.render_markdown(compared)},
    ),
}
REPLAYS: Mapping[str, Format[Replay]] = {
    "text": Format(lambda found, view: replayed.render(found, width=view.width, color=view.color)),
    "json": Format(lambda found, _: replayed.render_json(found)),
}
TABLES: Mapping[str, Format[Finding]] = {
    "text": Format(
        lambda found, view: table_text.render(
            _tables(found, view), width=view.width, color=view.color, memory=view.memory
        ),
        shows=("--fold", "--memory"),
    ),
    "markdown": Format(
        lambda found, view: _markdown(found, view), shows=("--fold", "--memory", "--evidence")
    ),
    "html": Format(
        lambda found, view: table_html.render(_tables(found, view), found), shows=("--fold",)
    ),
    "json": Format(
        lambda found, view: table_data.render_json(_tables(found, view)), shows=("--fold",)
    ),
    "csv": Format(
        lambda found, view: table_data.render_csv(_tables(found, view)), shows=("--fold",)
    ),
}
FILES: Mapping[str, Callable[[Finding], str]] = {
    "report.md": lambda finding: report_markdown.render(finding),
    "finding.json": lambda finding: as_json.render([finding]),
    "chart.svg": lambda finding: chart.chart(finding),
    "osv.json": lambda finding: osv.render([finding]),
    "reproducer.py": lambda finding: reproducer.render(finding) if finding.probe.text else "",
}
"""What is attached to a bug report; nothing is written where there is nothing to say."""


def check(formats: Mapping[str, Format[Shown]], name: str, options: Mapping[str, bool]) -> None:
    """Raise UsageError where an option is given that the format can't show."""
    for option, given in options.items():
        if given and option not in formats[name].shows:
            able = [other for other, format_ in formats.items() if option in format_.shows]
            raise UsageError(
                f"--format {name} can't show {option}",
                f"leave it out, or use --format {' or '.join(able)}",
            )


def _tables(findings: Sequence[Finding], view: View) -> tuple[Grid, ...]:
    tables = grid.grids(findings)
    return tuple(map(grid.fold, tables)) if view.fold else tables


def _markdown(findings: Sequence[Finding], view: View) -> str:
    tables = tuple(
        part for table in grid.grids(findings) for part in grid.narrow(table, _MOST_COLUMNS)
    )
    tables = tuple(map(grid.fold, tables)) if view.fold else tables
    if not (cited := view.sources):
        return table_markdown.render(tables, memory=view.memory)
    claims = table_markdown.evidence(findings, cited.documents, cited.command)
    page = table_markdown.render(tables, memory=view.memory, address=cited.address)
    return f"{claims}\n{page}"
