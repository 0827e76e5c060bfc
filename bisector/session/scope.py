"""What is to be searched: the probes, the interpreters, the releases; before anything is spent."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from bisector import settings
from bisector.environment import interpreter
from bisector.errors import BisectorError, UndecidedError, UsageError, near
from bisector.inputs import command, index, probe
from bisector.inputs.request import Request
from bisector.model import Interpreter, Plan, Probe
from bisector.reports.words import count, why_not
from bisector.search import stages
from bisector.search.releases import plan

if TYPE_CHECKING:
    from bisector.inputs.listing import Listing


@dataclass(frozen=True, slots=True)
class Prospect:
    """What one search would look at, and where it would start."""

    probe: Probe
    python: Interpreter
    plan: Plan
    project: str
    witnesses: tuple[Version, ...]
    warnings: tuple[str, ...] = ()


def prospect(request: Request, wanted: Probe, python: Interpreter) -> Prospect:
    """Return what a search would look at.

    Raises UsageError, UndecidedError where nothing can be searched, or what asking an index raises.
    """
    if not wanted.requires_python.contains(python.version, prereleases=True):
        raise UsageError(
            f"{wanted.name} requires Python {wanted.requires_python}, not {python.version}",
            "choose another with --python",
        )
    listing = listed(wanted.package, request)
    plan = planned(listing, python, request, request.within or wanted.range)
    if request.releases:
        plan = _only(plan, list(_versions(request.releases)), listing)
    if not plan.candidates:
        given = f" --python {python.series}" if request.pythons else ""
        reasons = [e.detail or e.reason.value for e in plan.excluded]
        reasons += ["a pre-release"] * len(plan.prereleases)
        raise UndecidedError(
            f"none of the {len(plan.excluded) + len(plan.prereleases)} releases of "
            f"{listing.project} in the range can be searched on Python {python.version}"
            f"{why_not(reasons)}",
            f"`bisect releases {listing.project}{given}` says why of each; "
            "--pre searches pre-releases",
        )
    witnesses = _witnesses(request, wanted, listing, plan)
    return Prospect(wanted, python, plan, listing.project, witnesses, listing.warnings)


def summary(seen: Prospect) -> str:
    """Return what would be looked at, and what that costs, in a sentence."""
    plan, size = seen.plan, len(seen.plan.candidates)
    text = f"{seen.project}: {count(size, 'candidate')} on "
    text += f"{seen.python.implementation} {seen.python.version}"
    if size > 1:
        text += f" from {plan.candidates[0].version} to {plan.candidates[-1].version}"
    text += f", {count(len(plan.prereleases), 'pre-release')} to zoom into, "
    text += f"{len(plan.excluded)} excluded"
    if (usual := stages.usual_cost(size)) < size:
        text += f"; about {usual} runs if it changed once, up to {size} if it never did"
    return text


def cost(request: Request, wanted: Sequence[Probe], pythons: Sequence[Interpreter]) -> str:
    """Return what searching with each of several probes costs, in a sentence; before any begins.

    What can't be searched costs nothing, and is told of in its turn.
    """
    listings: dict[str, Listing] = {}
    sizes = []
    for one in wanted:
        for python in pythons:
            with suppress(BisectorError):
                if one.package not in listings:
                    listings[one.package] = listed(one.package, request)
                within = request.within or one.range
                plan = planned(listings[one.package], python, request, within)
                sizes.append(len(plan.candidates))
    usual = sum(sizes if request.exhaustive else map(stages.usual_cost, sizes))
    runs = f"about {count(usual, 'run')}"
    if usual < sum(sizes):
        runs += f" if each changed once, up to {sum(sizes):,} if none did"
    searches = f"{len(sizes)} search{'' if len(sizes) == 1 else 'es'}"
    return (
        f"{searches} in {count(len(listings), 'package')}: {runs}, less what is "
        f"stored in {request.results}; Ctrl-C keeps what is measured, and --budget 10m ends it in "
        "time"
    )


def asked_for(request: Request) -> list[Probe]:
    """Return what is to be run, with the package it is about; raises UsageError."""
    if request.command and request.probes:
        raise UsageError("--probe and a command are both given", "give one of them")
    sets = request.old is not None
    if request.command:
        found = [command.from_command(request.command, request.package or "")]
    else:
        found = [one for name in request.probes for one in probe.load(name)]
    if not found and sets:
        raise UsageError(
            "nothing to run with the two sets",
            "give a command behind --, as in `-- pytest -x`, or --probe NAME_OR_PATH",
        )
    if not found:
        raise UsageError(
            "nothing to run: give --probe NAME_OR_PATH, or --package PROJECT -- COMMAND",
            "`bisect probes` lists those that come with bisector",
        )
    if request.package:
        found = [replace(one, package=canonicalize_name(request.package)) for one in found]
    for one in found:
        if not (one.package or sets):
            named = ", ".join(one.dependencies)
            if request.command and not named:
                raise UsageError(
                    "a command needs --package",
                    f"bisect --package PROJECT -- {request.command[0]} …",
                )
            raise UsageError(
                f"{one.name} doesn't say which package it is about"
                + (f"; it depends on {named}" if named else ""),
                "name it with --package",
            )
    return [
        replace(
            one,
            documented=replace(
                one.documented,
                good=(*one.documented.good, *request.good),
                bad=(*one.documented.bad, *request.bad),
            ),
        )
        for one in found
    ]


def interpreters(request: Request) -> list[Interpreter]:
    """Return the interpreters that are asked for; raises UsageError where one isn't here."""
    return [interpreter.find(wanted) for wanted in request.pythons or (None,)]


