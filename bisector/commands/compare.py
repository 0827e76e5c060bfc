"""``bisect --from OLD --to NEW``: which of the changes between two sets makes the difference."""

from __future__ import annotations

from bisector import settings
from bisector.commands import output
from bisector.commands.budget import Budget
from bisector.errors import UsageError
from bisector.inputs.request import Request
from bisector.model import Outcome
from bisector.reports import formats
from bisector.run import leftovers, sandbox
from bisector.session import scope
from bisector.session.compare import compare
from bisector.session.session import Driver
from bisector.store.runs import Store


def run(asked: Request) -> int:
    """Print which of the changes between two sets of pins make the difference."""
    if not (asked.old and asked.new):
        raise UsageError("--from and --to go together", "give the good set and the bad one")
    of_releases = {
        "--package": asked.package,
        "--range": asked.within,
        "--good": asked.good,
        "--bad": asked.bad,
        "--exhaustive": asked.exhaustive,
        "--max-probes": asked.max_probes,
        "--confidence": asked.confidence,
        "--over": asked.over != "releases",
        "--order": asked.order != "version",
        "--dependencies": asked.dependencies != "newest",
    }
    if given := [option for option, value in of_releases.items() if value]:
        raise UsageError(
            f"--from and --to compare two sets, {given[0]} is about one project's releases",
            "leave out the one or the other",
        )
    if asked.format not in formats.COMPARISONS:
        raise UsageError(
            f"--format {asked.format} can't show what changed between two sets",
            f"use --format {' or '.join(formats.COMPARISONS)}",
        )
    leftovers.adopt()
    sandbox.shield()
    comparisons = []
    listener = output.listener(json_lines=asked.json_lines)
    store = Store(asked.results, settings.cache_dir())
    with Budget(asked.budget) as budget, Driver(asked, store, listener) as driving:
        for python in scope.interpreters(asked):
            for probe in scope.asked_for(asked):
                comparisons.append(compare(driving, probe, python, (asked.old, asked.new)))
                if comparisons[-1].suspects:
                    break
    output.write(formats.COMPARISONS[asked.format], comparisons, output.view())
    if any(comparison.culprits for comparison in comparisons):
        return 0
    if any(comparison.suspects for comparison in comparisons):
        return 3 if budget.spent else 130
    ends = [end for comparison in comparisons for end in comparison.ends]
    return 3 if any(end.outcome is Outcome.UNTESTABLE for end in ends) else 1
