"""The evidence behind each cell of a table, as JSON for a page: safe text, nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import cast

from packaging.version import Version

from bisector.finding import Finding
from bisector.model import Distribution, Json, Measurement, Signature
from bisector.reports.facts import conditions
from bisector.reports.grid import Cell, Column, Grid, Line
from bisector.reports.words import mib, safe

_LONGEST = 20_000


def evidence(grids: Sequence[Grid], findings: Sequence[Finding]) -> dict[str, Json]:
    """Return what the page of these tables embeds: arrays, with nothing in them twice.

    A number stands for the value at its place in ``shared``. A section is its package, columns
    and lines; a column its name, title, facts and failures; a line its label, date, why it is
    yanked, and cells; a cell a detail and then its runs, or null where there is nothing to tell.
    """
    shared, sections = interned([_section(grid, findings) for grid in grids])
    return {"shared": shared, "sections": sections}


def interned(values: Sequence[Json]) -> tuple[list[Json], list[Json]]:
    """Return the texts and arrays that occur more than once, and ``values`` with their places.

    What occurs most comes first, so that its number is short.
    """
    occurrences: Counter[Hashable] = Counter()

    def count(value: Hashable) -> None:
        occurrences[value] += 1
        if isinstance(value, tuple) and occurrences[value] == 1:
            for inner in value:
                count(inner)

    def short(value: Hashable) -> Json:
        return places[value] if value in places else inside(value)

    def inside(value: Hashable) -> Json:
        return [short(inner) for inner in value] if isinstance(value, tuple) else cast(Json, value)

    frozen = [_frozen(value) for value in values]
    for value in frozen:
        count(value)
    several = [value for value, n in occurrences.most_common() if n > 1 and value]
    places = {value: n for n, value in enumerate(several)}
    return [inside(value) for value in several], [short(value) for value in frozen]


def _frozen(value: Json) -> Hashable:
    return tuple(map(_frozen, value)) if isinstance(value, list) else cast(Hashable, value)


def _section(grid: Grid, findings: Sequence[Finding]) -> list[Json]:
    yanked = {
        release.version: release.yanked_reason
        for finding in findings
        if finding.probe.package == grid.package
        for release in (*finding.plan.candidates, *finding.plan.prereleases)
        if release.yanked
    }
    columns: list[Json] = [_column(column, findings) for column in grid.columns]
    lines: list[Json] = [_line(line, yanked) for line in grid.lines]
    return [safe(grid.package), columns, lines]


def _column(column: Column, findings: Sequence[Finding]) -> list[Json]:
    finding = next((f for f in findings if is_of(column, f)), None)
    facts: list[Json] = [["interpreter", f"Python {column.python}"]]
    if finding:
        facts = [["conditions", _plain(conditions(finding))]]
        facts += [["repeat it", _plain(finding.replay)]] if finding.replay else []
    return [safe(column.name), column.title, facts, list(column.failures)]


def _line(line: Line, yanked: Mapping[Version, str]) -> list[Json]:
    reasons = [yanked[v] for v in sorted(yanked) if line.first <= v <= line.last and yanked[v]]
    why = _plain("; ".join(dict.fromkeys(reasons)) or "yanked") if line.yanked else ""
    return [line.label, line.date, why, [_cell(cell) for cell in line.cells]]


def _cell(cell: Cell) -> list[Json] | None:
    if not cell.runs and not cell.detail:
        return None
    return ["" if cell.runs else _plain(cell.detail), *map(_run, cell.runs)]


def _run(run: Measurement) -> list[Json]:
    reason = f" ({run.reason.value})" if run.reason else ""
    day, _, time = run.started.partition("T")
    facts = [("said", run.detail), ("failed with", _signature(run.signature))]
    for peak in run.processes:
        size = f"{'at least ' if peak.sampled else ''}{mib(peak.peak_memory_bytes)}"
        label = "peak memory" if peak.main else "another process"
        facts.append((label, size if peak.main else f"{size}, {peak.command}"))
    facts += [(name, _value(name, value)) for name, value in run.metrics.items()]
    facts += [
        *_pool(run.pool or {}),
        ("took", f"{run.wall_s:.2f} s"),
        ("processor time", f"{run.cpu_s:.2f} s"),
        ("exit status", "" if run.exit_status is None else str(run.exit_status)),
        ("command", " ".join(run.command)),
        ("run", " on ".join(filter(None, (day, run.host)))),
        ("at", time),
        ("sandbox", run.sandbox),
        ("differs", ", ".join(run.differs)),
    ]
    told = [(_plain(label), _plain(text)) for label, text in facts if text]
    return [
        f"{run.version}: {run.outcome.value}{reason}",
        [label for label, _ in told],
        [text for _, text in told],
        _plain(run.output_tail, lines=True),
        [_plain(_pinned(distribution)) for distribution in run.installed],
    ]


def is_of(column: Column, finding: Finding) -> bool:
    """Return whether a finding is what a column shows."""
    probe = finding.probe
    same = (column.package, column.probe, column.case) == (probe.package, probe.name, probe.case)
    return same and column.python == finding.conditions.interpreter.series


def _pool(pool: Mapping[str, Json]) -> list[tuple[str, str]]:
    """Return the sizes of a pool, and apart from them what differs from run to run: its hosts."""
    nested = {name: value for name, value in pool.items() if isinstance(value, dict)}
    sizes = {name: value for name, value in pool.items() if name not in nested}
    return [
        ("connection pool", _flat(dict(sizes))),
        *((f"its {name}", _flat(value)) for name, value in nested.items()),
    ]


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
