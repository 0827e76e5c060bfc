"""What is told of a finding as a whole, each in a line of plain safe text."""

from __future__ import annotations

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from bisector.finding import Finding
from bisector.model import (
    Conditions,
    Excluded,
)
from bisector.reports.rows import rows
from bisector.reports.words import count, safe, sure, why_not
from bisector.run.sandbox import NONE, left
from bisector.search.observed import Verdict, verdict

_MOST_SAID = 8
_NOTHING = (Verdict.UNTESTED, Verdict.UNTESTABLE)


def decided(finding: Finding) -> list[tuple[Version, str]]:
    """Return the candidates that are good or bad, and which of the two, in version order.

    Where runs disagree that is what all of them say together: a release that passed once since it
    fails at random isn't good.
    """
    runs = finding.runs
    affected_by = (finding.affected_by_any or finding.affected) if finding.affected else ()
    windows = [SpecifierSet(window, prereleases=True) for window in affected_by]
    outcomes = []
    for release in finding.plan.candidates:
        version = release.version
        conclusion = verdict([run.outcome for run in runs.get(version, ())])
        if finding.posterior and windows and conclusion not in _NOTHING:
            affected = any(version in window for window in windows)
            outcomes.append((version, "bad" if affected else "good"))
        elif conclusion.decided:
            outcomes.append((version, conclusion.value))
    return outcomes


def excluded(finding: Finding) -> list[Excluded]:
    """Return the excluded releases in version order; pre-releases only where they are searched."""
    pre = any(release.version.is_prerelease for release in finding.plan.candidates)
    releases = [e for e in finding.plan.excluded if pre or not e.version.is_prerelease]
    return sorted(releases, key=lambda e: e.version)


def longest_undecided(finding: Finding) -> tuple[Version, ...]:
    """Return the longest stretch of the range without a decided release, excluded ones counted."""
    known = {version for version, _ in decided(finding)}
    inside = {release.version for release in finding.plan.candidates}
    longest: list[Version] = []
    stretch: list[Version] = []
    for version in sorted(inside.union(e.version for e in excluded(finding))):
        stretch = [] if version in known else [*stretch, version]
        longest = max(longest, stretch, key=len)
    return tuple(longest)


def sureness(finding: Finding) -> tuple[str, ...]:
    """Return how sure each transition is; where all is good, of what that is said."""
    lines = []
    outcomes = dict(decided(finding))
    once = sum(len(finding.runs[version]) == 1 for version in outcomes)
    if {*outcomes.values()} == {"good"} and once and not (finding.conflicting or finding.series):
        few = f"{once} of {count(len(outcomes), 'release')} {'was' if once == 1 else 'were'}"
        lines.append(f"only of what fails in every run: {few} run once, and may fail at random")
    for transition in finding.transitions:
        kind = "lines part" if transition.parting else transition.kind.value
        sides = f"{kind} {transition.before} → {transition.after}"
        unconfirmed = "" if transition.confirmed else ", not confirmed by a second run"
        lines.append(f"{sides}: {sure(transition.confidence)} sure{unconfirmed}")
    return tuple(lines)


def surer(finding: Finding) -> str:
    """Return the option that makes it surer, where a transition isn't very sure."""
    unsure = any(transition.confidence < 0.95 for transition in finding.transitions)
    return "--confidence 0.95" if unsure else ""


def evidence(finding: Finding) -> tuple[tuple[str, str], ...]:
    """Return what the runs on both sides of each transition gave as their reason.

    Where nothing changed, it is each way to fail or to decide nothing once, with a release.
    """
    by_version = {row.version: row for row in rows(finding)}
    sides = [v for t in finding.transitions for v in (t.before, t.after)]
    shown = [by_version[version] for version in dict.fromkeys(sides) if version in by_version]
    if not finding.transitions:
        others = [row for row in reversed(by_version.values()) if row.outcome != "good"]
        shown = list({(row.reason, row.detail): row for row in others}.values())
    details = [(str(row.version), row.detail) for row in shown if row.detail]
    left = len(details) - _MOST_SAID
    return (
        *details[:_MOST_SAID],
        *([("…", f"{left} more, as --format json has them")] * (left > 0)),
    )


