"""The evidence behind each cell of a table, as JSON for a page: safe text, nothing twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.version import Version

from bisector.finding import Finding
from bisector.model import Distribution, Json, Measurement, Signature
from bisector.reports.facts import conditions
from bisector.reports.grid import Cell, Column, Grid, Line
from bisector.reports.words import mib, safe

_LONGEST = 20_000


class Evidence:
    """What a page tells when a cell is chosen; facts and distributions are kept once each."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self._findings = findings
        self._distributions: dict[str, int] = {}
        self._facts: dict[tuple[str, str], int] = {}

    def of(self, grids: Sequence[Grid]) -> dict[str, Json]:
        """Return what the page of these tables embeds."""
        sections: list[Json] = [self._section(grid) for grid in grids]
        facts: list[Json] = [list(fact) for fact in self._facts]
        return {
            "sections": sections,
            "distributions": list(self._distributions),
            "facts": facts,
        }

    def _section(self, grid: Grid) -> dict[str, Json]:
        yanked = {
            release.version: release.yanked_reason
            for finding in self._findings
            if finding.probe.package == grid.package
            for release in (*finding.plan.candidates, *finding.plan.prereleases)
            if release.yanked
        }
        return {
            "package": safe(grid.package),
            "columns": [self._column(column) for column in grid.columns],
            "lines": [self._line(line, yanked) for line in grid.lines],
        }

    def _column(self, column: Column) -> dict[str, Json]:
        finding = next((f for f in self._findings if _is_of(column, f)), None)
        facts: list[Json] = [["interpreter", f"Python {column.python}"]]
        if finding:
            facts = [["conditions", _plain(conditions(finding))]]
            facts += [["repeat it", _plain(finding.replay)]] if finding.replay else []
        fields: dict[str, Json] = {"name": safe(column.name), "title": column.title, "facts": facts}
        if column.failures:
            fields["failures"] = list(column.failures)
        return fields

    def _line(self, line: Line, yanked: Mapping[Version, str]) -> dict[str, Json]:
        reasons = [yanked[v] for v in sorted(yanked) if line.first <= v <= line.last and yanked[v]]
        return {
            "label": line.label,
            "date": line.date,
            "yanked": _plain("; ".join(dict.fromkeys(reasons)) or "yanked") if line.yanked else "",
            "cells": [self._cell(cell) for cell in line.cells],
        }

    def _cell(self, cell: Cell) -> dict[str, Json] | None:
        if not cell.runs and not cell.detail:
            return None
        runs: list[Json] = [self._run(run) for run in cell.runs]
        return {"detail": "" if cell.runs else _plain(cell.detail), "runs": runs}

    def _run(self, run: Measurement) -> dict[str, Json]:
        reason = f" ({run.reason.value})" if run.reason else ""
        facts = [("said", run.detail), ("failed with", _signature(run.signature))]
        for peak in run.processes:
            size = f"{'at least ' if peak.sampled else ''}{mib(peak.peak_memory_bytes)}"
            label = "peak memory" if peak.main else "another process"
            facts.append((label, size if peak.main else f"{size}, {peak.command}"))
        facts += [(name, _value(name, value)) for name, value in run.metrics.items()]
        facts += [
            ("connection pool", _flat(dict(run.pool)) if run.pool else ""),
            ("took", f"{run.wall_s:.2f} s, {run.cpu_s:.2f} s of processor time"),
            ("exit status", "" if run.exit_status is None else str(run.exit_status)),
            ("command", " ".join(run.command)),
            ("run", " on ".join(filter(None, (run.started, run.host)))),
            ("sandbox", run.sandbox),
            ("differs", ", ".join(run.differs)),
        ]
        pairs: list[Json] = [
            self._fact(_plain(label), _plain(text)) for label, text in facts if text
        ]
        return {
            "version": str(run.version),
            "outcome": run.outcome.value,
            "heading": f"{run.version}: {run.outcome.value}{reason}",
            "facts": pairs,
            "output": _plain(run.output_tail, lines=True),
            "installed": [self._distribution(_pinned(d)) for d in run.installed],
        }

    def _fact(self, label: str, text: str) -> int:
        return self._facts.setdefault((label, text), len(self._facts))

    def _distribution(self, text: str) -> int:
        return self._distributions.setdefault(_plain(text), len(self._distributions))


def _is_of(column: Column, finding: Finding) -> bool:
    probe = finding.probe
    same = (column.package, column.probe, column.case) == (probe.package, probe.name, probe.case)
    return same and column.python == finding.conditions.interpreter.series


def _pinned(distribution: Distribution) -> str:
    pinned = f"{distribution.name}=={distribution.version}"
    return f"{pinned} --hash=sha256:{distribution.sha256}" if distribution.sha256 else pinned


def _signature(signature: Signature | None) -> str:
    if signature is None:
        return ""
    failure = ": ".join(filter(None, (signature.exception, signature.message)))
    where = f"in {signature.frame}" if signature.frame else ""
    return " ".join(filter(None, (signature.signal, failure, where)))


def _value(name: str, value: Json) -> str:
    if name.endswith("_bytes") and isinstance(value, int):
        return f"{value} ({mib(value)})"
    return _flat(value)


def _flat(value: Json) -> str:
    """Return nested JSON on one line, as people write it."""
    if isinstance(value, dict):
        return ", ".join(
            f"{name} ({_flat(inner)})" if isinstance(inner, dict) else f"{name} {_flat(inner)}"
            for name, inner in value.items()
        )
    if isinstance(value, list):
        return ", ".join(map(_flat, value))
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return str(value)


def _plain(text: str, *, lines: bool = False) -> str:
    """Return ``text`` with nothing in it that acts, and not too much of it: its end is kept."""
    if len(text) > _LONGEST:
        text = f"… {len(text) - _LONGEST} characters left out …\n{text[-_LONGEST:]}"
    if lines:
        return "\n".join(map(safe, text.expandtabs(4).replace("\r\n", "\n").split("\n")))
    return safe(text)
