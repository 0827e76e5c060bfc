"""Tells failures apart: what each run says to a search, and which failures it has found.

What looks like one bad range is often two bugs, and the commonest false "bad" is an old release in
which the feature isn't there yet. So each failure has a label of its own. What decided nothing is
none: what was not installed, what the probe skips, and whatever is the machine's fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from packaging.version import Version

from bisector.model import Measurement, Outcome, Reason, Signature
from bisector.search import sameness
from bisector.search.observed import Label

Runs = Mapping[Version, Sequence[Measurement]]

_OF_ITS_OWN = frozenset({Reason.IMPORT_FAILED, Reason.TIMEOUT, Reason.BUILD_FAILED})
"""What was kept as deciding nothing, and is a failure all the same."""

_ASKED_FOR = frozenset({"AttributeError", "ImportError", "ModuleNotFoundError", "TypeError"})
"""What is raised where a script asks for something that isn't there."""

_HANGS, _REPORTED = Signature(signal="hangs"), Signature(signal="reported")
"""What is compared of a run that hangs, and of one that a probe says itself to be bad."""


def counted(run: Measurement) -> Measurement:
    """Return a run as it counts: one that hangs, or can't be built or imported, has failed."""
    if run.outcome is Outcome.UNTESTABLE and run.reason in _OF_ITS_OWN:
        return replace(run, outcome=Outcome.BAD)
    return run


def narrowed(run: Measurement, pattern: str) -> Measurement:
    """Return a run as it counts where only failures that a ``pattern`` matches do."""
    texts = (told(run.signature), run.detail, run.output_tail)
    if run.outcome is not Outcome.BAD or any(re.search(pattern, text) for text in texts):
        return run
    return replace(run, outcome=Outcome.UNTESTABLE, reason=Reason.DIFFERENT_FAILURE)


def apart(run: Measurement, wanted: Signature) -> Measurement:
    """Return a run as it counts where only the failure of the kind ``wanted`` does."""
    if run.outcome is not Outcome.BAD or sameness.alike(_kind(run), wanted):
        return run
    return replace(run, outcome=Outcome.UNTESTABLE, reason=Reason.DIFFERENT_FAILURE)


def same(one: Measurement, other: Measurement) -> bool:
    """Return whether two runs that fail do so by the same failure."""
    return sameness.alike(_kind(one), _kind(other))


def labels(runs: Runs, *, any_failure: bool = False) -> dict[Version, list[Label]]:
    """Return the label of each run; with ``any_failure`` all failures are one.

    Runs of one release that fail in several ways are one failure, which isn't always the same. So
    are, where a release both passes and fails, all failures that came about as that one's did: what
    fails at random says now this and now that.
    """
    bad = Outcome.BAD  # looking it up for each of thousands of runs takes as long as the rest
    failing = {
        version: list(dict.fromkeys(_kind(run) for run in measured if run.outcome is bad))
        for version, measured in runs.items()
    }
    numbers = sameness.classes(
        (kind for kinds in failing.values() for kind in kinds),
        together=[*failing.values(), *_by_chance(runs)],
    )
    return {
        version: [
            run.outcome if run.outcome is not bad or any_failure else numbers[_kind(run)]
            for run in measured
        ]
        for version, measured in runs.items()
    }


def _by_chance(runs: Runs) -> Iterator[list[Signature]]:
    """Yield the kinds of failures that are one, since a release both passes and fails by them.

    What is missing from a release is so in each of its runs: that stays apart.
    """
    wavering = {
        run.reason
        for measured in runs.values()
        if any(run.outcome is Outcome.GOOD for run in measured)
        for run in measured
        if run.outcome is Outcome.BAD
    }
    failing = [run for measured in runs.values() for run in measured if run.outcome is Outcome.BAD]
    for reason in wavering:
        yield [_kind(run) for run in failing if run.reason is reason and not missing(run)]


def missing(run: Measurement) -> bool:
    """Return whether a run failed for want of what the script or the command itself asks for."""
    signature = run.signature
    if signature is None or signature.frame:
        return False
    if signature.exception in _ASKED_FOR:
        return bool(signature.line)
    return not signature.exception and bool(signature.message) and run.reason is None


def told(signature: Signature | None) -> str:
    """Return a failure in a few words; nothing where it has no signature."""
    if signature is None:
        return ""
    raised = ": ".join(filter(None, (signature.exception, signature.message)))
    died = f"died of {signature.signal}" if signature.signal else ""
    ended = raised or died or f"exit status {signature.status}"
    return f"{ended} (in {signature.frame})" if signature.frame else ended


def kind(signature: Signature | None, reason: Reason | None) -> Signature:
    """Return what a failure is compared by: its signature, where it has one that tells.

    All that hang are one failure, and so is all that a probe says itself to be bad.
    """
    if reason is Reason.TIMEOUT:
        return _HANGS
    if signature is None:
        return _REPORTED
    return replace(signature, signal="build") if reason is Reason.BUILD_FAILED else signature


def _kind(run: Measurement) -> Signature:
    return kind(run.signature, run.reason)
