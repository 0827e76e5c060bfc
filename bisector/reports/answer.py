"""What a search found, in a sentence or two."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from packaging.version import Version

from bisector.finding import Failure, Finding, Kind, Stopped
from bisector.model import Measurement, Outcome, Reason
from bisector.reports import causes, failing, flaky, steps
from bisector.reports.changes import of_one_release, of_releases
from bisector.reports.facts import decided, excluded, longest_undecided
from bisector.reports.words import count, listed, safe, sentence, shortened, why_not
from bisector.search import failures
from bisector.search.observed import Label
from bisector.series import Series

_LONGEST = 160
_IN_SETUPTOOLS = re.compile(r"No module named '?(pkg_resources|distutils|setuptools)\b")
_OLD_SETUPTOOLS = "setuptools<81"
"""What has all of these: its own warning asks whoever needs pkg_resources to stay below."""
_MISSING = re.compile(r"No module named '?([\w.]+)")


def answer(finding: Finding) -> str:
    """Return the finding in a sentence or two, and as many for each other failure."""
    return " ".join(paragraphs(finding))


def paragraphs(finding: Finding) -> list[str]:
    """Return what was found: a paragraph on the failure most likely meant, one on each other."""
    if finding.series:
        return [" ".join(_of_numbers(finding, finding.series))]
    first, *others = finding.failures or (None,)
    texts = [" ".join(_first(finding, first))]
    texts += [
        failing.paragraph(failure) + _faults(finding, failure) for failure in others if failure
    ]
    return [text for text in texts if text]


def _of_numbers(finding: Finding, series: Series) -> Iterator[str]:
    """Yield what is said of a number, and of the search as a whole."""
    yield from steps.sentences(finding, series)
    yield from _untested(finding)
    yield from _remarks(finding)
    yield from _ended(finding)


def _faults(finding: Finding, failure: Failure) -> str:
    """Return whose fault the transitions of a failure are that isn't the first."""
    verdicts = (causes.verdict(finding, transition) for transition in failure.transitions)
    return "".join(f" {text}" for text in dict.fromkeys(verdicts) if text)


def _first(finding: Finding, first: Failure | None) -> Iterator[str]:
    """Yield what is said of the first failure, and of the search as a whole."""
    package = safe(finding.probe.package)
    clauses = list(of_one_release(finding) if finding.over else of_releases(finding))
    if first and first.not_yet and not finding.over:
        since = next((t.after for t in first.transitions if t.kind is Kind.FIXED), None)
        good = f"; {since} is the first good release" if since else ""
        clauses = [f"fails {failing.guess(first)}{good}.", *clauses[1:]]
    subject = safe(finding.over) or package
    sentences = [f"{'It' if position else subject} {text}" for position, text in enumerate(clauses)]
    if finding.plan.by_upload and sentences:
        sentences[0] = f"In the order of upload, {sentences[0]}"
    yield from sentences
    faults = (causes.verdict(finding, transition) for transition in finding.transitions)
    yield from filter(None, dict.fromkeys(faults))
    yield from _doubts(finding)
    flaky_runs = finding.conflicting and finding.confidence is not None
    if not finding.transitions and not flaky_runs:
        yield from _unchanged(package, finding)
    if first and (first.reason or (len(finding.failures) > 1 and first.signature)):
        yield sentence(f"It {failing.fails(first)}")
    if first and not finding.any_failure:
        yield from failing.changes(first)
    yield from _others(finding)
    yield from _untested(finding)
    yield from _remarks(finding)
    yield from _lacking(finding)
    yield from _ended(finding)


def _ended(finding: Finding) -> Iterator[str]:
    """Yield why the search ended before its answer, where it did."""
    if finding.stopped:
        yield _STOPPED[finding.stopped]


