"""What failures are called, when each came and went, and which releases to pin for want of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from bisector.finding import Failure, Finding, Kind, Transition
from bisector.model import Outcome, Reason, Signature
from bisector.reports import facts
from bisector.reports.words import listed, safe, sentence, shortened
from bisector.search import failures, sameness
from bisector.search.observed import Label, together

_LONGEST = 160
_SHORT = 100
_MOST_WAYS = 3
_PLACE = re.compile(r" \(in [^()\n]+:[^()\n]+\)$")
_FOUND_AT = re.compile(r" \(\{\w+\}/[^()]*\)$")


def name(failure: Failure, longest: int = _LONGEST) -> str:
    """Return what a failure is called: what it raises, or that it hangs."""
    if failure.reason is Reason.TIMEOUT:
        return "hangs"
    text = _short(failures.told(failure.signature), longest)
    if failure.reason is Reason.BUILD_FAILED:
        return f"does not build ({text})"
    return text or "bad"


def fails(failure: Failure) -> str:
    """Return what releases do that have a failure, behind "it"."""
    if failure.reason in (Reason.TIMEOUT, Reason.BUILD_FAILED):
        return name(failure, _SHORT)
    if failure.signature is None:
        return "is bad"
    if failure.signature.signal and not failure.signature.exception:
        return f"dies{name(failure, _SHORT).removeprefix('died')}"
    how = "can't be imported:" if failure.reason is Reason.IMPORT_FAILED else "fails with"
    return f"{how} {name(failure, _SHORT)}"


def paragraph(failure: Failure) -> str:
    """Return, in a sentence or two, since when and until when releases fail so."""
    spans = "; ".join(_spans(failure)) or f"in {listed(failure.releases)}"
    return " ".join(filter(None, (f"{name(failure)}: {spans}.", *changes(failure))))


def folded(old: Sequence[Failure]) -> str:
    """Return several failures of old releases on one line: what they are, and until when."""
    texts = (
        f"{name(failure, _SHORT)} ({guess(failure) or f'until {failure.releases[-1]}'})"
        for failure in old
    )
    return f"Older releases fail otherwise: {'; '.join(texts)}."


def guess(failure: Failure) -> str:
    """Return that what a script asks for looks as if it was not there yet; empty where not."""
    if failure.not_yet is None:
        return ""
    return f"up to {failure.not_yet}, as if what is asked for was not there yet (a guess)"


def changes(failure: Failure) -> Iterator[str]:
    """Yield in which releases a failure's text is another, though it is taken to be the same."""
    first = failures.told(failure.signature)
    seen = {_plain(first)} if first else {_plain(text) for text, _ in failure.ways[:1]}
    for text, version in failure.ways:
        plain = _plain(text)
        if plain not in seen and len(seen) < _MOST_WAYS:
            message = _short(text, _LONGEST)
            yield f"In {version} it says {message}, which is taken to be the same failure."
        seen.add(plain)


def _plain(text: str) -> str:
    """Return what a failure says without where, and without what varies."""
    return sameness.plain(_first_line(text), named=True)


def _first_line(text: str) -> str:
    """Return the first line that says what is wrong, without where.

    Some messages begin with an empty line, and those of imports end with a path.
    """
    lines = [line.strip() for line in _PLACE.sub("", text).splitlines() if line.strip()]
    first = " ".join(lines[: 1 + lines[0].endswith(":")]) if lines else ""
    return _FOUND_AT.sub("", first).rstrip(".")


def _short(text: str, longest: int) -> str:
    """Return what a failure says, on one line: the first of several, and where, if that fits."""
    first = _first_line(text)
    match = _PLACE.search(text)
    frame = match[0] if match else ""
    fits = len(first) + len(frame) <= longest
    return safe(shortened(f"{first}{frame}" if fits else first, longest))


def _spans(failure: Failure) -> Iterator[str]:
    """Yield when a failure came and when it went, in the order of the releases."""
    if failure.at_oldest:
        yield guess(failure) or f"already in {failure.releases[0]}"
    for transition in failure.transitions:
        if not transition.parting and not _ends_guess(failure, transition):
            yield _span(transition)
    if failure.at_newest:
        yield "still there"


def _ends_guess(failure: Failure, transition: Transition) -> bool:
    return failure.not_yet == transition.before and not transition.untested


