"""What a search found, in a sentence or two."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from packaging.version import Version

from bisector.finding import Failure, Finding, Kind, Transition
from bisector.model import Measurement, Outcome, Reason
from bisector.reports import causes, failing, flaky
from bisector.reports.rows import (
    count,
    decided,
    excluded,
    listed,
    longest_undecided,
    safe,
    shortened,
    why_not,
)
from bisector.search import failures
from bisector.search.observed import Label

_LONGEST = 160
_MISSING = re.compile(r"No module named '?([\w.]+)")


def answer(finding: Finding) -> str:
    """Return the finding in a sentence or two, and as many for each other failure."""
    return " ".join(paragraphs(finding))


def paragraphs(finding: Finding) -> list[str]:
    """Return what was found: a paragraph on the failure most likely meant, one on each other."""
    first, *others = finding.failures or (None,)
    told = [" ".join(_first(finding, first))]
    told += [
        failing.paragraph(failure) + _faults(finding, failure) for failure in others if failure
    ]
    return [text for text in told if text]


def _faults(finding: Finding, failure: Failure) -> str:
    """Return whose fault the transitions of a failure are that isn't the first."""
    told = (causes.verdict(finding, transition) for transition in failure.transitions)
    return "".join(f" {text}" for text in dict.fromkeys(told) if text)


def _first(finding: Finding, first: Failure | None) -> Iterator[str]:
    """Yield what is said of the first failure, and of the search as a whole."""
    package = safe(finding.probe.package)
    told = list(_of_one(finding) if finding.over else _changes(finding))
    if first and first.not_yet and not finding.over:
        since = next((t.after for t in first.transitions if t.kind is Kind.FIXED), None)
        good = f"; {since} is the first good release" if since else ""
        told = [f"fails {failing.guess(first)}{good}.", *told[1:]]
    subject = safe(finding.over) or package
    sentences = [f"{'It' if place else subject} {text}" for place, text in enumerate(told)]
    if finding.plan.by_upload and sentences:
        sentences[0] = f"In the order of upload, {sentences[0]}"
    yield from sentences
    faults = (causes.verdict(finding, transition) for transition in finding.transitions)
    yield from filter(None, dict.fromkeys(faults))
    yield from _doubts(finding)
    if not finding.transitions and not (finding.conflicting and finding.decided):
        yield from _unchanged(package, finding)
    if first and (first.reason or (len(finding.failures) > 1 and first.signature)):
        yield f"It {failing.fails(first)}."
    if first and not finding.any_failure:
        yield from failing.changes(first)
    yield from _others(finding)
    yield from _untested(finding)
    yield from _remarks(finding)
    if finding.stopped:
        other = f"The search stopped before it was settled: {safe(finding.stopped)}."
        yield _STOPPED.get(finding.stopped, other)


_STOPPED = {
    "max-probes": "--max-probes ended the search before it was settled; repeated, it goes on.",
    "budget": "--budget ended the search before it was settled; repeated, it goes on.",
    "budget before attribution": (
        "--budget ended the search before it was known whose fault that is."
    ),
    "interrupted": "The search was interrupted before it was settled.",
    "attribution": "It was interrupted before it was known whose fault that is.",
}


def _doubts(finding: Finding) -> Iterator[str]:
    """Yield why the answer is undecided, where it is."""
    every = [t for failure in finding.failures for t in failure.transitions]
    if finding.conflicting and finding.confidence is not None:
        yield from flaky.sentences(finding)
    elif finding.conflicting:
        yield f"Undecided: runs of {listed(finding.conflicting)} disagree with each other."
    elif not all(transition.confirmed for transition in (*finding.transitions, *every)):
        yield "Undecided: a change is not confirmed by a second run on both its sides."
    elif finding.transitions and not finding.decided:
        yield "Undecided: the runs made don't make this as sure as was asked for."


