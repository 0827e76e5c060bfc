"""The findings that a command is about: searched for, or read from what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bisector import settings
from bisector.commands import output
from bisector.commands.budget import Budget
from bisector.errors import UndecidedError, UsageError
from bisector.finding import Finding, Stopped
from bisector.inputs.request import Request
from bisector.reports.progress import Lines
from bisector.run import leftovers, sandbox
from bisector.session import from_store, scope
from bisector.session.session import Driver
from bisector.store.runs import Store

INTERRUPTED = (Stopped.INTERRUPTED, Stopped.ATTRIBUTION, Stopped.EXPLANATION)
_SPENT = {
    Stopped.INTERRUPTED: Stopped.BUDGET,
    Stopped.ATTRIBUTION: Stopped.BUDGET_IN_ATTRIBUTION,
    Stopped.EXPLANATION: Stopped.BUDGET_IN_EXPLANATION,
}
"""What a finding says where not a person ended its search but its budget."""


def found(asked: Request, listener: Lines | None = None) -> list[Finding]:
    """Return the findings asked for: searched for, or read from what is stored.

    Progress is told to ``listener``, or on standard error.
    """
    store = Store(asked.results, settings.cache_dir())
    listener = listener or output.listener(json_lines=asked.json_lines)
    explain = bool(asked.why or asked.repository or asked.deep)
    if asked.stored and explain:
        raise UsageError(
            "--stored runs nothing, and --why takes a run of each side",
            "leave out the one or the other",
        )
    if asked.stored:
        stored = from_store.findings(store, asked)
        for warning in store.warnings:
            listener.say(f"warning: {warning}")
        if not stored:
            raise UndecidedError(
                f"nothing of what is asked for is stored in {asked.results}",
                "measure it first, without --stored",
            )
        return stored
    wanted = scope.asked_for(asked)
    if asked.executor == "dask" or asked.scheduler:
        from bisector.measure.dask import cluster  # it costs 15 ms that only a cluster's users need

        cluster.check(asked, wanted)
    repository = None
    if explain:
        from bisector.cause import git
        from bisector.session import why  # 15 ms as well

        if asked.repository:  # one that can't be read must not cost the searches before it
            repository = git.opened(asked.repository, settings.cache_dir() / "repositories")
    leftovers.adopt()
    sandbox.shield()
    findings = list[Finding]()
    undecided: UndecidedError | None = None
    with Budget(asked.budget) as budget, Driver(asked, store, listener) as searches:
        pythons = scope.interpreters(asked)
        if len(wanted) * len(pythons) > 1 and asked.over == "releases":
            listener.say(scope.cost(asked, wanted, pythons))
        for python in pythons:
            for probe in wanted:
                if len(wanted) > 1:
                    listener.say(f"{probe.name}[{probe.case}]" if probe.case else probe.name)
                try:
                    finding = searches.find(probe, python)
                    if explain and finding.stopped not in INTERRUPTED:
                        finding = why.explained(searches, finding, repository)
                    findings.append(finding)
                except UndecidedError as error:
                    # One of several that can't be searched must not cost the others' answer.
                    undecided = error
                    listener.say(f"warning: {error.message}; {error.hint}")
                    continue
                if (stopped := findings[-1].stopped) and stopped in INTERRUPTED:
                    if budget.spent:
                        if not any(one.measurements for one in findings):
                            raise KeyboardInterrupt  # the budget says what that means
                        findings[-1] = replace(findings[-1], stopped=_SPENT[stopped])
                    return findings
    if undecided and not findings:
        raise undecided
    return findings


def status(findings: Sequence[Finding]) -> int:
    """Return the exit status that says what was found."""
    if any(finding.stopped in INTERRUPTED for finding in findings):
        return 130
    if any(finding.decided and _changed(finding) for finding in findings):
        return 0
    return 1 if all(finding.decided for finding in findings) else 3


def _changed(finding: Finding) -> bool:
    """Return whether anything changed: the outcome, or the number that was asked for."""
    return bool(finding.transitions or (finding.series and finding.series.steps))
