"""The compatibility table as Markdown, for documentation or an issue's comment."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bisector.finding import Finding
from bisector.inputs.documents import Document
from bisector.reports import facts
from bisector.reports.claims import ClaimRow, claims
from bisector.reports.grid import Cell, Column, Grid, Known
from bisector.reports.markdown import code, escape, link, table
from bisector.reports.table_text import LEGEND, failures, headings, words
from bisector.reports.words import mib


def render(
    grids: Sequence[Grid],
    *,
    memory: bool = False,
    address: Callable[[Column], str] | None = None,
) -> str:
    """Return the tables; ``address`` gives what each column's heading links to, if anything."""
    parts: list[str] = []
    for number, grid in enumerate(grids):
        if not number or grid.package != grids[number - 1].package:
            parts += [f"## {escape(grid.package)}", "", f"{escape(LEGEND)}.", ""]
        parts += [f"### {escape(grid.probe)}", ""] if grid.probe else []
        parts += [_grid(grid, memory, address), ""]
    return "\n".join(parts)


def evidence(findings: Sequence[Finding], documents: Sequence[Document], command: str) -> str:
    """Return the claims of each document beside what was measured, and those that can't be."""
    parts = [
        "# What was measured",
        "",
        f"Made from the measurements below this folder by {code(command)}.",
        "",
        "## Claims",
        "",
    ]
    rows = [(finding, claim) for finding in findings for claim in claims(finding)]
    several = len({f.conditions.interpreter.series for f in findings}) > 1
    for document in documents:
        about = {document.name, document.issue} - {""}
        parts += [f"### {link(document.title, document.address)}", ""]
        parts += _claims([(f, claim) for f, claim in rows if claim.document in about], several)
        rows = [(f, claim) for f, claim in rows if claim.document not in about]
        if document.refused:
            parts += ["Not measured:", ""]
            parts += [f"- {escape(r.says)} — {escape(r.why)}" for r in document.refused]
            parts += [""]
    for name in dict.fromkeys(claim.document for _, claim in rows):
        parts += [f"### {escape(name) or 'Claims that name no document'}", ""]
        parts += _claims([(f, claim) for f, claim in rows if claim.document == name], several)
    return "\n".join(parts)


def _claims(rows: Sequence[tuple[Finding, ClaimRow]], several: bool) -> list[str]:
    """Return the claims as a table; with the interpreter, where there are ``several``."""
    lines = []
    for finding, claim in rows:
        python = f" {finding.conditions.interpreter.series}" if several else ""
        verdict = claim.verdict if claim.agrees is not False else f"**{claim.verdict}**"
        probe = code(facts.name(finding) + python)
        lines.append((escape(claim.says), probe, escape(claim.measured), verdict))
    return [table(("claim", "probe", "measured", ""), lines), ""] if lines else []


def _grid(grid: Grid, memory: bool, address: Callable[[Column], str] | None) -> str:
    heads = []
    for column, name in zip(grid.columns, headings(grid.columns)):
        target = address(column) if address else ""
        heads.append(link(name, target) if target else code(name))
    lines = []
    for line in grid.lines:
        label = escape(line.label) + (" (yanked)" if line.yanked else "")
        lines.append((label, line.date, *(_cell(cell, memory) for cell in line.cells)))
    keys = [
        f"- {escape(sign)} {code(failure)}"
        for sign, failure in failures(grid.columns, headings(grid.columns))
    ]
    shown = table(("release", "uploaded", *heads), lines)
    return "\n".join([shown, "", *keys]) if keys else shown


def _cell(cell: Cell, memory: bool) -> str:
    text = escape(words(cell))
    if cell.outcome == "bad" and cell.known is Known.MEASURED:
        text = f"**{text}**"
    if memory and cell.peak_memory_bytes is not None:
        text += f" {mib(cell.peak_memory_bytes)}"
    return text
