"""Where the findings of one probe differ between interpreters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bisector.finding import Finding
from bisector.reports import facts, words
from bisector.reports.words import safe


def differences(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return a sentence for each probe whose bad releases aren't the same on all interpreters."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.probe.package, facts.name(finding)), []).append(finding)
    return tuple(sentence for alike in groups.values() for sentence in _differing(alike))


def _differing(findings: Sequence[Finding]) -> Iterator[str]:
    interpreters: dict[tuple[str, ...], list[str]] = {}
    for finding in findings:
        interpreters.setdefault(finding.affected, []).append(finding.conditions.interpreter.series)
    if len(interpreters) < 2 or len({series for on in interpreters.values() for series in on}) < 2:
        return
    only = "only " if len(interpreters) == 2 and () in interpreters else ""
    clauses = [
        f"{only}on {_listed(on)}: {words.joined(affected)}"
        for affected, on in interpreters.items()
        if affected
    ]
    if () in interpreters:
        clauses.append(f"nothing bad was found on {_listed(interpreters[()])}")
    package, name = findings[0].probe.package, facts.name(findings[0])
    yield safe(f"{package} differs between interpreters by {name}: {'; '.join(clauses)}.")


def _listed(series: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(series[:-1]), series[-1])))
