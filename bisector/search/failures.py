"""Tells failures apart: which one a search is about, and which are others.

What looks like one bad range is often two bugs, and the commonest false "bad" is an old release in
which the feature isn't there yet. Only what fails in the way that is looked for is bad; the rest
decided nothing (``different-failure``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from packaging.version import Version

from bisector.model import Measurement, Outcome, Reason, Signature
from bisector.search import sameness

Runs = Mapping[Version, Sequence[Measurement]]


def sought(runs: Runs, witnesses: Iterable[Version] = ()) -> Signature | None:
    """Return the failure that a search over ``runs`` is about; None where none has a signature.

    It is that of the newest bad witness, else that of the newest release that fails: what people
    have in their hands.
    """
    failing = {
        version: runs[version][-1].signature
        for version in sorted(runs)
        if runs[version] and runs[version][-1].outcome is Outcome.BAD
    }
    named = [version for version in failing if version in set(witnesses)]
    newest = (named or list(failing))[-1:]
    return failing[newest[0]] if newest else None


def apart(runs: Runs, wanted: Signature | None) -> dict[Version, list[Measurement]]:
    """Return ``runs`` with every failure but the one that is ``wanted`` deciding nothing."""
    return {
        version: [
            replace(run, outcome=Outcome.UNTESTABLE, reason=Reason.DIFFERENT_FAILURE)
            if run.outcome is Outcome.BAD and not alike(run.signature, wanted)
            else run
            for run in measured
        ]
        for version, measured in runs.items()
    }


def counted(runs: Runs) -> dict[Version, list[Measurement]]:
    """Return ``runs`` with every failure bad, that of a package to be imported included."""
    return {
        version: [
            replace(run, outcome=Outcome.BAD, reason=None)
            if run.reason is Reason.IMPORT_FAILED
            else run
            for run in measured
        ]
        for version, measured in runs.items()
    }


def alike(one: Signature | None, other: Signature | None) -> bool:
    """Return whether two failures are the same one, as ``sameness`` has it.

    A probe that says itself that a release is bad gives no signature: it is believed.
    """
    return one is None or other is None or sameness.alike(one, other)


def told(signature: Signature | None) -> str:
    """Return a failure in a few words; nothing where it has no signature."""
    if signature is None:
        return ""
    raised = ": ".join(filter(None, (signature.exception, signature.message)))
    died = f"died of {signature.signal}" if signature.signal else ""
    ended = raised or died or f"exit status {signature.status}"
    return f"{ended} (in {signature.frame})" if signature.frame else ended
