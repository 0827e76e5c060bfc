"""Reads pylock.toml (PEP 751): what of it is installed by default.

https://packaging.python.org/en/latest/specifications/pylock-toml/
"""

from __future__ import annotations

from collections.abc import Iterator

from bisector.inputs.locks.entry import Entry, Target, at_commit, pinned
from bisector.inputs.locks.table import Table


def entries(lock: Table, target: Target) -> Iterator[Entry]:
    """Yield the packages that are for ``target``, with the default groups and without extras."""
    version = lock.text("lock-version")
    if version.partition(".")[0] != "1":
        raise lock.wrong(f"has lock-version {version}; 1 is known", "lock in version 1.0")
    target.require(lock.text("requires-python", ""), lock)
    environments = lock.texts("environments")
    if environments and not any(target.holds(marker, lock) for marker in environments):
        raise lock.wrong(
            f"is for other environments: {'; '.join(environments)}",
            "choose another Python with --python, or lock for this machine",
        )
    groups = frozenset(lock.texts("default-groups"))
    for package in lock.tables("packages"):
        own = package.table("directory").text("path", "") == "."
        if not own and target.holds(package.text("marker", ""), package, dependency_groups=groups):
            target.require(package.text("requires-python", ""), package)
            yield _entry(package)


def _entry(package: Table) -> Entry:
    where, name = package.where, package.text("name")
    vcs, archive = package.table("vcs"), package.table("archive")
    if vcs.data and "url" in vcs.data:
        commit, inside = vcs.text("commit-id"), vcs.text("subdirectory", "")
        return Entry(where, name, at_commit(vcs.text("url"), commit, inside, vcs.text("type")))
    if vcs.data:
        return Entry(where, name, local=f"it is the repository {vcs.text('path')}")
    if "directory" in package.data:
        folder = package.table("directory").text("path")
        return Entry(where, name, local=f"it is the folder {folder}")
    if archive.data and "url" in archive.data:
        return Entry(where, name, f" @ {archive.text('url')}")
    if archive.data:
        return Entry(where, name, path=archive.text("path"))
    return pinned(package)
