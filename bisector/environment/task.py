"""What one measurement needs, and what is to be installed for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bisector.environment.installers.interface import Installer
from bisector.model import Conditions, Probe, Release
from bisector.run.sandbox import Guard


@dataclass(frozen=True, slots=True)
class Task:
    """Everything that one measurement needs; picklable, so that any executor can run it.

    ``folder`` is where the environment is made, ``cwd`` where a plain script or command runs.
    What is in ``cache`` outlives the command. ``aside`` are folders of our own that may lie in
    ``cwd``. ``patience_s`` is less time than the conditions give, where that is known to do.
    ``guard`` is how runs are kept from the machine. Runs with another ``environment`` share none.
    """

    probe: Probe
    release: Release
    conditions: Conditions
    installer: Installer
    folder: Path
    cwd: Path
    cache: Path
    keep: bool = False
    aside: tuple[Path, ...] = ()
    patience_s: float | None = None
    guard: Guard = field(default_factory=Guard)
    environment: int = 0


def requirements_of(probe: Probe, conditions: Conditions, release: Release) -> list[str]:
    """Return what is installed for ``release``: the package at its version, and what is beside.

    Where no package is under test, it is what is beside alone.
    """
    others = [
        requirement
        for requirement in (*probe.dependencies, *conditions.requirements)
        if canonicalize_name(Requirement(requirement).name) != probe.package
    ]
    extras = {
        extra
        for requirement in map(Requirement, (*probe.dependencies, *conditions.requirements))
        if canonicalize_name(requirement.name) == probe.package
        for extra in requirement.extras
    }
    if not probe.package:
        return others
    named = f"{probe.package}[{','.join(sorted(extras))}]" if extras else probe.package
    return [f"{named}=={release.version}", *others]