_STOPPED = {
    Stopped.MAX_PROBES: (
        "--max-probes ended the search before it was settled; repeated, it goes on."
    ),
    Stopped.BUDGET: "--budget ended the search before it was settled; repeated, it goes on.",
    Stopped.BUDGET_IN_ATTRIBUTION: (
        "--budget ended the search before it was known whose fault that is."
    ),
    Stopped.INTERRUPTED: "The search was interrupted before it was settled.",
    Stopped.COST_OF_ATTRIBUTION: (
        "To know whose fault each change is takes more runs than the search did; repeated, it "
        "goes on."
    ),
    Stopped.ATTRIBUTION: "It was interrupted before it was known whose fault that is.",
    Stopped.BUDGET_IN_EXPLANATION: "--budget ended it before it was known what in the code did it.",
    Stopped.EXPLANATION: "It was interrupted before it was known what in the code did it.",
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


def _others(finding: Finding) -> Iterator[str]:
    """Yield which releases fail in another way than is asked for.

    Where all failures are one, it is which ways there are.
    """
    if finding.any_failure:
        ways = _ways(run for run in finding.measurements if run.outcome is Outcome.BAD)
        listing = "; ".join(f"{listed(versions)}: {way}" for way, versions in ways)
        if len(ways) > 1:
            yield f"The failures counted are not one ({listing})."
        return
    runs = (m for m in finding.measurements if m.reason is Reason.DIFFERENT_FAILURE)
    for way, versions in _ways(runs):
        verb = "fails" if len(versions) == 1 else "fail"
        yield f"{listed(versions)} {verb} in another way ({way})."


def _untested(finding: Finding) -> Iterator[str]:
    """Yield that no run had to do with the package, where that is so."""
    seen = {(m.imported, m.outcome) for m in finding.measurements}
    imported = {known for known, outcome in seen if outcome is not Outcome.UNTESTABLE} - {None}
    if imported == {False} and not _remarks(finding):
        yield (
            f"No run imported {safe(finding.probe.package)} into Python: a command that brings an "
            "interpreter of its own tests another copy."
        )


def _remarks(finding: Finding) -> list[str]:
    """Return what is to be told of runs beside their outcome, each once."""
    return [safe(text) for text in dict.fromkeys(m.remark for m in finding.measurements) if text]


def _lacking(finding: Finding) -> Iterator[str]:
    """Yield which releases want a module that Pythons or environments used to come with.

    It is not for the tool to bring it unasked: that would be another environment.
    """
    lacking: dict[Version, str] = {}
    for version, runs in finding.runs.items():
        said = failures.told(runs[-1].signature) or runs[-1].detail
        if runs[-1].outcome is Outcome.BAD and (module := _IN_SETUPTOOLS.search(said)):
            lacking[version] = module[1]
    if lacking:
        verb = "lacks" if len(lacking) == 1 else "lack"
        modules = " or ".join(dict.fromkeys(lacking.values()))
        yield f"{listed(sorted(lacking))} {verb} {modules}: --with '{_OLD_SETUPTOOLS}' brings it."


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


def _as_everywhere(finding: Finding, outcomes: Sequence[tuple[Version, str]]) -> str:
    """Return that the one release that is held comes out the same wherever it was measured."""
    axis, (oldest, outcome) = finding.axis, outcomes[0]
    spans = axis.unchanged.format(
        count=count(len(outcomes), axis.noun),
        first=axis.shown(oldest),
        last=axis.shown(outcomes[-1][0]),
    )
    text = f"No change found: {safe(finding.over)} is {outcome} {spans}"
    reasons = [e.detail for e in finding.plan.excluded]
    return (
        f"{text}; {len(reasons)} more could not be tested{why_not(reasons)}."
        if reasons
        else f"{text}."
    )


def _unchanged(package: str, finding: Finding) -> list[str]:
    """Return what is so where no transition was found, and how far that reaches."""
    outcomes = decided(finding)
    conflicting = set(finding.conflicting)
    tried = {m.version for m in finding.measurements} - conflicting
    tried &= {release.version for release in finding.plan.candidates}
    if finding.over and outcomes:
        return [_as_everywhere(finding, outcomes)]
    if not outcomes:
        if len(tried) == 1:
            only = f"{tried.pop()}, the only release of {package} tried"
            return [f"Undecided: {only}, could not be tested."]
        none = f"Undecided: none of the {len(tried)} releases of {package} tried could be tested."
        nothing = [] if conflicting else [f"Undecided: no release of {package} was measured."]
        return [none] if tried else nothing
    (oldest, outcome), (newest, _) = outcomes[0], outcomes[-1]
    other = " other" if conflicting else ""
    all_ = "both" if len(outcomes) == 2 else f"all {len(outcomes)}"
    text = f"{all_}{other} releases of {package} that were measured, from {oldest} to {newest},"
    text += f" are {outcome}"
    if len(outcomes) == 1:
        text = f"{oldest}, the only{other} release of {package} that was measured, is {outcome}"
    untestable = tried - {version for version, _ in outcomes}
    newest_runs = {m.version: m for m in finding.measurements if m.version in untestable}
    reasons = [m.reason.value if m.reason else "no reason" for m in newest_runs.values()]
    reasons += [e.detail or e.reason.value for e in excluded(finding)]
    if reasons:
        text += f"; {len(reasons)} more could not be tested{why_not(reasons)}"
    missing = ""
    details = {m.detail for m in finding.measurements if m.outcome is Outcome.BAD}
    if outcome == "bad" and (named := _MISSING.search(details.pop() if len(details) == 1 else "")):
        missing = (
            f" Each run lacked {safe(named[1])}: --with PROJECT installs what a command needs."
        )
    if longest := len(longest_undecided(finding)):
        opposite = "bad" if outcome == "good" else "good"
        reach = f"No {opposite} stretch longer than {count(longest, 'release')} is possible"
        return [f"No change found: {text}.{missing}", f"{reach} in the range."]
    return [f"No change found: {text}.{missing}", "Nothing in the range is untested."]