def _of_one(finding: Finding) -> Iterator[str]:
    """Yield what the transitions say of the one release that is held."""
    for transition in finding.transitions:
        axis = finding.axis
        words = axis.introduced if transition.kind is Kind.INTRODUCED else axis.fixed
        before, after = map(axis.shown, (transition.before, transition.after))
        untested = ", ".join(map(axis.shown, transition.untested))
        between = f", with {untested} between them untested" if untested else ""
        others = f"; {failing.otherwise(transition)}" if transition.otherwise else ""
        yield f"{words.format(before=before, after=after)}{between}{others}."


def _changes(finding: Finding) -> Iterator[str]:
    """Yield what the transitions say of their package, without naming it.

    What is backported is one change that came to several lines: it is said once.
    """
    for place, windows in enumerate(_strands(finding)):
        for kind in Kind:
            if group := [window[kind] for window in windows if kind in window]:
                yield _together(group, finding, again=place > 0)
    for transition in finding.transitions[-1:]:
        if transition.parting:
            now = "bad" if transition.kind is Kind.INTRODUCED else "good"
            yield f"is {now} in {transition.after}, of another release line."


Window = dict[Kind, Transition]
"""The two sides of a bad window, as far as it has them."""


def _strands(finding: Finding) -> list[list[Window]]:
    """Return the bad windows, those of several release lines together that are one in time."""
    uploads = {r.version: r.upload_time for r in finding.plan.candidates}

    def later(one: Transition, other: Transition) -> bool:
        times = uploads.get(one.after), uploads.get(other.after)
        return times[0] is not None and times[1] is not None and times[0] > times[1]

    strands: list[list[Window]] = []
    parted = False
    for transition in finding.transitions:
        if transition.parting:
            parted = True
            continue
        last = strands[-1][-1] if strands else {}
        if transition.kind is Kind.FIXED and last and Kind.FIXED not in last and not parted:
            last[Kind.FIXED] = transition
        elif strands and (
            parted
            or (
                transition.kind is Kind.INTRODUCED
                and Kind.FIXED in last
                and later(last[Kind.FIXED], transition)
            )
        ):
            strands[-1].append({transition.kind: transition})
        else:
            strands.append([{transition.kind: transition}])
        parted = False
    return strands


def _together(group: Sequence[Transition], finding: Finding, *, again: bool) -> str:
    if len(group) == 1:
        return _sentence(group[0], finding, again=again)
    return _backported(group, again=again)


def _sentence(transition: Transition, finding: Finding, *, again: bool) -> str:
    """Return what a transition says of its package, without naming it."""
    before, after = transition.before, transition.after
    introduced = transition.kind is Kind.INTRODUCED
    verb, was, now = _WORDS[transition.kind]
    verb += " again" if again else ""
    untested = [v for v in transition.untested if v not in finding.conflicting]
    beside = [f"{listed(untested)} untested"] if untested else []
    beside += [failing.otherwise(transition)] if transition.otherwise else []
    beside += _zoom(transition, "" if introduced else "fixed ", was)
    aside = f" ({'; '.join(beside)})" if beside else ""
    if transition.untested or transition.otherwise:
        text = f"{verb} between {before} and {after}{aside}."
    else:
        text = f"{verb} in {after}{aside}; {before} is the last {was} release before it."
    if transition.after_not_yanked:
        text += f" {after} is yanked; the first {now} release that isn't is"
        text += f" {transition.after_not_yanked}."
    elif any(r.yanked for r in finding.plan.candidates if r.version == after):
        text += f" {after} is yanked."
    return text


_WORDS = {
    Kind.INTRODUCED: ("went bad", "good", "bad"),
    Kind.FIXED: ("was fixed", "bad", "good"),
}


