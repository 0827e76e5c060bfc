"""A finding as the report that a maintainer wants to get, ready to be an issue's body."""

from __future__ import annotations

from collections.abc import Sequence

from bisector.model import Finding, Measurement, Outcome, Transition
from bisector.reports import rows
from bisector.reports.markdown import block, code, escape, folded, link, table
from bisector.reports.rows import Row

LIMIT = 65_536
"""The characters that GitHub takes in an issue or a comment."""

_NEAR = 3
_BAR = 40


def render(finding: Finding, *, chart: str = "") -> str:
    """Return the report, shorter than ``LIMIT``; ``chart`` is where a picture of it lies."""
    for kept in (4096, 1024, 256, 0):
        text = _render(finding, chart, kept)
        if len(text) < LIMIT:
            return text
    return text[: LIMIT - 2] + "…\n"


def _render(finding: Finding, chart: str, kept_characters: int) -> str:
    measured = rows.rows(finding)
    parts = [f"# {_title(finding)}", "", escape(rows.answer(finding)), ""]
    parts += [f"- {escape(hint)}" for hint in rows.further(finding)]
    if finding.probe.title:
        parts += [f"What is required: {escape(finding.probe.title)}", ""]
    if finding.affected:
        parts += [f"Affected: {' or '.join(code(spec) for spec in finding.affected)}", ""]
    parts += ["## Measurements", "", _measurements(finding, measured), ""]
    if any(row.peak_memory_bytes for row in measured):
        picture = f"![peak memory per release]({chart})\n\n" if chart else ""
        bars = folded("Peak memory per release", block(_bars(measured)))
        parts += ["## Memory", "", f"{picture}{bars}", ""]
    if told := rows.claims(finding):
        lines = [(escape(c.says), escape(c.measured), escape(c.verdict)) for c in told]
        parts += ["## Claims", "", table(("documented", "measured", ""), lines), ""]
    documented = finding.probe.documented
    for label, address in (("issue", documented.issue), ("fix", documented.fix)):
        if address:
            parts += [f"- {label}: {link(address.removeprefix('https://'), address)}"]
    parts += ["", "## How it was measured", "", f"- {escape(rows.conditions(finding))}"]
    parts += [f"- looked at: {escape(rows.looked_at(finding))}"]
    parts += [f"- again: {code(finding.replay)}", ""]
    for transition in finding.transitions:
        parts += [_sides(finding, transition, kept_characters), ""]
    return "\n".join(parts)


def _title(finding: Finding) -> str:
    named = f"{escape(finding.probe.package)}: {code(rows.name(finding))}"
    if not finding.affected:
        return f"{named}: no transition found"
    return f"{named} is bad in {' or '.join(code(spec) for spec in finding.affected)}"


def _measurements(finding: Finding, measured: Sequence[Row]) -> str:
    """Return the rows near each transition; all of them where there is none."""
    near: set[int] = set()
    for transition in finding.transitions:
        for side in (transition.before, transition.after, *(transition.zoom or ())):
            for place, row in enumerate(measured):
                if row.version == side:
                    near |= set(range(place - _NEAR, place + _NEAR + 1))
    shown = [row for place, row in enumerate(measured) if place in near or not near]
    head = ("release", "uploaded", "outcome", "peak", "growth", "pool", "seconds", "runs")
    lines = [
        (
            escape(str(row.version)) + (" (yanked)" if row.yanked else ""),
            row.date,
            f"**{row.outcome}**" if row.outcome == "bad" else escape(_outcome(row)),
            ("\\~" if row.peak_sampled else "") + rows.mib(row.peak_memory_bytes),
            rows.mib(row.growth_bytes),
            escape(row.pool),
            f"{row.seconds:.2f}",
            str(row.runs),
        )
        for row in shown
    ]
    told = table(head, lines, right=(3, 4, 6, 7))
    left = len(measured) - len(shown)
    return f"{told}\n\n{left} more measured releases are not shown." if left else told


def _outcome(row: Row) -> str:
    return f"{row.outcome}: {row.reason}" if row.reason else row.outcome


def _bars(measured: Sequence[Row]) -> str:
    highest = max((row.peak_memory_bytes or 0 for row in measured), default=0) or 1
    lines = []
    for row in measured:
        length = round((row.peak_memory_bytes or 0) / highest * _BAR)
        lines.append(
            f"{row.version!s:<12} {row.outcome:<10} {rows.mib(row.peak_memory_bytes):>10} "
            + "█" * length
        )
    return "\n".join(lines)


def _sides(finding: Finding, transition: Transition, kept_characters: int) -> str:
    """Return what differs between a transition's two sides, and the end of their output."""
    before, after = (_evidence(finding, v) for v in (transition.before, transition.after))
    parts = [f"### {escape(f'{transition.before} → {transition.after}')}", ""]
    if before is None or after is None:
        return "\n".join(parts)
    changed = _changed(before, after)
    parts += [table(("installed", str(before.version), str(after.version)), changed), ""]
    for side in (before, after):
        said = side.detail + (f"\n\n{side.output_tail}" if side.output_tail else "")
        summary = f"{side.version} is {side.outcome.value}, exit status {side.exit_status}"
        if kept_characters:
            parts += [folded(summary, block(said[-kept_characters:])), ""]
    return "\n".join(parts)


def _changed(before: Measurement, after: Measurement) -> list[tuple[str, str, str]]:
    old = {d.name: d.version for d in before.installed}
    new = {d.name: d.version for d in after.installed}
    return [
        (
            escape(name),
            escape(old.get(name, "not installed")),
            escape(new.get(name, "not installed")),
        )
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def _evidence(finding: Finding, version: object) -> Measurement | None:
    """Return the newest decided run of a release."""
    runs = [
        m
        for m in finding.measurements
        if m.version == version and m.outcome is not Outcome.UNTESTABLE
    ]
    return runs[-1] if runs else None
