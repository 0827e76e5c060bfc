"""What was found as annotations of a GitHub workflow, beside which its summary is Markdown.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from collections.abc import Sequence

from bisector.finding import Comparison, Finding
from bisector.model import Outcome
from bisector.reports import comparisons, facts
from bisector.reports.answer import answer
from bisector.reports.replay import replay
from bisector.reports.words import joined, safe, shortened

_LONGEST = 3500
"""GitHub cuts an annotation's message at 4 KiB, without a word."""


def render(findings: Sequence[Finding]) -> str:
    """Return an annotation per finding: an error where the newest release is bad."""
    return "".join(map(_of_finding, findings))


def render_comparisons(comparisons: Sequence[Comparison]) -> str:
    """Return an annotation per comparison: an error where the second set is bad."""
    return "".join(map(_of_comparison, comparisons))


def _of_finding(finding: Finding) -> str:
    level = "notice"
    if finding.affected or not finding.decided:
        level = "error" if finding.bad_at_newest else "warning"
    lines = [answer(finding)]
    lines += [f"Affected: {joined(finding.affected)}"] if finding.affected else []
    lines += [f"Replay: {replay(finding)}"] if finding.replay else []
    return _annotation(level, f"{finding.probe.package}: {facts.name(finding)}", lines)


def _of_comparison(comparison: Comparison) -> str:
    level = "error" if comparison.ends[1].outcome is Outcome.BAD else "notice"
    if any(end.outcome is Outcome.UNTESTABLE for end in comparison.ends):
        level = "warning"
    lines = [comparisons.answer(comparison)]
    lines += [f"Replay: {comparison.replay}"] if comparison.replay else []
    old, new = comparison.names
    return _annotation(level, f"{comparison.probe.name}: {old} → {new}", lines)


def _annotation(level: str, title: str, lines: Sequence[str]) -> str:
    heading = _escaped(safe(title)).replace(":", "%3A").replace(",", "%2C")
    message = _escaped(shortened("\n".join(map(safe, lines)), _LONGEST))
    return f"::{level} title={heading}::{message}\n"


def _escaped(text: str) -> str:
    """Return ``text`` with what a command can't hold as it stands; ``%`` comes first."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
