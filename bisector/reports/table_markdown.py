"""The compatibility table as Markdown, for documentation or an issue's comment."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bisector.documents import Document
from bisector.model import Finding
from bisector.reports import rows
from bisector.reports.grid import Cell, Column, Grid, Known
from bisector.reports.markdown import code, escape, link, table
from bisector.reports.table_text import LEGEND, headings, words


def render(
    grids: Sequence[Grid],
    *,
    memory: bool = False,
    address: Callable[[Column], str] | None = None,
) -> str:
    """Return the tables; ``address`` gives what each column's heading links to, if anything."""
    return "\n".join(_grid(grid, memory, address) for grid in grids)


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
    claimed = {document.name: _claims(document, findings) for document in documents}
    for document in documents:
        parts += [f"### {link(document.title, document.address)}", ""]
        if told := claimed[document.name]:
            parts += [table(("claim", "probe", "measured", ""), told), ""]
        if document.refused:
            parts += ["Not measured:", ""]
            parts += [f"- {escape(r.says)} — {escape(r.why)}" for r in document.refused]
            parts += [""]
    return "\n".join(parts)


def _claims(document: Document, findings: Sequence[Finding]) -> list[tuple[str, ...]]:
    told: list[tuple[str, ...]] = []
    for finding in findings:
        name = rows.name(finding)
        for claim in rows.claims(finding):
            if claim.document in (document.name, document.issue):
                verdict = claim.verdict if claim.agrees is not False else f"**{claim.verdict}**"
                told.append((escape(claim.says), code(name), escape(claim.measured), verdict))
    return told


def _grid(grid: Grid, memory: bool, address: Callable[[Column], str] | None) -> str:
    heads = []
    for column, name in zip(grid.columns, headings(grid.columns)):
        target = address(column) if address else ""
        heads.append(link(name, target) if target else code(name))
    lines = []
    for line in grid.lines:
        label = escape(line.label) + (" (yanked)" if line.yanked else "")
        lines.append((label, line.date, *(_cell(cell, memory) for cell in line.cells)))
    body = table(("release", "uploaded", *heads), lines)
    return f"## {escape(grid.package)}\n\n{body}\n\n{escape(LEGEND)}.\n"


def _cell(cell: Cell, memory: bool) -> str:
    text = escape(words(cell))
    if cell.outcome == "bad" and cell.known is Known.MEASURED:
        text = f"**{text}**"
    if memory and cell.peak_memory_bytes is not None:
        text += f" {rows.mib(cell.peak_memory_bytes)}"
    return text
