"""A finding as the report that a maintainer wants to get, ready to be an issue's body."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from packaging.version import Version

from bisector.finding import Finding, Transition
from bisector.model import Measurement, Outcome
from bisector.reports import causes, failing, rows, suspects
from bisector.reports.answer import paragraphs
from bisector.reports.claims import claims
from bisector.reports.differences import differences
from bisector.reports.markdown import block, code, escape, folded, link, table
from bisector.reports.replay import further, replay
from bisector.reports.rows import Row, shortened

LIMIT = 65_536
"""The characters that GitHub takes in an issue or a comment."""

_NEAR = 3
_MOST = 60
_BAR = 40
_LONGEST = 300


def render(finding: Finding, *, chart: str = "") -> str:
    """Return the report, shorter than ``LIMIT``; ``chart`` is where a picture of it lies.

    Of what is too long, output goes first, then whole sections, the longest of them.
    """
    sections: list[str] = []
    for kept_characters in (4096, 1024, 256, 0):
        sections = list(_sections(finding, chart, kept_characters))
        if len("\n\n".join(sections)) < LIMIT - 1:
            break
    while len("\n\n".join(sections)) >= LIMIT - 1:
        longest = max(sections[1:], key=len)
        heading = longest.partition("\n")[0]
        sections[sections.index(longest)] = f"{shortened(heading, 1000)}\n\nLeft out: too long."
    return "\n\n".join(sections) + "\n"


def render_all(findings: Sequence[Finding]) -> str:
    """Return the reports, and where the interpreters differ."""
    reports = [*map(render, findings)]
    reports += [f"{escape(sentence)}\n" for sentence in differences(findings)]
    return "\n".join(reports)


def _sections(finding: Finding, chart: str, kept_characters: int) -> Iterator[str]:
    measured = rows.rows(finding)
    yield "\n\n".join(_head(finding))
    yield from filter(None, map(suspects.markdown, finding.transitions[:8]))
    if measured:
        yield f"## Measurements\n\n{_measurements(finding, measured)}"
    if _tells_of_memory(measured):
        picture = f"![peak memory per release]({chart})\n\n" if chart else ""
        shown = measured if len(measured) <= _MOST else _near(finding, measured)
        bars = folded("Peak memory per release", block(_bars(shown)))
        yield f"## Memory\n\n{picture}{bars}"
    if told := _claims(finding):
        yield f"## Claims\n\n{told}"
    yield f"## How it was measured\n\n{_how(finding)}"
    for transition in finding.transitions[:8]:
        yield "\n\n".join(_sides(finding, transition, kept_characters))
    for version in finding.conflicting[:8]:
        yield "\n\n".join(_disagreeing(finding, version, kept_characters))


def _head(finding: Finding) -> Iterator[str]:
    yield f"# {_title(finding)}"
    if pinned := failing.pin(finding):
        yield f"**{escape(pinned)}**"
    for paragraph in paragraphs(finding)[:12]:
        yield escape(shortened(paragraph, 4000))
    hints = (
        f"- {escape(told)}" + (f"; to look further: {code(command)}" if command else "")
        for told, command in further(finding)
    )
    if listed := "\n".join(hints):
        yield shortened(listed, 2000)
    if finding.probe.title:
        yield f"What is required: {escape(shortened(finding.probe.title, _LONGEST))}"
    if finding.affected:
        yield f"Affected: {_affected(finding, 40)}"


def _title(finding: Finding) -> str:
    package, name = (shortened(t, 80) for t in (finding.probe.package, rows.name(finding)))
    if finding.affected:
        return f"{escape(package)} {_affected(finding, 3)} fails {code(name)}"
    said = "no change found by" if finding.decided else "undecided by"
    if finding.over and finding.transitions and finding.decided:
        said = finding.axis.title
    return f"{escape(shortened(finding.over, 80) or package)}: {said} {code(name)}"


def _affected(finding: Finding, most: int) -> str:
    told = " or ".join(map(code, finding.affected[:most]))
    left = len(finding.affected) - most
    return f"{told} and {rows.count(left, 'more range')}" if left > 0 else told


def _near(finding: Finding, measured: Sequence[Row]) -> list[Row]:
    """Return the rows near each transition; those at both ends where there is none."""
    every = [*finding.transitions, *(t for f in finding.failures for t in f.transitions)]
    sides = {v for t in every for v in (t.before, t.after, *(t.zoom or ()))}
    near: set[int] = set()
    flaky = [place for place, row in enumerate(measured) if row.disagrees][:8]
    for place, row in enumerate(measured):
        if row.version in sides:
            near |= set(range(place - _NEAR, place + _NEAR + 1))
    if not near:
        half = _MOST // 2
        near = {*range(half), *range(len(measured) - half, len(measured))}
    return [row for place, row in enumerate(measured) if place in near.union(flaky)]


def _measurements(finding: Finding, measured: Sequence[Row]) -> str:
    shown, several = _near(finding, measured), len(finding.failures) > 1
    columns = (
        (finding.axis.noun, [escape(row.label) for row in shown], False),
        ("uploaded", [row.date for row in shown], False),
        ("outcome", [f"**{r.said}**" if r.outcome == "bad" else r.said for r in shown], False),
        ("failure", [escape(row.failure) if several else "" for row in shown], False),
        ("peak", [_size(row.peak_memory_bytes, row.peak) for row in shown], True),
        ("growth", [_size(row.growth_bytes, rows.mib(row.growth_bytes)) for row in shown], True),
        ("pool", [escape(row.pool) for row in shown], False),
        ("said", [escape(shortened(r.detail, 240 if r.disagrees else 120)) for r in shown], False),
        ("seconds", [f"{row.seconds:.2f}" for row in shown], True),
        ("runs", [str(row.runs) for row in shown], True),
    )
    kept = [column for column in columns if any(column[1])]
    right = [place for place, column in enumerate(kept) if column[2]]
    told = table([column[0] for column in kept], list(zip(*(c[1] for c in kept))), right)
    left = len(measured) - len(shown)
    more = f"{rows.count(left, 'more measured release')} {'is' if left == 1 else 'are'} not shown."
    return f"{told}\n\n{more}" if left else told


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


def _size(size_bytes: int | None, told: str) -> str:
    return "" if size_bytes is None else told


def _bars(measured: Sequence[Row]) -> str:
    highest = max(row.peak_memory_bytes or 0 for row in measured) or 1
    cells = [(row.label, row.said, row.peak) for row in measured]
    first, second, third = (max(map(len, column)) for column in zip(*cells))
    lines = []
    for row, (label, said, peak) in zip(measured, cells):
        bar = "█" * round((row.peak_memory_bytes or 0) / highest * _BAR)
        lines.append(f"{label:<{first}}  {said:<{second}}  {peak:>{third}}  {bar}".rstrip())
    return "\n".join(lines)


def _claims(finding: Finding) -> str:
    lines = [
        (
            escape(shortened(claim.says, _LONGEST)),
            escape(shortened(claim.measured, _LONGEST)),
            f"**{claim.verdict}**" if claim.agrees is False else claim.verdict,
        )
        for claim in claims(finding)
    ]
    told = [table(("documented", "measured", ""), lines)] if lines else []
    documented = finding.probe.documented
    addresses = [
        f"- {label}: {link(address, address)}"
        for label, address in (("issue", documented.issue), ("fix", documented.fix))
        if address
    ]
    return "\n\n".join([*told, "\n".join(addresses)] if addresses else told)


def _how(finding: Finding) -> str:
    told = [f"- {escape(shortened(rows.conditions(finding), _LONGEST))}"]
    told += [f"- looked at: {escape(rows.looked_at(finding))}"]
    told += [f"- how sure: {escape(text)}" for text in rows.sureness(finding)[:9]]
    told += [f"- whose fault: {escape(text)}" for text in causes.whose(finding)[:9]]
    if option := rows.surer(finding):
        told += [f"- to be surer: {code(option)} runs both sides of each change again"]
    told += [f"- again: {code(replay(finding))}"] if finding.replay else []
    if held := finding.conditions.constraints:
        told += ["", folded("Dependencies held", block("\n".join(held)))]
    return "\n".join(told)


def _sides(finding: Finding, transition: Transition, kept_characters: int) -> Iterator[str]:
    """Yield what differs between a transition's two sides, and the end of their output."""
    yield f"### {escape(f'{transition.before} → {transition.after}')}"
    before, after = (_evidence(finding, v) for v in (transition.before, transition.after))
    if before is None or after is None:
        return
    if changed := _changed(before, after):
        yield table(("installed", str(before.version), str(after.version)), changed)
    for side in (before, after):
        yield from _output(side, f"{side.version} is {side.outcome.value}", kept_characters)


