"""The evidence of a report: tables, charts and output, in folded parts under what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from packaging.version import Version

from bisector.finding import Finding, Transition
from bisector.model import Measurement, Outcome
from bisector.reports import causes, facts, words
from bisector.reports.claims import claims
from bisector.reports.markdown import block, code, escape, link, table
from bisector.reports.replay import replay
from bisector.reports.rows import Row
from bisector.reports.steps import cells, title
from bisector.reports.words import shortened

LONGEST = 300
"""The characters of one text in a report."""

_NEAR = 3
_MOST = 60
_BAR = 40


def evidence(
    finding: Finding, measured: Sequence[Row], kept_characters: int
) -> Iterator[tuple[str, str]]:
    """Yield the parts, each with its heading; ``kept_characters`` are those of a run's output."""
    if measured:
        yield "Measured releases", measurements(finding, measured, _NEAR)
    if _tells_of_memory(measured):
        shown = measured if len(measured) <= _MOST else near(finding, measured, _NEAR)
        yield "Peak memory", block(_bars(shown))
    if text := _claims(finding):
        yield "What the documents say", text
    yield "How it was measured", _how(finding)
    if constraints := finding.conditions.constraints:
        yield "Dependencies held", block("\n".join(constraints))
    for transition in finding.transitions[:8]:
        yield from _sides(finding, transition, kept_characters)
    for version in finding.conflicting[:8]:
        yield from _disagreeing(finding, version, kept_characters)


def near(finding: Finding, measured: Sequence[Row], steps: int) -> list[Row]:
    """Return the rows so many steps from each transition; those at both ends without any."""
    stepped = finding.series.steps if finding.series else ()
    every = [*finding.transitions, *(t for f in finding.failures for t in f.transitions)]
    sides = {v for t in every for v in (t.before, t.after, *(t.zoom or ()))}
    sides |= {v for s in stepped for v in (s.before, s.after)}
    near: set[int] = set()
    flaky = [position for position, row in enumerate(measured) if row.disagrees][:8]
    for position, row in enumerate(measured):
        if row.version in sides:
            near |= set(range(position - steps, position + steps + 1))
    if not near:
        half = _MOST // 2
        near = {*range(half), *range(len(measured) - half, len(measured))}
    return [row for position, row in enumerate(measured) if position in near.union(flaky)]


def measurements(finding: Finding, measured: Sequence[Row], steps: int) -> str:
    """Return the table of what was measured, so many steps from each transition."""
    shown, several = near(finding, measured, steps), len(finding.failures) > 1
    columns = (
        (finding.axis.noun, [escape(row.label) for row in shown], False),
        ("uploaded", [row.date for row in shown], False),
        ("outcome", [f"**{r.said}**" if r.outcome == "bad" else r.said for r in shown], False),
        ("failure", [escape(row.failure) if several else "" for row in shown], False),
        ("peak", [_size(row.peak_memory_bytes, row.peak) for row in shown], True),
        ("growth", [_size(row.growth_bytes, words.mib(row.growth_bytes)) for row in shown], True),
        (
            code(title(finding.series)) if finding.series else "",
            list(map(escape, cells(finding.series, [row.version for row in shown]))),
            True,
        ),
        ("pool", [escape(row.pool) for row in shown], False),
        ("said", [escape(shortened(r.detail, 240 if r.disagrees else 120)) for r in shown], False),
        ("seconds", [f"{row.seconds:.2f}" for row in shown], True),
        ("runs", [str(row.runs) for row in shown], True),
    )
    filled = [column for column in columns if any(column[1])]
    right = [position for position, column in enumerate(filled) if column[2]]
    listing = table([column[0] for column in filled], list(zip(*(c[1] for c in filled))), right)
    left = len(measured) - len(shown)
    more = f"{words.count(left, 'more measured release')} {'is' if left == 1 else 'are'} not shown."
    return f"{listing}\n\n{more}" if left else listing


def _tells_of_memory(measured: Sequence[Row]) -> bool:
    """Return whether memory is what the probe looks at, or differs between good and bad."""
    peaks = [
        [r.peak_memory_bytes for r in measured if r.outcome == side and r.peak_memory_bytes]
        for side in ("good", "bad")
    ]
    if not any(row.peak_memory_bytes for row in measured):
        return False
    if any(row.growth_bytes is not None for row in measured):
        return True
    good, bad = (median(side) if side else 0 for side in peaks)
    return bool(good and bad) and max(good, bad) > 1.25 * min(good, bad)


