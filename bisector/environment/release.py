"""An environment with a release in it: made here, and known by what is in it."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta, timezone
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import VERSION_PATTERN

from bisector.environment import bytecode, venv
from bisector.environment.installed import differing
from bisector.environment.installers.messages import InstallFailedError, NotCachedError
from bisector.environment.task import Task, requirements_of
from bisector.environment.venv import Environment
from bisector.environment.workspace import place
from bisector.errors import InstallerError
from bisector.model import Distribution, File, Interpreter, Policy
from bisector.run import sandbox
from bisector.wheels import admits, compatible


@dataclass(frozen=True, slots=True)
class Installation:
    """An environment with a release in it, and what is known of that.

    ``modules`` are the names under which the package is imported, ``differs`` what isn't as it
    was held, and ``state`` is what ``venv.state`` said when it was made; empty where no run can
    write to it.
    """

    environment: Environment
    installed: tuple[Distribution, ...]
    modules: frozenset[str]
    differs: tuple[str, ...]
    state: str

    def unchanged(self) -> bool:
        """Return whether everything in the environment is as it was when it was made."""
        try:
            return not self.state or venv.state(self.environment) == self.state
        except OSError:
            return False


def make(
    task: Task,
    prefix: Path,
    cancelled: threading.Event | None = None,
) -> Installation:
    """Return a new environment at ``prefix`` that holds the task's release, compiled.

    Raises InstallFailedError or NotCachedError where the release can't be had, and InstallerError
    where it was ``cancelled`` meanwhile.
    """
    interpreter, constraints = task.conditions.interpreter, task.conditions.constraints
    root = task.cache / "places" / _named(interpreter)
    linked = sandbox.chosen(task.guard.mode).keeps_files
    with place(root, task.cache / "work") as where:
        environment = venv.copy(venv.empty(root, interpreter), where)
        own = _scripts(environment)
        wheels = _fill(environment, task, cancelled)
        if replaced := sorted(own - _scripts(environment)):
            script = replaced[0][0]
            raise InstallFailedError(f"it brings a script named {script}, which is the interpreter")
        installed = _hashed(environment, task, wheels, cancelled)
        venv.own(environment, linked=linked)
        cache = task.cache / "bytecode"
        bytecode.supply(environment, interpreter, cache, task.folder, cancelled, linked=linked)
        environment = venv.move(environment, prefix)
    modules = environment.modules(task.probe.package)
    differs = differing(installed, constraints, task.probe.package)
    try:
        state = "" if linked else venv.state(environment)
        return Installation(environment, installed, modules, differs, state)
    except OSError as error:
        raise InstallerError(f"{prefix} can't be read: {error}", "look at the disk") from error


def fetch(task: Task, cancelled: threading.Event | None = None) -> None:
    """Put the task's release into the installer's cache, if it can be had without resolving."""
    wheels = _wheels(task)
    if wheels and not _before(task):
        python = task.conditions.interpreter.executable
        task.installer.fetch(python, task.probe.package, wheels, cancelled=cancelled)


def _scripts(environment: Environment) -> set[tuple[str, int, int]]:
    """Return the scripts of an environment, each with what changes where it is another file."""
    with os.scandir(environment.scripts) as entries:
        files = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
    return {(name, stat.st_ino, stat.st_mtime_ns) for name, stat in files}


def _named(interpreter: Interpreter) -> str:
    """Return a name for places that only this interpreter's environments are made at.

    uv asks the Python of an environment what it is, which takes longer than to install into it,
    and remembers that by its path. The name is long, so that what the scripts say of that path has
    room for the one that the environment is moved to.
    """
    program = Path(interpreter.executable).resolve()
    identity = (program, program.stat().st_mtime_ns, interpreter.version, interpreter.tags[:1])
    return hashlib.sha256(f"{interpreter.executable} {identity}".encode()).hexdigest()


def _fill(
    environment: Environment, task: Task, cancelled: threading.Event | None
) -> dict[str, str]:
    """Install the release, alone where it can't live with the held dependencies."""
    wheels = {file.filename: file.sha256 or "" for file in task.release.files}
    wheels |= task.conditions.wheels
    requirements = requirements_of(task.probe, task.conditions, task.release)
    before = _before(task)
    python, installer = str(environment.python), task.installer
    listed, constraints = _listed(task), task.conditions.constraints
    if before and task.conditions.requirements:
        with suppress(InstallFailedError):
            return wheels | dict(_fill_dated(environment, task, before, cancelled))
    try:
        hashes = installer.install(
            python,
            requirements,
            (*constraints, *listed),
            before=before,
            wheels=_wheels(task),
            cancelled=cancelled,
        )
    except InstallFailedError:
        if not constraints or task.conditions.policy is Policy.EXACT:
            raise
        hashes = installer.install(python, requirements, listed, before=before, cancelled=cancelled)
    return wheels | dict(hashes)


