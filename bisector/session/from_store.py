"""What the stored measurements say by themselves: findings, without an index or an interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from bisector.errors import BisectorError, UsageError
from bisector.finding import Finding, Transition
from bisector.inputs import command, probe
from bisector.inputs.request import Request, about_number
from bisector.model import Measurement, Probe
from bisector.search import noise
from bisector.search.assessment import LEAST_RUNS
from bisector.search.knowledge import Knowledge, Options
from bisector.search.releases import Releases
from bisector.session import numbers
from bisector.store.runs import Store

_EVERYTHING = Request()


def findings(store: Store, asked: Request = _EVERYTHING) -> list[Finding]:
    """Return what the stored measurements say, of the probes asked for or of all.

    Nothing is measured and no index is asked; each probe is the one that was run then. Raises
    UsageError where a number is asked for that none of them has.
    """
    names, package = asked.probes, asked.package
    spelt = {probe.spelt(name) for name in names}
    title = command.titled(asked.command) if asked.command else ""
    found = []
    refused: list[UsageError] = []
    for search in store.searches():
        try:
            wanted = _as_it_was(search.probe)
        except (BisectorError, LookupError, TypeError, ValueError) as error:
            why = f"{type(error).__name__}: {error}"
            store.warnings.append(f"a search of {search.probe.name} is ignored: its script: {why}")
            continue
        if package and wanted.package != canonicalize_name(package):
            continue
        if names and not {wanted.name, f"{wanted.name}[{wanted.case}]"} & spelt:
            continue
        if title and wanted.title != title:
            continue
        runs: dict[Version, list[Measurement]] = {}
        for measurement in search.measurements:
            if not measurement.of_machine:
                runs.setdefault(measurement.version, []).append(measurement)
        candidates = Releases(wanted, search.plan, search.conditions)
        replay = about_number(search.replay, asked)
        try:
            number = numbers.asked_for(asked, wanted)
            if number is not None:
                from bisector.session import steps  # see `session`

                stepped = steps.stored(candidates, number, runs, asked)
                found.append(replace(stepped, replay=replay))
                continue
        except UsageError as error:
            refused.append(error)
            continue
        knowledge = Knowledge(
            candidates,
            runs,
            Options(
                any_failure=search.any_failure,
                first=search.failure,
                pattern=search.pattern,
                confidence=asked.confidence or search.confidence or noise.sureness(LEAST_RUNS),
            ),
        )
        finding = with_causes(knowledge.finding(), search.transitions)
        found.append(replace(finding, replay=replay))
    if refused and not found:
        raise refused[0]
    return found


def with_causes(finding: Finding, earlier: Sequence[Transition]) -> Finding:
    """Return the finding with the causes that the same transitions had ``earlier``."""
    causes = {(t.kind, t.before, t.after): t.cause for t in earlier}

    def caused(transitions: Sequence[Transition]) -> tuple[Transition, ...]:
        return tuple(replace(t, cause=causes.get((t.kind, t.before, t.after))) for t in transitions)

    failures = [replace(f, transitions=caused(f.transitions)) for f in finding.failures]
    return replace(finding, transitions=caused(finding.transitions)).with_failures(failures)


def _as_it_was(stored: Probe) -> Probe:
    """Return the probe that was run then, with the claims that its text carries."""
    if stored.command:
        return stored
    read = probe.parse(stored.text, Path(f"{stored.name}.py"), stored.companion)
    read = probe.only(read, stored.case) if stored.case else read
    return replace(read, package=stored.package)
