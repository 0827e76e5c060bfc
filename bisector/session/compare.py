"""From two sets of pins to which of the changes between them make the difference."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bisector.environment import resolutions
from bisector.errors import UsageError
from bisector.finding import Comparison
from bisector.inputs.locks.files import read
from bisector.inputs.request import replay
from bisector.model import Interpreter, Outcome, Probe
from bisector.reports.words import count
from bisector.search.blame.comparison import NOTHING, Comparing
from bisector.search.blame.pins import name_of
from bisector.search.candidates import Trial
from bisector.search.failures import kind
from bisector.session import conditions

if TYPE_CHECKING:
    from bisector.session.session import Driver


def compare(
    driver: Driver, wanted: Probe, python: Interpreter, files: tuple[Path, Path]
) -> Comparison:
    """Return which of the changes between the sets in two files make the difference.

    Raises UsageError where a set can't be read or installed, or where nothing changed.
    """
    request, installer = driver.request, driver.installer
    beside = (*wanted.dependencies, *request.requirements)
    sets = []
    for path in files:
        locked = read(path, python)
        for why in locked.left_out:
            driver.listener.say(f"warning: {path} has what can't be installed: {why}")
        needed = (*locked.requirements, *beside)
        sets.append(conditions.complete(str(path), needed, python.executable, installer))
    old, new = sets
    comparing = Comparing(
        wanted, conditions.plain(request, wanted, python), old, new, resolutions.now()
    )
    if not comparing.changes:
        raise UsageError(f"{old.name} and {new.name} lead to the same versions", "compare others")
    names = set(map(name_of, (*old.pins, *new.pins)))
    changed = count(len(comparing.changes), "distribution")
    driver.listener.say(f"{changed} of {len(names)} changed from {old.name} to {new.name}")
    template = driver.task(Trial(comparing.probe, NOTHING, comparing.conditions))
    found = comparing.ends(driver.bench(template, None))
    if found.differs:
        bad = (kind(e.signature, e.reason) for e in found.ends if e.outcome is Outcome.BAD)
        failure = next(bad, None)
        found = comparing.narrowed(found, driver.bench(template, failure))
    return replace(found, replay=replay(request, wanted, python))
