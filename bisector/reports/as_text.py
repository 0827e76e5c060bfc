"""Findings, plans and the catalogue for a terminal, or for a pipe."""

from __future__ import annotations

import io
from collections.abc import Sequence

from bisector.model import Finding, Plan, Probe, Release
from bisector.reports import rows
from bisector.reports.rows import MIB, Row

_BAR = 16
_STYLES = {"good": "green", "bad": "bold red", "untestable": "yellow"}


def render(findings: Sequence[Finding], *, width: int = 100, color: bool = False) -> str:
    """Return what was found, for people."""
    return "\n".join(_finding(finding, width, color) for finding in findings)


def _finding(finding: Finding, width: int, color: bool) -> str:
    from rich.console import Console
    from rich.text import Text

    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=color, color_system="standard" if color else None
    )
    console.print(Text(rows.title(finding), style="bold"))
    console.print()
    console.print(Text(rows.answer(finding)))
    for hint in rows.further(finding):
        console.print(Text(f"Open: {hint}"))
    console.print()
    measured = rows.rows(finding)
    if measured:
        console.print(_table(measured, width))
        console.print()
    told: list[tuple[str, str]] = []
    if finding.affected:
        told.append(("affected", rows.joined(finding.affected)))
    for transition in finding.transitions:
        sides = f"{transition.before} → {transition.after}"
        sure = f"{transition.confidence:.0%} sure" + (
            "" if transition.confirmed else ", unconfirmed"
        )
        told.append(("confidence", f"{transition.kind.value} {sides}: {sure}"))
    for claim in rows.claims(finding):
        told.append(("documents", f"{claim.says}; measured: {claim.measured}: {claim.verdict}"))
    told.append(("looked at", rows.looked_at(finding)))
    told.append(("conditions", rows.conditions(finding)))
    for address in filter(None, (finding.probe.documented.issue, finding.probe.documented.fix)):
        told.append(("see", rows.safe(address)))
    told.append(("replay", finding.replay))
    last = ""
    for label, text in told:
        console.print(Text(f"{label if label != last else '':<11}{text}"), soft_wrap=True)
        last = label
    return _trimmed(out.getvalue())


def _table(measured: Sequence[Row], width: int) -> object:
    from rich.table import Table
    from rich.text import Text

    with_dates = any(row.date for row in measured)
    with_growth = any(row.growth_bytes is not None for row in measured)
    with_pool = any(row.pool for row in measured)
    with_bar = width >= 96
    highest = max((row.peak_memory_bytes or 0 for row in measured), default=0)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("release", no_wrap=True)
    if with_dates:
        table.add_column("uploaded", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    table.add_column("peak", justify="right", no_wrap=True)
    if with_bar:
        table.add_column("", no_wrap=True)
    if with_growth:
        table.add_column("growth", justify="right", no_wrap=True)
    if with_pool:
        table.add_column("pool", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column("runs", justify="right", no_wrap=True)
    for row in measured:
        outcome = f"{row.outcome}: {row.reason}" if row.reason else row.outcome
        peak = "-" if row.peak_memory_bytes is None else rows.mib(row.peak_memory_bytes)
        cells = [Text(str(row.version) + (" (yanked)" if row.yanked else ""))]
        cells += [Text(row.date)] if with_dates else []
        cells += [Text(outcome, style=_STYLES.get(row.outcome, "magenta"))]
        cells += [Text(("~" if row.peak_sampled else "") + peak)]
        cells += [Text(_bar(row.peak_memory_bytes or 0, highest))] if with_bar else []
        cells += [Text(rows.mib(row.growth_bytes))] if with_growth else []
        cells += [Text(row.pool)] if with_pool else []
        cells += [Text(f"{row.seconds:.2f}"), Text(str(row.runs))]
        table.add_row(*cells)
    return table


def _bar(size_bytes: int, highest_bytes: int) -> str:
    eighths = round(size_bytes / max(highest_bytes, MIB) * _BAR * 8)
    full, part = divmod(eighths, 8)
    return "█" * full + (" ▏▎▍▌▋▊▉"[part] if part else "")


def plan_table(project: str, plan: Plan, conditions: str, *, width: int, color: bool) -> str:
    """Return the plan as a table, before anything is spent."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=color, color_system="standard" if color else None
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("release", "uploaded", "plan", "why"):
        table.add_column(name, no_wrap=name != "why")
    for version, date, decided, why in plan_rows(plan):
        style = {"candidate": "green", "zoom": "cyan"}.get(decided, "yellow")
        table.add_row(Text(version), Text(date), Text(decided, style=style), Text(why))
    console.print(table)
    console.print()
    summary = f"{project}: {rows.count(len(plan.candidates), 'candidate')}, "
    summary += f"{rows.count(len(plan.prereleases), 'pre-release')} kept for the zoom, "
    summary += f"{len(plan.excluded)} excluded ({conditions})"
    console.print(Text(summary), soft_wrap=True)
    return _trimmed(out.getvalue())


def plan_rows(plan: Plan) -> list[tuple[str, str, str, str]]:
    """Return version, date, candidate, zoom or excluded, and why, in version order."""

    def listed(release: Release, decided: str) -> tuple[str, str, str, str]:
        date = release.upload_time.date().isoformat() if release.upload_time else ""
        why = f"yanked: {release.yanked_reason or 'no reason given'}" if release.yanked else ""
        return str(release.version), date, decided, rows.safe(why)

    listing = [(r.version, listed(r, "candidate")) for r in plan.candidates]
    listing += [(r.version, listed(r, "zoom")) for r in plan.prereleases]
    for e in plan.excluded:
        date = e.upload_time.date().isoformat() if e.upload_time else ""
        why = rows.safe(f"{e.reason.value}: {e.detail}")
        listing.append((e.version, (str(e.version), date, "excluded", why)))
    return [row for _, row in sorted(listing, key=lambda pair: pair[0])]


def probes_table(probes: Sequence[Probe], *, width: int, color: bool) -> str:
    """Return what there is to run."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=color, color_system="standard" if color else None
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("probe", "package", "range", "requires that"):
        table.add_column(name, no_wrap=name != "requires that")
    for probe in probes:
        name = f"{probe.name}[{probe.case}]" if probe.case else probe.name
        cells = (name, probe.package, str(probe.range), rows.safe(probe.title))
        table.add_row(*map(Text, cells))
    console.print(table)
    return _trimmed(out.getvalue())


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