def _span(transition: Transition) -> str:
    before, after = transition.before, transition.after
    introduced = transition.kind is Kind.INTRODUCED
    if transition.otherwise and introduced:
        return f"since {after}, after others that fail otherwise; {before} is the last good one"
    if transition.otherwise:
        return f"until {before}, then others fail otherwise; {after} is the first good one"
    if transition.untested:
        verb = "came" if introduced else "fixed"
        return f"{verb} between {before} and {after} ({listed(transition.untested)} untested)"
    return f"since {after}" if introduced else f"fixed in {after}"


def otherwise(transition: Transition) -> str:
    """Return which releases inside a transition fail by another failure."""
    verb = "fails" if len(transition.otherwise) == 1 else "fail"
    return f"{listed(transition.otherwise)} {verb} otherwise"


def pin(finding: Finding) -> str:
    """Return which releases to pin and why, as a sentence; empty where nothing is to be."""
    decided = [(version, outcome == "bad") for version, outcome in sorted(facts.decided(finding))]
    unfit = finding.over or finding.plan.by_upload or finding.suspicions
    if unfit or {True, False} - {bad for _, bad in decided}:
        return ""
    last = next(n for n in range(len(decided) - 1, -1, -1) if not decided[n][1])
    first = next((n + 1 for n in range(last, -1, -1) if decided[n][1]), 0)
    lower = f">={decided[first][0]}" if first else ""
    if last == len(decided) - 1:
        upper, bad = "", decided[first - 1][0]
    else:
        bad = decided[last + 1][0]
        upper = f"<={decided[last][0]}" if _between(finding, decided[last][0], bad) else f"<{bad}"
    failure = _failure_of(finding, bad)
    if not failure:
        return ""
    bounds = ",".join(filter(None, (lower, upper)))
    reach = _reach(finding, bounds, last + 1 - first)
    return sentence(f"Pin {safe(finding.probe.package)}{bounds}{reach}: {bad} {failure}")


def _reach(finding: Finding, bounds: str, tested: int) -> str:
    """Return, in parentheses, how many of the releases in bounds were tested; empty where all."""
    inside = [release.version for release in finding.plan.candidates]
    number = len(list(SpecifierSet(bounds).filter(inside)))
    return f" ({tested} of {number} releases tested)" if tested < number else ""


def _between(finding: Finding, before: Version, after: Version) -> bool:
    """Return whether a release between two neighbouring decided ones is untested."""
    inside = [release.version for release in finding.plan.candidates]
    inside += [excluded.version for excluded in finding.plan.excluded]
    return any(before < v < after and not v.is_prerelease for v in inside)


def _failure_of(finding: Finding, version: Version) -> str:
    """Return what a release does that fails, and what a probe says of it."""
    failure = next((f for f in finding.failures if version in f.releases), None)
    if failure is None:
        return ""
    bad = [run for run in finding.runs[version] if run.outcome is Outcome.BAD]
    detail = _short(bad[-1].detail, _SHORT) if bad else ""
    signature = failure.signature
    if signature is not None and signature == Signature(status=signature.status):
        return detail or fails(failure)  # the last line printed tells more than the status
    if signature is not None or failure.reason:
        return fails(failure)
    return f"is bad: {detail}" if detail else "is bad"


def of_releases(finding: Finding) -> dict[Version, Failure]:
    """Return which failure each release has that always fails alike, pre-releases with them."""
    labels = failures.labels(finding.runs, any_failure=finding.any_failure)
    by_newest = {failure.releases[-1]: failure for failure in finding.failures}
    by_label = {label: by_newest[v] for v in by_newest for label in labels[v] if _fails(label)}
    return {
        version: by_label[combined.failure]
        for version, runs in labels.items()
        if (combined := together(runs)).fails and combined.failure in by_label
    }


def _fails(label: Label) -> bool:
    return label not in (Outcome.GOOD, Outcome.UNTESTABLE)


def alone(finding: Finding, failure: Failure) -> Finding:
    """Return the finding as if a failure were the only one; others decided nothing."""
    labels = failures.labels(finding.runs, any_failure=finding.any_failure)
    wanted = next(
        label for label in labels[failure.releases[-1]] if label is not Outcome.UNTESTABLE
    )
    counted = []
    for version, runs in finding.runs.items():
        for run, label in zip(runs, labels[version]):
            differs = run.outcome is Outcome.BAD and label != wanted
            reason = Reason.DIFFERENT_FAILURE
            counted.append(
                replace(run, outcome=Outcome.UNTESTABLE, reason=reason) if differs else run
            )
    return replace(
        finding,
        measurements=tuple(counted),
        transitions=failure.transitions,
        affected=failure.affected,
        bad_at_oldest=failure.at_oldest,
        bad_at_newest=failure.at_newest,
        failures=(failure,),
    )
