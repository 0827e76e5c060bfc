"""A search over the releases of a project, the kind that is meant where nothing else is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bisector.model import Conditions, Interpreter, Probe
from bisector.search.releases import Releases
from bisector.session import conditions
from bisector.session.scope import prospect, summary

if TYPE_CHECKING:
    from bisector.session.session import Driver


def candidates(driver: Driver, wanted: Probe, python: Interpreter) -> Releases:
    """Return the releases in the range with what is held for all of them.

    Meanwhile it is begun to measure with what is likely to be. Raises UsageError, UndecidedError
    or what asking the index and installing raise.
    """
    seen = prospect(driver.request, wanted, python)
    for warning in seen.warnings:
        driver.listener.say(f"warning: {warning}")
    driver.listener.say(summary(seen))

    def begin(likely: Conditions) -> None:
        driver.begin(Releases(wanted, seen.plan, likely, seen.witnesses))

    held = conditions.settle(
        driver.request,
        wanted,
        python,
        seen.plan,
        driver.store,
        driver.installer,
        begin if driver.may_begin(wanted) else None,
        driver.workers.check,
    )
    return Releases(wanted, seen.plan, held, seen.witnesses)
