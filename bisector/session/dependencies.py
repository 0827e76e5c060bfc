"""A search over the days on which the dependencies of one release changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bisector.environment.task import requirements_of
from bisector.errors import UsageError
from bisector.model import Documented, Interpreter, Policy, Probe
from bisector.reports.words import count
from bisector.search.blame.pins import name_of
from bisector.search.dependencies import Days, positions
from bisector.session import conditions
from bisector.session.scope import listed, prospect

if TYPE_CHECKING:
    from bisector.session.session import Driver


def candidates(driver: Driver, wanted: Probe, python: Interpreter) -> Days:
    """Return the days since the newest release in the range after which what it needs differs.

    Raises UsageError where releases are named to start at, or the index doesn't say when they were
    uploaded.
    """
    request = driver.request
    if request.good or request.bad:
        raise UsageError(
            "--over dependencies searches days, --good and --bad name releases",
            "--range chooses the release whose dependencies are varied",
        )
    wanted = replace(wanted, claims=(), documented=Documented())
    seen = prospect(request, wanted, python)
    release = seen.plan.candidates[-1]
    if release.upload_time is None:
        raise UsageError(
            f"the index doesn't say when {release.version} was uploaded",
            "--over dependencies needs that; --from and --to compare two sets",
        )
    base = replace(conditions.plain(request, wanted, python), policy=Policy.EACH_DAY)
    needed = requirements_of(wanted, base, release)
    subject = f"{seen.project} {release.version}"
    now = conditions.complete(subject, needed, python.executable, driver.installer)
    uploads = [
        other.upload_time
        for name in map(name_of, now.pins)
        if name != wanted.package
        for other in listed(name, request).releases
        if other.upload_time and not other.version.is_prerelease
    ]
    days = positions(release.upload_time, uploads)
    driver.listener.say(
        f"{subject}: {count(len(days), 'day')} since its upload after which its dependencies differ"
    )
    return Days(wanted, release, base, days, subject)
