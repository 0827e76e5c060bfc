"""A search over the interpreters that are installed here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bisector.environment import interpreter
from bisector.errors import UndecidedError, UsageError
from bisector.model import (
    Conditions,
    Documented,
    Excluded,
    Interpreter,
    Plan,
    Probe,
    Reason,
    Release,
)
from bisector.reports.words import count, why_not
from bisector.search.interpreters import Interpreters, key
from bisector.search.releases import exclusion
from bisector.session import conditions
from bisector.session.scope import listed, planned

if TYPE_CHECKING:
    from bisector.session.session import Driver


def candidates(driver: Driver, wanted: Probe, _python: Interpreter) -> Interpreters:
    """Return the newest release in the range on each interpreter that it can be installed on.

    Its dependencies are resolved for the newest of these, and held where they can be installed; on
    another, what can't live with them is resolved for that one alone.

    Raises UsageError where releases or interpreters are named to search, UndecidedError where the
    release can't be installed on any, or what asking the index and installing raise.
    """
    request = driver.request
    if request.good or request.bad:
        raise UsageError(
            "--over interpreters searches interpreters, --good and --bad name releases",
            "--range chooses the release that is held",
        )
    if request.pythons:
        raise UsageError(
            "--over interpreters searches all that are installed, --python names some",
            "leave --python out",
        )
    wanted = replace(wanted, claims=(), documented=Documented())
    pythons = interpreter.installed()
    listing = listed(wanted.package, request)
    within = request.within or wanted.range
    plans = [planned(listing, python, request, within) for python in pythons]
    newest = [plan.candidates[-1] for plan in plans if plan.candidates]
    if not newest:
        reasons = [e.detail for plan in plans for e in plan.excluded]
        raise UndecidedError(
            f"no release of {listing.project} in the range can be installed on any of "
            f"{count(len(pythons), 'interpreter')}{why_not(reasons)}",
            f"`bisect releases {listing.project}` says why of each",
        )
    release = max(newest, key=lambda one: one.version)
    fits, excluded = _apart(wanted, release, pythons, allow_build=request.allow_build)
    subject = f"{listing.project} {release.version}"
    on_each = _held_on_each(driver, wanted, release, fits)
    driver.listener.say(
        f"{subject}: {count(len(fits), 'interpreter')} from Python {fits[0].version} to "
        f"{fits[-1].version}, {len(excluded)} excluded"
    )
    return Interpreters(wanted, release, on_each, excluded, subject)


def _apart(
    wanted: Probe, release: Release, pythons: Sequence[Interpreter], *, allow_build: bool
) -> tuple[list[Interpreter], list[Excluded]]:
    """Return the interpreters that can be searched, and those that can't with the reason.

    Raises UsageError where none of those that the release can be installed on suits the probe.
    """
    fits, excluded = [], []
    for python in pythons:
        why = exclusion(release, python, allow_build=allow_build)
        if why is not None:
            excluded.append(replace(why, version=key(python), yanked=False, upload_time=None))
        elif wanted.requires_python.contains(python.version, prereleases=True):
            fits.append(python)
        else:
            detail = f"{wanted.name} requires Python {wanted.requires_python}"
            excluded.append(Excluded(key(python), Reason.REQUIRES_PYTHON, detail))
    if not fits:
        raise UsageError(
            f"no interpreter is installed that {wanted.name} and {release.version} both suit"
            f"{why_not(one.detail for one in excluded)}",
            "get one with `uv python install`",
        )
    return fits, excluded


def _held_on_each(
    driver: Driver, wanted: Probe, release: Release, pythons: Sequence[Interpreter]
) -> list[Conditions]:
    """Return what is held on each of the interpreters."""
    request = driver.request

    def settled(python: Interpreter) -> Conditions:
        return conditions.settle(
            request,
            wanted,
            python,
            Plan((release,)),
            driver.store,
            driver.installer,
            None,
            driver.workers.check,
        )

    if request.dependencies not in ("newest", "released"):
        return [settled(python) for python in pythons]  # a file's markers are for each its own
    settlement = settled(pythons[-1])
    for python in pythons[-2::-1]:
        if request.dependencies == "released" or settlement.resolved_for:
            break
        settlement = settled(python)  # the newest of all may be newer than what has wheels for it
    return [_on(python, settlement) for python in pythons]


def _on(python: Interpreter, settlement: Conditions) -> Conditions:
    """Return what is held on another interpreter than the one that it was resolved for.

    A search over releases on that one mustn't take it for what it would resolve itself.
    """
    if python == settlement.interpreter or not settlement.resolved_for:
        return replace(settlement, interpreter=python)
    resolved_for = f"{settlement.resolved_for} on Python {settlement.interpreter.version}"
    return replace(settlement, interpreter=python, resolved_for=resolved_for)
