"""One package in a file that pins, and the interpreter that the file is read for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from packaging.markers import Marker, UndefinedEnvironmentName, default_environment
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from bisector.inputs.locks.table import Table
from bisector.model import Interpreter

_IMPLEMENTATIONS = {"cpython": "CPython", "pypy": "PyPy", "graalpy": "GraalVM"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One package as a file has it.

    ``at`` is what stands behind the name in a requirement: ``==1.0``, or `` @ https://…``. A
    ``path`` is a file's, relative to the one read. ``local`` says why nothing can be held by it.
    """

    where: str
    name: str
    at: str = ""
    path: str = ""
    local: str = ""


def pinned(package: Table) -> Entry:
    """Return the entry of a package that has a version on an index."""
    version = package.text("version")
    try:
        Version(version)
    except ValueError as error:
        raise package.wrong(f"has a version that is none: {version!r}") from error
    return Entry(package.where, package.text("name"), f"=={version}")


def refuse_digits(requirement: str) -> None:
    """Raise ValueError where a number has so many digits that it is no part of a version.

    Python reads no more than 4,300, and packaging finds that out only when it compares.
    """
    if re.search(r"\d{1000}", requirement):
        raise ValueError("a number in it has more than 1,000 digits")


def at_commit(url: str, commit: str, subdirectory: str = "", system: str = "git") -> str:
    """Return what stands behind the name of a package that is taken from a repository."""
    # What git takes for ``host:path``, an address has as ``ssh://host/path``.
    url = re.sub(r"^([\w.-]+@[^/:]+):(?!//)", r"ssh://\1/", url.removeprefix(f"{system}+"))
    inside = f"#subdirectory={subdirectory}" if subdirectory else ""
    return f" @ {system}+{url}@{commit}{inside}"


@dataclass(frozen=True, slots=True)
class Target:
    """The interpreter that a file is read for, as markers know it; this machine otherwise."""

    version: Version
    environment: Mapping[str, str] = field(repr=False)

    @staticmethod
    def of(interpreter: Interpreter) -> Target:
        """Return ``interpreter`` as markers know it; PyPy's own version is not known."""
        implementation = interpreter.implementation
        environment = {
            **{key: str(value) for key, value in default_environment().items()},
            "python_version": interpreter.series,
            "python_full_version": interpreter.version,
            "implementation_name": implementation,
            "implementation_version": interpreter.version,
            "platform_python_implementation": _IMPLEMENTATIONS.get(implementation, implementation),
            "extra": "",
        }
        return Target(Version(interpreter.version.rstrip("+")), environment)

    def holds(
        self,
        marker: str,
        table: Table,
        *,
        extra: str = "",
        dependency_groups: frozenset[str] = frozenset(),
    ) -> bool:
        """Return whether ``marker`` is true; an empty one is."""
        given: dict[str, str | AbstractSet[str]] = {**self.environment, "extra": extra}
        given["dependency_groups"] = dependency_groups
        try:
            return not marker or Marker(marker).evaluate(given, context="lock_file")
        except (ValueError, RecursionError, UndefinedEnvironmentName) as error:
            raise table.wrong(f"has a marker that is none: {marker!r}") from error

    def takes(self, requires_python: str, table: Table) -> bool:
        """Return whether the version is among those of ``requires_python``; an empty one is."""
        try:
            return SpecifierSet(requires_python).contains(self.version, prereleases=True)
        except ValueError as error:
            problem = f"has a Python requirement that is none: {requires_python!r}"
            raise table.wrong(problem) from error

    def require(self, requires_python: str, table: Table) -> None:
        """Raise UsageError where the version is not among those of ``requires_python``."""
        if not self.takes(requires_python, table):
            raise table.wrong(
                f"is for Python {requires_python}, not for {self.version}",
                "choose another with --python, or lock for this one",
            )


class Everywhere(Target):
    """Every interpreter: all markers are true, and all requirements of a Python are met."""

    def __init__(self) -> None:
        super().__init__(Version("0"), {})

    def holds(self, *_: object, **__: object) -> bool:
        """Return that it does."""
        return True

    def require(self, *_: object) -> None:
        """Accept it."""