def _disagreeing(finding: Finding, version: Version, kept_characters: int) -> Iterator[str]:
    """Yield the end of the output of the newest good and the newest bad run of a release."""
    yield f"### {escape(f'{version}: runs disagree')}"
    runs = [m for m in finding.measurements if m.version == version]
    for outcome in (Outcome.GOOD, Outcome.BAD):
        said = [run for run in runs if run.outcome is outcome]
        if said:
            told = f"{version} is {outcome.value} in {len(said)} of {rows.count(len(runs), 'run')}"
            yield from _output(said[-1], told, kept_characters)


def _output(run: Measurement, told: str, kept_characters: int) -> Iterator[str]:
    said = [shortened(run.detail, _LONGEST)]
    if kept_characters:
        said += [run.output_tail[-kept_characters:]]
    if any(said):
        yield folded(
            f"{told}, exit status {run.exit_status}", block("\n\n".join(filter(None, said)))
        )


def _changed(before: Measurement, after: Measurement) -> list[list[str]]:
    old = {d.name: d.version for d in before.installed}
    new = {d.name: d.version for d in after.installed}
    changed = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    lines = [[n, old.get(n, "not installed"), new.get(n, "not installed")] for n in changed]
    return [[escape(shortened(text, 80)) for text in line] for line in lines[:_MOST]]


def _evidence(finding: Finding, version: object) -> Measurement | None:
    """Return the newest decided run of a release."""
    runs = [
        m
        for m in finding.measurements
        if m.version == version and m.outcome is not Outcome.UNTESTABLE
    ]
    return runs[-1] if runs else None
