"""Findings, plans and the catalogue for a terminal, or for a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from bisector.finding import Finding
from bisector.model import Plan, Probe, Release
from bisector.reports import causes, facts, failing, flaky, rows, steps, suspects, words
from bisector.reports.answer import paragraphs
from bisector.reports.claims import claims
from bisector.reports.differences import differences
from bisector.reports.replay import further, replay
from bisector.reports.rows import Row
from bisector.reports.stretches import stretches
from bisector.reports.terminal import Column, labelled, plain, printed, table, verbatim
from bisector.reports.words import MIB, safe

if TYPE_CHECKING:
    from rich.console import RenderableType

_BAR = 16
_LONGEST = 300
_EVIDENCE = "-v shows each release; `bisect report` writes it down, `bisect open` shows it"
_STYLES = {"good": "green", "bad": "bold red", "untestable": "yellow"}


def render(
    findings: Sequence[Finding], *, width: int = 100, color: bool = False, verbose: bool = False
) -> str:
    """Return what was found, for people: the verdict, what it rests on, and the verdict again.

    ``verbose`` shows each measured release, and all that is known of the search.
    """
    texts = [
        printed(_finding(finding, width, verbose=verbose), width=width, color=color)
        for finding in findings
    ]
    texts += [
        printed([plain(sentence, "bold")], width=width, color=color)
        for sentence in differences(findings)
    ]
    return "\n".join(texts)


def _finding(finding: Finding, width: int, *, verbose: bool) -> Iterator[RenderableType]:
    yield plain(f"{facts.title(finding)}\n", "bold")
    verdict = list(_verdict(finding))
    yield from verdict
    for hint, command in further(finding):
        yield plain(f"Open: {hint}" + ("; to look further:" if command else ""))
        if command:
            yield verbatim(f"  {command}")
    yield ""
    if lines := list(suspects.text(finding, width)):
        yield from map(verbatim, lines[1:])
        yield ""
    measured = rows.rows(finding)
    if measured:
        several = len(finding.failures) > 1
        columns = (
            _columns(measured, finding, several=several)
            if verbose or finding.series
            else _folded(finding, measured, several=several)
        )
        yield table(columns, width)
        yield ""
    yield labelled(_facts(finding) if verbose else _short(finding))
    documented = finding.probe.documented
    for label, address in (("issue", documented.issue), ("fix", documented.fix)):
        if address and verbose:
            yield verbatim(f"{label:<11}{safe(address)}")
    if finding.replay:
        yield verbatim(f"{'replay':<11}{replay(finding)}")
    if measured:
        yield ""
        yield from verdict


def _verdict(finding: Finding) -> Iterator[RenderableType]:
    """Yield what to pin, and what was found."""
    if pinned := failing.pin(finding):
        yield plain(pinned, "bold")
    for paragraph in paragraphs(finding):
        yield plain(paragraph)


def _short(finding: Finding) -> Iterator[tuple[str, str]]:
    """Yield what is known of the search, as far as it bears on the verdict."""
    if finding.affected:
        yield "affected", words.joined(finding.affected)
    sure = facts.sureness(finding)
    if sure:
        yield "confidence", "; ".join(sure[:4]) + (f"; {len(sure) - 4} more" if sure[4:] else "")
    if option := facts.surer(finding):
        yield "confidence", f"to be surer, {option} runs both sides again"
    if own := causes.own(finding):
        yield "fault", own
    for cause in causes.undecided(finding):
        yield "fault", cause
    for claim in claims(finding):
        if claim.agrees is False:
            yield "documents", claim.sentence
    yield "looked at", facts.looked_at(finding)
    if stored := facts.stored(finding):
        yield "stored", stored
    yield "conditions", facts.conditions(finding)
    if finding.measurements:
        yield "evidence", _EVIDENCE


def _facts(finding: Finding) -> Iterator[tuple[str, str]]:
    if finding.affected:
        yield "affected", words.joined(finding.affected)
    for text in facts.sureness(finding):
        yield "confidence", text
    if option := facts.surer(finding):
        yield "confidence", f"to be surer, {option} runs both sides again"
    for text in causes.whose(finding):
        yield "fault", text
    for version, detail in facts.evidence(finding):
        yield "said", words.shortened(f"{version}: {detail}", _LONGEST)
    for claim in claims(finding):
        yield "documents", claim.sentence
    yield "looked at", facts.looked_at(finding)
    if stored := facts.stored(finding):
        yield "stored", stored
    yield "conditions", facts.conditions(finding)


def _folded(finding: Finding, measured: Sequence[Row], *, several: bool) -> list[Column]:
    """Return the columns of what came out alike together."""
    folded = list(stretches(finding, measured))
    columns = [
        Column(finding.axis.noun, [stretch.label for stretch in folded]),
        Column("uploaded", [stretch.date for stretch in folded], rank=4),
        Column(
            "outcome",
            [stretch.said for stretch in folded],
            [_STYLES.get(stretch.rows[0].outcome, "magenta") for stretch in folded],
        ),
        *_doubts([stretch.rows for stretch in folded], finding),
        Column("failure", [stretch.failure if several else "" for stretch in folded], rank=2),
        Column("peak", [stretch.peak for stretch in folded], right=True, rank=1),
        Column("growth", [stretch.growth for stretch in folded], right=True, rank=2),
        Column("pool", [stretch.pool for stretch in folded], rank=3),
        Column("measured", [str(len(stretch.rows)) for stretch in folded], right=True, rank=5),
    ]
    return [column for column in columns if any(column.cells)]


def _columns(measured: Sequence[Row], finding: Finding, *, several: bool) -> list[Column]:
    """Return the columns of which there is anything to show; failures where there are several."""
    highest = max((row.peak_memory_bytes or 0 for row in measured), default=0)
    if finding.series:
        highest = 0  # it is another number that is asked for, or that one by its own name
    columns = [
        Column(finding.axis.noun, [row.label for row in measured]),
        Column("uploaded", [row.date for row in measured], rank=3),
        Column(
            "outcome",
            [row.said for row in measured],
            [_STYLES.get(row.outcome, "magenta") for row in measured],
        ),
        *_doubts([[row] for row in measured], finding),
        Column("failure", [row.failure if several else "" for row in measured], rank=2),
        Column("peak", [row.peak if highest else "" for row in measured], right=True, rank=1),
        Column("", [_size_bar(row, highest) for row in measured], rank=6),
        Column("growth", [_growth(row) for row in measured], right=True, rank=2),
        *_numbers(measured, finding),
        Column("pool", [row.pool for row in measured], rank=2),
        Column("seconds", [f"{row.seconds:.2f}" for row in measured], right=True, rank=5),
        Column("runs", [str(row.runs) for row in measured], right=True, rank=4),
    ]
    return [column for column in columns if any(column.cells)]


def _numbers(measured: Sequence[Row], finding: Finding) -> Iterator[Column]:
    """Yield the column of the number that was asked for."""
    if finding.series:
        versions = [row.version for row in measured]
        numbers = steps.cells(finding.series, versions)
        yield Column(steps.title(finding.series), numbers, right=True)
        yield Column("95%", steps.intervals(finding.series, versions), rank=3)
        shares = steps.heights({v: level.median for v, level in finding.series.levels.items()})
        yield Column("", [_bar(shares.get(version, 0.0)) for version in versions], rank=6)


def _doubts(groups: Sequence[Sequence[Row]], finding: Finding) -> Iterator[Column]:
    """Yield how often groups of releases were bad, and how likely it changed in them."""
    if not finding.posterior:
        return
    runs, arrivals = finding.runs, flaky.arrivals(finding)
    counts = [flaky.counts(run for row in group for run in runs[row.version]) for group in groups]
    rates = [flaky.interval(*count) if count[1] else None for count in counts]
    shares = [sum(arrivals.get(row.version, 0.0) for row in group) for group in groups]
    yield Column("bad", [f"{bad} of {every}" if every else "" for bad, every in counts], right=True)
    yield Column("95%", [f"{r[0]:.0%} to {r[1]:.0%}" if r else "" for r in rates], rank=2)
    likely = [f"{share:4.0%} {_bar(share)}" if share else "" for share in shares]
    yield Column("changed here", likely)


def _growth(row: Row) -> str:
    return "" if row.growth_bytes is None else words.mib(row.growth_bytes)


def _size_bar(row: Row, highest_bytes: int) -> str:
    if not highest_bytes:
        return ""
    return _bar((row.peak_memory_bytes or 0) / max(highest_bytes, MIB))


def _bar(share: float) -> str:
    """Return a bar that long, of at most 1."""
    eighths = round(share * _BAR * 8)
    full, part = divmod(eighths, 8)
    return "█" * full + (" ▏▎▍▌▋▊▉"[part] if part else "")


def foreseen(plan: Plan, summary: str, witnesses: Sequence[Version]) -> str:
    """Return what a search would look at: the summary, where it starts, and what is left out."""
    lines = [summary]
    candidates = {release.version for release in plan.candidates}
    ends = [plan.candidates[-1].version, *(v for v in witnesses if v in candidates)]
    ends += [plan.candidates[0].version]
    lines.append(f"starts with {', '.join(map(str, dict.fromkeys(ends)))}")
    if plan.excluded:
        why = words.why_not(e.detail or e.reason.value for e in plan.excluded)
        lines.append(f"excluded: {len(plan.excluded)}{why}")
    return "".join(f"{safe(line)}\n" for line in lines)


def plan_table(project: str, plan: Plan, conditions: str, *, width: int, color: bool) -> str:
    """Return the plan as a table, before anything is spent."""
    versions, dates, decided, whys = zip(*plan_rows(plan) or [("", "", "", "")])
    styles = {"candidate": "green", "zoom": "cyan"}
    columns = [
        Column("release", versions),
        Column("uploaded", dates, rank=1),
        Column("plan", decided, [styles.get(word, "yellow") for word in decided]),
        Column("why", whys, wraps=True),
    ]
    summary = f"{project}: {words.count(len(plan.candidates), 'candidate')}, "
    summary += f"{words.count(len(plan.prereleases), 'pre-release')} kept for the zoom, "
    summary += f"{len(plan.excluded)} excluded ({conditions})"
    return printed([table(columns, width), "", plain(safe(summary))], width=width, color=color)


def plan_rows(plan: Plan) -> list[tuple[str, str, str, str]]:
    """Return version, date, candidate, zoom or excluded, and why, in version order."""

    def listed(release: Release, decided: str) -> tuple[str, str, str, str]:
        date = release.upload_time.date().isoformat() if release.upload_time else ""
        why = f"yanked: {release.yanked_reason or 'no reason given'}" if release.yanked else ""
        return str(release.version), date, decided, safe(why)

    listing = [(r.version, listed(r, "candidate")) for r in plan.candidates]
    listing += [(r.version, listed(r, "zoom")) for r in plan.prereleases]
    for e in plan.excluded:
        date = e.upload_time.date().isoformat() if e.upload_time else ""
        why = safe(f"{e.reason.value}: {e.detail}")
        listing.append((e.version, (str(e.version), date, "excluded", why)))
    return [row for _, row in sorted(listing, key=lambda pair: pair[0])]


def probes_table(probes: Sequence[Probe], *, width: int, color: bool) -> str:
    """Return what there is to run, a probe with its cases on one line."""
    about = [
        f"{probe.title} Cases: {', '.join(probe.cases)}." if probe.cases else probe.title
        for probe in probes
    ]
    columns = [
        Column("probe", [safe(probe.name) for probe in probes]),
        Column("package", [safe(probe.package) for probe in probes], rank=1),
        Column("range", [_range(probe.range) for probe in probes], rank=2),
        Column("requires that", [safe(text) for text in about], wraps=True),
    ]
    return printed([table(columns, width)], width=width, color=color)


def _range(specifiers: SpecifierSet) -> str:
    """Return the set as people write it, its lower end first."""
    return ",".join(sorted(map(str, specifiers), key=lambda text: (text[0] == "<", text)))
