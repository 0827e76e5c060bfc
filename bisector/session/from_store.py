"""What the stored measurements say by themselves: findings, without an index or an interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from bisector.errors import BisectorError
from bisector.finding import Finding, Transition
from bisector.inputs import probe
from bisector.model import Measurement, Probe
from bisector.search import noise
from bisector.search.knowledge import Knowledge, Options
from bisector.search.releases import Releases
from bisector.store.runs import Store


def findings(store: Store, names: Sequence[str] = (), package: str | None = None) -> list[Finding]:
    """Return what the stored measurements say, of the probes named or of all.

    Nothing is measured and no index is asked; each probe is the one that was run then.
    """
    spelt = {probe.spelt(name) for name in names}
    found = []
    for kept in store.searches():
        try:
            wanted = _as_it_was(kept.probe)
        except (BisectorError, LookupError, TypeError, ValueError) as error:
            why = f"{type(error).__name__}: {error}"
            store.warnings.append(f"a search of {kept.probe.name} is ignored: its script: {why}")
            continue
        if package and wanted.package != canonicalize_name(package):
            continue
        if names and not {wanted.name, f"{wanted.name}[{wanted.case}]"} & spelt:
            continue
        runs: dict[Version, list[Measurement]] = {}
        for measurement in kept.measurements:
            if not measurement.of_machine:
                runs.setdefault(measurement.version, []).append(measurement)
        knowledge = Knowledge(
            Releases(wanted, kept.plan, kept.conditions),
            runs,
            Options(
                any_failure=kept.any_failure,
                first=kept.failure,
                pattern=kept.pattern,
                confidence=kept.confidence or noise.sureness(noise.LEAST_RUNS),
            ),
        )
        finding = with_causes(knowledge.finding(), kept.transitions)
        found.append(replace(finding, replay=kept.replay))
    return found


def with_causes(finding: Finding, told: Sequence[Transition]) -> Finding:
    """Return the finding with the causes that were ``told`` of the same transitions before."""
    causes = {(t.kind, t.before, t.after): t.cause for t in told}

    def caused(transitions: Sequence[Transition]) -> tuple[Transition, ...]:
        return tuple(replace(t, cause=causes.get((t.kind, t.before, t.after))) for t in transitions)

    failures = [replace(f, transitions=caused(f.transitions)) for f in finding.failures]
    return replace(finding, transitions=caused(finding.transitions)).with_failures(failures)


def _as_it_was(told: Probe) -> Probe:
    """Return the probe that was run then, with the claims that its text carries."""
    if told.command:
        return told
    read = probe.parse(told.text, Path(f"{told.name}.py"), told.companion)
    read = probe.only(read, told.case) if told.case else read
    return replace(read, package=told.package)
