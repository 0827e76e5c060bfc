"""Releases, a range and an interpreter -> what can be searched, and what can't with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from bisector.errors import UsageError
from bisector.model import Excluded, Interpreter, Plan, Reason, Release
from bisector.wheels import admits, compatible


def plan(
    releases: Sequence[Release],
    interpreter: Interpreter,
    *,
    within: SpecifierSet,
    pre: bool = False,
    yanked: bool = True,
    allow_build: bool = False,
    by_upload: bool = False,
) -> Plan:
    """Return the candidates of ``releases`` that lie ``within`` a range, in version order.

    With ``by_upload`` they are in the order of their upload, which must be known of each.

    Pre-releases are kept apart for the zoom unless ``pre``; yanked releases are left out unless
    ``yanked``; releases without a wheel for ``interpreter`` are excluded unless ``allow_build``.
    Raises UsageError where no release lies within the range, or one has no upload time.
    """
    ordered = sorted(releases, key=lambda release: release.version)
    inside = [r for r in ordered if within.contains(r.version, prereleases=True)]
    if not inside:
        raise UsageError(
            f"no release lies within {str(within) or 'the range'}",
            f"the index has {_span(ordered)}; `bisect releases PROJECT` lists them",
        )
    inside = [r for r in inside if yanked or not r.yanked]
    if not inside:
        raise UsageError(
            f"every release within {str(within) or 'the range'} is yanked",
            "leave --no-yanked out to search them all the same",
        )
    candidates: list[Release] = []
    prereleases: list[Release] = []
    excluded: list[Excluded] = []
    for release in inside:
        why = exclusion(release, interpreter, allow_build=allow_build)
        if why is not None:
            excluded.append(why)
        elif release.version.is_prerelease and not pre:
            prereleases.append(release)
        else:
            candidates.append(release)
    if by_upload:
        candidates = sorted(candidates, key=_uploaded)
    return Plan(tuple(candidates), tuple(prereleases), tuple(excluded), by_upload)


def _uploaded(release: Release) -> tuple[datetime, Version]:
    if release.upload_time is None:
        raise UsageError(
            f"the index doesn't say when {release.version} was uploaded",
            "--order upload needs that; leave it out to search in version order",
        )
    return release.upload_time, release.version


def exclusion(
    release: Release, interpreter: Interpreter, *, allow_build: bool = False
) -> Excluded | None:
    """Return why ``release`` can't be installed on ``interpreter``, or None where it can."""
    wheels = [file for file in release.files if file.filename.endswith(".whl")]
    fitting = compatible(wheels, interpreter)
    sources = [file for file in release.files if not file.filename.endswith(".whl")]
    if any(admits(file, interpreter) for file in fitting):
        return None
    if allow_build and any(admits(file, interpreter) for file in sources):
        return None
    reason = Reason.NO_WHEEL
    if refusing := fitting or (sources if allow_build else []):
        reason = Reason.REQUIRES_PYTHON
        detail = f"requires Python {refusing[0].requires_python}"
    elif wheels:
        tag = interpreter.tags[0] if interpreter.tags else interpreter.version
        detail = f"no wheel for {tag}"
        detail += "; --allow-build would build it" if sources and not allow_build else ""
    elif sources:
        detail = "only a source distribution; --allow-build would build it"
    else:
        detail = "no files"
    return Excluded(release.version, reason, detail, release.yanked, release.upload_time)


def _span(ordered: Sequence[Release]) -> str:
    if not ordered:
        return "none"
    return f"{ordered[0].version} to {ordered[-1].version}"
