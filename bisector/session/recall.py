"""What is stored of the items that a search is over."""

from __future__ import annotations

from itertools import groupby

from packaging.version import Version

from bisector.model import Measurement
from bisector.search.candidates import Candidates
from bisector.search.knowledge import known_as
from bisector.store.runs import Store


def known_runs(store: Store, candidates: Candidates) -> dict[Version, list[Measurement]]:
    """Return the stored runs of what can be measured, by the key of the item."""
    known: dict[Version, list[Measurement]] = {}
    trials = [(item, candidates.trial(item)) for item in candidates.measurable()]
    # Releases have their conditions in common, of which then the folder is read only once.
    for _, some in groupby(trials, lambda pair: id(pair[1].conditions)):
        group = list(some)
        (_, first), *_ = group
        listed = {trial.release.version: trial.release for _, trial in group}
        runs = store.load(first.probe, first.conditions, listed)
        for item, trial in group:
            if trial.release.version in runs:
                stored = runs[trial.release.version]
                known[item.key] = [known_as(item, run) for run in stored]
    return known
