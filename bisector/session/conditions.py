"""Settles what is held for a whole search: the dependencies, resolved once or as they were."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bisector import settings
from bisector.environment import resolutions
from bisector.environment.installers.interface import Installer, Resolution
from bisector.environment.installers.messages import InstallFailedError, NotCachedError
from bisector.environment.task import requirements_of
from bisector.errors import InstallerError, UsageError
from bisector.inputs.locks.requirements_txt import requirement
from bisector.inputs.request import Request
from bisector.model import Conditions, Interpreter, Plan, Policy, Probe, Release, Symptom
from bisector.search.blame.comparison import Pinned
from bisector.store.runs import Store

_TRIES = 5
_POLICIES = {policy.value: policy for policy in (Policy.NEWEST, Policy.RELEASED)}
"""What is no file, where the dependencies are asked for."""


def plain(request: Request, wanted: Probe, python: Interpreter) -> Conditions:
    """Return what is held whatever the dependencies' versions are.

    Raises UsageError where what is asked for contradicts itself.
    """
    for text in request.requirements:
        named = requirement(text)
        if canonicalize_name(named.name) == wanted.package and named.specifier:
            raise UsageError(
                f"--with {text} is about the package whose releases are searched",
                f"--range '{named.specifier}' says which of them to look at",
            )
    return Conditions(
        interpreter=python,
        policy=_POLICIES.get(request.dependencies, Policy.FILE),
        requirements=tuple(str(requirement(text)) for text in request.requirements),
        installer=request.installer,
        allow_build=request.allow_build,
        timeout_s=wanted.timeout_s if request.timeout is None else request.timeout,
        memory_bytes=request.max_memory,
        symptom=_symptom(request, wanted),
        isolated=request.isolated and not wanted.reports,
    )


def settle(
    request: Request,
    wanted: Probe,
    python: Interpreter,
    plan: Plan,
    store: Store,
    installer: Installer,
    meanwhile: Callable[[Conditions], object] | None,
    check: Callable[[str], object],
) -> Conditions:
    """Return what is held for the whole search, the dependencies resolved once.

    What was resolved in the last ten minutes for the same is held again.
    ``meanwhile`` is told what that will be if the index has nothing newer than the cache, before
    the index is asked. ``check`` raises where the index of a project can't be used at all.
    """
    blank = plain(request, wanted, python)

    if blank.policy is Policy.RELEASED:
        undated = [str(r.version) for r in plan.candidates if r.upload_time is None]
        if undated:
            raise UsageError(
                f"the index gives no upload time for {undated[0]}"
                + (f" and {len(undated) - 1} more" if undated[1:] else ""),
                "--dependencies released needs them; use --dependencies newest",
            )
        return blank
    if blank.policy is Policy.FILE:
        from bisector.inputs.locks.files import read  # what reads locks is seldom needed

        pinned = read(Path(request.dependencies), python).requirements
        # Its own pin would let no other release in, and then nothing would be held.
        others = tuple(p for p in pinned if Requirement(p).name != wanted.package)
        return replace(blank, constraints=others)
    failed: InstallerError | None = None
    for release in plan.candidates[: -_TRIES - 1 : -1]:
        earlier = store.constraints(wanted, blank, release.version)
        if earlier and not request.refresh:
            return earlier
        try:
            begin = meanwhile if release is plan.candidates[-1] else None
            return _resolved(request, wanted, blank, release, installer, begin)
        except (InstallFailedError, NotCachedError):
            continue
        except InstallerError as error:
            failed = error  # this one's metadata may be all that can't be had
            check(wanted.package)
    if failed:
        raise failed
    _resolve_others(wanted, blank, python, installer)
    return blank


def complete(
    name: str, requirements: Sequence[str], python: str, installer: Installer, before: str = ""
) -> Pinned:
    """Return the complete set that ``requirements`` lead to, with all that they depend on.

    Raises UsageError where they can't be installed together.
    """
    if not requirements:
        return Pinned(name, (), {})
    try:
        resolution = installer.resolve(python, requirements, before=before)
    except InstallFailedError as error:
        raise UsageError(
            f"{name} can't be installed: {error}",
            "both sets must be installable here; --python names another interpreter",
        ) from error
    except NotCachedError as error:
        raise UsageError(f"{name} can't be resolved: {error}", "leave --offline out") from error
    return Pinned(name, resolution.pins, resolution.wheels)


def _resolved(
    request: Request,
    wanted: Probe,
    blank: Conditions,
    release: Release,
    installer: Installer,
    meanwhile: Callable[[Conditions], object] | None,
) -> Conditions:
    """Return the conditions with what is newest for a release held; raises as ``resolve`` does."""
    needed, python = requirements_of(wanted, blank, release), blank.interpreter.executable
    index = settings.index_url(request.index_url).shown
    setup = installer.state()
    path = resolutions.path(settings.cache_dir(), f"{index} {setup}", blank, needed)
    lasting = bool(setup)
    if lasting and not request.refresh and (lately := resolutions.load(path, resolutions.now())):
        return _holding(wanted, blank, release, *lately)
    absent = False
    if meanwhile and not request.offline:
        try:
            cached = installer.resolve(python, needed, offline=True)
            meanwhile(_holding(wanted, blank, release, cached, resolutions.now()))
        except (InstallFailedError, NotCachedError, InstallerError):
            absent = True
    resolution, resolved = installer.resolve(python, needed, fetch=absent), resolutions.now()
    if lasting and not request.offline:
        resolutions.save(path, resolution, resolved)
    return _holding(wanted, blank, release, resolution, resolved)


def _holding(
    wanted: Probe, blank: Conditions, release: Release, resolution: Resolution, resolved: str
) -> Conditions:
    """Return the conditions with what was resolved for a release held, but for the release."""
    pins = [p for p in resolution.pins if Requirement(p).name != wanted.package]
    names = {canonicalize_name(Requirement(p).name) for p in pins}
    return replace(
        blank,
        constraints=tuple(pins),
        wheels={
            filename: sha256
            for filename, sha256 in sorted(resolution.wheels.items())
            if canonicalize_name(filename.partition("-")[0]) in names
        },
        resolved=resolved,
        resolved_for=str(release.version),
    )


def _symptom(request: Request, wanted: Probe) -> Symptom:
    """Return what alone is bad, where the caller says so; raises UsageError where that can't be."""
    symptom = Symptom(request.bad_output, request.bad_memory, request.bad_timeout)
    if symptom != Symptom() and wanted.reports:
        raise UsageError(
            f"{wanted.name} says itself what is bad",
            "leave --bad-output, --bad-memory and --bad-timeout to commands and plain scripts",
        )
    if symptom != Symptom() and request.any_failure:
        raise UsageError(
            "--any-failure counts every failure, and --bad-... say which one counts",
            "leave out the one or the other",
        )
    if request.bad_memory and request.max_memory and request.max_memory < request.bad_memory:
        raise UsageError(
            "--max-memory is less than --bad-memory: no run could be bad",
            "--bad-memory stops a run as well; leave --max-memory out",
        )
    return symptom


def _resolve_others(
    wanted: Probe, blank: Conditions, python: Interpreter, installer: Installer
) -> None:
    """Raise UsageError where what is installed beside the package can't be, with any release."""
    others = [
        requirement
        for requirement in (*wanted.dependencies, *blank.requirements)
        if canonicalize_name(Requirement(requirement).name) != wanted.package
    ]
    try:
        if others:
            installer.resolve(python.executable, others)
    except InstallFailedError as error:
        raise UsageError(
            f"{', '.join(others)} can't be installed: {error}",
            "look at --with, and at the dependencies that the probe names",
        ) from error
    except NotCachedError:
        return
