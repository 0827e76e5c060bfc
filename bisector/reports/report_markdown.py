"""A finding as the report that a maintainer wants to get, ready to be an issue's body.

Its sections are those that bug forms ask for, in the order of most of them (aiohttp's, say): the
bug, how to reproduce it, what is expected, what comes instead, versions, system, context. Evidence
is folded away below.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.version import Version

from bisector.explanation import Explanation
from bisector.finding import Finding, Kind
from bisector.model import Measurement, Outcome
from bisector.reports import facts, failing, reproducer, rows, steps, suspects, words
from bisector.reports.answer import paragraphs
from bisector.reports.differences import differences
from bisector.reports.markdown import block, code, escape, folded, link
from bisector.reports.replay import further
from bisector.reports.report_evidence import LONGEST, decided_run, evidence, measurements
from bisector.reports.rows import Row
from bisector.reports.words import safe, shortened
from bisector.search.metric import carries

LIMIT = 65_536
"""The characters that GitHub takes in an issue or a comment."""

_LINES = 30
"""The lines of a script, or of what a run printed, above which it is folded away or cut."""


class _Section(NamedTuple):
    """A part of the report; a heading that is empty stands in the content already."""

    heading: str
    content: str
    folded: bool = False

    def __str__(self) -> str:
        if self.folded:
            return folded(self.heading, self.content)
        return f"### {self.heading}\n\n{self.content}" if self.heading else self.content

    def left_out(self) -> _Section:
        """Return the section without its content."""
        first = "" if self.heading else f"{shortened(self.content.partition(chr(10))[0], 1000)}\n\n"
        return self._replace(content=f"{first}Left out: too long.")


def render(finding: Finding) -> str:
    """Return the report, shorter than ``LIMIT``.

    Of what is too long, output goes first, then whole sections, the longest of them.
    """
    sections: list[_Section] = []
    for kept_characters in (4096, 1024, 256, 0):
        sections = list(_sections(finding, kept_characters))
        if len(_joined(sections)) < LIMIT:
            break
    while len(_joined(sections)) >= LIMIT:
        longest = max(sections[1:], key=lambda section: len(str(section)))
        sections[sections.index(longest)] = longest.left_out()
    return _joined(sections)


def _joined(sections: Sequence[_Section]) -> str:
    return "\n\n".join(map(str, sections)) + "\n"


def render_all(findings: Sequence[Finding]) -> str:
    """Return the reports, and where the interpreters differ."""
    reports = [*map(render, findings)]
    reports += [f"{escape(sentence)}\n" for sentence in differences(findings)]
    return "\n".join(reports)


def _sections(finding: Finding, kept_characters: int) -> Iterator[_Section]:
    measured = rows.rows(finding)
    failed = _failed(finding)
    yield _Section("", f"# {_title(finding)}")
    yield _Section("Describe the bug", _bug(finding))
    if failed:
        yield from _reproduced(finding, failed)
    if finding.probe.title:
        yield _Section("Expected behavior", _expected(finding))
    if failed:
        if failed.outcome is Outcome.BAD or failed.output_tail.strip():
            yield _Section("Logs/tracebacks", _printed(failed, kept_characters))
        yield _Section("Versions", _versions(finding, failed))
        yield _Section("OS", escape(finding.conditions.interpreter.platform))
    context = list(_context(finding, measured))
    if context:
        yield _Section("Additional context", "\n\n".join(context))
    for transition in finding.transitions[:8]:
        if text := suspects.markdown(transition):
            yield _Section("", text)
    for heading, content in evidence(finding, measured, kept_characters):
        if content not in context:
            yield _Section(heading, content, folded=True)


def _failed(finding: Finding) -> Measurement | None:
    """Return the newest run that shows it: of the newest release that is bad, or that stepped."""
    if finding.series:
        stepped = [step.after for step in finding.series.steps]
        runs = finding.runs.get(stepped[-1], []) if stepped else []
        return next((run for run in reversed(runs) if carries(run)), None)
    bad = [version for version, outcome in facts.decided(finding) if outcome == "bad"]
    runs = finding.runs.get(bad[-1], []) if bad else []
    return next((run for run in reversed(runs) if run.outcome is Outcome.BAD), None)


def _bug(finding: Finding) -> str:
    """Return what is wrong, in words; since when and until when; and what may have done it."""
    parts = []
    if pinned := failing.pin(finding):
        parts.append(f"**{escape(pinned)}**")
    parts += [escape(shortened(paragraph, 4000)) for paragraph in paragraphs(finding)[:12]]
    lines = [] if finding.over else list(_edges(finding))
    lines += [
        f"- {escape(hint)}" + (f"; to look further: {code(command)}" if command else "")
        for hint, command in further(finding)
    ]
    if lines:
        parts.append(shortened("\n".join(lines), 4000))
    return "\n\n".join(parts)


def _edges(finding: Finding) -> Iterator[str]:
    """Yield the two sides of each change, each with what most likely made it."""
    for step in finding.series.steps[:8] if finding.series else ():
        yield f"- last before: {escape(str(step.before))}, first after: {escape(str(step.after))}"
    for transition in finding.transitions[:8]:
        before, after = map(str, (transition.before, transition.after))
        sides = (
            ("last good", "first bad")
            if transition.kind is Kind.INTRODUCED
            else ("last bad", "fixed in")
        )
        line = f"- {sides[0]}: {escape(before)}, {sides[1]}: {escape(after)}"
        yield line + (f"; {_culprit(transition.why)}" if transition.why else "")


def _culprit(why: Explanation) -> str:
    """Return the commit where it is known, else the likeliest suspect; nothing where none is."""
    commit = why.search.commit if why.search else None
    if commit:
        named = link(commit.identifier[:12], commit.address) or code(commit.identifier[:12])
        sort = "commit" if commit.confirmed else "suspected commit"
        return f"{sort}: {named}, {escape(shortened(commit.subject, LONGEST))}"
    if why.suspects:
        return f"suspect: {code(why.suspects[0].edited.label)}"
    return "no suspect: nothing of what changed was seen to be executed"


def _reproduced(finding: Finding, failed: Measurement) -> Iterator[_Section]:
    """Yield how to see the bug: what to install, what to run, and the script itself."""
    probe = finding.probe
    beside = [r for r in probe.dependencies if Requirement(r).name != probe.package]
    wanted = [f"{probe.package}=={_release(finding, failed)}", *beside]
    wanted += finding.conditions.requirements
    if finding.over and not finding.axis.python_varies:
        wanted = [f"{d.name}=={d.version}" for d in failed.installed]
    if probe.command:
        file, script, command = f"{probe.name}.py", probe.text, shlex.join(probe.command)
    else:
        file, script = "reproducer.py", reproducer.render(finding) if probe.text else ""
        command = shlex.join(["python", file, *([probe.case] if probe.case else [])])
    install = shlex.join(["python", "-m", "pip", "install", *dict.fromkeys(wanted)])
    typed = block(f"{install}\n{command}", "sh")
    listing = block(script, "python")
    lines = words.count(len(script.splitlines()), "line")
    if script and len(script.splitlines()) <= _LINES:
        typed += f"\n\nwhere {code(file)} is:\n\n{listing}"
    yield _Section("To Reproduce", typed)
    if len(script.splitlines()) > _LINES:
        yield _Section(f"{file}, {lines}", listing, folded=True)


def _release(finding: Finding, failed: Measurement) -> str:
    """Return the release of the package that failed: the one that is held where that is so."""
    release = finding.over.rpartition(" ")[2]
    return release or str(failed.version)


def _expected(finding: Finding) -> str:
    text = escape(shortened(finding.probe.title, LONGEST))
    if finding.series and finding.series.steps:
        step = finding.series.steps[-1]
        return f"{text}\n\nAs with {step.before}: {escape(steps.amount(finding.series, step.old))}"
    good: list[Version] = [
        t.before if t.kind is Kind.INTRODUCED else t.after for t in finding.transitions
    ]
    run = decided_run(finding, good[0]) if good else None
    if run is None or run.outcome is not Outcome.GOOD or not run.detail:
        return text
    return f"{text}\n\nAs with {escape(str(run.version))}: {escape(shortened(run.detail, LONGEST))}"


def _printed(failed: Measurement, kept_characters: int) -> str:
    """Return what the failing run said: its verdict, and the end of its output."""
    output = failed.output_tail.rstrip()
    lines = output[-kept_characters:].splitlines()[-_LINES:] if kept_characters else []
    cut = ["…"] if lines and "\n".join(lines) != output else []
    verdict = [shortened(failed.detail, LONGEST)] if failed.detail else []
    return block("\n".join([*verdict, *cut, *lines]))


def _versions(finding: Finding, failed: Measurement) -> str:
    """Return the versions of Python, of the package, and of what was installed beside it."""
    interpreter = finding.conditions.interpreter
    version = str(failed.version) if finding.axis.python_varies else interpreter.version
    package = finding.probe.package
    beside = sorted(
        (d for d in failed.installed if d.name != package),
        key=lambda distribution: distribution.name,
    )
    lines = [f"Python {version}", safe(f"{package} {_release(finding, failed)}")]
    return block("\n".join([*lines, *(f"{d.name} {d.version}" for d in beside)]))


def _context(finding: Finding, measured: Sequence[Row]) -> Iterator[str]:
    """Yield what is affected, and what was measured next to each change."""
    if finding.affected:
        yield f"Affected: {_affected(finding, 40)}"
    if measured:
        yield measurements(finding, measured, 1)


def _title(finding: Finding) -> str:
    package = shortened(finding.probe.package, 80)
    requirement = escape(shortened(finding.probe.title, 120)) or code(
        shortened(facts.name(finding), 80)
    )
    if finding.affected:
        return f"{escape(package)} {_affected(finding, 3)} fails: {requirement}"
    result = "no change found" if finding.decided else "undecided"
    if finding.series and finding.series.steps:
        result = f"{code(shortened(finding.series.metric, 80))} stepped"
    if finding.over and finding.transitions and finding.decided:
        result = finding.axis.title
    return f"{escape(shortened(finding.over, 80) or package)}: {result}: {requirement}"


def _affected(finding: Finding, most: int) -> str:
    ranges = " or ".join(map(code, finding.affected[:most]))
    left = len(finding.affected) - most
    return f"{ranges} and {words.count(left, 'more range')}" if left > 0 else ranges