def listed(project: str, request: Request) -> Listing:
    """Return the project's releases as the index, or the cache, has them."""
    return index.releases(
        project,
        settings.index_url(request.index_url),
        settings.cache_dir() / "index",
        offline=request.offline,
        refresh=request.refresh,
    )


def planned(listing: Listing, python: Interpreter, request: Request, within: SpecifierSet) -> Plan:
    """Return what of a listing can be searched ``within`` a range."""
    return plan(
        listing.releases,
        python,
        within=within,
        pre=request.pre,
        yanked=request.yanked,
        allow_build=request.allow_build,
        by_upload=request.order == "upload",
    )


def _only(plan: Plan, wanted: Sequence[Version], listing: Listing) -> Plan:
    """Return the plan of the ``wanted`` releases alone; raises UsageError where one is missing."""
    there = {r.version: r for r in (*plan.candidates, *plan.prereleases)}
    excluded = {e.version: e for e in plan.excluded}
    for version in wanted:
        if version in excluded:
            raise UsageError(
                f"{listing.project} {version} can't be tested here: {excluded[version].detail}",
                "choose another release, or another interpreter with --python",
            )
        if version not in there:
            raise UsageError(
                f"{listing.project} has no release {version} in the range",
                f"`bisect releases {listing.project}` lists them",
            )
    return Plan(tuple(there[version] for version in sorted(wanted)))


def _witnesses(
    request: Request, wanted: Probe, listing: Listing, plan: Plan
) -> tuple[Version, ...]:
    """Return the releases to start at: those that the caller names, and the documented ones.

    Raises UsageError where the caller names one that can't be looked at.
    """
    candidates = {release.version for release in plan.candidates}
    prereleases = {release.version for release in plan.prereleases}
    excluded = {e.version: e for e in plan.excluded}
    listed = {release.version: release for release in listing.releases}
    bad, good = map(_versions, (request.bad, request.good))
    if both := set(bad) & set(good):
        raise UsageError(f"{both.pop()} is given as --good and as --bad", "it can't be both")
    for version, text in (bad | good).items():
        if version in candidates:
            continue
        if version in excluded:
            why = f"it can't be tested here: {excluded[version].detail}"
            hint = "choose another release, or another interpreter with --python"
        elif version in prereleases:
            why, hint = "it is a pre-release", "--pre searches pre-releases as well"
        elif version in listed and listed[version].yanked and not request.yanked:
            why, hint = "it is yanked", "leave --no-yanked out to search yanked releases as well"
        elif version in listed:
            why = "it lies outside the range"
            hint = "widen --range, or name a release inside it"
        else:
            meant = near(text, map(str, candidates), 3, 0.5)
            why = f"{listing.project} has no such release"
            all_of_them = f"`bisect releases {listing.project}` lists them"
            hint = f"did you mean {' or '.join(meant)}?" if meant else all_of_them
        raise UsageError(f"{text} can't be a witness: {why}", hint)
    documented = wanted.documented
    return tuple(Version(text) for text in (*documented.bad, *documented.good))


def _versions(texts: Sequence[str]) -> dict[Version, str]:
    """Return the versions that are meant, with how they were written."""
    try:
        return {Version(text): text for text in texts}
    except InvalidVersion as error:
        raise UsageError(str(error), "give a version like 1.4.2") from error