def _backported(group: Sequence[Transition], *, again: bool) -> str:
    """Return what one change did that came to several release lines."""
    verb, was, _ = _WORDS[group[0].kind]
    verb += " again" if again else ""
    places = [
        f"between {t.before} and {t.after}" if t.untested or t.otherwise else f"in {t.after}"
        for t in group
    ]
    last = _and([str(transition.before) for transition in group])
    text = f"{verb} {_and(places)}, each of another release line;"
    return f"{text} {last} are the last {was} releases before."


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _others(finding: Finding) -> Iterator[str]:
    """Yield which releases fail in another way than is asked for.

    Where all failures are one, it is which ways there are.
    """
    if finding.any_failure:
        ways = _ways(run for run in finding.measurements if run.outcome is Outcome.BAD)
        told = "; ".join(f"{listed(versions)}: {said}" for said, versions in ways)
        if len(ways) > 1:
            yield f"The failures counted are not one ({told})."
        return
    other = (m for m in finding.measurements if m.reason is Reason.DIFFERENT_FAILURE)
    for said, versions in _ways(other):
        verb = "fails" if len(versions) == 1 else "fail"
        yield f"{listed(versions)} {verb} in another way ({said})."


def _untested(finding: Finding) -> Iterator[str]:
    """Yield that no run had to do with the package, where that is so."""
    decisive = (m for m in finding.measurements if m.outcome is not Outcome.UNTESTABLE)
    imported = {m.imported for m in decisive} - {None}
    if imported == {False} and not _remarks(finding):
        yield (
            f"No run imported {safe(finding.probe.package)} into Python: a command that brings an "
            "interpreter of its own tests another copy."
        )


def _remarks(finding: Finding) -> list[str]:
    """Return what is to be told of runs beside their outcome, each once."""
    return [safe(text) for text in dict.fromkeys(m.remark for m in finding.measurements) if text]


def _ways(runs: Iterable[Measurement]) -> list[tuple[str, list[Version]]]:
    """Return each way in which runs fail, with the releases that fail so."""
    by_version: dict[Version, list[Measurement]] = {}
    for run in runs:
        by_version.setdefault(run.version, []).append(replace(run, outcome=Outcome.BAD))
    labels = failures.labels(by_version)
    ways: dict[Label, tuple[Measurement, list[Version]]] = {}
    for version, measured in by_version.items():
        for run, label in zip(measured, labels[version]):
            _, versions = ways.setdefault(label, (run, []))
            versions += [version] if version not in versions else []
    return [
        (safe(shortened(failures.told(run.signature) or run.detail, _LONGEST)), versions)
        for run, versions in ways.values()
    ]


def _zoom(transition: Transition, already: str, was: str) -> list[str]:
    """Return which pre-release the change is already in, or which is the last without it."""
    last, first = transition.zoom or (transition.before, transition.after)
    if first != transition.after:
        return [f"already {already}in {first}"]
    return [f"still {was} in {last}"] if last != transition.before else []


def _as_everywhere(finding: Finding, known: Sequence[tuple[Version, str]]) -> str:
    """Return that the one release that is held comes out the same wherever it was measured."""
    axis, (oldest, outcome) = finding.axis, known[0]
    spans = axis.unchanged.format(
        count=count(len(known), axis.noun), first=axis.shown(oldest), last=axis.shown(known[-1][0])
    )
    told = f"No change found: {safe(finding.over)} is {outcome} {spans}"
    reasons = [e.detail for e in finding.plan.excluded]
    return (
        f"{told}; {len(reasons)} more could not be tested{why_not(reasons)}."
        if reasons
        else f"{told}."
    )


def _unchanged(package: str, finding: Finding) -> list[str]:
    """Return what is so where no transition was found, and how far that reaches."""
    known = decided(finding)
    conflicting = set(finding.conflicting)
    tried = {m.version for m in finding.measurements} - conflicting
    tried &= {release.version for release in finding.plan.candidates}
    if finding.over and known:
        return [_as_everywhere(finding, known)]
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
    missing = ""
    details = {m.detail for m in finding.measurements if m.outcome is Outcome.BAD}
    if outcome == "bad" and (named := _MISSING.search(details.pop() if len(details) == 1 else "")):
        missing = (
            f" Each run lacked {safe(named[1])}: --with PROJECT installs what a command needs."
        )
    if longest := len(longest_undecided(finding)):
        opposite = "bad" if outcome == "good" else "good"
        reach = f"No {opposite} stretch longer than {count(longest, 'release')} is possible"
        return [f"No change found: {told}.{missing}", f"{reach} in the range."]
    return [f"No change found: {told}.{missing}", "Nothing in the range is untested."]