def _size(size_bytes: int | None, text: str) -> str:
    return "" if size_bytes is None else text


def _bars(measured: Sequence[Row]) -> str:
    highest = max(row.peak_memory_bytes or 0 for row in measured) or 1
    cells = [(row.label, row.said, row.peak) for row in measured]
    first, second, third = (max(map(len, column)) for column in zip(*cells))
    lines = []
    for row, (label, outcome, peak) in zip(measured, cells):
        bar = "█" * round((row.peak_memory_bytes or 0) / highest * _BAR)
        lines.append(f"{label:<{first}}  {outcome:<{second}}  {peak:>{third}}  {bar}".rstrip())
    return "\n".join(lines)


def _claims(finding: Finding) -> str:
    """Return what the documents say beside what was measured, and where they are."""
    lines = [
        (
            escape(shortened(claim.says, LONGEST)),
            escape(shortened(claim.measured, LONGEST)),
            f"**{claim.verdict}**" if claim.agrees is False else claim.verdict,
        )
        for claim in claims(finding)
    ]
    parts = [table(("documented", "measured", ""), lines)] if lines else []
    documented = finding.probe.documented
    addresses = [
        f"- {label}: {link(address, address)}"
        for label, address in (("issue", documented.issue), ("fix", documented.fix))
        if address
    ]
    return "\n\n".join([*parts, "\n".join(addresses)] if addresses else parts)


def _how(finding: Finding) -> str:
    lines = [f"- {escape(shortened(facts.conditions(finding), LONGEST))}"]
    lines += [f"- looked at: {escape(facts.looked_at(finding))}"]
    lines += [f"- how sure: {escape(text)}" for text in facts.sureness(finding)[:9]]
    lines += [f"- whose fault: {escape(text)}" for text in causes.whose(finding)[:9]]
    if option := facts.surer(finding):
        lines += [f"- to be surer: {code(option)} runs both sides of each change again"]
    lines += [f"- again: {code(replay(finding))}"] if finding.replay else []
    return "\n".join(lines)


def _sides(
    finding: Finding, transition: Transition, kept_characters: int
) -> Iterator[tuple[str, str]]:
    """Yield what differs between a transition's two sides, and the end of their output."""
    before, after = (decided_run(finding, v) for v in (transition.before, transition.after))
    if before is None or after is None:
        return
    if changed := _changed(before, after):
        heading = f"Installed with {before.version} and with {after.version}"
        yield heading, table(("installed", str(before.version), str(after.version)), changed)
    for side in (before, after):
        yield from _output(side, f"{side.version} is {side.outcome.value}", kept_characters)


def _disagreeing(
    finding: Finding, version: Version, kept_characters: int
) -> Iterator[tuple[str, str]]:
    """Yield the end of the output of the newest good and the newest bad run of a release."""
    runs = finding.runs.get(version, [])
    for outcome in (Outcome.GOOD, Outcome.BAD):
        matching = [run for run in runs if run.outcome is outcome]
        if matching:
            share = f"{len(matching)} of {words.count(len(runs), 'run')}"
            heading = f"{version} is {outcome.value} in {share}"
            yield from _output(matching[-1], heading, kept_characters)


def _output(run: Measurement, heading: str, kept_characters: int) -> Iterator[tuple[str, str]]:
    parts = [shortened(run.detail, LONGEST)]
    if kept_characters:
        parts += [run.output_tail[-kept_characters:]]
    if any(parts):
        yield f"{heading}, exit status {run.exit_status}", block("\n\n".join(filter(None, parts)))


def _changed(before: Measurement, after: Measurement) -> list[list[str]]:
    old = {d.name: d.version for d in before.installed}
    new = {d.name: d.version for d in after.installed}
    changed = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    lines = [[n, old.get(n, "not installed"), new.get(n, "not installed")] for n in changed]
    return [[escape(shortened(text, 80)) for text in line] for line in lines[:_MOST]]


def decided_run(finding: Finding, version: Version) -> Measurement | None:
    """Return the newest decided run of a release."""
    runs = finding.runs.get(version, [])
    return next((run for run in reversed(runs) if run.outcome is not Outcome.UNTESTABLE), None)
