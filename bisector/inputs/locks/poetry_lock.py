"""Reads poetry.lock: what `poetry install` installs from it by default.

Which groups are optional stands in pyproject.toml, which is not read: all groups are taken.
Before its version 2.1 (poetry 2) a lock says neither group nor marker of a package.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bisector.inputs.locks.entry import Entry, Target, at_commit, pinned
from bisector.inputs.locks.table import Table


def entries(lock: Table, target: Target) -> Iterator[Entry]:
    """Yield the packages that are for ``target``, without extras."""
    metadata = lock.table("metadata")
    version = metadata.text("lock-version", "1.0")
    if version.partition(".")[0] not in ("1", "2"):
        raise lock.wrong(f"has lock-version {version}; 1 and 2 are known", "use another poetry")
    python = metadata.text("python-versions", "*")
    if not _takes(target, python, lock):
        raise lock.wrong(
            f"is for Python {python}, not for {target.version}",
            "choose another with --python, or lock for this one",
        )
    for package in lock.tables("package"):
        if (
            not package.flag("optional")
            and _takes(target, package.text("python-versions", "*"), package)
            and any(target.holds(marker, package) for marker in _markers(package))
        ):
            yield _entry(package)


def _markers(package: Table) -> list[str]:
    """Return the markers of which one must be true: one, or one for each group."""
    if not isinstance(package.data.get("markers"), dict):
        return [package.text("markers", "")]
    of_groups = package.table("markers")
    groups = package.texts("groups") or list(of_groups.data)
    return [of_groups.text(group, "") for group in groups]


def _takes(target: Target, versions: str, table: Table) -> bool:
    """Return whether the Python is among ``versions``, which may be written as poetry writes them.

    https://python-poetry.org/docs/dependency-specification/#version-constraints
    """
    return any(
        target.takes(",".join(_specifiers(alternative)), table)
        for alternative in re.split(r"\|\|?", versions)
    )


def _specifiers(versions: str) -> Iterator[str]:
    for word in re.split(r"\s*,\s*|(?<=[\d*])\s+", versions.strip()):
        number = word.lstrip("^~ ")
        major, *rest = number.split(".")
        if word.startswith(("^", "~")) and major.isdigit():
            # ^3.9 is 3.9 and what follows it in 3; ~3.9 is that in 3.9.
            yield f">={number}"
            yield f"=={major}.{rest[0]}.*" if word.startswith("~") and rest else f"=={major}.*"
        elif word != "*":
            yield f"=={word}" if word[:1].isdigit() else word


def _entry(package: Table) -> Entry:
    where, name = package.where, package.text("name")
    source = package.table("source")
    kind = source.text("type", "legacy")
    if kind == "git":
        commit = source.text("resolved_reference", "") or source.text("reference")
        inside = source.text("subdirectory", "")
        return Entry(where, name, at_commit(source.text("url"), commit, inside))
    if kind == "url":
        return Entry(where, name, f" @ {source.text('url')}")
    if kind == "file":
        return Entry(where, name, path=source.text("url"))
    if kind == "directory":
        return Entry(where, name, local=f"it is the folder {source.text('url')}")
    return pinned(package)
