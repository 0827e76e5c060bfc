"""Releases, a range and an interpreter -> what can be searched, and what can't with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag, parse_tag
from packaging.version import Version

from bisector.errors import UsageError
from bisector.model import Excluded, File, Interpreter, Plan, Reason, Release


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


def compatible(files: Iterable[File], interpreter: Interpreter) -> list[File]:
    """Return the wheels among ``files`` whose tags ``interpreter`` supports, best first."""
    rank = {tag: place for place, tag in enumerate(interpreter.tags)}
    ranked = []
    for file in files:
        places = [rank[str(tag)] for tag in wheel_tags(file.filename) if str(tag) in rank]
        if places:
            ranked.append((min(places), file))
    return [file for _, file in sorted(ranked, key=lambda pair: pair[0])]


def wheel_tags(filename: str) -> frozenset[Tag]:
    """Return the tags that a wheel's file name carries; none where it isn't a wheel's."""
    stem, _, kind = filename.rpartition(".")
    parts = stem.split("-")
    if kind != "whl" or len(parts) not in (5, 6):
        return frozenset()
    return _tags("-".join(parts[-3:]))


@cache
def _tags(written: str) -> frozenset[Tag]:
    """Return the tags that are ``written``; a project has thousands of wheels of a few dozen."""
    return parse_tag(written)


def admits(file: File, interpreter: Interpreter) -> bool:
    """Return whether the file's ``Requires-Python`` admits the interpreter.

    One that can't be parsed admits every interpreter, as installers have it.
    """
    try:
        allowed = SpecifierSet(file.requires_python or "")
    except InvalidSpecifier:
        return True
    return allowed.contains(interpreter.version, prereleases=True)


def _span(ordered: Sequence[Release]) -> str:
    if not ordered:
        return "none"
    return f"{ordered[0].version} to {ordered[-1].version}"


def together(plans: Iterable[Plan]) -> Plan:
    """Return what searches of different ranges looked at, as the plan of one search.

    That is the widest plan with those that overlap it, one way or another: between two that share
    no candidate there may be releases that neither knows, and no transition may pass over those.
    """
    apart = sorted(plans, key=_width)
    found = apart.pop()
    while sharing := [p for p in apart if _candidates(p) & _candidates(found)]:
        apart = [p for p in apart if p not in sharing]
        found = _union([*sharing, found])
    return found


def _union(plans: Sequence[Plan]) -> Plan:
    """Return the plans as one; the last one's word on a release counts."""
    candidates = {r.version: r for plan in plans for r in plan.candidates}
    prereleases = {
        r.version: r for plan in plans for r in plan.prereleases if r.version not in candidates
    }
    excluded = {
        e.version: e
        for plan in plans
        for e in plan.excluded
        if e.version not in candidates and e.version not in prereleases
    }
    return Plan(
        tuple(candidates[version] for version in sorted(candidates)),
        tuple(prereleases[version] for version in sorted(prereleases)),
        tuple(excluded[version] for version in sorted(excluded)),
    )


def _candidates(plan: Plan) -> set[Version]:
    return {release.version for release in plan.candidates}


def _width(plan: Plan) -> int:
    return len(plan.candidates) + len(plan.prereleases) + len(plan.excluded)