def _wheels(task: Task) -> list[File]:
    """Return the wheels of the release that suit, best first; none where one has no digest."""
    interpreter = task.conditions.interpreter
    admitted = [file for file in task.release.files if admits(file, interpreter)]
    wheels = compatible(admitted, interpreter)
    return wheels if all(wheel.sha256 for wheel in wheels) else []


def _fill_dated(
    environment: Environment, task: Task, before: str, cancelled: threading.Event | None
) -> Mapping[str, str]:
    """Install the release with dependencies of ``before``, and what is beside it as of today.

    A test runner, say, is a tool: one of that time needn't run on this interpreter.
    """
    python, installer = str(environment.python), task.installer
    extras = tuple(r for r in task.conditions.requirements if _is_of(r, task.probe.package))
    alone = replace(task.conditions, requirements=extras)
    needed = requirements_of(task.probe, alone, task.release)
    dated = installer.resolve(python, needed, before=before, cancelled=cancelled)
    requirements = requirements_of(task.probe, task.conditions, task.release)
    others = [pin for pin in dated.pins if not _is_of(pin, task.probe.package)]
    installed = installer.install(
        python, requirements, (*others, *_listed(task)), cancelled=cancelled
    )
    return {**dated.wheels, **installed}


def _is_of(requirement: str, package: str) -> bool:
    return canonicalize_name(Requirement(requirement).name) == package


def _listed(task: Task) -> tuple[str, ...]:
    """Return the constraint that only the listed files of the release satisfy; none if unknown."""
    hashes = [file.sha256 for file in task.release.files]
    if not hashes or None in hashes:
        return ()
    named = " ".join(f"--hash=sha256:{sha256}" for sha256 in hashes)
    return (f"{task.probe.package}=={task.release.version} {named}",)


def _before(task: Task) -> str:
    """Return the time up to which installers may see what was uploaded; empty where it is now."""
    if task.conditions.policy is Policy.RELEASED:
        return _just_after_upload(task)
    day = task.conditions.day
    return f"{day}T00:00:00Z" if day else ""


def _just_after_upload(task: Task) -> str:
    """Return the first second at which installers see the wheel that they will choose.

    The files of a release are uploaded one after another, some of them years later.
    """
    files = compatible(task.release.files, task.conditions.interpreter) or task.release.files
    uploaded = next((file.upload_time for file in files if file.upload_time), None)
    moment = uploaded or task.release.upload_time
    if moment is None:
        return ""
    return f"{moment.astimezone(timezone.utc) + timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"


def _hashed(
    environment: Environment,
    task: Task,
    wheels: Mapping[str, str],
    cancelled: threading.Event | None,
) -> tuple[Distribution, ...]:
    """Return what is installed; what only this release depends on is looked up for its hash."""
    installed = environment.distributions(wheels)
    # Versions that are none, as some installed distributions have, aren't on an index.
    unknown = [
        f"{d.name}=={d.version}"
        for d in installed
        if d.sha256 is None and re.fullmatch(VERSION_PATTERN, d.version, re.VERBOSE | re.IGNORECASE)
    ]
    if unknown:
        try:
            resolution = task.installer.resolve(
                str(environment.python), unknown, cancelled=cancelled
            )
        except (InstallFailedError, NotCachedError):
            return installed
        installed = environment.distributions({**wheels, **resolution.wheels})
    return installed