def looked_at(finding: Finding) -> str:
    """Return how far the search looked."""
    candidates = {release.version for release in finding.plan.candidates}
    measured = {m.version for m in finding.measurements}
    parts = [f"{len(measured & candidates)} of {count(len(candidates), 'candidate')}"]
    if more := len(measured - candidates):
        parts.append(f"{count(more, 'pre-release')}")
    stretch = longest_undecided(finding)
    word = "undecided" if {*stretch} & {*finding.conflicting} else "untested"
    counted = {*stretch} & {e.version for e in finding.plan.excluded}
    with_them = ", excluded ones counted" if counted else ""
    parts.append(f"longest {word} stretch {len(stretch)}{with_them}")
    if shut := finding.plan.excluded:
        parts.append(f"{len(shut)} excluded{why_not(e.reason.value for e in shut)}")
    new = sum(not m.cached for m in finding.measurements)
    runs = f"{count(len(finding.measurements), 'run')}, {new} of them now"
    if elsewhere := sum(m.elsewhere for m in finding.measurements):
        runs += f", {elsewhere} measured elsewhere"
    parts.append(runs)
    return "; ".join(parts)


def stored(finding: Finding) -> str:
    """Return that the runs, or how many of them, were made before, and when; empty if none was."""
    before = sorted(m.started[:10] for m in finding.measurements if m.cached and m.started)
    if not before:
        return ""
    days = " to ".join(dict.fromkeys((before[0], before[-1])))
    whole = len(before) == len(finding.measurements)
    many = "all of it" if whole else count(len(before), "run")
    return f"{many} measured before, {days}; --refresh measures anew"


def conditions(finding: Finding) -> str:
    """Return what was held fixed."""
    conditions = finding.conditions
    policy = f"dependencies {conditions.dependencies}"
    if conditions.resolved:
        policy += f" as of {conditions.resolved[:10]}"
    if conditions.requirements:
        policy += f", with {', '.join(conditions.requirements)}"
    order = ", in the order of upload" if finding.plan.by_upload else ""
    where = interpreter(conditions)
    if finding.axis.python_varies:
        where = safe(f"{finding.over}, {conditions.interpreter.platform}")
    return f"{where}, {safe(policy)}{order}{_confined(finding)}"


def _confined(finding: Finding) -> str:
    """Return what stood between the runs and the machine, and what that didn't keep from them."""
    names = sorted({run.sandbox for run in finding.measurements if run.sandbox})
    clauses = [f"in a sandbox ({name})" for name in names if name != NONE]
    clauses += ["without a sandbox"] * (NONE in names)
    text = f"; run {' and '.join(clauses)}" if clauses else ""
    lacking = [f"{name} doesn't keep {what} from runs" for name in names if (what := left(name))]
    return safe(text + "".join(f"; {clause}" for clause in lacking if not clause.startswith(NONE)))


def interpreter(conditions: Conditions) -> str:
    """Return the interpreter and the platform, as people write them."""
    names = {"cpython": "CPython", "pypy": "PyPy"}
    name = names.get(conditions.interpreter.implementation, conditions.interpreter.implementation)
    return safe(f"{name} {conditions.interpreter.version}, {conditions.interpreter.platform}")


def title(finding: Finding) -> str:
    """Return the probe's name and what it requires."""
    requirement = f": {finding.probe.title}" if finding.probe.title else ""
    return safe(f"{name(finding)}{requirement}")


def name(finding: Finding) -> str:
    """Return ``probe``, or ``probe[case]``."""
    probe = finding.probe
    return f"{probe.name}[{probe.case}]" if probe.case else probe.name
