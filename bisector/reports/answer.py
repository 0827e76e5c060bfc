"""What a search found, in a sentence or two."""

from __future__ import annotations

from bisector.model import Finding, Kind, Transition
from bisector.reports import causes
from bisector.reports.rows import (
    count,
    decided,
    excluded,
    listed,
    longest_undecided,
    safe,
    why_not,
)


def answer(finding: Finding) -> str:
    """Return the finding in a sentence or two."""
    package = safe(finding.probe.package)
    changed = [_sentence(number, finding) for number in range(len(finding.transitions))]
    sentences = [f"{'It' if place else package} {text}" for place, text in enumerate(changed)]
    for place in reversed(range(len(sentences))):
        if fault := causes.verdict(finding, finding.transitions[place]):
            sentences.insert(place + 1, fault)
    if finding.conflicting:
        sentences.append(
            f"Undecided: runs of {listed(finding.conflicting)} disagree with each other."
        )
    elif not all(transition.confirmed for transition in finding.transitions):
        sentences.append("Undecided: a change is not confirmed by a second run on both its sides.")
    elif finding.transitions and not finding.decided:
        sentences.append("Undecided: the runs made don't make this as sure as was asked for.")
    if not finding.transitions:
        sentences += _unchanged(package, finding)
    if finding.stopped:
        stops = {
            "max-probes": "The search stopped before it was settled: --max-probes was reached.",
            "interrupted": "The search was interrupted before it was settled.",
        }
        other = f"The search stopped before it was settled: {safe(finding.stopped)}."
        sentences.append(stops.get(finding.stopped, other))
    return " ".join(sentences)


def _sentence(number: int, finding: Finding) -> str:
    """Return what a transition says of its package, without naming it."""
    transition = finding.transitions[number]
    before, after = transition.before, transition.after
    introduced = transition.kind is Kind.INTRODUCED
    verb, was, now = ("went bad", "good", "bad") if introduced else ("was fixed", "bad", "good")
    if number >= (1 if introduced else 2):
        verb += " again"
    untested = [v for v in transition.untested if v not in finding.conflicting]
    beside = [f"{listed(untested)} untested"] if untested else []
    beside += _zoom(transition, "" if introduced else "fixed ", was)
    aside = f" ({'; '.join(beside)})" if beside else ""
    if transition.untested:
        text = f"{verb} between {before} and {after}{aside}."
    else:
        text = f"{verb} in {after}{aside}; {before} is the last {was} release before it."
    if transition.after_not_yanked:
        text += f" {after} is yanked; the first {now} release that isn't is"
        text += f" {transition.after_not_yanked}."
    elif any(r.yanked for r in finding.plan.candidates if r.version == after):
        text += f" {after} is yanked."
    return text


def _zoom(transition: Transition, already: str, was: str) -> list[str]:
    """Return which pre-release the change is already in, or which is the last without it."""
    last, first = transition.zoom or (transition.before, transition.after)
    if first != transition.after:
        return [f"already {already}in {first}"]
    return [f"still {was} in {last}"] if last != transition.before else []


def _unchanged(package: str, finding: Finding) -> list[str]:
    """Return what is so where no transition was found, and how far that reaches."""
    known = decided(finding)
    conflicting = set(finding.conflicting)
    tried = {m.version for m in finding.measurements} - conflicting
    tried &= {release.version for release in finding.plan.candidates}
    if not known:
        if len(tried) == 1:
            only = f"{tried.pop()}, the only release of {package} tried"
            return [f"Undecided: {only}, could not be tested."]
        none = f"Undecided: none of the {len(tried)} releases of {package} tried could be tested."
        nothing = [] if conflicting else [f"Undecided: no release of {package} was measured."]
        return [none] if tried else nothing
    (oldest, outcome), (newest, _) = known[0], known[-1]
    other = " other" if conflicting else ""
    all_ = "both" if len(known) == 2 else f"all {len(known)}"
    told = f"{all_}{other} releases of {package} that were measured, from {oldest} to {newest},"
    told += f" are {outcome}"
    if len(known) == 1:
        told = f"{oldest}, the only{other} release of {package} that was measured, is {outcome}"
    untestable = tried - {version for version, _ in known}
    newest_runs = {m.version: m for m in finding.measurements if m.version in untestable}
    reasons = [m.reason.value if m.reason else "no reason" for m in newest_runs.values()]
    reasons += [e.detail or e.reason.value for e in excluded(finding)]
    if reasons:
        told += f"; {len(reasons)} more could not be tested{why_not(reasons)}"
    if longest := len(longest_undecided(finding)):
        opposite = "bad" if outcome == "good" else "good"
        reach = f"No {opposite} stretch longer than {count(longest, 'release')} is possible"
        return [f"No change found: {told}.", f"{reach} in the range."]
    return [f"No change found: {told}.", "Nothing in the range is untested."]
